"""The Bernoulli CUSUM on the alarm rate."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.thermal.decision import alarm_rate
from models.thermal.decision.alarm_rate import AlarmRate, Chart, chart, run_length


def by_linear_equations(rate: float, drawn: Chart) -> float:
    """The run length from the chain's own equations, L = 1 + Q L."""
    moves = np.zeros((drawn.limit, drawn.limit))
    for level in range(drawn.limit):
        moves[level, max(0, level - 1)] += 1.0 - rate
        if level + drawn.rise < drawn.limit:
            moves[level, level + drawn.rise] += rate
    return float(np.linalg.solve(np.eye(drawn.limit) - moves, np.ones(drawn.limit))[0])


@given(st.floats(0.005, 0.6), st.integers(1, 30), st.integers(1, 60))
def test_run_lengths_are_those_of_the_markov_chain(rate: float, rise: int, limit: int) -> None:
    """The equations are the worse conditioned, the longer the run."""
    drawn = Chart(rise, limit)
    found = run_length(rate, drawn)
    assume(found < 1e12)
    assert found == pytest.approx(by_linear_equations(rate, drawn), rel=1e-9 + 1e-15 * found)


def test_a_long_run_is_told_exactly() -> None:
    """One step at a time, 3 to 1 against: t(0) = 4 people to the next level, t(n) = 4 + 3 t(n - 1)."""
    steps = [4 * sum(3**power for power in range(level + 1)) for level in range(22)]
    assert run_length(0.25, Chart(1, 22)) == pytest.approx(sum(steps), rel=1e-12)


@given(
    st.floats(0.005, 0.2),
    st.floats(2.0, 4.0),
    st.floats(50.0, 20_000.0),
)
def test_the_limit_is_the_lowest_that_keeps_false_alarms_rare(
    target: float, times: float, people: float
) -> None:
    drawn = chart(target, target * times, people)
    assert run_length(target, drawn) >= people
    assert run_length(target, Chart(drawn.rise, drawn.limit - 1)) < people if drawn.limit > 1 else True
    assert run_length(target * times, drawn) < run_length(target, drawn)


def test_the_reference_value_lies_between_the_rates() -> None:
    """Reynolds and Stoumbos 1999: r1 / r2 for 1 % and 4 % is 0.0218, so one alarm outweighs 45 people."""
    r1 = -math.log(0.96 / 0.99)
    r2 = math.log(0.04 * 0.99 / (0.01 * 0.96))
    drawn = chart(0.01, 0.04, 10_000)
    assert drawn.rise + 1 == round(r2 / r1) == 46
    assert 0.01 < 1.0 / (drawn.rise + 1) < 0.04


def runs_to_alarm(rate: float, drawn: Chart, runs: int, seed: int) -> float:
    generator = np.random.default_rng(seed)
    lengths: list[int] = []
    for _ in range(runs):
        seen, people = AlarmRate(), 0
        while not seen.off_target:
            seen = seen.met(drawn, alarmed=bool(generator.random() < rate))
            people += 1
        lengths.append(people)
    return float(np.mean(lengths))


def test_false_alarms_are_as_rare_as_promised_and_a_raised_rate_is_found_soon() -> None:
    """Simulated, seeded: 300 runs have a standard error of some 6 %."""
    drawn = chart(0.05, 0.2, 500)
    assert runs_to_alarm(0.05, drawn, 300, 3) == pytest.approx(run_length(0.05, drawn), rel=0.2)
    assert runs_to_alarm(0.2, drawn, 300, 4) == pytest.approx(run_length(0.2, drawn), rel=0.2)
    assert run_length(0.2, drawn) < 40


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 60), st.integers(1, 200))
def test_the_level_stays_within_bounds_and_an_alarm_lasts_until_nought(
    alarms: list[bool], rise: int, limit: int
) -> None:
    drawn, seen = Chart(rise, limit), AlarmRate()
    for alarmed in alarms:
        before, seen = seen, seen.met(drawn, alarmed=alarmed)
        assert 0 <= seen.level <= limit
        assert seen.alarms <= seen.people <= len(alarms)
        assert seen.off_target == (
            seen.level > 0 and (before.off_target or before.level + rise * alarmed >= limit)
        )


def test_after_the_rate_is_back_at_its_target_the_alarm_ends() -> None:
    drawn, seen = chart(0.01, 0.04, 10_000), AlarmRate()
    for _ in range(10):
        seen = seen.met(drawn, alarmed=True)
    assert seen.off_target
    assert (seen.alarms, seen.people) == (10, 10)
    for _ in range(drawn.limit):
        assert seen.off_target
        seen = seen.met(drawn, alarmed=False)
    assert seen == AlarmRate()


@pytest.mark.parametrize(
    ("target", "detectable", "people"),
    [
        (0.001, 0.01, 1e4),
        (0.01, 0.019, 1e4),
        (0.3, 0.95, 1e4),
        (0.01, 0.04, 9),
        (0.01, 0.04, 2e6),
        (math.nan, 0.1, 1e4),
    ],
)
def test_rates_too_close_and_numbers_out_of_bounds_are_refused(
    target: float, detectable: float, people: float
) -> None:
    with pytest.raises(ValueError, match="must"):
        chart(target, detectable, people)


def test_a_chart_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_rate, "LIMIT_MAX", 20)
    with pytest.raises(ValueError, match="no limit"):
        chart(0.0123, 0.0456, 98_765)
