"""Whether anything may be measured in an MLX90640's frame. Pure; remembers only how long it has stood still.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12: supply, ambient and object temperatures (chapters 7 and
12), four minutes until the sensor is thermally stable after power-up (12.2).
"""

import numpy as np

from drivers.api import Unfit
from drivers.thermal.mlx90640.calibration import Mask, Plane
from drivers.thermal.mlx90640.pixels import DOUBTFUL_MAX
from drivers.thermal.mlx90640.temperature import Sensor

WARM_S = 240.0
OBJECT_C_MIN, OBJECT_C_MAX = -40.0, 300.0
AMBIENT_C_MIN, AMBIENT_C_MAX = -40.0, 85.0
SUPPLY_V_MIN, SUPPLY_V_MAX = 2.9, 3.7
"""3.0 to 3.6, and what the sensor's own reading of it may be wrong."""


class Fitness:
    """One sensor's frames in a row."""

    def __init__(self, frozen_frames: int) -> None:
        self._frozen_frames = frozen_frames
        self._frame: Plane | None = None
        self._same = 1

    def judge(self, temps_c: Plane, doubtful: Mask, sensor: Sensor, uptime_s: float | None) -> Unfit | None:
        """Why nothing may be measured in ``temps_c`` (24, 32), the next frame; ``None`` when it may."""
        frozen = self._stands_still(temps_c)
        if not _sound(temps_c, doubtful, sensor):
            return Unfit.SENSOR_FAULT
        if uptime_s is not None and uptime_s < WARM_S:
            return Unfit.WARMING_UP
        if not _within(temps_c, sensor):
            return Unfit.OUT_OF_RANGE
        return Unfit.FROZEN if frozen else None

    def _stands_still(self, temps_c: Plane) -> bool:
        same = self._frame is not None and np.array_equal(self._frame, temps_c, equal_nan=True)
        self._same = self._same + 1 if same else 1
        self._frame = temps_c
        return self._same >= self._frozen_frames


def _sound(temps_c: Plane, doubtful: Mask, sensor: Sensor) -> bool:
    supplied = SUPPLY_V_MIN <= sensor.vdd_v <= SUPPLY_V_MAX
    few = np.count_nonzero(doubtful) <= DOUBTFUL_MAX
    return bool(supplied and few and np.isfinite(temps_c).all())


def _within(temps_c: Plane, sensor: Sensor) -> bool:
    """The sensor works where it is, and no more than half of what it sees is beyond its range."""
    beyond = np.count_nonzero((temps_c < OBJECT_C_MIN) | (temps_c > OBJECT_C_MAX))
    return AMBIENT_C_MIN <= sensor.ta_c <= AMBIENT_C_MAX and int(beyond) <= temps_c.size // 2
