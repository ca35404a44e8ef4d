"""A thermal position as a machine: who is told what and when, and everything that keeps it silent."""

import datetime as dt
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardea.contract.records import ScreeningState
from cardea.contract.screening import NotScreened
from cardea.contract.time import ClockQuality, Instant
from drivers.api import Conditions, LinearScale, Planck, SpotMeasured, ThermalFrameCaptured, Unfit
from models.thermal import spot, station
from models.thermal.overrides import Overrides
from models.thermal.people.presence import GAP_S_MAX, REPEAT_S, UNSTEADY_S_MAX, Manner
from models.thermal.people.tracks import AWAY_S
from models.thermal.radiometry import radiometer
from models.thermal.reading import Reading
from models.thermal.reference.reference import Blackbody, Reference
from models.thermal.roi import Region
from models.thermal.station import Position, Station, Step

LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
DISC = Reference(temp_c=37.0, row=20, column=130, radius_px=6.0)
POSITION = Position(region=Region(top=40, left=20, bottom=110, right=110), references=(DISC,))
ERROR_C = 1.8
"""The sensor of these tests reads this much too low."""
FPS = 9.0


def at(mono_s: float) -> Instant:
    return Instant(mono_s, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)


def picture(face_c: float | None, *, error_c: float = ERROR_C, disc_c: float = DISC.temp_c) -> Any:
    """What a sensor ``error_c`` too low makes of a face before a wall with the disc on it."""
    row, column = np.mgrid[:120, :160]
    temps_c = np.full((120, 160), 24.0)
    temps_c[np.hypot(row - DISC.row, column - DISC.column) <= DISC.radius_px] = disc_c
    if face_c is not None:
        temps_c[60:90, 40:70] = face_c - 1.0 if face_c - 1.0 > 33.2 else face_c
        temps_c[70:72, 50:53] = face_c
    return np.rint((temps_c - error_c + 273.15) * 100).astype(np.uint16)


class Door:
    """A position and the frames that it is shown."""

    def __init__(self, position: Position = POSITION) -> None:
        self.position = position
        self.state = Station()
        self.now_s = 100.0
        self.steps: list[Step] = []

    def show(self, raw: Any, n: int = 1, **fields: Any) -> list[Reading]:
        told: list[Reading] = []
        given: dict[str, Any] = {"scale": LEPTON, "uptime_s": 7200.0} | fields
        for _ in range(n):
            self.now_s += 1 / FPS
            frame = ThermalFrameCaptured(at=at(self.now_s), raw=raw, **given)
            self.state, step = station.step(self.state, frame, self.position)
            self.steps.append(step)
            told += step.readings
        return told

    @property
    def condition(self) -> NotScreened | None:
        return self.steps[-1].condition


@pytest.fixture
def door() -> Door:
    """A position whose reference has been seen."""
    door = Door()
    assert door.show(picture(None), 9) == []
    assert door.condition is NotScreened.NOBODY_THERE
    return door


# --- somebody comes ---------------------------------------------------------------------------------


def test_somebody_who_stands_still_is_measured_once_with_every_term(door: Door) -> None:
    (told,) = door.show(picture(35.5), 8)
    assert (told.presence, told.first, told.reason) == (1, True, None)
    found = told.measurement
    assert found is not None
    assert found.surface_temp_c == pytest.approx(35.5, abs=0.01)
    assert found.raw_c == pytest.approx(35.5 - ERROR_C, abs=0.01)
    assert found.reference_c == pytest.approx(ERROR_C, abs=0.01)
    assert found.radiometry_c == 0.0
    assert found.uncertainty_c == pytest.approx(0.21, abs=0.005)
    assert found.reference_age_s == 0.0
    step = door.steps[-1]
    assert step.offset_c == pytest.approx(ERROR_C, abs=0.01)
    assert step.spread_c == pytest.approx(0.0, abs=1e-6)
    assert step.uncertainty_c == pytest.approx(found.uncertainty_c, abs=1e-3)


