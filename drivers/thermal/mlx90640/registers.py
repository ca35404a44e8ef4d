"""Where an MLX90640 keeps what, and what its two registers say. Pure.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12, chapter 10.6 (memory, status and control register).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint16]
Pattern = Literal["chess", "interleaved"]

HEIGHT, WIDTH = 24, 32
PIXELS = HEIGHT * WIDTH
WORDS = 832
"""Of the EEPROM, and of a page of RAM: 768 pixels and 64 words about the sensor itself."""
RAM, EEPROM, STATUS, CONTROL = 0x0400, 0x2400, 0x8000, 0x800D
REFRESH_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

NEW_DATA = 1 << 3
STATUS_CLEARED = 0x0030
"""Written to the status register: what was new has been seen, the next may overwrite it."""
_SUB_PAGE = 0b111
_REFRESH_SHIFT, _REFRESH_MASK = 7, 0b111
_RESOLUTION_SHIFT, _RESOLUTION_MASK = 10, 0b11
_CHESS = 1 << 12
_SUB_PAGES = 1
_KEPT = ~(_REFRESH_MASK << _REFRESH_SHIFT | _CHESS | 0b1111110) & 0xFFFF
"""Bits of the control register that a session leaves as they are; no step mode, no hold, no repeated page."""


@dataclass(frozen=True, slots=True)
class Control:
    """What the control register says."""

    pattern: Pattern
    resolution_bits: int
    """Of the converter: 0 … 3 for 16 … 19 bits."""
    refresh_hz: float
    """Sub-pages a second; half as many whole frames."""


def read_control(word: int) -> Control:
    """The control register's word."""
    return Control(
        pattern="chess" if word & _CHESS else "interleaved",
        resolution_bits=word >> _RESOLUTION_SHIFT & _RESOLUTION_MASK,
        refresh_hz=REFRESH_HZ[word >> _REFRESH_SHIFT & _REFRESH_MASK],
    )


def control_word(now: int, pattern: Pattern, refresh_hz: float) -> int:
    """The word to write in place of ``now``: both sub-pages in turn, at one of ``REFRESH_HZ``."""
    refresh = REFRESH_HZ.index(refresh_hz) << _REFRESH_SHIFT
    return now & _KEPT | _SUB_PAGES | refresh | (_CHESS if pattern == "chess" else 0)


def sub_page(status: int) -> int:
    """Which sub-page was measured last, by the status register: 0 or 1; others are a fault's."""
    return status & _SUB_PAGE


def pages_of(pattern: Pattern) -> npt.NDArray[np.int64]:
    """To which sub-page each pixel belongs, shape (24, 32): rows by turns, or as on a chessboard."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    return (rows + columns) % 2 if pattern == "chess" else rows % 2


def signed(words: npt.NDArray[Any], bits: int) -> npt.NDArray[np.int64]:
    """Two's complement of so many bits."""
    wide = words.astype(np.int64)
    return wide - ((wide >> (bits - 1) & 1) << bits)
