"""What one thermal position says of whoever stands there: a temperature with all its terms, or why none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardea.contract.records import ScreeningState
from cardea.contract.screening import Correction, NotScreened
from cardea.runtime.i18n import msg
from models.thermal.screening import Bands, state


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


@dataclass(frozen=True, slots=True)
class Line:
    """One line for a guard: a message id and the temperatures (°C) in its places."""

    msgid: str
    temps_c: Mapping[str, float] = field(default_factory=dict[str, float])


WHY: Mapping[NotScreened, str] = {
    NotScreened.NO_REFERENCE: msg("Not screened: no reference source is set up"),
    NotScreened.REFERENCE_LOST: msg("Not screened: the reference source is not in view"),
    NotScreened.REFERENCE_DRIFTING: msg("Not screened: the sensor drifts too fast"),
    NotScreened.GAIN_UNFIT: msg("Not screened: the two reference sources disagree"),
    NotScreened.WARMING_UP: msg("Not screened: the sensor is warming up"),
    NotScreened.FLAT_FIELD: msg("Not screened: the sensor corrects itself"),
    NotScreened.FRAME_UNFIT: msg("Not screened: the picture cannot be used"),
    NotScreened.UNCERTAINTY_UNKNOWN: msg("Not screened: it is not known how exact this thermometer is"),
    NotScreened.TOO_HOT: msg("Not screened: something hotter than a person is in view"),
    NotScreened.NOBODY_THERE: msg("Not screened: nobody is there"),
    NotScreened.TOO_FAR: msg("Not screened: please come closer"),
    NotScreened.TOO_NEAR: msg("Not screened: please step back"),
    NotScreened.OVERLAPPING: msg("Not screened: one at a time, please"),
    NotScreened.NOT_STEADY: msg("Not screened: please stand still"),
}
MEANS: Mapping[ScreeningState, str] = {
    ScreeningState.NORMAL: msg("{temp} (±{margin}): below the limit of {limit}"),
    ScreeningState.RETEST: msg("{temp} (±{margin}): too close to the limit of {limit} to tell"),
    ScreeningState.ELEVATED: msg("{temp} (±{margin}): above the limit of {limit}"),
}


def explain(reading: Reading, threshold_c: float, bands: Bands | None = None) -> Line:
    """The reading in one line; ``margin`` is the expanded uncertainty (k = 2)."""
    found = reading.measurement
    if found is None:
        return Line(WHY[reading.reason or NotScreened.NOBODY_THERE])
    return Line(
        MEANS[reading.state(threshold_c, bands)],
        {"temp": found.surface_temp_c, "margin": 2.0 * found.uncertainty_c, "limit": threshold_c},
    )
