"""The uncertainty budget and the three states."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.records import ScreeningState
from cardea.contract.screening import NotScreened
from models.thermal.decision.screening import Bands, probability, state
from models.thermal.reading import Measurement, Reading
from models.thermal.uncertainty import Budget, expanded_c

THRESHOLD_C = 37.3
U_C = Budget().combined_c()


def reading(surface_temp_c: float, uncertainty_c: float = U_C) -> Reading:
    found = Measurement(
        raw_c=surface_temp_c - 2.0, radiometry_c=0.2, reference_c=1.8, uncertainty_c=uncertainty_c
    )
    return Reading(at_s=0.0, presence=1, measurement=found)


def test_the_budget_is_that_of_the_published_terms() -> None:
    assert pytest.approx(0.21, abs=0.005) == U_C
    assert expanded_c(U_C) == pytest.approx(0.42, abs=0.01)
    assert Budget().combined_c(math.hypot(0.15, 0.3)) == pytest.approx(math.hypot(U_C, 0.3))


def test_the_expanded_uncertainty_keeps_to_the_standards_half_degree() -> None:
    """IEC 80601-2-59:2017, 201.101: ≤ 0.5 °C with the reference."""
    assert expanded_c(Budget().combined_c(math.hypot(0.15, 0.02))) <= 0.5


STATES = {
    36.5: ScreeningState.NORMAL,
    36.9: ScreeningState.NORMAL,
    37.0: ScreeningState.RETEST,
    37.3: ScreeningState.RETEST,
    37.6: ScreeningState.RETEST,
    37.7: ScreeningState.ELEVATED,
    39.0: ScreeningState.ELEVATED,
}


@pytest.mark.parametrize("surface_temp_c", STATES)
def test_what_cannot_be_told_apart_from_the_threshold_is_measured_again(surface_temp_c: float) -> None:
    assert reading(surface_temp_c).state(THRESHOLD_C) is STATES[surface_temp_c]


def test_a_surer_thermometer_retests_less_and_one_that_knows_nothing_always() -> None:
    assert state(37.1, THRESHOLD_C, 0.1) is ScreeningState.NORMAL
    assert state(37.1, THRESHOLD_C, 0.3) is ScreeningState.RETEST
    assert state(30.0, THRESHOLD_C, math.inf) is ScreeningState.RETEST
    assert state(37.3001, THRESHOLD_C, 0.0) in (ScreeningState.RETEST, ScreeningState.ELEVATED)


def test_the_bands_are_a_sites_choice() -> None:
    wide = Bands(normal_p_max=0.01, elevated_p_min=0.5)
    assert state(37.3, THRESHOLD_C, U_C, wide) is ScreeningState.ELEVATED
    assert state(36.9, THRESHOLD_C, U_C, wide) is ScreeningState.RETEST
    for normal, elevated in ((0.0, 0.9), (0.6, 0.4), (0.1, 1.0)):
        with pytest.raises(ValueError, match="must hold"):
            Bands(normal_p_max=normal, elevated_p_min=elevated)


@given(temp_c=st.floats(-300, 1e4), warmer=st.floats(0, 100), u=st.floats(0, 10))
def test_warmer_is_never_less_probably_elevated(temp_c: float, warmer: float, u: float) -> None:
    first, second = (probability(t, THRESHOLD_C, u) for t in (temp_c, temp_c + warmer))
    assert 0.0 <= first <= second <= 1.0


@pytest.mark.parametrize("reason", NotScreened)
def test_l7_without_a_measurement_nobody_is_normal(reason: NotScreened) -> None:
    none = Reading(at_s=0.0, presence=0, reason=reason)
    assert none.state(THRESHOLD_C) is ScreeningState.NOT_SCREENED


def test_the_terms_add_up_to_what_is_told() -> None:
    found = reading(36.6).measurement
    assert found is not None
    assert found.surface_temp_c == found.raw_c + found.radiometry_c + found.reference_c
    assert found.surface_temp_c == pytest.approx(36.6)
