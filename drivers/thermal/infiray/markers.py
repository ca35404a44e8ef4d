"""Markers around a frame on the P3's bulk transfers: 12 bytes before and after each picture. Pure.

They are payload headers of USB Video Class (USB Device Class Definition for Video Devices 1.5, 2.4.3.3):
length, flags (bit 0 toggles with each frame, bit 1 ends it), a presentation time of 32 bits that is the same
before and after a frame, the source's clock of 32 bits, the bus's millisecond counter, which wraps at 2048.
"""

import numpy as np
import numpy.typing as npt

MARKER_BYTES = 12
LOOKED_AT_BYTES = 6
"""Of a marker: length, flags, presentation time."""
_START, _END, _TOGGLE = 0x8C, 0x8E, 0x01
_TIME = slice(2, 6)

Octets = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


def markers_stand(before: Octets, after: Octets, count: int) -> Flags:
    """For each of the first ``count`` places whether a frame's markers stand there, whatever they count.

    ``before`` begins where the frame's first marker may begin, ``after`` where its last one does; both hold
    at least ``count - 1 + LOOKED_AT_BYTES`` bytes.
    """
    return _marks(before, count, _START) & _marks(after, count, _END)


def markers_agree(before: Octets, after: Octets, count: int) -> Flags:
    """As :func:`markers_stand`, whether both are of the same frame: toggle and presentation time."""
    same = (before[1 : 1 + count] & _TOGGLE) == (after[1 : 1 + count] & _TOGGLE)
    for at in range(_TIME.start, _TIME.stop):
        same &= before[at : at + count] == after[at : at + count]
    return same


def presentation_time(marker: bytes) -> int:
    """The frame's time by the camera's own clock; not the same for two frames that were taken."""
    return int.from_bytes(marker[_TIME], "little")


def _marks(octets: Octets, count: int, flags: int) -> Flags:
    return (octets[:count] == MARKER_BYTES) & ((octets[1 : 1 + count] & ~np.uint8(_TOGGLE)) == flags)
