"""Settings of radiometric files of FLIR cameras, played as if a camera were there."""

from pydantic import Field

from cardea.runtime.config import RelativePath
from drivers.api import DeviceSettings


class FlirFileSettings(DeviceSettings):
    """Files and the pace at which they are shown."""

    path: RelativePath = Field(
        description="a radiometric file (JPEG, FFF, SEQ, CSQ or TIFF), or a folder of them, shown in the "
        "order of their names, a recording frame by frame"
    )
    interval_s: float = Field(default=1.0, ge=0.05, le=3600, description="time between two frames, s")
    loop: bool = Field(default=True, description="begin again after the last file")
    tlinear_gain_k: float | None = Field(
        default=None, gt=0, le=10, description="kelvins of a count of TIFF files; by default what they say"
    )