def test_a_sensor_error_makes_no_fever_and_hides_none(door: Door) -> None:
    """THERMAL.md: a sensor 2 °C too low would let 38.5 °C pass as 36.5 without its reference."""
    for error_c in (-1.0, 0.0, 1.8, 5.0):
        for face_c, expected in ((36.3, ScreeningState.NORMAL), (38.5, ScreeningState.ELEVATED)):
            fresh = Door()
            fresh.show(picture(None, error_c=error_c), 9)
            (told,) = fresh.show(picture(face_c, error_c=error_c), 8)
            assert told.state(37.3) is expected


def test_while_somebody_stays_there_is_a_fresh_reading_each_second(door: Door) -> None:
    told = door.show(picture(35.5), round(5 * FPS))
    assert [reading.presence for reading in told] == [1] * len(told)
    assert [reading.first for reading in told] == [True, *[False] * (len(told) - 1)]
    waits_s = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(told)]
    assert len(told) == 5
    assert all(REPEAT_S <= wait_s < REPEAT_S + 0.2 for wait_s in waits_s)


def test_a_change_is_told_at_once(door: Door) -> None:
    door.show(picture(35.5), 6)
    told = door.show(picture(35.75), 5)
    assert len(told) == 1
    assert told[0].measurement is not None
    assert told[0].measurement.surface_temp_c == pytest.approx(35.75, abs=0.07)
    assert not told[0].first


def test_the_next_person_is_another_presence_and_a_turned_head_is_not(door: Door) -> None:
    door.show(picture(35.5), 6)
    door.show(picture(None), round(AWAY_S * FPS) - 2)
    (again,) = door.show(picture(35.5), 12)
    assert (again.presence, again.first) == (1, False)
    door.show(picture(None), round(AWAY_S * FPS) + 2)
    assert door.condition is NotScreened.NOBODY_THERE
    (other,) = door.show(picture(36.0), 6)
    assert (other.presence, other.first) == (2, True)


def test_after_a_gap_without_frames_it_may_be_somebody_else(door: Door) -> None:
    door.show(picture(35.5), 6)
    door.now_s += GAP_S_MAX + 0.1
    (told,) = door.show(picture(35.5), 6)
    assert (told.presence, told.first) == (2, True)


def test_somebody_who_moves_is_not_measured_and_told_after_a_while(door: Door) -> None:
    told: list[Reading] = []
    for number in range(round(6 * FPS)):
        told += door.show(picture(35.0 + number % 2))
    assert [reading.reason for reading in told] == [NotScreened.NOT_STEADY] * 2
    assert told[0].presence == 1
    assert told[0].at_s - door.now_s < -(6 - UNSTEADY_S_MAX - 1)


def test_who_stood_still_once_is_not_called_unsteady_at_the_next_step(door: Door) -> None:
    door.show(picture(35.5), 6)
    told: list[Reading] = []
    for number in range(round(2 * FPS)):
        told += door.show(picture(35.0 + number % 2))
    assert told == []


def test_the_only_corrections_are_constants() -> None:
    """THERMAL.md: ∂out/∂surface_temp = 1; a regression from skin to "oral" would flatten it."""
    gain_c = 1e-3
    scale = LinearScale(gain_c=gain_c, offset_c=-30.0)

    def told(face_c: float) -> float:
        door = Door()
        shifted = {"scale": scale}
        door.show(np.rint(_milli(None)).astype(np.uint16), 9, **shifted)
        (reading,) = door.show(_milli(face_c), 6, **shifted)
        assert reading.measurement is not None
        return reading.measurement.surface_temp_c

    temps_c = np.arange(35.0, 33.0 + 7.25, 0.25)
    slopes = np.diff([told(float(temp_c)) for temp_c in temps_c]) / np.diff(temps_c)
    assert slopes == pytest.approx(np.ones_like(slopes), abs=1e-6)


def _milli(face_c: float | None) -> Any:
    """A picture in counts of 1 mK above -30 °C, by a sensor that reads 5 °C too low."""
    row, column = np.mgrid[:120, :160]
    temps_c = np.full((120, 160), 24.0)
    temps_c[np.hypot(row - DISC.row, column - DISC.column) <= DISC.radius_px] = DISC.temp_c
    if face_c is not None:
        temps_c[60:90, 40:70] = face_c
    return np.rint((temps_c - 5.0 + 30.0) * 1000).astype(np.uint16)


