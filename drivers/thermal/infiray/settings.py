"""Settings of an InfiRay module for phones: which, and where its frames come from."""

from typing import Literal

from pydantic import Field

from drivers.api import DeviceSettings


class InfiraySettings(DeviceSettings):
    """An InfiRay P2 Pro or P3, 256 x 192 pixels, 1/64 K."""

    model: Literal["p2_pro", "p3"] = Field(
        description="p2_pro: pictures of 256 x 384 (USB 0bda:5830); p3: of 256 x 386 (USB 3474:45a2)"
    )
    source: Literal["video", "tcp"] = Field(
        default="video",
        description="video: a camera of this machine on a link of kind video, with pixel_format yuyv and the "
        "model's width and height; tcp: a camera server that sends one frame after another: a P2 Pro's "
        "pictures as they are, a P3's bulk transfers with their markers",
    )
    frozen_s: float = Field(
        default=2.0,
        ge=0.5,
        le=30,
        description="the same picture for so long counts as frozen, s; for less, as its shutter at work",
    )
    silence_s_max: float = Field(
        default=5.0, ge=1, le=60, description="without a frame for so long, the camera counts as lost, s"
    )
