"""A Lepton's telemetry rows: what they say, and whether bytes are telemetry at all. Pure.

Source: Lepton Engineering Datasheet, 500-0659-00-09 Rev 203, tables 2 (rows A to C, 80 words each) and 3
(status bits). Words are of 16 bits; values of 32 bits stand low word first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

ROWS = 2
_UPTIME_MS = 1
_STATUS = 3
_NUMBER = 20
_SENSOR_CK = 24
_SENSOR_AT_FLAT_FIELD_CK = 29
_FLAT_FIELD_MS = 30
_TLINEAR = 208
_TLINEAR_FINE = 209
WORDS_READ = 210
"""How many words from the beginning of row A are looked at: into row C."""

_DESIRED = 1 << 3
_STATE_SHIFT, _STATE_MASK = 4, 0b11
_GAIN_CONTROL = 1 << 12
_SHUTTER_LOCKED = 1 << 15
_OVERHEATED = 1 << 20
_STATUS_MAX = 1 << 24
"""Bits from 21 on are reserved; the upper eight of them are held to it."""
_SENSOR_CK_MIN, _SENSOR_CK_MAX = 23_315, 39_315
"""-40 and +120 °C: the camera works from -10 to +80."""
_NUMBER_MAX = 1 << 28
"""More frames than the counter of milliseconds has room for."""
_WRAP_MS = 1 << 32
_HOUR_MS, _HOUR_FRAMES = 3_600_000, 27 * 3600
_KELVIN_C = 273.15

Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]


class FlatField(IntEnum):
    """How the flat-field correction stands."""

    NEVER = 0
    IMMINENT = 1
    UNDER_WAY = 2
    COMPLETE = 3


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Row A, as far as it matters here."""

    uptime_s: float
    number: int
    flat_field: FlatField
    flat_field_desired: bool
    """The camera asks its host for a correction, because it may not do one by itself."""
    since_flat_field_s: float | None
    """``None`` when there never was one."""
    gain_control: bool
    """Counts are a picture for the eye, no temperatures."""
    shutter_locked: bool
    """Too cold or too hot for the shutter: no correction can be done."""
    overheated: bool
    """It switches itself off within seconds."""
    sensor_temp_c: float


def read_telemetry(rows: Octets) -> Telemetry:
    """Telemetry out of its rows' bytes, which :func:`telemetry_starts` believes."""
    word = _columns(rows, 1)

    def single(at: int) -> int:
        return int(word(at)[0])

    def double(at: int) -> int:
        return single(at) | single(at + 1) << 16

    status = double(_STATUS)
    state = FlatField(status >> _STATE_SHIFT & _STATE_MASK)
    since_ms = (double(_UPTIME_MS) - double(_FLAT_FIELD_MS)) % _WRAP_MS
    return Telemetry(
        uptime_s=double(_UPTIME_MS) / 1000,
        number=double(_NUMBER),
        flat_field=state,
        flat_field_desired=bool(status & _DESIRED),
        since_flat_field_s=None if state is FlatField.NEVER else since_ms / 1000,
        gain_control=bool(status & _GAIN_CONTROL),
        shutter_locked=bool(status & _SHUTTER_LOCKED),
        overheated=bool(status & _OVERHEATED),
        sensor_temp_c=round(single(_SENSOR_CK) / 100 - _KELVIN_C, 2),
    )


def telemetry_starts(content: Octets, count: int) -> Flags:
    """For each of the first ``count`` bytes whether telemetry can begin there; shape (count,).

    ``content`` holds at least ``count - 1 + 2 * WORDS_READ`` bytes. No status bit stands where none is known,
    the sensor's temperatures are such as it can have, the last correction was not in the future (the counter
    of milliseconds wraps after 49.7 days), and switches are 0 or 1. Pixels of a room are none of that; the
    places are so far apart that telemetry which breaks off is not believed either.
    """
    word = _columns(content, count)

    def double(at: int) -> Words:
        return word(at) | word(at + 1) << np.uint32(16)

    since_ms = double(_UPTIME_MS) - double(_FLAT_FIELD_MS)
    before = word(_SENSOR_AT_FLAT_FIELD_CK)
    return (
        (double(_STATUS) < _STATUS_MAX)
        & (double(_NUMBER) < _NUMBER_MAX)
        & _possible(word(_SENSOR_CK))
        & ((before == 0) | _possible(before))
        & (since_ms < _WRAP_MS // 2)
        & (word(_TLINEAR) <= 1)
        & (word(_TLINEAR_FINE) <= 1)
    )


def telemetry_goes_on(content: Octets, count: int, uptime_s: float, number: int) -> Flags:
    """As :func:`telemetry_starts`, whether telemetry there comes after a frame with these counters.

    Both have gone on by no more than they do in an hour, counted over their wrap.
    """
    word = _columns(content, count)
    uptime_ms = word(_UPTIME_MS) | word(_UPTIME_MS + 1) << np.uint32(16)
    numbers = word(_NUMBER) | word(_NUMBER + 1) << np.uint32(16)
    gone_ms = uptime_ms - np.uint32(round(uptime_s * 1000))
    return (gone_ms <= _HOUR_MS) & (numbers - np.uint32(number) <= _HOUR_FRAMES)


def _possible(sensor_ck: Words) -> Flags:
    return (sensor_ck >= _SENSOR_CK_MIN) & (sensor_ck <= _SENSOR_CK_MAX)


def _columns(content: Octets, count: int) -> Callable[[int], Words]:
    """Word by its place, for telemetry that begins at each of the first ``count`` bytes."""

    def word(at: int) -> Words:
        low, high = content[2 * at : 2 * at + count], content[2 * at + 1 : 2 * at + 1 + count]
        return low.astype(np.uint32) | high.astype(np.uint32) << np.uint32(8)

    return word
