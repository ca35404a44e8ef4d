"""How well a number tells two groups apart: the area under the ROC curve, and the points on the curve.

"Flagged" is whoever has a score at the threshold or above. The area's variance is that of DeLong, DeLong and
Clarke-Pearson (Biometrics 44, 1988, 837-845).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.binomial import CONFIDENCE, Interval, interval

Scores = np.ndarray[tuple[int], np.dtype[np.float64]]
Counts = np.ndarray[tuple[int], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
_Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Area:
    """The area under the curve: the probability that a fever scores higher than none; a tie counts half."""

    auc: float
    sd: float
    """Its standard error; not a number where one of the groups has a single member."""

    @property
    def ci(self) -> Interval:
        """95 %, cut at 0 and 1, which are the limits too where the standard error is not known."""
        if math.isnan(self.sd):
            return 0.0, 1.0
        half = _Z_95 * self.sd
        return max(0.0, self.auc - half), min(1.0, self.auc + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one threshold does."""

    threshold: float
    true_positives: int
    false_positives: int
    positives: int
    negatives: int

    @property
    def se(self) -> float:
        """Sensitivity: the share of the fevers that is flagged."""
        return self.true_positives / self.positives

    @property
    def sp(self) -> float:
        """Specificity: the share of those without that is not."""
        return 1.0 - self.false_positives / self.negatives

    def se_ci(self, confidence: float = CONFIDENCE) -> Interval:
        """Clopper-Pearson."""
        return interval(self.true_positives, self.positives, confidence)

    def sp_ci(self, confidence: float = CONFIDENCE) -> Interval:
        """Clopper-Pearson."""
        return interval(self.negatives - self.false_positives, self.negatives, confidence)


def split(scores: Scores, febrile: Flags) -> tuple[Scores, Scores]:
    """Those with and those without, each sorted.

    Raises ValueError unless there are both, and numbers only.
    """
    if scores.shape != febrile.shape or not np.isfinite(scores).all():
        raise ValueError("each score must be a number and belong to somebody")
    positives, negatives = np.sort(scores[febrile]), np.sort(scores[~febrile])
    if not positives.size or not negatives.size:
        raise ValueError("there must be somebody with and somebody without")
    return positives, negatives


def area(scores: Scores, febrile: Flags) -> Area:
    """The area under the curve. Raises ValueError as ``split`` does."""
    positives, negatives = split(scores, febrile)
    of_positives = _below(positives, negatives)
    of_negatives = 1.0 - _below(negatives, positives)
    variance = _variance(of_positives) / positives.size + _variance(of_negatives) / negatives.size
    return Area(float(of_positives.mean()), math.sqrt(variance))


def _below(ones: Scores, others: Scores) -> Scores:
    """For each of ``ones``, the share of ``others`` (sorted) below it; a tie counts half."""
    left = np.searchsorted(others, ones, side="left")
    right = np.searchsorted(others, ones, side="right")
    return (left + right) / (2.0 * others.size)


def _variance(placements: Scores) -> float:
    return float(placements.var(ddof=1)) if placements.size > 1 else math.nan


@dataclass(frozen=True, slots=True)
class Curve:
    """Every threshold there is, rising, and how many each flags of both groups."""

    thresholds: Scores
    true_positives: Counts
    false_positives: Counts
    positives: int
    negatives: int

    def point(self, index: int) -> Point:
        """The point of the threshold at ``index``."""
        return Point(
            threshold=float(self.thresholds[index]),
            true_positives=int(self.true_positives[index]),
            false_positives=int(self.false_positives[index]),
            positives=self.positives,
            negatives=self.negatives,
        )

    def most_sensitive(self, sp_min: float) -> Point:
        """The point with the largest Se among those with at least ``sp_min``, at the lowest threshold.

        The highest threshold flags nobody, so there always is one.
        """
        flagged_max = math.floor((1.0 - sp_min) * self.negatives + 1e-9)
        return self.point(int(np.argmax(self.false_positives <= flagged_max)))


def curve(scores: Scores, febrile: Flags) -> Curve:
    """All points there are. Raises ValueError as ``split`` does.

    Thresholds lie half-way between scores: one that is somebody's own score would flag their like by chance.
    """
    positives, negatives = split(scores, febrile)
    levels: Any = np.unique(scores)
    cuts: Any = np.concatenate((levels[:1], (levels[1:] + levels[:-1]) / 2.0, levels[-1:] + 1.0))
    return Curve(
        cuts, _flagged(positives, cuts), _flagged(negatives, cuts), int(positives.size), int(negatives.size)
    )


def at(scores: Scores, febrile: Flags, threshold: float) -> Point:
    """What ``threshold`` does. Raises ValueError as ``split`` does."""
    positives, negatives = split(scores, febrile)
    cut = np.array([threshold])
    flagged = _flagged(positives, cut), _flagged(negatives, cut)
    return Curve(cut, *flagged, int(positives.size), int(negatives.size)).point(0)


def _flagged(scores: Scores, cuts: Scores) -> Counts:
    return scores.size - np.searchsorted(scores, cuts, side="left")
