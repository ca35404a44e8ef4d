"""What a configuration says of one Hikvision thermal camera."""

from typing import Literal

from pydantic import Field

from drivers.thermal_camera.settings import HttpCameraSettings


class HikvisionThermalSettings(HttpCameraSettings):
    """A Hikvision thermal camera, reached over ISAPI."""

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
