"""What is said to an HTPA module over UDP, and what it answers. Pure.

Source: Heimann's own firmware for its application shields (github.com/HeimannSensor/ESP32_ApplicationShield,
``checkUDP``) and its UDP transfer protocol. The module obeys one host at a time, the one that bound it.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

CALL = b"Calling HTPA series devices"
BIND = b"Bind HTPA series device"
STREAM = b"K"
"""Temperatures from now on, frame after frame."""
RELEASE = b"x Release HTPA series device"
"""Stops the stream, and lets another host bind the module."""
ARRAY_32X32D = "10"
_TEXT_BYTES_MAX = 512
_ARRAY = re.compile(r"Arraytype\s*(\d{1,2})")
_FIRMWARE = re.compile(r"(HTPA\d+x\d+\w*)\s+(v\S+)", re.IGNORECASE)
_MAC = re.compile(r"MAC-ID:\s*([0-9A-F]{2}(?:[.:-][0-9A-F]{2}){5})", re.IGNORECASE)


class Answer(Enum):
    """Answers that say no more than this."""

    BOUND = auto()
    BOUND_ALREADY = auto()
    """To us, before a restart; or, with some firmware, to somebody else."""
    RELEASED = auto()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a module says that it is; "" where it does not say."""

    array: str
    model: str
    firmware: str
    mac: str
    """Lower case, with colons."""


_BEGINNINGS = {
    "HW Filter is": Answer.BOUND,
    "Device already bound": Answer.BOUND_ALREADY,
    "HW-Filter released": Answer.RELEASED,
}


def read_answer(datagram: bytes) -> Answer | Identity | None:
    """The answer in a datagram; ``None`` when it is none."""
    if len(datagram) > _TEXT_BYTES_MAX:
        return None
    text = datagram.decode("ascii", errors="replace")
    if text.startswith("HTPA series responsed"):
        return _identity(text)
    return next((answer for begins, answer in _BEGINNINGS.items() if text.startswith(begins)), None)


def plain_mac(mac: str) -> str:
    """A MAC however it is written, lower case and with colons."""
    return re.sub(r"[.-]", ":", mac).lower()


def _identity(text: str) -> Identity:
    array, mac, firmware = _ARRAY.search(text), _MAC.search(text), _FIRMWARE.search(text)
    return Identity(
        array=array[1].zfill(2) if array else "",
        model=firmware[1] if firmware else "",
        firmware=firmware[2] if firmware else "",
        mac=plain_mac(mac[1]) if mac else "",
    )
