"""Who before a position can be measured, where on the face, and what is told of whoever cannot be."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardea.contract.screening import NotScreened
from cardea.contract.time import ClockQuality, Instant
from drivers.api import CELSIUS, LinearScale, ThermalFrameCaptured, Unfit
from models.thermal import station
from models.thermal.people.heads import Head
from models.thermal.people.people import People, assumed_offset_c, face_region, refusal
from models.thermal.people.presence import (
    REFUSED_S,
    REPEAT_S,
    UNSTEADY_S_MAX,
    Manner,
    begun,
    broken,
    mean,
    moved,
    refused,
    seen,
    steady,
)
from models.thermal.people.tracks import Tracks
from models.thermal.radiometry import radiometer
from models.thermal.reading import Measurement, Reading
from models.thermal.reference.disc import Circle
from models.thermal.reference.reference import Reference
from models.thermal.roi import Region
from models.thermal.station import Position, Station, Step

LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
METER = radiometer(LEPTON, None)
DISC = Reference(temp_c=37.0, row=100.0, column=145.0, radius_px=6.0)
POSITION = Position(region=Region(top=0, left=0, bottom=120, right=160), references=(DISC,))
FPS = 9.0
WALL_C, ERROR_C = 26.0, 2.2
UPRIGHT = (9, 0, 0, 0)
"""As many faces as it takes have shown how the camera is turned."""


def scene(*faces: tuple[float, float, float, float]) -> Any:
    """A wall with the reference, and faces: row, column, width, temperature of the warmest."""
    temps_c = np.full((120, 160), WALL_C, np.float32)
    cv2.circle(temps_c, (145, 100), 6, 37.0, cv2.FILLED)
    for row, column, width_px, temp_c in faces:
        half, middle = 0.5 * width_px, (round(column), round(row))
        neck = (round(column - 0.5 * half), round(row)), (round(column + 0.5 * half), round(row + 2.4 * half))
        cv2.rectangle(temps_c, *neck, temp_c - 1.2, cv2.FILLED)
        cv2.ellipse(temps_c, middle, (round(half), round(1.4 * half)), 0, 0, 360, temp_c - 1.0, cv2.FILLED)
        cv2.rectangle(
            temps_c, (middle[0] - 2, middle[1] - 3), (middle[0] + 1, middle[1] - 2), temp_c, cv2.FILLED
        )
    return np.rint((temps_c - ERROR_C + 273.15) * 100).astype(np.uint16)


class Hall:
    """A position, its references known, and the scenes that it is shown."""

    def __init__(self, position: Position = POSITION) -> None:
        self.position = position
        self.state = Station(people=People(tracks=Tracks(votes=UPRIGHT)))
        self.now_s = 100.0
        self.steps: list[Step] = []
        self.show(n=9)

    def show(self, *faces: tuple[float, float, float, float], n: int = 1, **fields: Any) -> list[Reading]:
        told: list[Reading] = []
        raw = scene(*faces)
        given: dict[str, Any] = {"raw": raw, "scale": LEPTON, "uptime_s": 7200.0} | fields
        for _ in range(n):
            self.now_s += 1 / FPS
            at = Instant(self.now_s, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
            frame = ThermalFrameCaptured(at=at, **given)
            self.state, step = station.step(self.state, frame, self.position)
            self.steps.append(step)
            told += step.readings
        return told

    @property
    def condition(self) -> NotScreened | None:
        return self.steps[-1].condition


def temp_c(reading: Reading) -> float:
    assert reading.measurement is not None
    return reading.measurement.surface_temp_c


@pytest.fixture
def hall() -> Hall:
    """Nobody is there yet."""
    return Hall()


def test_two_people_are_told_apart_each_with_a_number_and_a_temperature(hall: Hall) -> None:
    told = hall.show((50, 40, 32, 35.2), (50, 112, 32, 38.4), n=8)
    assert sorted(round(temp_c(reading), 1) for reading in told) == [35.2, 38.4]
    assert sorted(reading.presence for reading in told) == [1, 2]
    assert all(reading.first for reading in told)
    assert hall.condition is None


def test_who_joins_later_has_a_first_reading_of_their_own(hall: Hall) -> None:
    (first,) = hall.show((50, 40, 32, 35.2), n=8)
    told = hall.show((50, 40, 32, 35.2), (50, 112, 32, 36.0), n=8)
    assert {(reading.presence, reading.first) for reading in told} == {(1, False), (2, True)}
    assert first.first


REFUSED: Mapping[str, tuple[tuple[tuple[float, float, float, float], ...], NotScreened]] = {
    "far": (((50, 60, 15, 35.5),), NotScreened.TOO_FAR),
    "near": (((60, 70, 84, 35.5),), NotScreened.TOO_NEAR),
    "cut by the frame": (((60, 14, 34, 35.5),), NotScreened.TOO_NEAR),
    "overlapping": (((50, 50, 34, 35.5), (50, 88, 34, 35.5)), NotScreened.OVERLAPPING),
}


@pytest.mark.parametrize("case", REFUSED)
def test_who_cannot_be_measured_as_they_stand_there_is_told_why_once_it_lasts(case: str, hall: Hall) -> None:
    faces, reason = REFUSED[case]
    patience_s = REFUSED_S[reason]
    told = hall.show(*faces, n=round(min(patience_s, 6.0) * FPS) - 1)
    assert told == []
    assert hall.condition is reason
    told = hall.show(*faces, n=round(3 * FPS))
    assert {reading.reason for reading in told} == (set() if math.isinf(patience_s) else {reason})
    assert all(reading.presence > 0 for reading in told)
    assert {sight.refused for sight in hall.steps[-1].people} == {reason}


def test_once_they_step_to_the_right_place_they_are_measured(hall: Hall) -> None:
    hall.show((60, 70, 84, 35.5), n=12)
    (told,) = hall.show((55, 70, 40, 35.5), n=8)
    assert temp_c(told) == pytest.approx(35.5, abs=0.05)


def test_who_walks_past_is_never_measured(hall: Hall) -> None:
    told: list[Reading] = []
    for step in range(14):
        told += hall.show((50, 22 + 8 * step, 32, 35.5))
    assert told == []
    assert {step.people[0].refused for step in hall.steps[-10:] if step.people} == {NotScreened.NOT_STEADY}
    assert not any(sight.stood for step in hall.steps for sight in step.people)


def test_people_are_followed_while_nobody_can_be_measured(hall: Hall) -> None:
    told = hall.show((50, 60, 32, 35.5), n=8, uptime_s=60.0)
    assert {reading.reason for reading in told} == {NotScreened.WARMING_UP}
    assert {sight.number for step in hall.steps for sight in step.people} == {1}
    assert hall.steps[-1].people[0].stood
    told = hall.show((50, 60, 32, 35.5), n=6)
    assert [reading.presence for reading in told if reading.measurement] == [1]


def test_without_any_reference_people_are_still_seen(hall: Hall) -> None:
    hall = Hall(replace(POSITION, references=()))
    told = hall.show((50, 60, 32, 35.5), n=8)
    assert {reading.reason for reading in told} == {NotScreened.NO_REFERENCE}
    assert any(sight.stood for sight in hall.steps[-1].people)
    assert not any(sight.found for sight in hall.steps[-1].people)


def test_a_frame_that_is_unfit_breaks_what_was_steady(hall: Hall) -> None:
    hall.show((50, 60, 32, 35.5), n=5)
    hall.show((50, 60, 32, 35.5), unfit=Unfit.SENSOR_FAULT)
    assert hall.steps[-1].people == ()
    assert hall.show((50, 60, 32, 35.5), n=4) == []
    assert len(hall.show((50, 60, 32, 35.5), n=2)) == 1


def test_who_stands_outside_the_region_is_not_looked_at() -> None:
    hall = Hall(replace(POSITION, region=Region(top=0, left=80, bottom=120, right=160)))
    assert hall.show((50, 40, 32, 35.5), n=12) == []
    assert hall.condition is NotScreened.NOBODY_THERE


def test_a_hot_reference_in_the_region_is_not_too_hot() -> None:
    raw = scene()
    cv2.circle(raw, (145, 100), 6, round((50.0 - ERROR_C + 273.15) * 100), cv2.FILLED)
    hall = Hall(replace(POSITION, references=(replace(DISC, temp_c=50.0),)))
    hall.show(n=9, raw=raw)
    assert hall.condition is NotScreened.NOBODY_THERE


def test_a_face_whose_pixels_say_nothing_is_not_measured(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.thermal.people.people.hottest", lambda *_: None)
    told = hall.show((50, 60, 32, 35.5), n=round((UNSTEADY_S_MAX + 1.5) * FPS))
    assert {reading.reason for reading in told} == {NotScreened.NOT_STEADY}


def test_somebody_for_a_moment_unseen_is_still_there(hall: Hall) -> None:
    hall.show((50, 60, 32, 35.5), n=8)
    hall.show()
    assert hall.condition is None
    hall.show(n=round(1.2 * FPS))
    assert hall.condition is NotScreened.NOBODY_THERE


def test_a_face_fills_a_square_of_the_frame() -> None:
    assert face_region(Circle(50.0, 60.0, 10.0), (120, 160)) == Region(top=38, left=48, bottom=63, right=73)
    assert face_region(Circle(4.0, 155.0, 10.0), (120, 160)) == Region(top=0, left=143, bottom=17, right=160)


def test_a_face_is_refused_for_the_first_thing_that_is_wrong() -> None:
    tracks = Tracks()
    for n in range(8):
        tracks = tracks.step((Head(Circle(50.0, 60.0, 9.0), 34.0, whole=True, up=None),), n / FPS)
    (track,) = tracks.people
    assert refusal(track, (120, 160), 255) is NotScreened.TOO_FAR
    assert refusal(track, (120, 160), 254) is None
    assert refusal(replace(track, overlapped=True), (120, 160), 254) is NotScreened.OVERLAPPING
    assert refusal(track, (28, 28), 254) is NotScreened.TOO_NEAR


def test_where_no_reference_tells_skin_begins_half_way_to_the_warmest() -> None:
    raw = scene((50, 60, 32, 35.5))
    assumed_c = assumed_offset_c(raw, METER)
    assert 32.0 - assumed_c == pytest.approx(0.5 * (WALL_C + 37.0) - ERROR_C, abs=0.2)
    assert assumed_offset_c(np.full((9, 9), 30000, np.uint16), METER) == 0.0
    assert assumed_offset_c(np.zeros((0, 9), np.uint16), METER) == 0.0
    assert assumed_offset_c(np.zeros(9, np.uint16), METER) == 0.0
    nothing = np.full((9, 9), np.nan, np.float32)
    assert assumed_offset_c(nothing, radiometer(CELSIUS, None)) == 0.0


# --- what is told of one person ---------------------------------------------------------------------


def measured(surface_temp_c: float, uncertainty_c: float = 0.2) -> Measurement:
    return Measurement(raw_c=surface_temp_c, uncertainty_c=uncertainty_c)


def test_what_the_frames_differ_by_is_part_of_the_uncertainty() -> None:
    assert mean((measured(35.0), measured(35.0))).uncertainty_c == pytest.approx(0.2)
    apart = mean((measured(35.0, 0.1), measured(35.3, 0.2)))
    assert apart.surface_temp_c == pytest.approx(35.15)
    assert apart.uncertainty_c == pytest.approx(math.hypot(0.2, 0.15))


def test_frames_while_somebody_comes_to_a_stand_count_once_they_do() -> None:
    manner, now_s = Manner(), 10.0
    presence = begun(3, now_s)
    for _ in range(4):
        presence, told = moved(presence, measured(35.0), manner, now_s)
        assert told is None
        now_s += 0.1
    presence, told = seen(presence, measured(35.1), manner, now_s)
    assert told is not None
    assert (told.presence, told.first) == (3, True)
    assert steady(presence, manner) == told.measurement
    assert steady(broken(presence), manner) is None


def test_another_reason_begins_its_own_patience() -> None:
    presence = begun(1, 0.0)
    told: list[Reading | None] = []
    for n in range(1, 41):
        reason = NotScreened.TOO_NEAR if n <= 8 else NotScreened.OVERLAPPING
        presence, reading = refused(presence, reason, 0.1 * n)
        told.append(reading)
    told_at_s = [round(reading.at_s, 1) for reading in told if reading is not None]
    assert told_at_s == [round(1.9 + n * REPEAT_S, 1) for n in range(3)]


@given(
    raw=hnp.arrays(np.uint16, (40, 48), elements=st.integers(29000, 31200)),
    moves=st.lists(st.integers(-3, 3), min_size=1, max_size=6),
)
def test_whatever_moves_through_the_picture_no_reading_is_without_number_or_reason(
    raw: Any, moves: list[int]
) -> None:
    disc = Reference(temp_c=37.0, row=34.0, column=42.0, radius_px=3.0)
    region = Region(top=0, left=0, bottom=40, right=48)
    position = Position(region=region, references=(disc,), presence_px_min=20, manner=Manner(frames=2))
    state = Station()
    for number, way in enumerate((0, 0, 0, *moves)):
        shown = np.roll(raw, way, axis=1)
        cv2.circle(shown, (42, 34), 4, 31000, cv2.FILLED)
        at = Instant(0.2 * number, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
        state, step = station.step(state, ThermalFrameCaptured(at=at, raw=shown, scale=LEPTON), position)
        for reading in step.readings:
            assert (reading.measurement is None) is (reading.reason is not None)
        assert len({sight.number for sight in step.people}) == len(step.people)
