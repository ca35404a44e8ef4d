"""What a configuration says of one Hikvision thermal camera."""

from typing import Literal

from pydantic import Field

from cardea.runtime.config import RelativePath
from drivers.api import DeviceSettings
from drivers.links.http_client import Origin


class HikvisionThermalSettings(DeviceSettings):
    """A Hikvision thermal camera, reached over ISAPI."""

    base_url: Origin = Field(
        max_length=300, description="where the camera answers, e.g. http://192.168.40.31"
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
    compensation: Literal["switch_off", "seen_off"] = Field(
        default="switch_off",
        description="body temperature compensation bends what the camera measures. switch_off: it is read, "
        "and switched off where it is on; seen_off: the same, but a camera that does not let it be read is "
        "believed, because somebody has seen on the camera's own page that it is off",
    )
    poll_s: float = Field(default=0.2, ge=0.02, le=60, description="time between two measurements, s")
    frozen_s: float = Field(
        default=3.0, ge=0.5, le=60, description="the same picture for so long counts as frozen, s"
    )
    answer_s_max: float = Field(
        default=5.0, gt=0, le=60, description="without a whole answer for so long the camera is lost, s"
    )
