"""A thermal picture as it came in."""

from dataclasses import dataclass

from cardea.contract.scenes import Scene
from cardea.contract.time import Instant


@dataclass(frozen=True, slots=True)
class SceneSeen:
    """A picture, and when it came in by our own clock: the gateway's may be wrong."""

    gateway: str
    scene: Scene
    heard: Instant
