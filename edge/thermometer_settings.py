"""[thermometers.<device>]: where in its frames a thermal device measures people, against which reference."""

from pydantic import Field

from cardea.runtime.config import Settings


class Region(Settings):
    """A rectangle of a frame, pixels from the top left corner, ``bottom`` and ``right`` excluded."""

    top: int = Field(ge=0, le=4095, description="First row")
    left: int = Field(ge=0, le=4095, description="First column")
    bottom: int = Field(ge=1, le=4096, description="Row after the last")
    right: int = Field(ge=1, le=4096, description="Column after the last")


class Reference(Settings):
    """A blackbody in the picture, at a temperature it is set to."""

    temp_c: float = Field(ge=20, le=60, description="What it is set to; °C")
    row: int = Field(ge=0, le=4095, description="Row of its centre")
    column: int = Field(ge=0, le=4095, description="Column of its centre")
    radius_px: float = Field(gt=0, le=200, description="Radius of its disc; pixels")


class Thermometer(Settings):
    """How one device measures people."""

    roi: Region | None = Field(default=None, description="Where faces appear; needed by devices with frames")
    reference: Reference | None = Field(
        default=None, description="The blackbody in the picture; without one a frame screens nobody"
    )
