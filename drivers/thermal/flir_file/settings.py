"""Settings of radiometric files of FLIR cameras, played as if a camera were there."""

from pydantic import Field

from cardea.runtime.config import RelativePath
from drivers.api import DeviceSettings


class FlirFileSettings(DeviceSettings):
    """Files and the pace at which they are shown."""

    path: RelativePath = Field(
        description="a radiometric file (JPEG or FFF), or a folder of them, shown in the order of their names"
    )
    interval_s: float = Field(default=1.0, ge=0.05, le=3600, description="time between two files, s")
    loop: bool = Field(default=True, description="begin again after the last file")
