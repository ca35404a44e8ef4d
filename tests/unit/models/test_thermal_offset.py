"""The sensor's error, followed by a Kalman filter: how sure it is, how soon it follows, what it forgets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.thermal.reference.offset import (
    DRIFT_C_MAX,
    DRIFT_S,
    FLAT_FIELD_C,
    JUMP_SD,
    NOISE_C,
    SEEN_MIN,
    UNKNOWN_C,
    Offset,
)


def looked(
    *errors_c: float, start: Offset | None = None, start_s: float = 0.0, step_s: float = 0.1
) -> Offset:
    offset = start or Offset()
    for number, error_c in enumerate(errors_c):
        offset = offset.looked(error_c, start_s + number * 0.1)
    return offset


def test_the_first_look_is_believed_and_three_settle() -> None:
    offset = looked(1.8)
    assert offset.value_c == pytest.approx(1.8, abs=1e-3)
    assert offset.sd_c <= 0.02
    assert not offset.settled
    assert looked(*[1.8] * SEEN_MIN).settled
    assert looked(1.8, 1.8).lost().looked(1.8, 1.0).seen == 1


def test_noise_is_averaged_and_drift_is_followed() -> None:
    rng = np.random.default_rng(1)
    steady = looked(*(1.8 + rng.normal(0, 0.02, 200)))
    assert steady.value_c == pytest.approx(1.8, abs=0.02)
    assert steady.sd_c < 0.015
    ramp = looked(*(1.8 + 0.001 * np.arange(200)))
    assert ramp.value_c == pytest.approx(2.0, abs=0.01)
    assert not ramp.drifting


def test_what_is_not_seen_gets_less_sure_and_older() -> None:
    offset = looked(*[1.8] * 5)
    assert offset.age_s(10.4) == pytest.approx(10.0)
    assert Offset().age_s(3.0) == math.inf
    later = offset.waited(100.0)
    assert later.value_c == offset.value_c
    assert 0.15 < later.sd_c < 0.25
    assert offset.waited(1e9).sd_c == UNKNOWN_C
    assert later.waited(50.0).sd_c == later.sd_c  # a clock that went back makes nothing surer


def test_a_flat_field_correction_makes_it_unsure_until_it_was_seen_again() -> None:
    offset = looked(*[1.8] * 5).corrected()
    assert not offset.settled
    assert offset.sd_c > 1.4
    assert offset.value_c == pytest.approx(1.8, abs=1e-3)
    again = looked(*[0.46] * SEEN_MIN, start=offset, start_s=1.0)
    assert again.settled
    assert again.value_c == pytest.approx(0.46, abs=0.01)
    assert not again.drifting


def test_a_jump_without_a_correction_is_followed_and_told() -> None:
    offset = looked(*[1.8] * 20)
    jumped = looked(*[0.46] * 3, start=offset, start_s=2.0)
    assert jumped.value_c == pytest.approx(0.46, abs=0.02)
    assert jumped.drifting
    assert not looked(*[0.46] * 130, start=offset, start_s=2.0).drifting


def test_a_quick_drift_is_told() -> None:
    per_s = 1.5 * DRIFT_C_MAX / DRIFT_S
    assert looked(*(per_s * 0.1 * np.arange(100))).drifting
    assert not looked(*(0.5 * per_s * 0.1 * np.arange(300))).drifting


@given(st.lists(st.tuples(st.floats(-300.0, 300.0), st.floats(0.0, 1e6)), max_size=30))
def test_whatever_is_seen_whenever_the_estimate_is_a_number_between_what_was_seen(
    looks: list[tuple[float, float]],
) -> None:
    offset = Offset()
    for error_c, at_s in looks:
        offset = offset.looked(error_c, at_s)
        assert math.isfinite(offset.value_c)
        assert 0.0 <= offset.variance_c2 <= UNKNOWN_C**2
        assert len(offset.course) <= DRIFT_S + 2
    seen = [0.0, *(error_c for error_c, _ in looks)]
    assert min(seen) - 1e-9 <= offset.value_c <= max(seen) + 1e-9


waits_s = st.floats(0.0, 1000.0)
"""Between two things that happen."""
happened = st.one_of(
    st.tuples(st.just("look"), waits_s, st.floats(-9.0, 9.0)),
    st.tuples(st.sampled_from(("wait", "corrected", "lost")), waits_s, st.just(0.0)),
)


@given(st.lists(happened, max_size=40))
def test_whatever_happens_it_is_never_surer_than_its_looks_and_settled_only_by_looks(
    events: list[tuple[str, float, float]],
) -> None:
    offset, now_s, looks, since = Offset(), 50.0, 0, 0
    for what, wait_s, error_c in events:
        now_s += wait_s
        before = offset.waited(now_s)
        assert before.variance_c2 >= offset.variance_c2
        if what == "look":
            offset = before.looked(error_c, now_s)
            looks, since = looks + 1, since + 1
        elif what == "wait":
            offset = before
        else:
            offset = before.corrected() if what == "corrected" else before.lost()
            since = 0
            assert offset.variance_c2 >= before.variance_c2
            if what == "corrected":
                assert offset.sd_c >= FLAT_FIELD_C
        justified_c2 = NOISE_C**2 / looks if looks else UNKNOWN_C**2
        assert justified_c2 * (1.0 - 1e-4) <= offset.variance_c2 <= UNKNOWN_C**2
        assert offset.settled is (since >= SEEN_MIN)
        assert abs(offset.value_c) <= 9.0


@given(
    before_c=st.floats(-5.0, 5.0),
    step_c=st.floats(0.25, 5.0) | st.floats(-5.0, -0.25),
    looks=st.integers(1, 200),
    every_s=st.floats(0.02, 1.0),
)
def test_after_a_step_the_value_settles_within_three_looks(
    before_c: float, step_c: float, looks: int, every_s: float
) -> None:
    offset = Offset()
    for number in range(looks):
        offset = offset.looked(before_c, number * every_s)
    for number in range(looks, looks + SEEN_MIN):
        offset = offset.looked(before_c + step_c, number * every_s)
    assert offset.value_c == pytest.approx(before_c + step_c, abs=NOISE_C)


def test_a_look_within_the_noise_moves_a_settled_value_little() -> None:
    steady = looked(*[1.8] * 200)
    off_c = 0.5 * JUMP_SD * NOISE_C
    assert steady.looked(1.8 + off_c, 20.0).value_c == pytest.approx(1.8, abs=0.4 * off_c)