def test_radiometry_is_a_term_of_its_own(door: Door) -> None:
    camera = Planck(r1=21106.77, r2=0.012545258, b=1501.0, f=1.0, o=-7340.0)
    skin = Conditions()
    meter = radiometer(camera, skin)
    centi = picture(35.5).astype(np.float64) * 0.01 - 273.15
    raw = np.rint(meter.counts(centi)).astype(np.uint16)
    door = Door()
    told = door.show(raw, 9, scale=camera, conditions=skin)
    assert told[0].measurement is not None
    found = told[0].measurement
    assert 0.2 < found.radiometry_c < 0.6
    assert found.reference_c == pytest.approx(ERROR_C, abs=0.02)
    assert found.surface_temp_c == pytest.approx(35.5, abs=0.03)


def test_what_the_site_knows_better_overrules_the_camera() -> None:
    assert Overrides().over(Conditions(emissivity=0.5)) is None
    assert Overrides(emissivity=0.95).over(Conditions(distance_m=2.0)) == Conditions(
        emissivity=0.95, distance_m=2.0
    )
    assert Overrides(humidity=0.2).over(None) == Conditions(humidity=0.2)
    door = Door(replace(POSITION, overrides=Overrides(emissivity=0.95)))
    (told,) = door.show(picture(35.5), 9)
    assert told.measurement is not None
    assert told.measurement.radiometry_c > 0.3


# --- what keeps it silent ---------------------------------------------------------------------------


def test_l7_no_reference_no_screening() -> None:
    door = Door(replace(POSITION, references=()))
    told = door.show(picture(35.5), round(3 * FPS))
    assert [reading.reason for reading in told] == [NotScreened.NO_REFERENCE] * 3
    assert {reading.state(37.3) for reading in told} == {ScreeningState.NOT_SCREENED}


def test_l7_a_sensor_that_warms_up_measures_nobody(door: Door) -> None:
    told = door.show(picture(35.5), 12, uptime_s=1799.0)
    assert [reading.reason for reading in told] == [NotScreened.WARMING_UP] * 2
    assert [reading.presence for reading in told] == [0, 0]
    assert door.show(picture(35.5), 6, uptime_s=1800.0)[0].measurement is not None
    assert door.show(picture(35.5), 1, uptime_s=math.nan)[0].reason is NotScreened.WARMING_UP
    assert door.show(picture(35.5), 12, uptime_s=None)[0].measurement is not None


UNFIT = {
    Unfit.WARMING_UP: NotScreened.WARMING_UP,
    Unfit.FLAT_FIELD: NotScreened.FLAT_FIELD,
    Unfit.FROZEN: NotScreened.FRAME_UNFIT,
    Unfit.OUT_OF_RANGE: NotScreened.FRAME_UNFIT,
    Unfit.SENSOR_FAULT: NotScreened.FRAME_UNFIT,
}


@pytest.mark.parametrize("unfit", Unfit)
def test_l7_what_the_driver_calls_unfit_is_no_measurement(unfit: Unfit, door: Door) -> None:
    told = door.show(picture(35.5), round(5 * FPS), unfit=unfit)
    assert {reading.reason for reading in told} == {UNFIT[unfit]}
    assert door.condition is UNFIT[unfit]


def test_a_condition_that_passes_by_itself_is_told_only_when_it_lasts(door: Door) -> None:
    assert door.show(picture(35.5), 9, unfit=Unfit.FLAT_FIELD) == []
    assert len(door.show(picture(35.5), round(3 * FPS), unfit=Unfit.FLAT_FIELD)) == 1


def test_after_a_flat_field_correction_nothing_counts_until_the_reference_was_seen_again(door: Door) -> None:
    """One correction jumped by 1.34 °C inside a real clip."""
    (before,) = door.show(picture(35.5), 6)
    assert door.show(picture(35.5), 6, unfit=Unfit.FLAT_FIELD) == []
    after_c = ERROR_C - 1.34
    hidden = picture(35.5, error_c=after_c, disc_c=24.0)
    assert door.show(hidden, 9) == []
    assert door.condition is NotScreened.FLAT_FIELD
    told = door.show(picture(35.5, error_c=after_c), 16)
    assert [reading.reason for reading in told] == [None]
    assert before.measurement is not None
    assert told[0].measurement is not None
    assert told[0].measurement.surface_temp_c == pytest.approx(35.5, abs=0.02)
    assert told[0].measurement.reference_c == pytest.approx(after_c, abs=0.02)


