"""Error rates of scores on two sides; a comparison matches when its score is at the threshold or above.

Scores may carry weights, as they do when people are drawn anew (:mod:`models.face.evaluation.subjects`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.face.evaluation.comparisons import Floats, Ints

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Scores, rising, and the weight of all that reach the first, the second, and so on, and of none."""

    scores: Floats
    """(n,)"""
    reaching: Floats
    """(n + 1,)"""
    total: float
    """Of all weights, with those of scores so low that they were left out."""
    low: float
    """The lowest score; those left out are lower."""

    def rate(self, threshold: float) -> float:
        """The share that reaches ``threshold``."""
        return float(self.reaching[np.searchsorted(self.scores, threshold, side="left")]) / self.total

    def rates(self, thresholds: Floats) -> Floats:
        """The share that reaches each of ``thresholds`` (k,)."""
        return self.reaching[np.searchsorted(self.scores, thresholds, side="left")] / self.total

    def count(self, threshold: float) -> int:
        """How many scores reach ``threshold``, whatever their weight."""
        return int(self.scores.size - np.searchsorted(self.scores, threshold, side="left"))

    def threshold(self, rate: float) -> float:
        """The lowest threshold that at most a share ``rate`` reaches: just above the score that must not.

        With all that are here within ``rate``, ``low``.
        """
        allowed = rate * self.total + _ROUNDING * max(self.total, 1.0)
        kept = int(np.argmax(self.reaching <= allowed))
        return just_above(float(self.scores[kept - 1])) if kept else self.low


def just_above(score: float) -> float:
    """The next number that a float can be."""
    return math.nextafter(score, math.inf)


def side(
    scores: Floats,
    weights: Floats | Ints | None = None,
    total: float | None = None,
    low: float | None = None,
) -> Side:
    """Of rising ``scores`` (n,), each of its weight (n,) or of 1.

    ``total`` weight and ``low`` are theirs, unless scores below ``low`` were left out.

    Raises ValueError unless there is a score and a weight that counts.
    """
    each = np.ones(scores.size) if weights is None else np.asarray(weights, dtype=np.float64)
    reaching: Any = np.concatenate((np.cumsum(each[::-1])[::-1], [0.0]))
    whole = float(reaching[0]) if total is None else total
    if not scores.size or whole <= 0.0:
        raise ValueError("there is nothing to take a share of")
    return Side(scores, reaching, whole, float(scores[0]) if low is None else low)


@dataclass(frozen=True, slots=True)
class EqualError:
    """Where as many of one side are wrong as of the other."""

    rate: float
    threshold: float
    """From here on more of the genuine are wrong."""


def equal_error(genuine: Side, impostor: Side, cuts: Floats | None = None) -> EqualError:
    """Where the straight line between two neighbouring points of the DET curve has FNMR = FMR.

    ``cuts``: all thresholds where something changes, rising, if they are known already.
    """
    at = thresholds(genuine, impostor) if cuts is None else cuts
    fmr, fnmr = impostor.rates(at), 1.0 - genuine.rates(at)
    over = int(np.argmax(fnmr >= fmr))
    if over == 0:
        return EqualError(float(fmr[0]), float(at[0]))
    before = float(fmr[over - 1] - fnmr[over - 1])
    after = float(fnmr[over] - fmr[over])
    step = before / (before + after)
    rate = float(fmr[over - 1] + step * (fmr[over] - fmr[over - 1]))
    return EqualError(rate, float(at[over]))


def thresholds(genuine: Side, impostor: Side) -> Floats:
    """Every threshold where something changes, rising; the last one nobody reaches."""
    scores: Any = np.unique(np.concatenate((genuine.scores, impostor.scores)))
    return np.append(scores, just_above(float(scores[-1])))
