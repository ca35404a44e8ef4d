"""Settings that every line scanner has."""

from typing import Annotated, Literal

from pydantic import Field

from cardea.contract.records import Side
from drivers.api import DeviceSettings

HexBytes = Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2}){0,64}$")]
Affix = Annotated[str, Field(max_length=32)]


class ScannerSettings(DeviceSettings):
    """How a scanner sends codes, and which door they are for."""

    door: int = Field(default=1, ge=1, le=255, description="door number given to the codes it reads")
    side: Side | None = Field(default=None, description="ingress or egress; unset: as the portal says")
    prefix: Affix = Field(default="", description="text that the scanner puts before each code; stripped")
    suffix: Affix = Field(default="", description="text that the scanner puts after each code; stripped")
    code_bytes_max: int = Field(
        default=2048,
        ge=8,
        le=8192,
        description="longest line with prefix and suffix, bytes; longer = garbage",
    )
    idle_s: float = Field(
        default=0.5, ge=0.02, le=10, description="a line that has begun and stops this long has ended, s"
    )
    unterminated: Literal["reject", "accept"] = Field(
        default="reject",
        description="what a line without CR or LF is after idle_s: garbage, or (for scanners that send no "
        "line end) a code",
    )
    repeat_s: float = Field(
        default=3.0,
        ge=0,
        le=60,
        description="the same code again within this time of the one handed on is a repeat of the scanner "
        "and ignored, s; 0 = never",
    )
    accepted_reply: HexBytes = Field(
        default="", description="bytes to send when a code was taken in (beep, lamp), hexadecimal"
    )
    refused_reply: HexBytes = Field(
        default="", description="bytes to send when a code could not be taken in, hexadecimal"
    )
