"""The references from frame to frame: followed when nudged, searched for when gone, doubted if corrected."""

import datetime as dt
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardea.contract.screening import NotScreened
from cardea.contract.time import ClockQuality, Instant
from drivers.api import LinearScale, ThermalFrameCaptured, Unfit
from models.thermal import station
from models.thermal.flat_field import JUMP_C_MIN, Scene, jumped
from models.thermal.people.presence import Manner
from models.thermal.radiometry import radiometer
from models.thermal.reading import Reading
from models.thermal.reference import watch as reference_watch
from models.thermal.reference.follow import FOLLOW_PX, MOVED_PX_MIN, follow
from models.thermal.reference.offset import SEEN_MIN
from models.thermal.reference.reference import Blackbody, Reference, look
from models.thermal.reference.watch import FLAT_FIELD_S, FOLLOW_S
from models.thermal.roi import Region
from models.thermal.station import Position, Station, Step

LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
METER = radiometer(LEPTON, None)
FPS = 9.0
ERROR_C = 1.8
NOISE_C = 0.1
"""The four hottest of 900 pixels lie this much above their mean."""
ROW, COLUMN, RADIUS_PX = 20.0, 130.0, 6.0
DISC = Reference(temp_c=37.0, row=ROW, column=COLUMN, radius_px=RADIUS_PX)
ANYWHERE = Blackbody(temp_c=37.0)
REGION = Region(top=40, left=20, bottom=110, right=110)
POSITION = Position(region=REGION, references=(DISC,))


def picture(
    *,
    face_c: float | None = 35.5,
    error_c: float = ERROR_C,
    at: tuple[float, float] | None = (ROW, COLUMN),
    seed: int = 0,
) -> Any:
    """A wall, a face and a disc as a sensor ``error_c`` too low counts them."""
    temps_c = np.full((120, 160), 24.0)
    if at is not None:
        rows, columns = np.ogrid[:120, :160]
        covers = np.clip(RADIUS_PX + 0.5 - np.hypot(rows - at[0], columns - at[1]), 0.0, 1.0)
        temps_c = temps_c * (1.0 - covers) + 37.0 * covers
    if face_c is not None:
        temps_c[60:90, 40:70] = face_c
    temps_c = cv2.GaussianBlur(temps_c, (0, 0), 0.7) + np.random.default_rng(seed).normal(0, 0.02, (120, 160))
    return np.rint((temps_c - error_c + 273.15) * 100).astype(np.uint16)


