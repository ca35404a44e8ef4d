"""Degrees as a camera means them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["celsius", "fahrenheit", "kelvin"]
LABELS: Mapping[str, Unit] = {
    "centigrade": "celsius",
    "celsius": "celsius",
    "fahrenheit": "fahrenheit",
    "kelvin": "kelvin",
}
"""What cameras call them, in lower case."""


@dataclass(frozen=True, slots=True)
class Degrees:
    """°C = degrees · ``slope`` + ``zero_c``."""

    slope: float
    zero_c: float

    def celsius(self, degrees: float) -> float:
        """Of a temperature."""
        return degrees * self.slope + self.zero_c


DEGREES: Mapping[Unit, Degrees] = {
    "celsius": Degrees(1.0, 0.0),
    "fahrenheit": Degrees(5 / 9, -32 * 5 / 9),
    "kelvin": Degrees(1.0, -273.15),
}
