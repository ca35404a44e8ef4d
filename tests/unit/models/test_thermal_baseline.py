"""The adaptive baseline: a second line that can only ask for another measurement."""

import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.records import ScreeningState
from models.thermal.decision.baseline import PEOPLE, SPREAD_C_MIN, Baseline, Usual, second_line

MILDER = (
    ScreeningState.NOT_SCREENED,
    ScreeningState.NORMAL,
    ScreeningState.RETEST,
    ScreeningState.ELEVATED,
)
"""From the mildest for whoever stands there to the severest; "not screened" is never touched."""
anything = st.floats(allow_nan=True, allow_infinity=True) | st.floats(30.0, 42.0)
happenings = st.lists(st.tuples(st.sampled_from(("met", "reset")), anything, st.integers(0, 3)), max_size=200)


def crowd(people: int, middle_c: float = 36.0, day: int = 1) -> Baseline:
    baseline = Baseline()
    for index in range(people):
        baseline = baseline.met(middle_c + 0.3 * ((index * 7) % 11 - 5) / 5, day)
    return baseline


@given(st.sampled_from(ScreeningState), st.sampled_from(Usual))
def test_its_verdict_only_ever_turns_normal_into_retest(state: ScreeningState, usual: Usual) -> None:
    after = second_line(state, usual)
    assert after is state or (state, usual, after) == (
        ScreeningState.NORMAL,
        Usual.UNUSUAL,
        ScreeningState.RETEST,
    )
    assert MILDER.index(after) >= MILDER.index(state)


@given(happenings, anything, st.integers(0, 3), st.sampled_from(ScreeningState))
def test_whatever_comes_it_never_raises_stays_bounded_and_makes_nothing_milder(
    happened: list[tuple[str, float, int]], temp_c: float, day: int, state: ScreeningState
) -> None:
    baseline = Baseline(people=10)
    for what, value, at_day in happened:
        baseline = baseline.met(value, at_day) if what == "met" else baseline.reset()
        assert len(baseline.recent_c) <= 10
        assert all(map(math.isfinite, baseline.recent_c))
    after = second_line(state, baseline.compared(temp_c, day))
    assert MILDER.index(after) >= MILDER.index(state)


def test_fewer_than_thirty_people_say_nothing() -> None:
    for people in range(PEOPLE):
        baseline = crowd(people)
        assert not baseline.known
        assert baseline.compared(36.0, 1) is Usual.UNKNOWN
        assert baseline.compared(41.0, 1) is Usual.UNKNOWN
    assert Baseline().median_c is None
    assert Baseline().sd_c is None


def test_thirty_people_know_what_is_usual() -> None:
    baseline = crowd(PEOPLE)
    assert baseline.compared(36.0, 1) is Usual.USUAL
    assert baseline.compared(38.0, 1) is Usual.UNUSUAL
    assert baseline.compared(33.0, 1) is Usual.UNUSUAL
    assert baseline.compared(math.nan, 1) is Usual.UNUSUAL


@given(st.lists(st.floats(34.0, 39.0), min_size=PEOPLE, max_size=3 * PEOPLE))
def test_median_and_spread_are_those_of_the_last_thirty(temps_c: list[float]) -> None:
    baseline = Baseline()
    for temp_c in temps_c:
        baseline = baseline.met(temp_c, "monday")
    last_c = temps_c[-PEOPLE:]
    middle_c = median(last_c)
    assert baseline.median_c == middle_c
    spread_c = 1.4826 * median(abs(each - middle_c) for each in last_c)
    assert baseline.sd_c == pytest.approx(max(SPREAD_C_MIN, spread_c))


def test_a_few_fevers_among_thirty_do_not_become_usual() -> None:
    baseline = crowd(PEOPLE - 6)
    for _ in range(6):
        baseline = baseline.met(38.5, 1)
    assert baseline.compared(38.5, 1) is Usual.UNUSUAL
    assert baseline.compared(36.1, 1) is Usual.USUAL


def test_people_without_fever_are_seldom_unusual() -> None:
    """6,000 people of 0.45 °C spread, seeded: some 1 in 100 is measured again for nothing."""
    generator = np.random.default_rng(5)
    baseline, unusual = Baseline(), 0
    for temp_c in generator.normal(35.6, 0.45, 6000).tolist():
        unusual += baseline.compared(temp_c, 1) is Usual.UNUSUAL
        baseline = baseline.met(temp_c, 1)
    assert 0.002 < unusual / 6000 < 0.02


def test_a_new_day_and_a_reset_start_anew() -> None:
    baseline = crowd(PEOPLE)
    assert baseline.compared(38.0, 2) is Usual.UNKNOWN
    assert baseline.met(36.0, 2).recent_c == (36.0,)
    assert baseline.reset().compared(38.0, 1) is Usual.UNKNOWN
    assert baseline.met(math.inf, 2) == baseline


@pytest.mark.parametrize("people", [0, 2, 1001])
def test_a_baseline_of_too_few_or_too_many_is_refused(people: int) -> None:
    with pytest.raises(ValueError, match="3 to 1000"):
        Baseline(people=people)
