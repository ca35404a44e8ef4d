"""From a position's reading to a portal's evidence: the state at its threshold, and every term behind it."""

from dataclasses import replace

from cardea.contract.records import ScreeningState
from cardea.contract.screening import NotScreened
from edge.decide.evidence import Screening
from models.thermal.reading import DECIMALS, Reading, terms_of
from models.thermal.station import Step


def attributable(step: Step) -> tuple[Reading, ...]:
    """What a step tells, as evidence: while two people stand near, nobody can say who of them wants in."""
    near = sum(sight.refused is not NotScreened.TOO_FAR for sight in step.people)
    if near < 2:
        return step.readings
    return tuple(
        replace(reading, first=False, measurement=None, reason=reading.reason or NotScreened.OVERLAPPING)
        for reading in step.readings
    )


def screening_of(reading: Reading, threshold_c: float, *, compliant: bool) -> Screening:
    """What a reading says at one portal."""
    found = reading.measurement
    return Screening(
        state=reading.state(threshold_c),
        surface_temp_c=None if found is None else round(found.surface_temp_c, DECIMALS),
        compliant=compliant,
        terms=None if found is None else terms_of(found, threshold_c),
        reason=reading.reason,
    )


def looked_at_twice(screening: Screening, state: ScreeningState, usual_c: float | None) -> Screening:
    """A screening after the second look, at what is usual: it keeps its temperature, and says why."""
    if state is screening.state:
        return screening
    terms = screening.terms
    if terms is not None and usual_c is not None:
        terms = replace(terms, usual_c=round(usual_c, DECIMALS))
    return replace(screening, state=state, terms=terms)