def test_a_correction_is_noticed_by_its_time_alone(door: Door) -> None:
    door.show(picture(None), 1, since_flat_field_s=180.0)
    door.show(picture(None), 9, since_flat_field_s=181.0)
    assert door.condition is NotScreened.NOBODY_THERE
    door.show(picture(35.5), 1, since_flat_field_s=0.4)
    assert door.condition is NotScreened.FLAT_FIELD
    door.now_s += 2.0
    door.show(picture(35.5, error_c=0.5), 1, since_flat_field_s=2.5)
    assert door.condition is NotScreened.FLAT_FIELD
    (told,) = door.show(picture(35.5, error_c=0.5), 9, since_flat_field_s=3.0)
    assert told.measurement is not None
    assert told.measurement.surface_temp_c == pytest.approx(35.5, abs=0.02)


def test_a_hidden_reference_counts_for_a_while_and_then_nobody_is_measured(door: Door) -> None:
    hidden = picture(35.5, disc_c=24.0)
    told = door.show(hidden, round((POSITION.reference_gone_s_max - 1) * FPS))
    assert all(reading.measurement is not None for reading in told)
    last = told[-1].measurement
    assert last is not None
    assert last.reference_age_s == pytest.approx(POSITION.reference_gone_s_max - 1.5, abs=1.0)
    assert last.uncertainty_c > 0.212
    told = door.show(hidden, round(4 * FPS))
    assert told[-1].reason is NotScreened.REFERENCE_LOST
    assert door.steps[-1].offset_c is None
    told = door.show(picture(35.5), 9)
    assert told[-1].measurement is not None


@pytest.mark.parametrize("disc", [replace(DISC, temp_c=60.0), Blackbody(temp_c=60.0)])
def test_a_reference_that_is_not_there_screens_nobody(disc: Blackbody) -> None:
    door = Door(replace(POSITION, references=(disc,)))
    told = door.show(picture(35.5), round(3 * FPS))
    assert {reading.reason for reading in told} == {NotScreened.REFERENCE_LOST}


@pytest.mark.parametrize("disc", [replace(DISC, row=300), replace(DISC, row=100), Blackbody(temp_c=37.0)])
def test_a_reference_that_is_elsewhere_or_anywhere_is_searched_for(disc: Blackbody) -> None:
    door = Door(replace(POSITION, references=(disc,)))
    told = door.show(picture(35.5), round(3 * FPS))
    assert [reading.reason for reading in told] == [NotScreened.REFERENCE_LOST, None]
    assert told[-1].measurement is not None
    assert told[-1].measurement.surface_temp_c == pytest.approx(35.5, abs=0.02)
    (place,) = door.steps[-1].references
    assert (place.row, place.column, place.radius_px) == pytest.approx((20, 130, 6.0), abs=0.3)


def test_a_sensor_that_drifts_too_fast_measures_nobody(door: Door) -> None:
    told: list[Reading] = []
    for number in range(round(8 * FPS)):
        told += door.show(picture(35.5, error_c=ERROR_C + 0.01 * number))
    assert told[-1].reason is NotScreened.REFERENCE_DRIFTING
    door.show(picture(None, error_c=ERROR_C + 0.8), round(12 * FPS))
    assert door.condition is NotScreened.NOBODY_THERE


def test_something_hotter_than_a_person_is_nobody(door: Door) -> None:
    told = door.show(picture(60.0), round(2 * FPS))
    assert {reading.reason for reading in told} == {NotScreened.TOO_HOT}


