"""What a configuration says of one Dahua thermal camera."""

from typing import Annotated, Literal

from pydantic import Field

from drivers.thermal_camera.settings import HttpCameraSettings

Place = Annotated[int, Field(ge=0, le=8191)]


class DahuaThermalSettings(HttpCameraSettings):
    """A Dahua thermal camera, or one of another name with its firmware, reached over its CGI."""

    spot: tuple[Place, Place] | None = Field(
        default=None,
        description="measure this one point instead of whole heat maps: [x, y] from the top left corner, "
        "each 0 to 8191 over the width and the height of the picture",
    )
    unit: Literal["celsius", "fahrenheit", "kelvin"] | None = Field(
        default=None,
        description="degrees of the camera's numbers, whatever it calls them: there are cameras that say "
        "Centigrade and mean °F. By default as the camera says. See what it reads of a hand",
    )
    count_c: float = Field(
        default=0.1, gt=0, le=10, description="what one count of a heat map means, °C, or degrees of unit"
    )
    poll_s: float = Field(default=0.5, ge=0.02, le=60, description="time between two measurements, s")
    frozen_s: float = Field(
        default=5.0, ge=0.5, le=60, description="the same heat map for so long counts as frozen, s"
    )
