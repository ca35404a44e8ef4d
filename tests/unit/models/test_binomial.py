"""Exact limits of a share: against R's and against their definition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.binomial import TRIALS_MAX, interval, lower, upper

BY_R = {
    (682, 925): (0.7076683, 0.7654066),
    (0, 10): (0.0, 0.3084971),
    (10, 10): (0.6915029, 1.0),
    (8, 10): (0.4439045, 0.9747893),
    (1, 1): (0.0250000, 1.0),
}
"""``binom.test(x, n)$conf.int``; the first is the example of its manual page (Conover 1971, p. 97)."""


def at_most(successes: int, trials: int, probability: float) -> float:
    """P(X <= successes), term by term."""
    return math.fsum(
        math.comb(trials, k) * probability**k * (1.0 - probability) ** (trials - k)
        for k in range(successes + 1)
    )


@pytest.mark.parametrize(("successes", "trials"), BY_R)
def test_the_limits_are_those_of_r(successes: int, trials: int) -> None:
    assert interval(successes, trials) == pytest.approx(BY_R[successes, trials], abs=5e-8)


def test_nobody_of_n_is_known_in_closed_form() -> None:
    """The "rule of three", exactly: 1 - 0.05^(1/n)."""
    for trials in (1, 20, 299, 100_000):
        assert upper(0, trials) == pytest.approx(1.0 - 0.05 ** (1.0 / trials), rel=1e-9)
        assert lower(trials, trials) == pytest.approx(0.05 ** (1.0 / trials), rel=1e-9)


@given(st.data(), st.integers(1, 60), st.sampled_from((0.8, 0.95, 0.99)))
def test_at_each_limit_the_tail_is_what_was_asked_for(
    data: st.DataObject, trials: int, confidence: float
) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = interval(successes, trials, confidence)
    tail = (1.0 - confidence) / 2.0
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    if successes < trials:
        assert at_most(successes, trials, high) == pytest.approx(tail, rel=1e-6)
    if successes > 0:
        assert 1.0 - at_most(successes - 1, trials, low) == pytest.approx(tail, rel=1e-6)


@given(st.integers(1, 200), st.data())
def test_more_successes_and_more_confidence_raise_the_upper_limit(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials - 1))
    assert upper(successes, trials) < upper(successes + 1, trials)
    assert upper(successes, trials, 0.9) < upper(successes, trials, 0.95)


def test_a_large_study_is_no_trouble() -> None:
    low, high = interval(500, 100_000)
    assert low < 0.005 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.005 * 0.995 / 1e5), rel=0.02)


@pytest.mark.parametrize(
    ("successes", "trials", "confidence"),
    [(-1, 10, 0.95), (11, 10, 0.95), (0, 0, 0.95), (0, TRIALS_MAX + 1, 0.95), (1, 10, 1.0), (1, 10, 0.0)],
)
def test_what_is_no_share_and_no_confidence_is_refused(
    successes: int, trials: int, confidence: float
) -> None:
    with pytest.raises(ValueError, match=r"is no share|confidence lies"):
        upper(successes, trials, confidence)