class Door:
    """A position and the frames that it is shown."""

    def __init__(self, position: Position = POSITION) -> None:
        self.position, self.state, self.now_s = position, Station(), 100.0
        self.steps: list[Step] = []
        self.doubts: list[NotScreened | None] = []

    def show(self, raw: Any, n: int = 1, **fields: Any) -> list[Reading]:
        told: list[Reading] = []
        for _ in range(n):
            self.now_s += 1 / FPS
            at = Instant(self.now_s, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
            given: dict[str, Any] = {"scale": LEPTON} | fields
            frame = ThermalFrameCaptured(at=at, raw=raw, **given)
            self.state, step = station.step(self.state, frame, self.position)
            self.steps.append(step)
            gone_s_max = self.position.reference_gone_s_max
            self.doubts.append(reference_watch.doubt(self.state.watch, self.now_s, gone_s_max))
            told += step.readings
        return told

    @property
    def doubt(self) -> NotScreened | None:
        """What about the references speaks against measuring."""
        return self.doubts[-1]

    @property
    def place(self) -> tuple[float, float]:
        (place,) = self.steps[-1].references
        return place.row, place.column


# --- searched for -----------------------------------------------------------------------------------


def test_nobody_is_measured_until_a_reference_without_a_place_is_found() -> None:
    door = Door(replace(POSITION, references=(ANYWHERE,)))
    told = [reading for n in range(round(4 * FPS)) for reading in door.show(picture(seed=n))]
    assert told[0].reason is NotScreened.REFERENCE_LOST
    assert door.place == pytest.approx((ROW, COLUMN), abs=0.1)
    found = told[-1].measurement
    assert found is not None
    assert found.surface_temp_c == pytest.approx(35.5, abs=NOISE_C)
    measured = [n for n, doubt in enumerate(door.doubts) if doubt is None]
    placed = [n for n, step in enumerate(door.steps) if step.references]
    assert measured[0] >= placed[0] + SEEN_MIN


def test_a_reference_that_is_gone_is_searched_for_anew_and_found_elsewhere() -> None:
    door = Door(replace(POSITION, reference_gone_s_max=4.0))
    door.show(picture(), 20)
    assert door.doubt is None
    elsewhere = picture(at=(95.0, 140.0))
    door.show(elsewhere, round(3.5 * FPS))
    assert door.doubt is None, "its last word still counts"
    door.show(elsewhere, round(1.0 * FPS))
    assert door.doubt is NotScreened.REFERENCE_LOST
    told = door.show(elsewhere, round(3.0 * FPS))
    assert door.place == pytest.approx((95.0, 140.0), abs=0.1)
    assert told[-1].measurement is not None
    assert told[-1].measurement.surface_temp_c == pytest.approx(35.5, abs=NOISE_C)


def test_what_comes_back_where_it_was_needs_no_search() -> None:
    door = Door(replace(POSITION, reference_gone_s_max=2.0))
    door.show(picture(), 20)
    door.show(picture(at=None), round(3 * FPS))
    assert door.doubt is NotScreened.REFERENCE_LOST
    door.show(picture(), SEEN_MIN - 1)
    assert door.doubt is NotScreened.REFERENCE_LOST
    door.show(picture(), 1)
    assert door.doubt is None


def test_after_a_long_time_without_frames_it_has_to_be_seen_three_times_again() -> None:
    door = Door()
    door.show(picture(), 20)
    door.now_s += 3600.0
    door.show(picture(error_c=ERROR_C - 1.0), SEEN_MIN - 1)
    assert door.doubt is NotScreened.REFERENCE_LOST
    door.show(picture(error_c=ERROR_C - 1.0), 1)
    assert door.doubt is None


def test_without_a_reference_nobody_is_measured() -> None:
    door = Door(replace(POSITION, references=()))
    door.show(picture(), 20)
    assert set(door.doubts) == {NotScreened.NO_REFERENCE}


# --- followed ---------------------------------------------------------------------------------------


def test_a_nudged_camera_is_followed_by_a_few_pixels_a_second_and_no_more() -> None:
    door = Door()
    door.show(picture(), 20)
    nudged = picture(at=(ROW + 3.0, COLUMN - 2.5))
    before = door.place
    for _ in range(round(4 * FPS)):
        door.show(nudged, 1)
        moved_px = math.dist(before, door.place)
        assert moved_px <= FOLLOW_PX + 1e-9
        before = door.place
    assert door.place == pytest.approx((ROW + 3.0, COLUMN - 2.5), abs=MOVED_PX_MIN)
    moved = [step.references[0] for step in door.steps]
    turns = [n for n, (a, b) in enumerate(itertools.pairwise(moved)) if a != b]
    assert all(later - earlier >= FOLLOW_S * FPS - 1 for earlier, later in itertools.pairwise(turns))
    told = door.show(nudged, 20)
    assert told[-1].measurement is not None
    assert told[-1].measurement.surface_temp_c == pytest.approx(35.5, abs=NOISE_C)


def test_a_place_that_is_right_stays() -> None:
    raw = picture(at=(ROW + 0.1, COLUMN - 0.1))
    assert follow(raw, METER, DISC) is DISC


@pytest.mark.parametrize(
    "raw",
    [
        picture(at=None),
        picture(at=(ROW + 40.0, COLUMN)),
        picture(at=(ROW + 7.0, COLUMN)),
        picture(face_c=None, at=None)[:, :100],
    ],
)
def test_it_follows_nothing_that_is_not_the_disc(raw: Any) -> None:
    assert follow(raw, METER, DISC) is DISC


def test_it_follows_no_disc_of_another_size() -> None:
    assert follow(picture(at=(ROW + 2.0, COLUMN)), METER, replace(DISC, radius_px=9.0)).radius_px == 9.0
    assert follow(picture(at=(ROW + 2.0, COLUMN)), METER, replace(DISC, radius_px=9.0)).row == ROW


def test_a_head_that_passes_takes_the_place_nowhere() -> None:
    door = Door()
    door.show(picture(), 20)
    for n in range(60):
        raw = picture(seed=n)
        head = np.hypot(*(np.mgrid[:120, :160] - np.array([24.0, 80.0 + 1.5 * n])[:, None, None])) <= 11
        raw[head] = np.rint((35.0 - ERROR_C + 273.15) * 100)
        door.show(raw, 1)
        assert door.place == pytest.approx((ROW, COLUMN), abs=0.3)


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.65, 0.8])
def test_a_hand_before_a_part_of_it_moves_nothing(share: float) -> None:
    door = Door()
    door.show(picture(), 20)
    covered = picture()
    edge = round(ROW - RADIUS_PX + 2 * RADIUS_PX * share)
    covered[:edge, 115:145] = np.rint((36.2 - ERROR_C + 273.15) * 100)
    told = door.show(covered, 30)
    offset = door.state.watch.tracks[0].offset
    assert offset.value_c == pytest.approx(ERROR_C, abs=0.02)
    assert (offset.age_s(door.now_s) > 3.0) is (share >= 0.5), "from there on the core is covered"
    assert told[-1].measurement is not None
    assert told[-1].measurement.surface_temp_c == pytest.approx(35.5, abs=NOISE_C)


