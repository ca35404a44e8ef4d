"""A simulated 254 nm lamp with the sensor before it: warm-up, ageing, hours, and what the sensor shows."""

import math
from dataclasses import dataclass
from enum import Enum
from random import Random  # noqa: TID251  # seeded: the same noise every time, no secrets

LIFE_LEFT = 0.7
"""Share of its first irradiance that a lamp has left at the end of its rated life (L70)."""
COLD = 0.3
"""Share of its irradiance that a low-pressure lamp gives when it is struck cold."""
COOL_S = 60.0
"""Time constant of its cooling down."""
ROOM_C, HOT_C = 22.0, 41.0
SENSOR_NOISE = 0.01
"""Standard deviation, relative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """What sort of lamp it is."""

    new_uw_cm2: float = 120.0
    """Irradiance at the sensor, new and warm."""
    life_h: int = 9000
    warm_up_s: float = 60.0
    acceleration: float = 1.0
    """Hours are counted so many times faster than they pass."""


class _Sensor(Enum):
    WELL = "well"
    STUCK = "stuck"
    NAN = "nan"


class Burning:
    """One lamp in its socket. Time is an argument: whoever asks or switches lets it pass first."""

    def __init__(self, lamp: Lamp, hours: float, seed: int, now_s: float) -> None:
        self.lamp = lamp
        self.hours = hours
        self.on = False
        self._dice = Random(f"uv {seed}")  # noqa: S311  # no secrets
        self._warmth = 0.0
        self._grown_s = now_s
        self._sensor = _Sensor.WELL
        self._stuck_uw_cm2 = 0.0

    def pass_time(self, now_s: float) -> None:
        """Warmth and hours up to this moment."""
        passed_s, self._grown_s = now_s - self._grown_s, now_s
        if self.on:
            self.hours += passed_s / 3600 * self.lamp.acceleration
            self._warmth = min(1.0, self._warmth + passed_s / self.lamp.warm_up_s)
        else:
            self._warmth *= math.exp(-passed_s / COOL_S)

    @property
    def irradiance_uw_cm2(self) -> float:
        """What really comes out."""
        aged = LIFE_LEFT ** (self.hours / self.lamp.life_h)
        return self.on * self.lamp.new_uw_cm2 * aged * (COLD + (1 - COLD) * self._warmth)

    @property
    def temperature_c(self) -> float:
        """Temperature of the lamp's housing."""
        return ROOM_C + (HOT_C - ROOM_C) * self._warmth

    def sensed_uw_cm2(self) -> float:
        """What the sensor shows; it may be stuck, or no number."""
        match self._sensor:
            case _Sensor.NAN:
                return math.nan
            case _Sensor.STUCK:
                return self._stuck_uw_cm2
            case _Sensor.WELL:
                return max(0.0, self.irradiance_uw_cm2 * self._dice.gauss(1.0, SENSOR_NOISE))

    def stick_sensor(self) -> None:
        """The sensor shows what it shows now for ever."""
        self._stuck_uw_cm2 = self.sensed_uw_cm2()
        self._sensor = _Sensor.STUCK

    def break_sensor(self) -> None:
        """The sensor shows no number."""
        self._sensor = _Sensor.NAN

    def mend_sensor(self) -> None:
        """The sensor works again."""
        self._sensor = _Sensor.WELL
