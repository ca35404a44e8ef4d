"""A reading becomes evidence with every term; what is not a number never reaches the wire."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.encoding import encode
from cardea.contract.records import ScreeningState
from cardea.contract.screening import Correction, NotScreened
from edge.thermal.evidence import attributable, screening_of
from models.thermal.people.people import Sight
from models.thermal.reading import Measurement, Reading, terms_of
from models.thermal.reference.disc import Circle
from models.thermal.station import Step

ANY = st.floats() | st.floats(-50, 60)


def test_a_reading_becomes_evidence_with_its_terms() -> None:
    found = Measurement(
        raw_c=34.9104,
        radiometry_c=0.31,
        reference_c=1.02,
        correction=Correction.TWO_POINT,
        gain=1.00321,
        uncertainty_c=0.21,
        reference_age_s=0.123,
    )
    screening = screening_of(Reading(at_s=1.0, presence=1, measurement=found), 37.3, compliant=False)
    assert (screening.state, screening.surface_temp_c) == (ScreeningState.NORMAL, 36.24)
    assert not screening.compliant
    terms = screening.terms
    assert terms is not None
    assert (terms.raw_c, terms.gain, terms.reference_age_s, terms.threshold_c) == (34.91, 1.0032, 0.12, 37.3)


def _sight(number: int, refused: NotScreened | None = None) -> Sight:
    circle = Circle(50.0, 30.0 * number, 16.0)
    return Sight(
        number=number, began_as=number, circle=circle, refused=refused, stood=True, stirred=True, found=None
    )


def test_l7_while_two_people_stand_near_neither_temperature_is_evidence() -> None:
    found = Measurement(raw_c=35.5, uncertainty_c=0.2)
    told = Reading(at_s=1.0, presence=1, first=True, measurement=found)
    alone, far = _sight(1), _sight(2, NotScreened.TOO_FAR)
    assert attributable(Step(readings=(told,), people=(alone, far))) == (told,)
    (beside,) = attributable(Step(readings=(told,), people=(alone, _sight(2, NotScreened.NOT_STEADY))))
    assert (beside.measurement, beside.reason, beside.first) == (None, NotScreened.OVERLAPPING, False)
    blocked = Reading(at_s=1.0, presence=0, reason=NotScreened.FLAT_FIELD)
    (same,) = attributable(Step(readings=(blocked,), people=(alone, _sight(2))))
    assert same.reason is NotScreened.FLAT_FIELD


def test_without_a_measurement_the_reason_is_the_evidence() -> None:
    none = Reading(at_s=1.0, presence=0, reason=NotScreened.TOO_NEAR)
    screening = screening_of(none, 37.3, compliant=True)
    assert (screening.state, screening.reason) == (ScreeningState.NOT_SCREENED, NotScreened.TOO_NEAR)
    assert (screening.surface_temp_c, screening.terms) == (None, None)


@given(raw_c=ANY, radiometry_c=ANY, reference_c=ANY, uncertainty_c=ANY, gain=ANY, age_s=st.none() | ANY)
def test_what_is_no_number_never_reaches_the_wire(
    raw_c: float,
    radiometry_c: float,
    reference_c: float,
    uncertainty_c: float,
    gain: float,
    age_s: float | None,
) -> None:
    found = Measurement(
        raw_c=raw_c,
        radiometry_c=radiometry_c,
        reference_c=reference_c,
        uncertainty_c=uncertainty_c,
        gain=gain,
        reference_age_s=age_s,
    )
    terms = terms_of(found, 37.3)
    numbers = [raw_c, radiometry_c, reference_c, uncertainty_c, gain, *([] if age_s is None else [age_s])]
    assert (terms is not None) == all(map(math.isfinite, numbers))
    if terms is not None:
        sent = (terms.raw_c, terms.radiometry_c, terms.reference_c, terms.uncertainty_c)
        assert sent == pytest.approx((raw_c, radiometry_c, reference_c, uncertainty_c), abs=6e-4, rel=1e-9)
        assert b"null" not in encode(sent)
