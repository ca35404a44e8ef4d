"""What a thermal frame's own counts, and the frames before it, say against measuring in it. Pure."""

from dataclasses import dataclass

import numpy as np

from drivers.api import LinearScale, RawFrame, Unfit

RAW_NONE, RAW_FULL = 0, 0xFFFF
"""A dead sensor's."""
_SHARE_MAX = 0.5
"""Of pixels that are impossible."""


@dataclass(frozen=True, slots=True)
class CountRange:
    """Counts that a scene can have."""

    least: int
    most: int


def unfit_counts(raw: RawFrame, possible: CountRange) -> Unfit | None:
    """Why ``raw`` (h, w) is no measurement: most of its counts are impossible, or a dead sensor's."""
    most = _SHARE_MAX * raw.size
    if np.count_nonzero((raw < possible.least) | (raw > possible.most)) <= most:
        return None
    dead = np.count_nonzero((raw == RAW_NONE) | (raw == RAW_FULL)) > most
    return Unfit.SENSOR_FAULT if dead else Unfit.OUT_OF_RANGE


@dataclass(frozen=True, slots=True)
class TempRange:
    """Temperatures that a scene can have, °C."""

    least_c: float
    most_c: float


def unfit_temperatures(raw: RawFrame, scale: LinearScale, possible: TempRange) -> Unfit | None:
    """Why ``raw`` (h, w), of a camera that does its own radiometry, is no measurement.

    A pixel that is no number, or one and the same number everywhere, is a dead sensor's; so is no pixel at
    all. Most of them impossible: out of range.
    """
    if raw.size == 0 or not np.isfinite(raw).all() or raw.min() == raw.max():
        return Unfit.SENSOR_FAULT
    least, most = ((temp_c - scale.offset_c) / scale.gain_c for temp_c in (possible.least_c, possible.most_c))
    outside = np.count_nonzero((raw < least) | (raw > most))
    return Unfit.OUT_OF_RANGE if outside > _SHARE_MAX * raw.size else None


@dataclass(frozen=True, slots=True)
class Still:
    """So many frames in a row, the last one too, had the same picture; the same number. 1: it is new."""

    pictures: int
    numbers: int


class Stillness:
    """One camera's frames in a row. A living sensor's noise makes every picture another one."""

    def __init__(self) -> None:
        self._picture: RawFrame | None = None
        self._number: int | None = None
        self._still = Still(0, 0)

    def look(self, raw: RawFrame, number: int | None) -> Still:
        """The next frame's counts, and its number where the camera gives one."""
        same_picture = self._picture is not None and np.array_equal(self._picture, raw)
        same_number = number is not None and number == self._number
        self._still = Still(
            self._still.pictures + 1 if same_picture else 1,
            self._still.numbers + 1 if same_number else 1,
        )
        self._picture, self._number = raw, number
        return self._still
