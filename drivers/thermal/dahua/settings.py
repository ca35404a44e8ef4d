"""What a configuration says of one Dahua thermal camera."""

from typing import Annotated, Literal

from pydantic import Field

from cardea.runtime.config import RelativePath
from drivers.api import DeviceSettings
from drivers.links.http_client import Origin

Place = Annotated[int, Field(ge=0, le=8191)]


class DahuaThermalSettings(DeviceSettings):
    """A Dahua thermal camera, or one of another name with its firmware, reached over its CGI."""

    base_url: Origin = Field(
        max_length=300, description="where the camera answers, e.g. http://192.168.40.32"
    )
    user: str = Field(min_length=1, max_length=64, description="the camera's user for Cardea")
    password_secret: str = Field(min_length=1, max_length=128, description="name of the secret that holds it")
    ca_file: RelativePath | None = Field(
        default=None, description="with https: certificate that vouches for the camera, PEM"
    )
    channel: int = Field(
        default=2, ge=1, le=64, description="its thermal channel: 2 beside a visible one, else 1"
    )
    serial: str | None = Field(
        default=None, max_length=128, description="expected serial number; another camera is not talked to"
    )
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
    answer_s_max: float = Field(
        default=5.0, gt=0, le=60, description="without a whole answer for so long the camera is lost, s"
    )
