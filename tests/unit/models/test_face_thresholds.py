"""What scores must reach, and how often strangers reach it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.thresholds import FRAMES_MAX, Thresholds, fpir

ANY = st.floats(allow_nan=True, allow_infinity=True)


def test_the_defaults_are_those_measured() -> None:
    assert Thresholds() == Thresholds(
        verify_min=0.40,
        identify_min=0.50,
        uncertain_min=0.40,
        margin_min=0.08,
        frames_min=3,
        live_min=0.8,
        live_frames_min=5,
        one_to_many_max=500,
    )


WRONG = [
    ({"uncertain_min": 0.0}, "uncertain_min"),
    ({"uncertain_min": 0.41}, "uncertain_min <= verify_min"),
    ({"verify_min": 0.51}, "verify_min <= identify_min"),
    ({"identify_min": 1.01}, "identify_min <= 1"),
    ({"verify_min": math.nan}, "verify_min"),
    ({"margin_min": 0.0}, "margin_min"),
    ({"margin_min": 1.5}, "margin_min"),
    ({"live_min": 0.0}, "live_min"),
    ({"live_min": 1.1}, "live_min"),
    ({"live_min": math.nan}, "live_min"),
    ({"frames_min": 0}, "1 <= frames_min"),
    ({"frames_min": FRAMES_MAX + 1}, "1 <= frames_min"),
    ({"live_frames_min": 0}, "live_frames_min"),
    ({"live_frames_min": FRAMES_MAX + 1}, "live_frames_min"),
    ({"one_to_many_max": 0}, "one_to_many_max"),
]


@pytest.mark.parametrize(("fields", "named"), WRONG)
def test_the_rule_that_does_not_hold_is_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match="face thresholds: must hold: ") as caught:
        Thresholds(**fields)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@given(ANY, ANY, ANY)
def test_cosines_are_taken_in_order_only(uncertain: float, verify: float, identify: float) -> None:
    fields: dict[str, Any] = {"uncertain_min": uncertain, "verify_min": verify, "identify_min": identify}
    if 0.0 < uncertain <= verify <= identify <= 1.0:
        assert Thresholds(**fields).verify_min == verify
    else:
        with pytest.raises(ValueError, match="uncertain_min <= verify_min <= identify_min"):
            Thresholds(**fields)


@pytest.mark.parametrize(("fmr", "people", "wanted"), [(1e-4, 500, 0.04877), (1e-4, 10_000, 0.63214)])
def test_strangers_are_found_in_large_galleries(fmr: float, people: int, wanted: float) -> None:
    assert fpir(fmr, people) == pytest.approx(wanted, abs=1e-5)


@given(st.floats(0.0, 1.0), st.integers(0, 200))
def test_fpir_is_the_chance_that_not_all_comparisons_are_right(fmr: float, people: int) -> None:
    right = 1.0
    for _ in range(people):
        right *= 1.0 - fmr
    assert fpir(fmr, people) == pytest.approx(1.0 - right, abs=1e-12)
    assert fpir(fmr, people) <= fpir(fmr, people + 1) <= 1.0


def test_small_rates_are_not_lost_to_rounding() -> None:
    assert fpir(1e-18, 10) == pytest.approx(1e-17, rel=1e-9)


@pytest.mark.parametrize(("fmr", "people"), [(-0.1, 1), (1.1, 1), (math.nan, 1), (0.5, -1)])
def test_what_is_no_rate_is_refused(fmr: float, people: int) -> None:
    with pytest.raises(ValueError, match="must hold"):
        fpir(fmr, people)
