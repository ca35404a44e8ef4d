"""Numbers of many devices that look like a building's: a day's curve and drifting noise. Seeded."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY_S = 86400.0
_WARMEST_S = 15 * 3600.0
"""Buildings are warmest at three in the afternoon."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a device: ``name`` with its unit, and how it goes."""

    name: str
    level: float
    spread: float
    """Standard deviation of the devices' own levels."""
    swing: float
    """Half the difference between night and afternoon."""
    noise: float
    """Standard deviation from one moment to the next."""
    digits: int


METRICS = (
    Metric("ambient_temp_c", 22.5, 0.8, 1.4, 0.04, 2),
    Metric("sensor_temp_c", 31.0, 1.5, 1.8, 0.06, 2),
    Metric("humidity_pct", 46.0, 4.0, -5.0, 0.3, 1),
    Metric("supply_v", 12.1, 0.06, 0.0, 0.01, 3),
)
"""What a thermal device at a gate tells of itself."""
_DRIFT = 0.98
"""How much of its deviation a number keeps from one moment to the next."""


class Curves:
    """All numbers of ``devices`` devices; the same ``seed`` is the same numbers."""

    def __init__(self, seed: int, devices: int) -> None:
        self.series = tuple(
            f"gate-{number:03}/{metric.name}" for number in range(1, devices + 1) for metric in METRICS
        )
        self._dice = np.random.default_rng(seed)
        shape = (devices, len(METRICS))
        self._level = self._column("level") + self._column("spread") * self._dice.standard_normal(shape)
        self._swing = self._column("swing") * self._dice.uniform(0.7, 1.3, shape)
        self._lag_s = self._dice.uniform(-3600.0, 3600.0, shape)
        self._noise = self._column("noise")
        self._scale = 10.0 ** self._column("digits")
        self._deviation = np.zeros(shape)

    def at(self, utc_s: float) -> NDArray[np.float64]:
        """The numbers at this moment, in the order of ``series``; each call lets the noise go on."""
        step = self._noise * math.sqrt(1 - _DRIFT**2)
        self._deviation = _DRIFT * self._deviation + step * self._dice.standard_normal(self._level.shape)
        phase = (utc_s - _WARMEST_S - self._lag_s) * (2 * math.pi / DAY_S)
        values = self._level + self._swing * np.cos(phase) + self._deviation
        return (np.round(values * self._scale) / self._scale).ravel()

    @staticmethod
    def _column(field: str) -> NDArray[np.float64]:
        return np.array([float(getattr(metric, field)) for metric in METRICS])
