"""What one thermal position says of whoever stands there: a temperature with all its terms, or why none."""

import math
from dataclasses import dataclass

from cardea.contract.records import ScreeningState
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from models.thermal.decision.screening import Bands, state

DECIMALS = 3
"""Of what is told of a temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A surface temperature and what it is made of; the terms add up to it and are constants in it."""

    raw_c: float
    """As a blackbody at the lens."""
    radiometry_c: float = 0.0
    """Added for emissivity, air and window."""
    reference_c: float = 0.0
    """Added so that the reference, or both, read what they are set to."""
    site_c: float = 0.0
    """Added by the site; a constant."""
    correction: Correction = Correction.NONE
    gain: float = 1.0
    """Of the two-point correction, contained in ``reference_c``."""
    uncertainty_c: float
    """Combined, k = 1."""
    reference_age_s: float | None = None
    """For how long the reference has not been seen; ``None`` where there is none."""

    @property
    def surface_temp_c(self) -> float:
        """Raw and every term."""
        return self.raw_c + self.radiometry_c + self.reference_c + self.site_c


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Told once when somebody stands steadily, again on change and each second while they stay."""

    at_s: float
    """Monotonic."""
    presence: int
    """Which stay this belongs to, counted from 1; 0 when nobody can be made out."""
    first: bool = False
    """The first temperature of this stay."""
    measurement: Measurement | None = None
    reason: NotScreened | None = None
    """Why there is no measurement."""

    def state(self, threshold_c: float, bands: Bands | None = None) -> ScreeningState:
        """What it means at a threshold of surface temperature; without a measurement never "normal"."""
        if self.measurement is None:
            return ScreeningState.NOT_SCREENED
        return state(self.measurement.surface_temp_c, threshold_c, self.measurement.uncertainty_c, bands)


def terms_of(found: Measurement, threshold_c: float) -> ScreeningTerms | None:
    """The terms as they go into the record; ``None`` where one of them is not a number, for that is none."""
    numbers = (found.raw_c, found.radiometry_c, found.reference_c, found.site_c, found.uncertainty_c)
    age_s = found.reference_age_s
    if not all(map(math.isfinite, (*numbers, found.gain, 0.0 if age_s is None else age_s))):
        return None
    raw_c, radiometry_c, reference_c, site_c, uncertainty_c = (round(n, DECIMALS) for n in numbers)
    return ScreeningTerms(
        raw_c=raw_c,
        radiometry_c=radiometry_c,
        reference_c=reference_c,
        site_c=site_c,
        uncertainty_c=uncertainty_c,
        correction=found.correction,
        gain=round(found.gain, 4),
        reference_age_s=None if age_s is None else round(age_s, 2),
        threshold_c=threshold_c,
    )
