"""Terminals that bend what they measure: the sweep before a blackbody, and what they say of people."""

import math
from collections.abc import Callable
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.thermal.decision.compensation import (
    ORAL_SD_C,
    READINGS,
    SD_C_MIN,
    Sign,
    chance,
    narrowness,
    sweep,
)

POINTS_C = [35.0 + 0.25 * n for n in range(21)]


def swept(reads: Callable[[float], float]) -> list[tuple[float, float]]:
    return [(point_c, reads(point_c)) for point_c in POINTS_C]


def people(
    seed: int, sd_c: float, n: int = READINGS, mean_c: float = 36.6, step_c: float = 0.0
) -> list[float]:
    temps_c = np.random.default_rng(seed).normal(mean_c, sd_c, n)
    return (np.round(temps_c / step_c) * step_c if step_c else temps_c).tolist()


# --- the active test --------------------------------------------------------------------------------


@pytest.mark.parametrize("offset_c", [-1.2, 0.0, 0.4])
def test_an_honest_terminal_may_be_off_by_a_constant(offset_c: float) -> None:
    found = sweep(swept(lambda t: round(t + offset_c, 1)))
    assert not found.normalises
    assert found.points == 21
    assert found.slope == pytest.approx(1.0, abs=0.02)
    assert found.offset_c == pytest.approx(offset_c, abs=0.03)
    assert found.residual_c_max < 0.1


@pytest.mark.parametrize(
    ("reads", "signs"),
    [
        (lambda t: 37.0 + 0.5 * (t - 37.0), {Sign.SLOPE}),
        (lambda t: 37.0 + 1.2 * (t - 37.0), {Sign.SLOPE}),
        (lambda t: 36.5, {Sign.SLOPE, Sign.WINDOW}),
        (lambda t: 36.6 if 36.0 <= t <= 37.2 else t, {Sign.WINDOW}),
        (lambda t: t + 1.0 if t == 37.5 else t, {Sign.RESIDUAL}),
        (lambda t: min(t, 37.2), {Sign.SLOPE, Sign.RESIDUAL, Sign.WINDOW}),
    ],
    ids=["half", "stretched", "constant", "flat around normal", "one wild point", "never a fever"],
)
def test_a_terminal_that_bends_is_given_away(reads: Callable[[float], float], signs: set[Sign]) -> None:
    found = sweep(swept(reads))
    assert found.normalises
    assert signs <= set(found.signs)


def test_the_weakest_window_is_named() -> None:
    found = sweep(swept(lambda t: 37.5 if 37.5 <= t <= 38.5 else t))
    assert found.window_from_c == pytest.approx(37.5)
    assert found.window_slope_min == pytest.approx(0.0, abs=1e-9)


def test_order_and_repetition_are_no_matter() -> None:
    pairs = swept(lambda t: t - 0.2)
    again = sweep([*pairs[::-1], *pairs])
    assert again.points == 42
    assert again.slope == pytest.approx(1.0)
    assert not again.normalises


@pytest.mark.parametrize("missing", [0, 9, 20])
def test_a_sweep_with_a_hole_is_none(missing: int) -> None:
    pairs = swept(lambda t: t)
    del pairs[missing]
    with pytest.raises(ValueError, match=f"no reading at {POINTS_C[missing]:.2f} °C"):
        sweep(pairs)


WHOLE = [(t, t) for t in POINTS_C]


@pytest.mark.parametrize(
    "pairs",
    [[], [(math.nan, 36.0)], [*WHOLE, (36.0, math.inf)], [*WHOLE, (1e308, 36.0)], [*WHOLE, (36.0, -51.0)]],
)
def test_what_is_no_sweep_is_refused(pairs: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="sweep"):
        sweep(pairs)


@given(st.floats(0.91, 1.09), st.floats(-2.0, 2.0), st.integers(0, 1000))
def test_noise_and_steps_of_a_tenth_make_nobody_a_liar(slope: float, offset_c: float, seed: int) -> None:
    noise_c = np.random.default_rng(seed).uniform(-0.05, 0.05, 21)
    found = sweep(
        [
            (point_c, round(37.0 + offset_c + slope * (point_c - 37.0) + noise, 1))
            for point_c, noise in zip(POINTS_C, noise_c.tolist(), strict=True)
        ]
    )
    assert found.slope == pytest.approx(slope, abs=0.02)
    assert set(found.signs) <= {Sign.SLOPE}
    assert found.window_slope_min >= 0.5


