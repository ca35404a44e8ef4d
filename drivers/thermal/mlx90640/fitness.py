"""Whether anything may be measured in an MLX90640's frame. Pure.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12: supply, ambient and object temperatures (chapters 7 and
12), four minutes until the sensor is thermally stable after power-up (12.2).
"""

import numpy as np

from drivers.api import RawFrame, Unfit
from drivers.thermal.mlx90640.calibration import Mask
from drivers.thermal.mlx90640.pixels import DOUBTFUL_MAX
from drivers.thermal.mlx90640.temperature import Sensor
from drivers.thermal_fitness import Stillness

WARM_S = 240.0
OBJECT_C_MIN, OBJECT_C_MAX = -40.0, 300.0
AMBIENT_C_MIN, AMBIENT_C_MAX = -40.0, 85.0
SUPPLY_V_MIN, SUPPLY_V_MAX = 2.9, 3.7
"""3.0 to 3.6, and what the sensor's own reading of it may be wrong."""


class Fitness:
    """One sensor's frames in a row."""

    def __init__(self, frozen_frames: int) -> None:
        self._frozen_frames = frozen_frames
        self._stillness = Stillness()

    def judge(self, raw: RawFrame, doubtful: Mask, sensor: Sensor, uptime_s: float | None) -> Unfit | None:
        """Why nothing may be measured in ``raw`` (24, 32), °C, the next frame; ``None`` when it may."""
        frozen = self._stillness.look(raw, None).pictures >= self._frozen_frames
        if not _sound(raw, doubtful, sensor):
            return Unfit.SENSOR_FAULT
        if uptime_s is not None and uptime_s < WARM_S:
            return Unfit.WARMING_UP
        if not _within(raw, sensor):
            return Unfit.OUT_OF_RANGE
        return Unfit.FROZEN if frozen else None


def _sound(raw: RawFrame, doubtful: Mask, sensor: Sensor) -> bool:
    supplied = SUPPLY_V_MIN <= sensor.vdd_v <= SUPPLY_V_MAX
    few = np.count_nonzero(doubtful) <= DOUBTFUL_MAX
    return bool(supplied and few and np.isfinite(raw).all())


def _within(raw: RawFrame, sensor: Sensor) -> bool:
    """The sensor works where it is, and no more than half of what it sees is beyond its range."""
    beyond = np.count_nonzero((raw < OBJECT_C_MIN) | (raw > OBJECT_C_MAX))
    return AMBIENT_C_MIN <= sensor.ta_c <= AMBIENT_C_MAX and int(beyond) <= raw.size // 2
