"""What an operating point is worth on days that it was not chosen on, and whether one method beats another.

A point that was chosen on the very visits it is judged by looks better than it is. Days are left out whole,
since the visits of one day share its drift.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.thermal.evaluation.drift import Days
from models.thermal.evaluation.roc import Flags, Point, Scores, curve

Choice = Callable[[Scores, Flags], float]
"""A threshold from visits of which it is known who had a fever."""


def left_out(scores: Scores, febrile: Flags, days: Days, choose: Choice) -> Point | None:
    """Every day judged at the threshold chosen on all the others; the threshold told is their mean.

    ``None`` where leaving a day out leaves nobody with or nobody without a fever, or ``choose`` nothing to
    choose from (ValueError).
    """
    true = false = 0
    chosen: list[float] = []
    for day in np.unique(days):
        out = days == day
        rest = febrile[~out]
        if not rest.any() or rest.all():
            return None
        try:
            threshold = choose(scores[~out], rest)
        except ValueError:
            return None
        flagged = scores[out] >= threshold
        true += int((flagged & febrile[out]).sum())
        false += int((flagged & ~febrile[out]).sum())
        chosen.append(threshold)
    positives = int(febrile.sum())
    return Point(
        threshold=float(np.mean(chosen)),
        true_positives=true,
        false_positives=false,
        positives=positives,
        negatives=int(febrile.size) - positives,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Two methods at the same specificity."""

    sp: float
    se: float
    other_se: float

    @property
    def ahead(self) -> float:
        """By how much the one finds more fevers."""
        return self.se - self.other_se


def margins(
    scores: Scores, others: Scores, febrile: Flags, sp_min: float, sp_max: float
) -> tuple[Margin, ...]:
    """At every specificity from ``sp_min`` to ``sp_max`` that so many people allow, on the same visits.

    Empty where there is none such. Raises ValueError as ``models.thermal.evaluation.roc.split`` does.
    """
    one, other = curve(scores, febrile), curve(others, febrile)
    specificities = (1.0 - flagged / one.negatives for flagged in range(one.negatives + 1))
    return tuple(
        Margin(sp=sp, se=one.most_sensitive(sp).se, other_se=other.most_sensitive(sp).se)
        for sp in specificities
        if sp_min <= sp <= sp_max
    )