# --- the passive test -------------------------------------------------------------------------------


def test_the_limit_is_the_chi_square_bound_that_it_is_said_to_be() -> None:
    runs = np.random.default_rng(100).normal(36.6, ORAL_SD_C, (50_000, READINGS))
    alarms = np.mean(runs.std(axis=1, ddof=1) < SD_C_MIN)
    assert chance(SD_C_MIN, READINGS) == pytest.approx(0.048, abs=0.0005)
    assert alarms == pytest.approx(chance(SD_C_MIN, READINGS), abs=0.003)


@pytest.mark.parametrize("step_c", [0.0, 0.1])
def test_false_alarms_of_the_whole_test_are_as_rare_as_said(step_c: float) -> None:
    """The least favourable honest terminal: it sees people as alike as their oral temperatures are."""
    flagged = [narrowness(people(seed, ORAL_SD_C, step_c=step_c)).normalises for seed in range(3000)]
    assert sum(map(bool, flagged)) / len(flagged) == pytest.approx(0.048, abs=0.012)


@pytest.mark.parametrize(("sd_c", "share"), [(0.10, 1.0), (0.20, 0.99), (0.35, 0.0), (0.50, 0.0)])
def test_its_power(sd_c: float, share: float) -> None:
    flagged = [narrowness(people(seed, sd_c, step_c=0.1)).normalises for seed in range(300)]
    assert sum(map(bool, flagged)) / 300 == pytest.approx(share, abs=0.03)


def test_fevers_do_not_hide_a_terminal_that_bends() -> None:
    readings_c = people(5, 0.15)
    readings_c[10], readings_c[50], readings_c[90] = 38.9, 39.4, 38.2
    assert stdev(readings_c) > SD_C_MIN
    found = narrowness(readings_c)
    assert found.normalises
    assert found.chance is not None
    assert found.chance < 1e-6


def test_somebody_cold_from_the_street_is_a_sign_of_honesty() -> None:
    readings_c = [*people(5, 0.15, 90), *people(6, 0.3, 10, mean_c=34.5)]
    assert narrowness(readings_c).normalises is False


def test_a_morning_full_of_fevers_is_not_narrow() -> None:
    found = narrowness([*people(5, 0.1, 85), *people(6, 0.1, 15, mean_c=38.5)])
    assert (found.readings, found.sd_c, found.normalises, found.wide) == (100, None, False, True)


def test_the_same_number_again_and_again_is_what_is_looked_for() -> None:
    found = narrowness([36.5] * READINGS)
    assert (found.sd_c, found.normalises) == (0.0, True)
    assert found.chance == pytest.approx(0.0, abs=1e-9)


def test_what_is_no_reading_does_not_count() -> None:
    nothing = [0.0, math.nan, -1.0, 99.9, math.inf]
    assert narrowness([*nothing, *people(1, 0.1, 99)]).normalises is None
    found = narrowness([*people(2, 0.4, 50), *nothing, *people(1, 0.1, 50), *nothing, *people(3, 0.1, 50)])
    assert (found.readings, found.normalises) == (100, True)


def test_nothing_is_no_finding() -> None:
    found = narrowness([])
    assert (found.readings, found.sd_c, found.chance, found.normalises, found.wide) == (
        0, None, None, None, False,
    )  # fmt: skip


@pytest.mark.parametrize(("sd_c", "wide"), [(0.2, False), (0.26, False), (0.4, True)])
def test_wide_has_a_margin(sd_c: float, *, wide: bool) -> None:
    temps_c = np.array(people(4, 1.0))
    temps_c = 36.6 + (temps_c - temps_c.mean()) / temps_c.std(ddof=1) * sd_c
    assert narrowness(temps_c.tolist()).wide is wide


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=300))
def test_any_numbers_are_weighed(readings_c: list[float]) -> None:
    found = narrowness(readings_c)
    assert 0 <= found.readings <= READINGS
    assert (found.normalises is None) == (found.readings < READINGS)
    assert not (found.normalises and found.wide)
