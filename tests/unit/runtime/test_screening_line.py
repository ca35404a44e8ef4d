"""The line for a guard and the sum behind it: every state in both languages, and a sum that adds up."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.records import ScreeningState
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from cardea.runtime.i18n import Language, translator
from cardea.runtime.phrases import phrase
from cardea.runtime.screening_line import explain, origin_of, sum_of

EN = translator(Language.EN)
MEASURED = (ScreeningState.NORMAL, ScreeningState.RETEST, ScreeningState.ELEVATED)


def terms(**given: object) -> ScreeningTerms:
    values: dict[str, object] = {
        "raw_c": 34.91,
        "radiometry_c": 0.31,
        "reference_c": 1.02,
        "site_c": 0.0,
        "uncertainty_c": 0.21,
        "correction": Correction.ONE_POINT,
        "reference_age_s": 0.4,
        "threshold_c": 37.3,
    }
    return ScreeningTerms(**(values | given))  # type: ignore[arg-type]  # chosen here


def test_a_guard_is_told_in_one_line() -> None:
    assert explain(EN, ScreeningState.NORMAL, 36.24, terms()) == "36.2°C (±0.4°C): below the limit of 37.3°C"
    assert explain(EN, ScreeningState.RETEST, 37.2, terms()) == (
        "37.2°C (±0.4°C): too close to the limit of 37.3°C to tell"
    )
    assert explain(EN, ScreeningState.ELEVATED, 38.0, terms()) == (
        "38.0°C (±0.4°C): above the limit of 37.3°C"
    )


def test_who_is_measured_again_for_being_unlike_the_last_people_is_told_so() -> None:
    assert explain(EN, ScreeningState.RETEST, 36.9, terms(usual_c=35.2)) == (
        "36.9°C (±0.4°C): below the limit of 37.3°C, but unlike the last people (35.2°C)"
    )


@pytest.mark.parametrize("state", MEASURED)
def test_a_number_without_terms_is_said_to_be_the_devices_own(state: ScreeningState) -> None:
    for without in (None, terms(threshold_c=None)):
        assert explain(EN, state, 36.6, without).startswith("36.6°C, the device's own number: ")
    assert len({explain(EN, each, 36.6) for each in MEASURED}) == 3


def test_a_number_that_is_no_persons_is_not_called_a_temperature_of_one() -> None:
    said = "Not screened: 0.0°C is not the temperature of a person"
    for known in (None, terms()):
        assert explain(EN, ScreeningState.NOT_SCREENED, 0.0, known) == said


@pytest.mark.parametrize("reason", NotScreened)
def test_l7_without_a_temperature_the_reason_is_told_whatever_else_is_said(reason: NotScreened) -> None:
    for state in ScreeningState:
        assert explain(EN, state, None, None, reason) == phrase(reason)
        assert explain(EN, state, None) == "Not screened"


def test_the_sum_shows_every_term_with_its_sign() -> None:
    assert sum_of(EN, terms()) == (
        "raw 34.91 + 0.31 radiometry + 1.02 reference + 0.00 site = 36.24 ± 0.42 °C"
    )
    assert "− 1.50 reference" in sum_of(EN, terms(reference_c=-1.5))


@given(*[st.floats(-60, 60)] * 4)
def test_the_sum_adds_up_as_it_stands_there(
    raw_c: float, radiometry_c: float, reference_c: float, site_c: float
) -> None:
    text = sum_of(
        EN, terms(raw_c=raw_c, radiometry_c=radiometry_c, reference_c=reference_c, site_c=site_c)
    ).replace("− ", "-")
    *added, total, _ = (float(number) for number in re.findall(r"-?\d+\.\d\d", text))
    assert sum(added) == pytest.approx(total, abs=1e-9)
    assert total == pytest.approx(raw_c + radiometry_c + reference_c + site_c, abs=0.021)


def test_the_origin_tells_how_old_the_references_word_was() -> None:
    assert origin_of(EN, terms()) == (
        "Corrected by one reference source: an offset; the reference was seen 0.4 s before"
    )
    own = terms(correction=Correction.NONE, reference_age_s=None)
    assert origin_of(EN, own) == "By the instrument's own calibration"


@pytest.mark.parametrize("language", Language)
def test_both_languages_say_all_of_it(language: Language) -> None:
    say = translator(language)
    assert "36.2" in explain(say, ScreeningState.NORMAL, 36.24, terms())
    assert "36.24" in sum_of(say, terms())
    assert "0.4" in origin_of(say, terms())