def test_somebody_too_far_away_is_nobody(door: Door) -> None:
    """A far face fills few pixels, and these read too cold: "normal" would be no finding."""
    far = picture(None)
    far[70:86, 50:66] = picture(35.5)[70, 50]
    assert door.show(far, round(6 * FPS)) == []
    assert door.condition is NotScreened.TOO_FAR
    (told,) = door.show(picture(35.5), 6)
    assert told.first


def test_a_region_outside_the_frame_makes_it_unfit() -> None:
    door = Door(replace(POSITION, region=Region(top=0, left=0, bottom=400, right=400)))
    told = door.show(picture(35.5), round(3 * FPS))
    assert told[-1].reason is NotScreened.FRAME_UNFIT


def test_a_scale_that_makes_no_temperatures_makes_the_frame_unfit(door: Door) -> None:
    told = door.show(picture(35.5), round(2 * FPS), scale=LinearScale(gain_c=0.0, offset_c=0.0))
    assert told[-1].reason is NotScreened.FRAME_UNFIT
    assert door.show(picture(35.5).astype(np.int16), round(2 * FPS))[-1].reason is NotScreened.FRAME_UNFIT


any_scale = st.one_of(
    st.just(LEPTON),
    st.builds(LinearScale, gain_c=st.floats(), offset_c=st.floats()),
    st.builds(Planck, r1=st.floats(), r2=st.floats(), b=st.floats(), f=st.floats(), o=st.floats()),
)
maybe = st.none() | st.floats()
any_frame = st.builds(
    dict,
    raw=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=20)),
    scale=any_scale,
    conditions=st.none() | st.builds(Conditions, emissivity=st.floats(), humidity=st.floats()),
    uptime_s=maybe,
    since_flat_field_s=maybe,
    unfit=st.none() | st.sampled_from(Unfit),
)
SMALL = Position(
    region=Region(top=2, left=2, bottom=8, right=8),
    references=(Reference(temp_c=37.0, row=9, column=9, radius_px=2.5),),
    presence_px_min=5,
    manner=Manner(presence_c_min=-400.0, frames=1),
)


@given(frames=st.lists(st.tuples(any_frame, st.floats(-5.0, 60.0)), max_size=12))
@settings(max_examples=200)
def test_whatever_a_device_sends_the_machine_goes_on_and_no_reading_is_without_number_or_reason(
    frames: list[tuple[dict[str, Any], float]],
) -> None:
    state, now_s = Station(), 1000.0
    for fields, wait_s in frames:
        now_s += wait_s
        state, step = station.step(state, ThermalFrameCaptured(at=at(now_s), **fields), SMALL)
        for reading in step.readings:
            _sound(reading)


def _sound(reading: Reading) -> None:
    assert (reading.measurement is None) is (reading.reason is not None)
    if reading.measurement is not None:
        found = reading.measurement
        assert math.isfinite(found.surface_temp_c)
        assert 0.0 < found.uncertainty_c < 10.0
        assert reading.presence >= 1


# --- real clips -------------------------------------------------------------------------------------


