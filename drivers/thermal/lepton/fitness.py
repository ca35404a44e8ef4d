"""Whether anything may be measured in a frame. Pure; remembers only how long the picture has stood still."""

import numpy as np

from drivers.api import RawFrame, Unfit
from drivers.thermal.lepton.telemetry import FlatField, Telemetry

RAW_MIN, RAW_MAX = 20_000, 45_000
"""200 and 450 K at 0.01 K a count: colder than any scene, hotter than the sensor can tell."""
RAW_NONE, RAW_FULL = 0, 0xFFFF
"""A dead sensor's."""
_SHARE_MAX = 0.5
"""Of pixels that are impossible."""


class Fitness:
    """One camera's frames in a row."""

    def __init__(self, frozen_frames: int) -> None:
        self._frozen_frames = frozen_frames
        self._picture: RawFrame | None = None
        self._number: int | None = None
        self._same_picture = self._same_number = 1

    def judge(self, raw: RawFrame, telemetry: Telemetry | None) -> Unfit | None:
        """Why nothing may be measured in ``raw`` (h, w), the next frame; ``None`` when it may."""
        frozen = self._stands_still(raw, telemetry.number if telemetry else None)
        said = _of_telemetry(telemetry) if telemetry else None
        return said or _of_counts(raw) or (Unfit.FROZEN if frozen else None)

    def _stands_still(self, raw: RawFrame, number: int | None) -> bool:
        same_picture = self._picture is not None and np.array_equal(self._picture, raw)
        same_number = number is not None and number == self._number
        self._same_picture = self._same_picture + 1 if same_picture else 1
        self._same_number = self._same_number + 1 if same_number else 1
        self._picture, self._number = raw, number
        return max(self._same_picture, self._same_number) >= self._frozen_frames


def _of_telemetry(telemetry: Telemetry) -> Unfit | None:
    if telemetry.overheated or telemetry.shutter_locked:
        return Unfit.SENSOR_FAULT
    if telemetry.flat_field_desired or telemetry.flat_field is not FlatField.COMPLETE:
        return Unfit.FLAT_FIELD
    return Unfit.OUT_OF_RANGE if telemetry.gain_control else None


def _of_counts(raw: RawFrame) -> Unfit | None:
    most = _SHARE_MAX * raw.size
    if np.count_nonzero((raw < RAW_MIN) | (raw > RAW_MAX)) <= most:
        return None
    dead = np.count_nonzero((raw == RAW_NONE) | (raw == RAW_FULL)) > most
    return Unfit.SENSOR_FAULT if dead else Unfit.OUT_OF_RANGE
