"""Whether a check can be made: who is told, how often, and about which doors."""

import pytest

from cardea.contract.records import AlertKind, Severity
from edge.alerts import Alarm
from edge.faces.availability import Availability


class Told:
    """What would be on the wire: a state that is raised twice is one alert."""

    def __init__(self) -> None:
        self.raised: list[Alarm] = []
        self.cleared: list[tuple[Alarm, str]] = []

    def raise_(self, alarm: Alarm) -> None:
        self.raised.append(alarm)

    def clear(self, alarm: Alarm, evidence: str) -> None:
        self.cleared.append((alarm, evidence))


@pytest.fixture
def told() -> Told:
    return Told()


def places(alarms: list[Alarm]) -> list[str | None]:
    return [alarm.device or alarm.portal for alarm in alarms]


def test_nothing_is_said_before_anybody_knows(told: Told) -> None:
    check = Availability("face", told, cameras=["camera"], portals=["lobby"])
    assert check.reason is None
    check.concern("gate")
    assert (told.raised, told.cleared) == ([], [])


def test_it_is_raised_at_every_place_with_its_reason_as_minor(told: Told) -> None:
    check = Availability("face", told, cameras=["camera"], portals=["lobby", "gate"])
    check.lost(RuntimeError("no model"))
    assert check.reason == "no model"
    assert places(told.raised) == ["camera", "lobby", "gate"]
    assert (told.raised[0].device, told.raised[0].portal) == ("camera", None)
    assert (told.raised[1].device, told.raised[1].portal) == (None, "lobby")
    for alarm in told.raised:
        assert (alarm.alert, alarm.severity) == (AlertKind.CHECK_UNAVAILABLE, Severity.MINOR)
        assert alarm.detail == {"check": "face", "reason": "no model"}


def test_an_error_without_words_has_its_kind_as_reason(told: Told) -> None:
    check = Availability("face", told)
    check.lost(TimeoutError())
    assert check.reason == "TimeoutError"


def test_one_reason_is_logged_once_and_another_again(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        "edge.faces.availability._LOG.warning", lambda event, **fields: said.append(fields["reason"])
    )
    check = Availability("face", told, portals=["lobby"])
    for reason in ("a", "a", "b"):
        check.lost(RuntimeError(reason))
    assert said == ["a", "b"]
    check.back()
    check.lost(RuntimeError("b"))
    assert said == ["a", "b", "b"]


def test_it_is_cleared_where_it_was_raised(told: Told) -> None:
    check = Availability("face", told, cameras=["camera"], portals=["lobby"])
    check.lost(RuntimeError("no model"))
    check.back()
    assert check.reason is None
    assert places([alarm for alarm, _ in told.cleared]) == places(told.raised)
    assert {evidence for _, evidence in told.cleared} == {"face: looked at again"}


def test_a_portal_that_comes_later_hears_what_is_known(told: Told) -> None:
    check = Availability("face", told)
    check.lost(RuntimeError("no model"))
    check.concern("lobby")
    check.concern("lobby")
    assert places(told.raised) == ["lobby"]
    check.back()
    told.cleared.clear()
    check.concern("lobby")
    assert told.cleared == []
    check.concern("gate")
    assert places([alarm for alarm, _ in told.cleared]) == ["gate"]
    check.lost(RuntimeError("gone"))
    assert places(told.raised) == ["lobby", "lobby", "gate"]


def test_the_callers_list_of_portals_stays_their_own(told: Told) -> None:
    portals = ["lobby"]
    Availability("face", told, portals=portals).concern("gate")
    assert portals == ["lobby"]
