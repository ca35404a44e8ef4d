"""Settings of a camera."""

from pydantic import Field

from drivers.api import DeviceSettings


class CameraSettings(DeviceSettings):
    """How often a camera's pictures are looked at."""

    fps_max: int = Field(default=5, ge=1, le=30, description="pictures looked at, at the most, per s")
    silence_s_max: float = Field(
        default=15.0, ge=1, le=600, description="without a picture this long the camera counts as lost, s"
    )
