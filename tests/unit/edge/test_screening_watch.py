"""What watches a thermometer's screenings: the second line, and the alert when too many are elevated."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cardea.contract.records import AlertCleared, AlertKind, AlertRaised, ScreeningState
from cardea.contract.screening import NotScreened
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import SystemDisk
from edge.alerts import Alerts
from edge.notes import Notes
from edge.thermal.screening_watch import DRIFTED, MOVED_C, ScreeningWatch
from edge.thermal.settings import ScreeningWatchSettings, Thermometer
from models.thermal.reading import Measurement, Reading
from tests.unit.edge.committed_alerts import Rows

NORMAL, RETEST, ELEVATED = ScreeningState.NORMAL, ScreeningState.RETEST, ScreeningState.ELEVATED
NOT_SCREENED = ScreeningState.NOT_SCREENED
MORNING = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
QUICK = ScreeningWatchSettings(
    baseline_people=10, target_rate=0.1, detectable_rate=0.4, false_alarm_people=200
)


class Door:
    """A watch, and people before its thermometer."""

    def __init__(
        self, notes: Notes, settings: ScreeningWatchSettings = QUICK, zone: dt.tzinfo = dt.UTC
    ) -> None:
        self.rows = Rows()
        self.watch = ScreeningWatch(
            "lepton-1", settings, Alerts("tower-1", SystemClock(), SystemEntropy(), self.rows, notes), zone
        )
        self.people = 0

    def reads(
        self, temp_c: float, state: ScreeningState = NORMAL, at: dt.datetime = MORNING, *, first: bool = True
    ) -> ScreeningState:
        self.people += first
        measurement = Measurement(raw_c=temp_c, uncertainty_c=0.2)
        reading = Reading(at_s=0.0, presence=self.people, first=first, measurement=measurement)
        (after,) = self.watch.judged(reading, (state,), at)
        return after

    def crowd(self, people: int = 10, at: dt.datetime = MORNING) -> None:
        for index in range(people):
            self.reads(35.5 + 0.05 * (index % 7), at=at)
        self.reads(35.6, at=at)  # once somebody else comes, the last one is counted


def test_until_it_knows_enough_people_it_lets_every_state_stand(sim: ModuleType) -> None:
    door = Door(Notes(sim.SimClock()))
    for _ in range(10):
        assert door.reads(35.6) is NORMAL
    assert door.watch.picture()["baseline_people"] == 9, "who stands there is not among them"
    door.reads(35.6)
    assert door.reads(38.0) is RETEST
    assert door.watch.picture() == {"baseline_people": 10, "baseline_c": 35.6, "alarm_level": 0.0}


def test_a_stay_is_one_person_whatever_is_read_of_them(sim: ModuleType) -> None:
    door = Door(Notes(sim.SimClock()))
    for _ in range(30):
        door.reads(38.0, ELEVATED, first=door.people == 0)
    assert door.watch.picture()["alarm_level"] == 0.0
    assert door.watch.picture()["baseline_people"] == 0
    door.reads(35.5)
    assert door.watch.picture()["baseline_people"] == 1


def test_of_two_who_stand_beside_each_other_each_is_counted_once(sim: ModuleType) -> None:
    door = Door(Notes(sim.SimClock()))
    for turn in range(40):
        reading = Reading(
            at_s=0.0, presence=1 + turn % 2, measurement=Measurement(raw_c=35.5, uncertainty_c=0.2)
        )
        door.watch.judged(reading, (NORMAL,), MORNING)
    assert door.watch.picture()["baseline_people"] == 1, "one has been counted, the other still stands there"


@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=True) | st.floats(33.0, 40.0),
            st.sampled_from(ScreeningState),
            st.sampled_from([None, *NotScreened]),
            st.none() | st.floats(-5.0, 5.0) | st.just(float("nan")),
            st.integers(0, 3),
        ),
        max_size=60,
    )
)
def test_whatever_is_read_it_turns_normal_into_retest_and_nothing_else(
    happened: list[tuple[float, ScreeningState, NotScreened | None, float | None, int]],
) -> None:
    async def main() -> None:
        door = Door(Notes(SystemClock()))
        for temp_c, state, condition, offset_c, presence in happened:
            door.watch.looked(condition, offset_c)
            found = Measurement(raw_c=temp_c, uncertainty_c=0.2) if condition is None else None
            reading = Reading(at_s=0.0, presence=presence, measurement=found, reason=condition)
            (after,) = door.watch.judged(reading, (state,), MORNING)
            assert after is state or (state is NORMAL and after is RETEST)
            assert 0.0 <= float(str(door.watch.picture()["alarm_level"])) <= 1.0

    asyncio.run(main())


def test_each_portal_keeps_its_own_state(sim: ModuleType) -> None:
    door = Door(Notes(sim.SimClock()))
    door.crowd()
    reading = Reading(at_s=0.0, presence=99, measurement=Measurement(raw_c=38.2, uncertainty_c=0.2))
    states = (NORMAL, RETEST, ELEVATED, NOT_SCREENED)
    assert door.watch.judged(reading, states, MORNING) == (RETEST, RETEST, ELEVATED, NOT_SCREENED)
    nobody = Reading(at_s=0.0, presence=0, reason=NotScreened.TOO_FAR)
    assert door.watch.judged(nobody, (NOT_SCREENED,), MORNING) == (NOT_SCREENED,)


@pytest.mark.parametrize("condition", sorted(DRIFTED))
def test_drift_ends_what_was_usual_also_for_who_stands_there(sim: ModuleType, condition: NotScreened) -> None:
    door = Door(Notes(sim.SimClock()))
    door.crowd()
    door.watch.looked(condition, None)
    assert door.watch.picture()["baseline_people"] == 0
    door.reads(35.6)
    assert door.watch.picture()["baseline_people"] == 0, "read before the drift"
    assert door.reads(38.0) is NORMAL


FLAT_FIELDS: dict[str, tuple[Sequence[tuple[NotScreened | None, float | None]], bool]] = {
    "that moved little": (
        [(None, 1.0), (NotScreened.FLAT_FIELD, None), (None, None), (None, 1.0 + MOVED_C / 2)],
        True,
    ),
    "that moved much": ([(None, 1.0), (NotScreened.FLAT_FIELD, 1.0), (None, 1.0 + 2 * MOVED_C)], False),
    "before which nothing was known": ([(NotScreened.FLAT_FIELD, None), (None, 1.0)], False),
    "after which nothing is known yet": ([(None, 1.0), (NotScreened.FLAT_FIELD, None), (None, None)], True),
    "that never was": ([(None, 1.0), (None, 1.0 + 2 * MOVED_C)], True),
}


@pytest.mark.parametrize("what", FLAT_FIELDS)
def test_a_flat_field_correction_ends_it_only_when_it_moved_the_error(sim: ModuleType, what: str) -> None:
    steps, stands = FLAT_FIELDS[what]
    door = Door(Notes(sim.SimClock()))
    door.crowd()
    for condition, offset_c in steps:
        door.watch.looked(condition, offset_c)
    assert (door.reads(38.0) is RETEST) == stands


def test_midnight_of_the_site_starts_a_new_day(sim: ModuleType) -> None:
    door = Door(Notes(sim.SimClock()), zone=ZoneInfo("Asia/Shanghai"))
    before_eight = dt.datetime(2026, 3, 2, 23, 59, tzinfo=dt.UTC)
    door.crowd(at=before_eight)
    door.crowd(at=before_eight)
    assert door.reads(38.0, at=before_eight + dt.timedelta(minutes=2)) is RETEST, "eight in the morning there"
    assert door.reads(38.0, at=before_eight + dt.timedelta(hours=17)) is NORMAL


def in_a_site(tmp_path: Path, story: Callable[[Notes], Awaitable[None]]) -> None:
    async def main() -> None:
        notes = Notes(SystemClock())
        await notes.attach(SystemDisk(tmp_path))
        await story(notes)
        await asyncio.sleep(0)
        await notes.close()

    asyncio.run(main())


def test_too_many_elevated_are_told_once_and_cleared_when_they_are_rare_again(tmp_path: Path) -> None:
    async def story(notes: Notes) -> None:
        door = Door(notes)
        for index in range(40):
            door.reads(35.6, ELEVATED if index % 10 == 0 else NORMAL)
        assert door.rows.alerts == []
        for index in range(20):
            door.reads(37.6, ELEVATED if index % 2 == 0 else NORMAL)
        (raised,) = door.rows.alerts
        assert isinstance(raised, AlertRaised)
        assert (raised.alert, raised.device) == (AlertKind.SCREENING_RATE, "lepton-1")
        assert raised.detail["target_rate"] == "0.1"
        assert 2 <= int(raised.detail["elevated"]) <= int(raised.detail["people"])
        for _ in range(40):
            door.reads(35.6, RETEST)
        assert [type(each) for each in door.rows.alerts] == [AlertRaised, AlertCleared]
        assert door.rows.alerts[1].fingerprint == raised.fingerprint

    in_a_site(tmp_path, story)


def test_after_a_restart_an_alert_stands_until_people_show_that_it_is_over(tmp_path: Path) -> None:
    async def story(notes: Notes) -> None:
        door = Door(notes)
        for _ in range(20):
            door.reads(37.6, ELEVATED)
        await asyncio.sleep(0)
        restarted = Door(notes)
        assert restarted.watch.picture()["alarm_level"] == 1.0
        restarted.reads(35.6)
        restarted.reads(35.6)
        assert restarted.rows.alerts == []
        for _ in range(60):
            restarted.reads(35.6)
        (cleared,) = restarted.rows.alerts
        assert isinstance(cleared, AlertCleared)

    in_a_site(tmp_path, story)


def test_the_settings_keep_the_rates_apart() -> None:
    assert Thermometer().screening_watch == ScreeningWatchSettings()
    with pytest.raises(ValidationError, match="at least twice target_rate"):
        ScreeningWatchSettings(target_rate=0.03, detectable_rate=0.04)
