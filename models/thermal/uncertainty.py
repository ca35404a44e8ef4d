"""How far a surface temperature can be believed: the budget of a measurement against a reference, k = 1.

What the correction by the reference leaves (its source, its offset, its gain) is ``correction.Line``'s.

Terms after GUM (JCGM 100) for skin at 1 m: the emissivity of skin is known to ±0.005, what it reflects to
±3 °C. They leave u = 0.21 °C, U = 0.42 °C (k = 2), within the 0.5 °C of IEC 80601-2-59:2017.
"""

import math
from dataclasses import dataclass

COVERAGE = 2.0
"""k of an expanded uncertainty of 95 %."""

REFERENCE_C = 0.15
"""Of a usual reference source, at its own temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Standard uncertainties, °C."""

    emissivity_c: float = 0.077
    reflected_c: float = 0.053
    """What the skin reflects of its surroundings."""
    drift_c: float = 0.05
    """Of the sensor between two looks at the reference, and of its pixels among each other."""
    spot_size_c: float = 0.10
    """The warmest point is smaller than what one pixel sees."""

    def combined_c(self, correction_c: float = REFERENCE_C) -> float:
        """Root of the sum of squares; ``correction_c`` is what the correction leaves just now."""
        return math.hypot(self.emissivity_c, self.reflected_c, self.drift_c, self.spot_size_c, correction_c)


def expanded_c(combined_c: float) -> float:
    """U at ``COVERAGE``."""
    return COVERAGE * combined_c
