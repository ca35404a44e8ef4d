"""A terminal's temperature reading as a screening: the site's own thresholds, never the vendor's word alone.

Radiometric screening with its uncertainty comes from ``models.thermal``; this is for devices that report one
number. A number outside the believable range is no measurement: 0 °C is how terminals say "not measured".
"""

import math
from dataclasses import dataclass

from cardea.contract.records import ScreeningState
from drivers.api import TemperatureMeasured
from edge.decide.evidence import Screening
from models.thermal.decision.compensation import BELIEVABLE_C


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningLimits:
    """A site's thresholds for one thermometer, °C of surface temperature as the device reports it.

    From ``retest_c`` on a reading is measured again, from ``elevated_c`` on it is elevated. Raises ValueError
    unless ``believable_c_min < retest_c <= elevated_c < believable_c_max``.
    """

    retest_c: float = 37.0
    elevated_c: float = 37.3
    believable_c_min: float = BELIEVABLE_C[0]
    believable_c_max: float = BELIEVABLE_C[1]

    def __post_init__(self) -> None:
        if not self.believable_c_min < self.retest_c <= self.elevated_c < self.believable_c_max:
            raise ValueError("must hold: believable_c_min < retest_c <= elevated_c < believable_c_max")


def screen(reading: TemperatureMeasured, limits: ScreeningLimits, *, compliant: bool) -> Screening:
    """What the reading says; ``compliant`` is whether the thermometer has been shown to conform.

    One that turns readings into "body temperatures" hides fevers, whatever was shown: it gives advice.
    The vendor's own "abnormal" turns a normal reading into a retest; its "normal" turns nothing into normal.
    """
    state = _state(reading.value_c, limits)
    if state is ScreeningState.NORMAL and reading.abnormal:
        state = ScreeningState.RETEST
    measured_c = reading.value_c if math.isfinite(reading.value_c) else None
    return Screening(state, measured_c, compliant and not reading.vendor_compensated)


def _state(value_c: float, limits: ScreeningLimits) -> ScreeningState:
    """A value that is no number fails every comparison, and so is not believed."""
    if not limits.believable_c_min <= value_c <= limits.believable_c_max:
        return ScreeningState.NOT_SCREENED
    if value_c >= limits.elevated_c:
        return ScreeningState.ELEVATED
    return ScreeningState.RETEST if value_c >= limits.retest_c else ScreeningState.NORMAL