def _clips(data: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    folder = data / "thermal/lepton_screening"
    for name, expected in json.loads((data / "thermal/expected.json").read_text())[
        "lepton_screening"
    ].items():
        yield expected, np.load(folder / name)


@pytest.mark.needs_test_data
def test_real_door_clips_give_believable_surface_temperatures_and_no_false_alarm(test_data: Path) -> None:
    """Eleven clips of healthy people; at the threshold of 37.3 °C none may be called elevated."""
    screened = 0
    for expected, clip in _clips(test_data):
        row, column = expected["reference_disc"]["center_rc"]
        radius_px = expected["reference_disc"]["radius_px"]
        reference = Reference(
            temp_c=expected["reference_calibrated_C"], row=row, column=column, radius_px=radius_px
        )
        region = Region(top=30, left=10, bottom=115, right=min(110, column - 3 * radius_px))
        if row < 60:
            region = Region(top=row + 3 * radius_px, left=10, bottom=115, right=150)
        door = Door(Position(region=region, references=(reference,)))
        clock = clip["uptime_s"] - clip["uptime_s"][0]
        told: list[Reading] = []
        for raw, up_s, ffc_s, now_s in zip(
            clip["frames"], clip["uptime_s"], clip["last_ffc_s"], clock, strict=True
        ):
            door.now_s = 100.0 + float(now_s) - 1 / FPS
            told += door.show(raw, uptime_s=float(up_s), since_flat_field_s=float(up_s - ffc_s))
        temps = [reading.measurement for reading in told if reading.measurement is not None]
        near = sum(step.condition is None for step in door.steps) / len(door.steps)
        assert (near > 0.1) is (expected["people_truth"] > 0)
        assert all(32.9 < found.surface_temp_c < 37.0 for found in temps)
        assert all(found.uncertainty_c < 0.25 for found in temps)
        assert {reading.state(37.3) for reading in told} <= {
            ScreeningState.NORMAL,
            ScreeningState.RETEST,
            ScreeningState.NOT_SCREENED,
        }
        screened += bool(temps)
    assert screened >= 7


# --- spots ------------------------------------------------------------------------------------------


class Pyrometer:
    def __init__(self, uncertainty_c: float | None = 0.3) -> None:
        self.state = Station()
        self.uncertainty_c = uncertainty_c
        self.now_s = 0.0
        self.condition: NotScreened | None = None

    def show(self, temp_c: float | None, n: int = 1, unfit: Unfit | None = None) -> list[Reading]:
        told: list[Reading] = []
        for _ in range(n):
            self.now_s += 0.1
            event = SpotMeasured(at=at(self.now_s), surface_temp_c=temp_c, unfit=unfit)
            self.state, step = spot.step(self.state, event, Manner(), self.uncertainty_c)
            self.condition = step.condition
            told += step.readings
        return told


def test_a_spot_is_told_with_the_uncertainty_that_is_set_for_it() -> None:
    (told,) = Pyrometer().show(35.5, 8)
    assert told.measurement is not None
    assert told.measurement.surface_temp_c == pytest.approx(35.5)
    assert told.measurement.uncertainty_c == 0.3
    assert told.measurement.reference_age_s is None


def test_l7_a_spot_of_unknown_exactness_screens_nobody() -> None:
    (told,) = Pyrometer(None).show(35.5, 8)
    assert told.reason is NotScreened.UNCERTAINTY_UNKNOWN
    assert told.state(37.3) is ScreeningState.NOT_SCREENED


SPOTS = {
    "no value": (None, None, NotScreened.FRAME_UNFIT),
    "no number": (math.nan, None, NotScreened.FRAME_UNFIT),
    "below absolute zero": (-300.0, None, NotScreened.FRAME_UNFIT),
    "unfit": (35.5, Unfit.SENSOR_FAULT, NotScreened.FRAME_UNFIT),
    "warming up": (None, Unfit.WARMING_UP, NotScreened.WARMING_UP),
    "too hot": (90.0, None, NotScreened.TOO_HOT),
}


@pytest.mark.parametrize("case", SPOTS)
def test_l7_an_unfit_spot_screens_nobody(case: str) -> None:
    temp_c, unfit, reason = SPOTS[case]
    told = Pyrometer().show(temp_c, 15, unfit)
    assert {reading.reason for reading in told} == {reason}


def test_nobody_before_a_pyrometer_is_no_reading() -> None:
    pyrometer = Pyrometer()
    assert pyrometer.show(24.0, 50) == []
    assert pyrometer.condition is NotScreened.NOBODY_THERE


def test_a_moment_of_nobody_before_a_pyrometer_is_a_turned_head() -> None:
    pyrometer = Pyrometer()
    (first,) = pyrometer.show(35.5, 8)
    pyrometer.show(24.0, 3)
    assert [told.presence for told in pyrometer.show(35.5, 20)] == [first.presence] * 2
    pyrometer.show(24.0, 9)
    assert pyrometer.show(35.5, 8)[0].presence == first.presence + 1


@given(temp_c=st.none() | st.floats(), unfit=st.none() | st.sampled_from(Unfit), u=st.none() | st.just(0.2))
def test_whatever_a_pyrometer_says_no_reading_is_without_number_or_reason(
    temp_c: float | None, unfit: Unfit | None, u: float | None
) -> None:
    for reading in Pyrometer(u).show(temp_c, 12, unfit):
        _sound(reading)
