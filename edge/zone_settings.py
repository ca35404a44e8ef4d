"""[zones.<name>]: a volume that can be disinfected."""

from pydantic import Field

from cardea.contract.zones import Hazard
from cardea.runtime.config import Settings
from edge.references import Id


class Zone(Settings):
    """A zone with its unit and its inputs."""

    title: str = Field(min_length=1, max_length=80, description="Name for people")
    hazard: Hazard = Field(description="What people in it would be exposed to")
    unit: Id = Field(description="The device that emits")
