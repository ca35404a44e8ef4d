"""Thermal pictures of scenes without people: the newest of each device, in memory for a while, not stored."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cardea.contract.scenes import Scene
from cardea.contract.time import Instant
from cardea.runtime.clock import Clock
from cloud.ingest.arrivals import SceneHeard

STALE_S = 15.0
"""An older picture is not live any more."""
KEPT_S = 900.0
"""An older picture is forgotten."""
PER_GATEWAY_MAX = 8
SCENES_MAX = 1000
"""Of all gateways together: 19 MB of pixels at the most."""


@dataclass(frozen=True, slots=True)
class SceneSeen:
    """A picture, and when it came in by our own clock: the gateway's may be wrong."""

    gateway: str
    scene: Scene
    heard: Instant


class Scenes:
    """The newest picture of each device. ``version`` counts changes, for pages that only ask whether."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], SceneSeen] = {}  # in order of arrival
        self.version = 0

    def take(self, arrivals: Iterable[SceneHeard]) -> None:
        """Keep these instead of what was there; the oldest go when there is no room."""
        for heard in arrivals:
            key = (heard.gateway, heard.scene.device)
            self._seen.pop(key, None)
            self._seen[key] = SceneSeen(heard.gateway, heard.scene, self._clock.now())
            of_gateway = [other for other in self._seen if other[0] == heard.gateway]
            for other in of_gateway[:-PER_GATEWAY_MAX]:
                del self._seen[other]
            while len(self._seen) > SCENES_MAX:
                del self._seen[next(iter(self._seen))]
            self.version += 1

    def of(self, gateways: Collection[str]) -> tuple[SceneSeen, ...]:
        """What there is of these gateways, by gateway and device."""
        for key, seen in tuple(self._seen.items()):
            if self.age_s(seen) > KEPT_S:
                del self._seen[key]
        return tuple(seen for (gateway, _), seen in sorted(self._seen.items()) if gateway in gateways)

    def age_s(self, seen: SceneSeen) -> float:
        """How long ago a picture came in."""
        return self._clock.monotonic_s() - seen.heard.mono_s
