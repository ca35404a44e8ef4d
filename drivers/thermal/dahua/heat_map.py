"""A heat map in the format ``IR-SGCC-FIR64``. Pure.

Little-endian: 4 bytes of magic; float32 optical transmission, emissivity, distance (m), ambient temperature,
relative humidity; at byte 24 uint16 height and width; at 28 a byte of precision; from byte 64 on int16 of a
tenth of a degree, row by row. Source: public readers of the format, such as those for Dahua's DS4025FT; they
leave the byte of precision alone, and so does this.
"""

import math
import struct
from dataclasses import dataclass

import numpy as np

from drivers.api import Conditions, Counts, LinearScale
from drivers.thermal.dahua.units import DEGREES, Unit

HEADER_BYTES = 64
SIDE_MAX = 4096
PIXELS_MAX = 2048 * 1536
TAIL_BYTES_MAX = 16
"""Of line ends or zeros after the last pixel."""
DISTANCE_M_MAX = 1000.0
AMBIENT_C_MIN, AMBIENT_C_MAX = -60.0, 100.0
AMBIENT_F_MIN = 40.0
"""Where people are screened it is never as cold as this in °F, nor as hot in °C."""
COUNT = 0.1
_HEAD = struct.Struct("<4x5f2H")
_HALF = 32768
_PICTURE = b"\xff\xd8"
_USUAL = Conditions()
"""What holds where a camera says nothing believable."""


class Unreadable(Exception):
    """It is no such heat map; the message is the reason that is counted."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a camera's heat maps are to be read, where it is not as they say."""

    unit: Unit = "celsius"
    count: float = COUNT
    """What one count means, in degrees of that unit."""

    @property
    def scale(self) -> LinearScale:
        """Of counts made by adding 32768."""
        degrees = DEGREES[self.unit]
        gain_c = degrees.slope * self.count
        return LinearScale(gain_c=gain_c, offset_c=degrees.zero_c - _HALF * gain_c)


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """One heat map; counts (height, width) are its int16 plus 32768."""

    counts: Counts
    conditions: Conditions | None


def heat_map_of(content: bytes, unit: Unit) -> HeatMap:
    """``content``, read; its ambient temperature is in ``unit``.

    Raises:
        Unreadable: naming what does not fit.
    """
    height, width = _shape(content)
    words = np.frombuffer(content, "<u2", height * width, HEADER_BYTES)
    counts = words.astype(np.uint16).reshape(height, width) ^ np.uint16(_HALF)
    transmission, emissivity, distance_m, ambient, humidity, *_ = _HEAD.unpack_from(content)
    conditions = None
    if 0.0 < emissivity <= 1.0:
        ambient_c = _ambient_c(ambient, unit)
        conditions = Conditions(
            emissivity=round(emissivity, 6),
            distance_m=round(distance_m, 6) if 0.0 <= distance_m <= DISTANCE_M_MAX else _USUAL.distance_m,
            reflected_c=ambient_c,
            atmosphere_c=ambient_c,
            humidity=_share(humidity, _USUAL.humidity),
            window_c=ambient_c,
            window_transmission=_share(transmission, 1.0) or 1.0,
        )
    return HeatMap(counts, conditions)


def content_bytes(content: bytes) -> int:
    """Of a heat map that is readable, without what may stand after it."""
    height, width = _shape(content)
    return HEADER_BYTES + 2 * height * width


def _shape(content: bytes) -> tuple[int, int]:
    if content.startswith(_PICTURE):
        raise Unreadable("heat_map_is_a_picture")
    if len(content) < HEADER_BYTES:
        raise Unreadable("heat_map_too_short")
    *_, height, width = _HEAD.unpack_from(content)
    if not (0 < height <= SIDE_MAX and 0 < width <= SIDE_MAX and height * width <= PIXELS_MAX):
        raise Unreadable("heat_map_size_unbelievable")
    tail = len(content) - HEADER_BYTES - 2 * height * width
    if not 0 <= tail <= TAIL_BYTES_MAX or content[len(content) - tail :].strip(b"\0\r\n"):
        raise Unreadable("heat_map_length_does_not_fit_height_and_width")
    return height, width


def _share(value: float, default: float) -> float:
    """Of 1, whether given so or in percent."""
    if not 0.0 <= value <= 100.0:
        return default
    return round(value / 100 if value > 1.0 else value, 6)


def _ambient_c(value: float, unit: Unit) -> float:
    """A camera that means °F by its pixels may yet give °C here."""
    meant: Unit = "celsius" if unit == "fahrenheit" and value < AMBIENT_F_MIN else unit
    ambient_c = DEGREES[meant].celsius(value)
    if not math.isfinite(ambient_c) or not AMBIENT_C_MIN <= ambient_c <= AMBIENT_C_MAX:
        return _USUAL.atmosphere_c
    return round(ambient_c, 4)