# --- flat-field corrections without telemetry -------------------------------------------------------


def scene(grid_c: Any, read_c: float | None, at_s: float = 0.0) -> Scene:
    return Scene(at_s, tuple(float(temp_c) for temp_c in grid_c), (read_c,))


STILL = np.linspace(20.0, 35.0, 100)
PERSON = np.where(np.arange(100) < 40, 35.0, STILL)


@pytest.mark.parametrize(
    ("case", "before", "now", "expected"),
    [
        ("nothing", scene(STILL, 35.0), scene(STILL, 35.0, 0.1), False),
        ("all of it", scene(STILL, 35.0), scene(STILL + 1.34, 36.34, 0.1), True),
        ("all of it, down", scene(STILL, 35.0), scene(STILL - 0.5, 34.5, 0.1), True),
        ("all of it, with somebody", scene(STILL, 35.0), scene(PERSON + 1.34, 36.34, 0.1), True),
        ("somebody comes", scene(STILL, 35.0), scene(PERSON, 35.0, 0.1), False),
        ("somebody large comes", scene(STILL, 35.0), scene(STILL * 0 + 35.0, 35.0, 0.1), False),
        ("a little", scene(STILL, 35.0), scene(STILL + 0.9 * JUMP_C_MIN, 35.2, 0.1), False),
        ("the reference alone", scene(STILL, 35.0), scene(STILL, 36.34, 0.1), False),
        ("all but the reference", scene(STILL, 35.0), scene(STILL + 1.34, 35.0, 0.1), False),
        ("unseen reference", scene(STILL, None), scene(STILL + 1.34, 36.34, 0.1), True),
        ("unseen reference, people", scene(STILL, None), scene(STILL * 0 + 35.0, None, 0.1), False),
        ("after a long time", scene(STILL, 35.0), scene(STILL + 1.34, 36.34, 60.0), False),
        ("another size", scene(STILL, 35.0), scene(STILL[:50] + 1.34, 36.34, 0.1), False),
        ("a clock that went back", scene(STILL, 35.0, 5.0), scene(STILL + 1.34, 36.34), False),
    ],
)
def test_a_jump_of_all_of_the_scene_is_a_correction(
    case: str, before: Scene, now: Scene, expected: object
) -> None:
    assert jumped(before, now) is expected, case


