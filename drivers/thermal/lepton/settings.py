"""Settings of a FLIR Lepton: where its frames come from."""

from typing import Literal

from pydantic import Field, model_validator

from cardea.runtime.config import RelativePath
from drivers.api import DeviceSettings


class LeptonSettings(DeviceSettings):
    """A Lepton 3.5 with radiometry (TLinear, 0.01 K) in Y16."""

    source: Literal["video", "tcp", "recording"] = Field(
        default="video",
        description="video: a camera of this machine (UVC, Y16) on a link of kind video; tcp: a camera "
        "server that sends one frame after another; recording: clips (.npz) played as if they were live",
    )
    telemetry: Literal["footer", "header", "none"] = Field(
        default="footer",
        description="where the two telemetry rows stand, or that the camera sends none. Without telemetry "
        "nothing tells a flat-field correction, and on TCP lost bytes are not noticed: switch it on",
    )
    frozen_frames: int = Field(
        default=9,
        ge=2,
        le=270,
        description="so many frames with the same picture or the same frame number count as frozen",
    )
    silence_s_max: float = Field(
        default=5.0, ge=1, le=60, description="without a frame for so long, the camera counts as lost, s"
    )
    path: RelativePath | None = Field(
        default=None, description="with source recording: a clip (.npz), or a folder whose clips are played"
    )
    loop: bool = Field(default=True, description="with source recording: begin again after the last clip")

    @model_validator(mode="after")
    def _recording_has_a_path(self) -> "LeptonSettings":
        if (self.source == "recording") != (self.path is not None):
            raise ValueError("path is needed with source recording, and with no other")
        return self
