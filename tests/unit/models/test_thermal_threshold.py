"""Thresholds by a target false-positive rate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.binomial import upper
from models.thermal.decision.threshold import Chosen, TooFew, choose, readings_needed

readings = st.lists(st.floats(34.0, 39.0).map(lambda value: round(value, 2)), max_size=400)


def test_one_in_a_hundred_needs_299_people_one_in_twenty_59() -> None:
    """Non-parametric tolerance limits, 95 % confidence (Wilks 1941)."""
    assert readings_needed(0.01) == 299
    assert readings_needed(0.05) == 59
    assert choose([36.0] * 298, 0.01) == TooFew(298, 299)
    assert isinstance(choose([36.0] * 299, 0.01), Chosen)


@given(readings, st.sampled_from((0.01, 0.02, 0.05, 0.2)))
def test_the_threshold_is_the_lowest_that_keeps_the_rate_for_sure(
    readings_c: list[float], fpr: float
) -> None:
    found = choose(readings_c, fpr)
    if isinstance(found, TooFew):
        assert len(readings_c) < found.needed == readings_needed(fpr)
        return
    flagged = [each for each in readings_c if each >= found.threshold_c - 1e-9]
    assert len(flagged) == found.false_positives
    assert found.readings == len(readings_c)
    assert upper(found.false_positives, len(readings_c)) <= found.fpr_upper <= fpr
    one_lower = [each for each in readings_c if each >= found.threshold_c - 0.01 - 1e-9]
    assert upper(len(one_lower), len(readings_c)) > fpr


def test_the_true_rate_is_kept_in_nineteen_of_twenty_sites() -> None:
    """500 sites of 400 people each, the true rate known: 5 % may miss it; seeded."""
    generator = np.random.default_rng(11)
    missed = 0
    for _ in range(500):
        found = choose(generator.normal(35.6, 0.45, 400).tolist(), 0.02)
        assert isinstance(found, Chosen)
        true_rate = 0.5 * math.erfc((found.threshold_c - 35.6) / 0.45 / math.sqrt(2.0))
        missed += true_rate > 0.02
    assert missed / 500 <= 0.075


def test_what_is_no_number_is_left_out() -> None:
    clean = [35.0 + index / 1000 for index in range(400)]
    assert choose([*clean, math.nan, math.inf, -math.inf], 0.02) == choose(clean, 0.02)


@pytest.mark.parametrize(("fpr", "confidence"), [(0.0, 0.95), (1.0, 0.95), (0.01, 0.0), (0.01, 1.0)])
def test_rates_and_confidences_that_are_none_are_refused(fpr: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        choose([36.0] * 400, fpr, confidence)