def test_a_jump_of_all_of_the_scene_takes_the_references_word_away() -> None:
    """One real correction jumped by 1.34 °C inside a clip."""
    door = Door()
    door.show(picture(), 20)
    after = picture(error_c=ERROR_C - 1.34)
    assert door.show(after, round(FLAT_FIELD_S * FPS) - 1) == []
    assert set(door.doubts[-5:]) == {NotScreened.FLAT_FIELD}
    (told,) = door.show(after, 7)
    assert told.measurement is not None
    assert told.measurement.surface_temp_c == pytest.approx(35.5, abs=NOISE_C)


def test_a_correction_is_news_when_the_first_that_is_told_comes_after_the_first_look() -> None:
    door = Door()
    door.show(picture(), 20)
    assert door.doubt is None
    door.show(picture(), 1, since_flat_field_s=30.0)
    assert door.doubt is NotScreened.FLAT_FIELD
    door.show(picture(), SEEN_MIN, since_flat_field_s=30.0)
    assert door.doubt is None


SHOWN, HIDDEN = picture(), picture(at=None)
looks_like = st.sampled_from(("seen", "seen", "seen", "hidden", "telemetry", "shutter", "jump", "frozen"))


@given(
    st.lists(st.tuples(looks_like, st.integers(1, 6), st.floats(-1.5, 1.5)), max_size=20),
    st.sampled_from((0.2, 1.0)),
)
@settings(max_examples=40)
def test_between_a_correction_and_the_third_look_after_it_nobody_is_ever_measured(
    course: list[tuple[str, int, float]], gone_s: float
) -> None:
    position = Position(
        region=REGION,
        references=(DISC,),
        reference_gone_s_max=gone_s,
        manner=Manner(frames=1),
    )
    door, looks, shift, ago_s = Door(position), 0, 0, 100.0
    for what, n, change_c in course:
        if what == "jump" and abs(change_c) > JUMP_C_MIN + 0.1 and abs(shift / 100 + change_c) < 5.0:
            shift, looks = shift + round(100 * change_c), 0
        if what == "telemetry" and ago_s > 1.0:
            ago_s, looks = 0.0, 0
        unfit = {"shutter": Unfit.FLAT_FIELD, "frozen": Unfit.FROZEN}.get(what)
        for _ in range(n):
            ago_s += 1 / FPS
            if what == "shutter":
                ago_s, looks = 0.0, 0
            raw = ((HIDDEN if what == "hidden" else SHOWN).astype(int) + shift).astype(np.uint16)
            told = door.show(raw, unfit=unfit, since_flat_field_s=None if what == "shutter" else ago_s)
            looks += what != "hidden" and unfit is None
            assert door.state.watch.tracks[0].offset.variance_c2 > 0.0
            for reading in told:
                if reading.measurement is not None:
                    assert looks >= SEEN_MIN
                    assert reading.measurement.surface_temp_c == pytest.approx(35.5, abs=NOISE_C)


# --- real clips -------------------------------------------------------------------------------------


@pytest.mark.needs_test_data
def test_a_real_position_that_is_told_nothing_finds_its_reference_and_keeps_it(test_data: Path) -> None:
    folder = test_data / "thermal/lepton_screening"
    index = json.loads((test_data / "thermal/expected.json").read_text())["lepton_screening"]
    for name, expected in index.items():
        clip, told = np.load(folder / name), expected["reference_disc"]
        wanted = Blackbody(temp_c=expected["reference_calibrated_C"])
        door = Door(Position(region=Region(top=0, left=0, bottom=120, right=160), references=(wanted,)))
        frames = clip["frames"][:70]
        for raw in frames:
            door.show(raw)
        assert math.dist(door.place, told["center_rc"]) <= 2.0
        offsets_c = [step.offset_c for step in door.steps if step.offset_c is not None]
        assert len(offsets_c) >= len(frames) - 25
        assert offsets_c[-1] == pytest.approx(-told["sensor_offset_C"], abs=0.2)
        assert NotScreened.FLAT_FIELD not in door.doubts, "people, no jumps"
        (place,) = door.steps[-1].references
        last = look(frames[-1], place, METER)
        assert last is not None
        assert last.there
