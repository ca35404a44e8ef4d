"""The threshold that a site's own readings of people without fever allow at a false-positive rate.

The (k+1)-th highest of n readings is an upper tolerance limit (Wilks, Ann. Math. Statist. 12, 1941, 91-96):
the true rate above it is at most the upper Clopper-Pearson limit of k in n, whatever the readings'
distribution.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.binomial import CONFIDENCE, upper

STEP_C = 0.01
"""Thresholds are told to this; °C."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A threshold and what is known of it."""

    threshold_c: float
    """Flagged is whoever reads this or more."""
    false_positives: int
    """How many of the readings are."""
    readings: int
    fpr_upper: float
    """The true rate is at most this, with the confidence asked for."""


@dataclass(frozen=True, slots=True)
class TooFew:
    """No threshold can be told."""

    readings: int
    needed: int
    """With so many there can be one."""


def readings_needed(fpr: float, confidence: float = CONFIDENCE) -> int:
    """How many readings allow a threshold at all, namely one above all of them.

    Raises ValueError outside 0…1.
    """
    if not (0.0 < fpr < 1.0 and 0.0 < confidence < 1.0):
        raise ValueError("a rate and a confidence lie between 0 and 1")
    return math.ceil(math.log(1.0 - confidence) / math.log1p(-fpr) - 1e-9)


def choose(readings_c: Sequence[float], fpr: float, confidence: float = CONFIDENCE) -> Chosen | TooFew:
    """The lowest threshold whose true false-positive rate is at most ``fpr`` with ``confidence``.

    ``readings_c``: people without fever, in any order, each once; what is no number is left out. Raises
    ValueError unless rate and confidence lie between 0 and 1.
    """
    needed = readings_needed(fpr, confidence)
    given = np.asarray(readings_c, dtype=np.float64)
    highest_first = np.sort(given[np.isfinite(given)])[::-1]
    count = int(highest_first.size)
    if count < needed:
        return TooFew(count, needed)
    flagged, above = 0, count
    while above - flagged > 1:
        middle = (flagged + above) // 2
        flagged, above = (middle, above) if upper(middle, count, confidence) <= fpr else (flagged, middle)
    threshold_c = (math.floor(float(highest_first[flagged]) / STEP_C + 1e-6) + 1) * STEP_C
    return Chosen(
        threshold_c=round(threshold_c, 2),
        false_positives=int((highest_first >= threshold_c - STEP_C / 1e3).sum()),
        readings=count,
        fpr_upper=upper(flagged, count, confidence),
    )
