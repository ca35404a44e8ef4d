"""Three states from a temperature and its uncertainty: a threshold is a line only for what has no error.

P = Φ((T - threshold) / u) is the probability that the surface is at the threshold or above. Between the two
guard bands (JCGM 106:2012, 5 % risk on each side) nobody can tell, so it is measured again.
"""

import math
from dataclasses import dataclass

from cardea.contract.records import ScreeningState

NORMAL_P_MAX = 0.05
ELEVATED_P_MIN = 0.95
U_C_MIN = 1e-3
"""No measurement is surer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Raises ValueError unless ``0 < normal_p_max <= elevated_p_min < 1``."""

    normal_p_max: float = NORMAL_P_MAX
    elevated_p_min: float = ELEVATED_P_MIN

    def __post_init__(self) -> None:
        if not 0.0 < self.normal_p_max <= self.elevated_p_min < 1.0:
            raise ValueError("must hold: 0 < normal_p_max <= elevated_p_min < 1")


def probability(surface_temp_c: float, threshold_c: float, uncertainty_c: float) -> float:
    """The probability, 0…1, that the true surface temperature reaches the threshold."""
    distance = (surface_temp_c - threshold_c) / max(uncertainty_c, U_C_MIN)
    return 0.5 * math.erfc(-distance / math.sqrt(2.0))


def state(
    surface_temp_c: float, threshold_c: float, uncertainty_c: float, bands: Bands | None = None
) -> ScreeningState:
    """Normal, retest or elevated; never "not screened", for there is a temperature."""
    bands = bands or Bands()
    elevated = probability(surface_temp_c, threshold_c, uncertainty_c)
    if elevated >= bands.elevated_p_min:
        return ScreeningState.ELEVATED
    return ScreeningState.NORMAL if elevated <= bands.normal_p_max else ScreeningState.RETEST
