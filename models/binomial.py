"""How far a share that was counted can be believed: exact limits after Clopper and Pearson (1934).

The limits are found by bisection on the binomial tail, in logarithms; scipy, which has them, is 35 MB.
"""

import math
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95
TRIALS_MAX = 10_000_000
_HALVINGS = 60
"""Leave an interval narrower than a double can tell."""

Interval = tuple[float, float]
"""A lower and an upper limit."""


def interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Two-sided limits of a probability.

    Raises ValueError unless ``0 <= successes <= trials``, ``1 <= trials``.
    """
    tail = (1.0 - confidence) / 2.0
    return _lower(successes, trials, tail), _upper(successes, trials, tail)


def upper(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided limit: the probability is at most this. Raises ValueError as ``interval`` does."""
    return _upper(successes, trials, 1.0 - confidence)


def lower(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided limit: the probability is at least this. Raises ValueError as ``interval`` does."""
    return _lower(successes, trials, 1.0 - confidence)


def _lower(successes: int, trials: int, tail: float) -> float:
    """Failures and successes change places."""
    return 1.0 - _upper(trials - successes, trials, tail)


@lru_cache(maxsize=4096)
def _upper(successes: int, trials: int, tail: float) -> float:
    """The probability at which so few successes or fewer come up with probability ``tail``."""
    if not 1 <= trials <= TRIALS_MAX or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no share")
    if not 1e-6 <= tail < 1.0:
        raise ValueError("a confidence lies between 0 and 0.999999")
    if successes == trials:
        return 1.0
    counts = np.arange(successes + 1)
    steps = np.log((trials - counts[1:] + 1) / counts[1:])
    log_ways = np.concatenate(([0.0], np.cumsum(steps)))
    wanted = math.log(tail)
    low, high = successes / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        terms = log_ways + counts * math.log(middle) + (trials - counts) * math.log1p(-middle)
        most = float(terms.max())
        at_most = most + math.log(float(np.exp(terms - most).sum()))
        low, high = (middle, high) if at_most > wanted else (low, middle)
    return high
