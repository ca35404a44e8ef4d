"""Ways of calling a temperature elevated, as scores of a series of visits: the higher, the likelier a fever.

Each is given what its instrument would have read: a sensor left to itself, or one that a reference corrects.
A score of not-a-number says that the method cannot tell yet. Visits are in order of time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from models.thermal.decision.baseline import PEOPLE, Baseline, Usual
from models.thermal.evaluation.drift import Days, Drift
from models.thermal.evaluation.roc import Flags, Scores

FLIR_PEOPLE = 10
FLIR_ALLOWED_C = 1.0
"""The "allowed deviation" over the sampled average, as it is usually set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Visits as one screening position would have had them."""

    surface_c: Scores
    """Free of the sensor's error."""
    days: Days
    drift: Drift
    people: int = PEOPLE
    """Of an adaptive baseline."""

    @property
    def left_alone_c(self) -> Scores:
        """What a sensor without a reference reads."""
        return self.surface_c + self.drift.sensor_c

    @property
    def referenced_c(self) -> Scores:
        """What a sensor with a reference reads."""
        return self.surface_c + self.drift.residual_c


@dataclass(frozen=True, slots=True)
class Method:
    """One way."""

    what: str
    scores: Callable[[Series], Scores]
    fixed_cut: float | None = None
    """The score from which its maker or its source calls somebody elevated."""


def absolute(series: Series) -> Scores:
    """The temperature as the sensor reads it."""
    return series.left_alone_c


def referenced(series: Series) -> Scores:
    """The temperature corrected by a blackbody in the picture."""
    return series.referenced_c


def flir(series: Series) -> Scores:
    """Above the mean of the last ten normals but the highest and the lowest, carried over from day to day.

    FLIR T-series user's manual, "Screening alarm": a memory of ten samples, of which highest and lowest are
    left out; an alarm is what exceeds their mean by the allowed deviation. Nobody called elevated is taken as
    a sample.
    """
    samples: list[float] = []
    scores = np.full(series.surface_c.size, np.nan)
    for index, temp_c in enumerate(series.left_alone_c.tolist()):
        if samples:
            inner = sorted(samples)[1:-1] if len(samples) > 2 else samples
            scores[index] = temp_c - sum(inner) / len(inner)
        if not scores[index] >= FLIR_ALLOWED_C:
            samples = [*samples, temp_c][-FLIR_PEOPLE:]
    return scores


def median30(series: Series) -> Scores:
    """Above the median of the day's last thirty people; the day's first has nobody to be compared with."""
    baseline = Baseline(people=series.people)
    scores = np.full(series.surface_c.size, np.nan)
    for index, (temp_c, day) in enumerate(_visits(series.left_alone_c, series.days)):
        middle_c = baseline.median_c if day == baseline.day else None
        scores[index] = np.nan if middle_c is None else temp_c - middle_c
        baseline = baseline.met(temp_c, day)
    return scores


def combined(series: Series) -> Scores:
    """Cardea's: the reference first; whom the second line finds too warm is looked at in any case.

    Those have the highest temperature of all for a score, for no threshold lets them pass unseen.
    """
    _, warm = second_line(series)
    return np.where(warm, series.referenced_c.max(initial=-np.inf), series.referenced_c)


def second_line(series: Series) -> tuple[Flags, Flags]:
    """For which visits the adaptive baseline is known, and whom it finds unusually warm."""
    baseline = Baseline(people=series.people)
    known = np.zeros(series.surface_c.size, dtype=np.bool_)
    warm = np.zeros(series.surface_c.size, dtype=np.bool_)
    for index, (temp_c, day) in enumerate(_visits(series.referenced_c, series.days)):
        usual, middle_c = baseline.compared(temp_c, day), baseline.median_c
        known[index] = usual is not Usual.UNKNOWN
        warm[index] = usual is Usual.UNUSUAL and middle_c is not None and temp_c > middle_c
        baseline = baseline.met(temp_c, day)
    return known, warm


def _visits(temps_c: Scores, days: Days) -> Iterator[tuple[float, int]]:
    return zip(temps_c.tolist(), days.tolist(), strict=True)


METHODS: Mapping[str, Method] = {
    "absolute": Method("a fixed threshold on what the sensor reads", absolute),
    "reference": Method("a fixed threshold after correction by a blackbody in the picture", referenced),
    "flir": Method("above the trimmed mean of the last ten normals, carried over", flir, FLIR_ALLOWED_C),
    "median30": Method("above the day's running median", median30, FLIR_ALLOWED_C),
    "combined": Method("reference first, adaptive baseline as second line", combined),
}
