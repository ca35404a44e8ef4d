"""A terminal's reading as a screening."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.records import ScreeningState
from cardea.contract.time import ClockQuality, Instant
from drivers.api import TemperatureMeasured
from edge.decide.screening import ScreeningLimits, screen

LIMITS = ScreeningLimits()
NOW = Instant(0.0, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)


def state(value_c, abnormal=None, limits=LIMITS):
    return screen(
        TemperatureMeasured(at=NOW, value_c=value_c, abnormal=abnormal), limits, compliant=True
    ).state


@pytest.mark.parametrize(
    ("value_c", "expected"),
    [
        (36.5, ScreeningState.NORMAL),
        (36.99, ScreeningState.NORMAL),
        (37.0, ScreeningState.RETEST),
        (37.29, ScreeningState.RETEST),
        (37.3, ScreeningState.ELEVATED),
        (45.0, ScreeningState.ELEVATED),
        (45.1, ScreeningState.NOT_SCREENED),
        (30.0, ScreeningState.NORMAL),
        (29.9, ScreeningState.NOT_SCREENED),
        (0.0, ScreeningState.NOT_SCREENED),
        (math.nan, ScreeningState.NOT_SCREENED),
        (math.inf, ScreeningState.NOT_SCREENED),
    ],
)
def test_the_sites_thresholds(value_c, expected):
    assert state(value_c) is expected


def test_the_vendors_word_only_escalates_and_only_to_a_retest():
    assert state(36.5, abnormal=True) is ScreeningState.RETEST
    assert state(38.0, abnormal=False) is ScreeningState.ELEVATED
    assert state(0.0, abnormal=True) is ScreeningState.NOT_SCREENED
    assert state(36.5, abnormal=False) is ScreeningState.NORMAL


def test_the_reading_is_kept_and_what_is_no_number_is_not():
    reading = TemperatureMeasured(at=NOW, value_c=36.6)
    found = screen(reading, LIMITS, compliant=False)
    assert (found.surface_temp_c, found.compliant) == (36.6, False)
    nothing = screen(TemperatureMeasured(at=NOW, value_c=math.nan), LIMITS, compliant=True)
    assert nothing.surface_temp_c is None


@pytest.mark.parametrize(
    "limits",
    [
        {"retest_c": 38.0, "elevated_c": 37.0},
        {"retest_c": 20.0},
        {"elevated_c": 60.0},
        {"retest_c": math.nan},
    ],
)
def test_thresholds_that_make_no_sense(limits):
    with pytest.raises(ValueError, match="must hold"):
        ScreeningLimits(**limits)


@given(st.floats(), st.sampled_from([True, False, None]))
def test_normal_is_never_said_of_what_is_not(value_c, abnormal):
    if state(value_c, abnormal) is ScreeningState.NORMAL:
        assert 30.0 <= value_c < 37.0
        assert not abnormal


@pytest.mark.parametrize(("said", "compliant"), [(None, True), (False, True), (True, False)])
def test_a_thermometer_that_makes_body_temperatures_gives_advice_whatever_was_shown(said, compliant):
    reading = TemperatureMeasured(at=NOW, value_c=38.2, vendor_compensated=said)
    found = screen(reading, LIMITS, compliant=True)
    assert (found.state, found.compliant) == (ScreeningState.ELEVATED, compliant)
    assert not screen(reading, LIMITS, compliant=False).compliant
