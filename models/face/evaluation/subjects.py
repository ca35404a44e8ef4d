"""How far a rate can be believed when one person stands in many comparisons.

Pairs of one person's pictures are not independent, so that limits which count pairs are too narrow. People
are drawn anew instead, with replacement, and all comparisons of a person come along as often as the person
does, an impostor comparison as often as both do together (subject bootstrap, percentile limits: Bolle, Ratha
and Pankanti, "Error analysis of pattern recognition systems - the subsets bootstrap", Computer Vision and
Image Understanding 93, 2004; ISO/IEC 19795-1 asks for limits that respect such dependence). Two copies of one
person are never compared as if they were two people.

Where hardly any error was seen, no draw can show one. The limits are therefore never narrower than those of
Clopper and Pearson (1934), which take every comparison for independent.
"""

from collections.abc import Iterator

import numpy as np

from models.binomial import CONFIDENCE, Interval, interval
from models.face.evaluation.comparisons import Floats, Ints

REPLICATES = 1000
SEED = 19795
"""Whoever measures the same pictures again gets the same limits."""
RULE_OF_THREE = 3.0
"""Without an error among N independent trials the rate is at most 3 / N, with 95 % confidence."""


def draws(people: int, replicates: int = REPLICATES, seed: int = SEED) -> Iterator[Ints]:
    """How often each of ``people`` is drawn, (people,), once per replicate."""
    generator = np.random.Generator(np.random.Philox(seed))
    shares = np.full(people, 1.0 / people)
    for _ in range(replicates):
        yield generator.multinomial(people, shares)


def limits(point: float, drawn: Floats, errors: int, trials: int) -> Interval:
    """95 %: of what was ``drawn``, but at least as wide as ``errors`` of ``trials`` allow; with ``point``."""
    low, high = interval(errors, trials)
    if drawn.size:
        tail = (1.0 - CONFIDENCE) / 2.0
        lowest, highest = np.quantile(drawn, (tail, 1.0 - tail)).tolist()
        low, high = min(low, lowest), max(high, highest)
    return min(low, point), max(high, point)


def pairs_needed(rate: float) -> int:
    """Independent comparisons without an error that it takes to believe ``rate`` (rule of three)."""
    return int(np.ceil(round(RULE_OF_THREE / rate, 6)))


def rate_supported(trials: int) -> float:
    """The smallest rate that so many comparisons can speak for (rule of three)."""
    return min(1.0, RULE_OF_THREE / trials)
