"""Settings of a Heimann HTPA array: where it is, and when its frames are whole."""

from ipaddress import IPv4Address
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from drivers.api import DeviceSettings

Mac = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{2}([:.-][0-9A-Fa-f]{2}){5}$")]


class HtpaSettings(DeviceSettings):
    """A Heimann HTPA 32x32d with its UDP module."""

    host: IPv4Address | None = Field(default=None, description="the sensor's address")
    mac: Mac | None = Field(
        default=None,
        description="the sensor's MAC, such as 00:1a:2b:3c:4d:5e: without host it is found by it, which "
        "needs broadcast = true on the link; with host it is checked",
    )
    port: int = Field(default=30444, ge=1, le=65535, description="the sensor's UDP port")
    broadcast_to: IPv4Address = Field(
        default=IPv4Address("255.255.255.255"), description="without host: where the sensor is called"
    )
    part_s_max: float = Field(
        default=0.03,
        ge=0.001,
        le=0.5,
        description="the two datagrams of a frame come within this, s; must be less than the time of a frame",
    )
    frozen_frames: int = Field(
        default=9, ge=2, le=270, description="so many frames with the same picture count as frozen"
    )
    silence_s_max: float = Field(
        default=5.0, ge=2, le=60, description="without a frame for so long, the sensor counts as lost, s"
    )

    @model_validator(mode="after")
    def _is_somewhere(self) -> "HtpaSettings":
        if self.host is None and self.mac is None:
            raise ValueError("name the sensor's host, or its mac")
        return self
