"""What a pigpiod is told, and what it answers, as far as I2C goes. Pure.

Source: pigpio, "Socket Interface" (abyz.me.uk/rpi/pigpio/sif.html): commands of four little-endian words and
an extension of as many bytes as the last word says; the answer repeats three of them, its last is the result:
below 0 an error of pigpio.h, for the zip command the length of what was read, which follows.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

ANSWER_BYTES = 16
_COMMAND = struct.Struct("<4I")
_ANSWER = struct.Struct("<3Ii")
_NO_FLAGS = struct.pack("<I", 0)
_END, _TWO_BYTES, _COMBINED, _READ, _WRITE = b"\x00", b"\x01", b"\x02", b"\x06", b"\x07"


class Op(IntEnum):
    """Commands, by their numbers there."""

    OPEN = 54
    CLOSE = 55
    ZIP = 92


ERRORS: Mapping[int, str] = {
    -24: "pigpiod has no handle left: restart it",
    -25: "pigpiod has forgotten the handle",
    -71: "the Raspberry Pi has no such bus open: enable I2C there",
    -74: "the Raspberry Pi has no such bus",
    -75: "pigpiod takes no such address",
    -82: "does not acknowledge",
    -83: "does not acknowledge",
    -106: "does not acknowledge",
    -109: "pigpiod refuses the length",
    -110: "pigpiod refuses the length",
}
OF_THE_BUS = frozenset({-71, -74})
OF_THE_DEVICE = frozenset({-82, -83, -106})
"""All others are between us and the daemon."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The four words that an answer begins with."""

    op: int
    result: int
    """A handle, a length, 0, or an error below 0."""

    @property
    def fault(self) -> str:
        """What its error means."""
        return ERRORS.get(self.result, f"pigpiod answers with error {self.result}")


def open_device(bus: int, device: int) -> bytes:
    """Ask for a handle to a device."""
    return _COMMAND.pack(Op.OPEN, bus, device, len(_NO_FLAGS)) + _NO_FLAGS


def close_device(handle: int) -> bytes:
    """Give a handle back."""
    return _COMMAND.pack(Op.CLOSE, handle, 0, 0)


def combined(handle: int, write: bytes, read: int) -> bytes:
    """One transfer that writes and then, unless ``read`` is 0, reads after a repeated start."""
    steps = _COMBINED + _TWO_BYTES + _WRITE + struct.pack("<H", len(write)) + write
    if read:
        steps += _TWO_BYTES + _READ + struct.pack("<H", read)
    steps += _END
    return _COMMAND.pack(Op.ZIP, handle, 0, len(steps)) + steps


def read_answer(content: bytes) -> Answer:
    """The first ``ANSWER_BYTES`` of an answer."""
    op, _, _, result = _ANSWER.unpack(content)
    return Answer(op, result)
