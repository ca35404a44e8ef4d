"""Whether anything may be measured in a frame. Pure; remembers only how long the picture has stood still."""

from drivers.api import RawFrame, Unfit
from drivers.thermal.lepton.telemetry import FlatField, Telemetry
from drivers.thermal_fitness import CountRange, Stillness, unfit_counts

POSSIBLE = CountRange(20_000, 45_000)
"""200 and 450 K at 0.01 K a count: colder than any scene, hotter than the sensor can tell."""


class Fitness:
    """One camera's frames in a row."""

    def __init__(self, frozen_frames: int) -> None:
        self._frozen_frames = frozen_frames
        self._stillness = Stillness()

    def judge(self, raw: RawFrame, telemetry: Telemetry | None) -> Unfit | None:
        """Why nothing may be measured in ``raw`` (h, w), the next frame; ``None`` when it may."""
        still = self._stillness.look(raw, telemetry.number if telemetry else None)
        frozen = max(still.pictures, still.numbers) >= self._frozen_frames
        said = _of_telemetry(telemetry) if telemetry else None
        return said or unfit_counts(raw, POSSIBLE) or (Unfit.FROZEN if frozen else None)


def _of_telemetry(telemetry: Telemetry) -> Unfit | None:
    if telemetry.overheated or telemetry.shutter_locked:
        return Unfit.SENSOR_FAULT
    if telemetry.flat_field_desired or telemetry.flat_field is not FlatField.COMPLETE:
        return Unfit.FLAT_FIELD
    return Unfit.OUT_OF_RANGE if telemetry.gain_control else None
