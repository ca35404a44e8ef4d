"""One reference gives an offset, two a gain; a degree of skin stays a degree whatever is corrected."""

import datetime as dt
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.screening import Correction, NotScreened
from cardea.contract.time import ClockQuality, Instant
from drivers.api import Conditions, LinearScale, Planck, ThermalFrameCaptured
from models.thermal import station
from models.thermal.correction import (
    GAIN_SD,
    Anchor,
    Gain,
    one_point,
    two_point,
)
from models.thermal.overrides import Overrides
from models.thermal.position import SITE_C_MAX, Position
from models.thermal.radiometry import Radiometer, radiometer
from models.thermal.reading import Measurement
from models.thermal.reference.offset import NOISE_C, SEEN_MIN
from models.thermal.reference.reference import Blackbody, Reference
from models.thermal.roi import Region
from models.thermal.station import Station, Step

FPS = 9.0
LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
CAMERA = Planck(r1=21106.77, r2=0.012545258, b=1501.0, f=1.0, o=-7340.0)
SKIN = Conditions()
REGION = Region(top=40, left=20, bottom=110, right=110)
FIRST, SECOND = (20.0, 130.0), (60.0, 140.0)
RADIUS_PX = 6.0


def anchor(temp_c: float, reading_c: float, u_c: float = 0.15, variance_c2: float = 1e-4) -> Anchor:
    return Anchor(temp_c=temp_c, reading_c=reading_c, uncertainty_c=u_c, variance_c2=variance_c2)


def settled(value: float = 1.0, variance: float = 1e-6) -> Gain:
    return Gain(value=value, variance=variance, at_s=0.0, seen=SEEN_MIN)


# --- the line ---------------------------------------------------------------------------------------


def test_one_reference_adds_the_same_everywhere() -> None:
    line = one_point(anchor(37.0, 35.2))
    assert (line.correction, line.gain, line.fit) == (Correction.ONE_POINT, 1.0, True)
    assert [line.added_c(reading_c) for reading_c in (20.0, 35.2, 40.0)] == pytest.approx([1.8] * 3)
    assert line.reading_c(37.0) == pytest.approx(35.2)


def test_two_references_read_what_they_are_set_to() -> None:
    first, second = anchor(34.0, 33.0), anchor(40.0, 39.2)
    line = two_point(first, second, settled((40.0 - 34.0) / (39.2 - 33.0)))
    assert line.correction is Correction.TWO_POINT
    for one in (first, second):
        assert one.reading_c + line.added_c(one.reading_c) == pytest.approx(one.temp_c)
    assert line.gain == pytest.approx(6.0 / 6.2)
    assert line.fit


def test_a_gain_beyond_five_hundredths_is_no_sound_sensors() -> None:
    fit = {
        gain: two_point(anchor(34.0, 33.0), anchor(40.0, 39.0), settled(gain)).fit
        for gain in (0.949, 0.95, 1.05, 1.051)
    }
    assert list(fit.values()) == [False, True, True, False]


temps_c = st.floats(20.0, 50.0)


@given(
    reading_c=temps_c,
    first_c=temps_c,
    apart_c=st.floats(3.0, 20.0),
    errors_c=st.tuples(st.floats(-5.0, 5.0), st.floats(-5.0, 5.0)),
    gain=st.floats(0.9, 1.1),
)
def test_a_reading_and_its_temperature_belong_to_each_other(
    reading_c: float, first_c: float, apart_c: float, errors_c: tuple[float, float], gain: float
) -> None:
    first, second = anchor(first_c, first_c + errors_c[0]), anchor(first_c + apart_c, first_c + errors_c[1])
    for line in (one_point(first), two_point(first, second, settled(gain))):
        temp_c = reading_c + line.added_c(reading_c)
        assert line.reading_c(temp_c) == pytest.approx(reading_c)
        assert (reading_c + 1.0 + line.added_c(reading_c + 1.0)) - temp_c == pytest.approx(line.gain)


# --- its uncertainty --------------------------------------------------------------------------------


def test_one_references_uncertainty_grows_with_the_distance_for_it_says_nothing_of_the_gain() -> None:
    line = one_point(anchor(37.0, 35.2, 0.15, 0.02**2))
    assert line.uncertainty_c(35.2) == pytest.approx(math.hypot(0.15, 0.02))
    assert line.uncertainty_c(33.2) == pytest.approx(math.hypot(0.15, 0.02, 2.0 * GAIN_SD))


def test_two_references_are_surest_between_them() -> None:
    line = two_point(anchor(34.0, 33.0), anchor(40.0, 39.0), settled())
    between = line.uncertainty_c(36.0)
    assert between == pytest.approx(0.15 / math.sqrt(2.0), abs=0.001)
    assert line.uncertainty_c(33.0) == pytest.approx(0.15, abs=0.001)
    assert line.uncertainty_c(30.0) > 0.2
    near = two_point(anchor(34.0, 33.0), anchor(37.0, 36.0), settled())
    assert near.uncertainty_c(39.0) > line.uncertainty_c(39.0)


def test_uncertainty_agrees_with_errors_drawn_by_chance() -> None:
    """What errors of the sources and looks of the sensor do to a temperature, 20 000 times over."""
    rng = np.random.default_rng(3)
    set_c, read_c, sources_c, sd_c = (34.0, 39.0), (33.1, 38.2), (0.1, 0.2), 0.03
    gain = (set_c[1] - set_c[0]) / (read_c[1] - read_c[0])
    true_c = np.array(set_c) + rng.normal(0.0, sources_c, (20_000, 2))
    seen_c = np.array(read_c) + rng.normal(0.0, sd_c, (20_000, 2))
    slopes = (true_c[:, 1] - true_c[:, 0]) / (seen_c[:, 1] - seen_c[:, 0])
    gain_sd = math.sqrt(2.0) * sd_c * gain / (read_c[1] - read_c[0])
    line = two_point(
        anchor(set_c[0], read_c[0], sources_c[0], sd_c**2),
        anchor(set_c[1], read_c[1], sources_c[1], sd_c**2),
        settled(gain, gain_sd**2),
    )
    for reading_c in (30.0, 33.0, 35.5, 38.0, 41.0):
        out_c = true_c[:, 0] + slopes * (reading_c - seen_c[:, 0])
        assert line.uncertainty_c(reading_c) == pytest.approx(float(out_c.std()), rel=0.03)


# --- the gain ---------------------------------------------------------------------------------------


def test_the_gain_is_believed_after_three_looks_and_follows_slowly() -> None:
    rng = np.random.default_rng(1)
    gain, told = Gain(), []
    for number in range(100):
        read_c = np.array((33.0, 39.2)) + rng.normal(0.0, NOISE_C, 2)
        gain = gain.looked((34.0, 40.0), (float(read_c[0]), float(read_c[1])), number / FPS)
        assert gain.settled is (number + 1 >= SEEN_MIN)
        told.append(gain.value)
    assert told[-1] == pytest.approx(6.0 / 6.2, abs=0.002)
    assert max(abs(b - a) for a, b in itertools.pairwise(told[50:])) < 3e-4
    assert gain.variance < 1e-6
    assert not gain.lost().settled


def test_another_gain_is_followed_at_once() -> None:
    gain = Gain()
    for number in range(100):
        gain = gain.looked((34.0, 40.0), (33.0, 39.0 if number < 90 else 38.0), number / FPS)
    assert gain.value == pytest.approx(1.2, abs=0.01)


@given(
    st.lists(st.tuples(st.floats(-300.0, 1e4), st.floats(-300.0, 1e4), st.floats(-10.0, 1e6)), max_size=20)
)
def test_whatever_two_discs_read_the_gain_is_a_number_between_bounds(
    looks: list[tuple[float, float, float]],
) -> None:
    gain, n = Gain(), 0
    for first_c, second_c, at_s in looks:
        gain, n = gain.looked((34.0, 40.0), (first_c, second_c), at_s), n + 1
        assert 0.5 <= gain.value <= 2.0
        assert 0.0 < gain.variance < math.inf


# --- through a whole position -----------------------------------------------------------------------


def discs() -> Any:
    row, column = np.mgrid[:120, :160]
    return [np.hypot(row - place[0], column - place[1]) <= RADIUS_PX for place in (FIRST, SECOND)]


def rendered(face: float, wall: float, first: float, second: float, dtype: Any = np.uint16) -> Any:
    """Counts of a face before a wall with two discs."""
    raw = np.full((120, 160), wall, dtype)
    for disc, count in zip(discs(), (first, second), strict=True):
        raw[disc] = count
    raw[60:90, 40:70] = face
    return raw


class Place:
    """A position of a camera."""

    def __init__(self, position: Position, scale: LinearScale | Planck, assumed: Conditions | None) -> None:
        self.position, self.scale, self.assumed = position, scale, assumed
        self.state, self.now_s = Station(), 100.0

    def show(self, raw: Any, n: int = 20) -> list[Step]:
        steps: list[Step] = []
        for _ in range(n):
            self.now_s += 1 / FPS
            at = Instant(self.now_s, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
            frame = ThermalFrameCaptured(at=at, raw=raw, scale=self.scale, conditions=self.assumed)
            self.state, step = station.step(self.state, frame, self.position)
            steps.append(step)
        return steps

    def measured(self, raw: Any) -> Measurement:
        told = [reading for step in self.show(raw) for reading in step.readings]
        assert told[-1].measurement is not None, told[-1].reason
        return told[-1].measurement


CAMERAS: dict[str, tuple[LinearScale | Planck, Conditions | None, Overrides]] = {
    "linear, of a blackbody": (LEPTON, None, Overrides()),
    "linear, radiometry done here": (LEPTON, None, Overrides(emissivity=0.97, distance_m=1.5)),
    "planck": (CAMERA, SKIN, Overrides()),
    "planck, other conditions": (CAMERA, SKIN, Overrides(humidity=0.7, reflected_c=28.0)),
}


def meter_of(camera: str) -> Radiometer:
    scale, assumed, overrides = CAMERAS[camera]
    return radiometer(scale, assumed, overrides.over(assumed))


def count(meter: Radiometer, temp_c: float) -> int:
    return round(float(meter.counts(temp_c)))


def temp(meter: Radiometer, counts: int) -> float:
    return float(meter.celsius(np.array([counts]))[0])


@pytest.mark.parametrize("site_c", [-0.7, 0.0, 0.4])
@pytest.mark.parametrize("points", [1, 2])
@pytest.mark.parametrize("camera", CAMERAS)
def test_log_rule_radiometry_and_references_first_then_constants_only_d_out_d_surface_temp_is_1(
    camera: str, points: int, site_c: float
) -> None:
    """THERMAL.md: after radiometry and reference correction site terms are constants, ∂out/∂surface_temp = 1.

    A sensor with an error of gain (by two points) and offset; the discs are set to what it should read, the
    face is rendered at several temperatures by the inverse radiometry, in whole counts.
    """
    meter = meter_of(camera)
    sensor_gain, error_c = (0.97, 1.8) if points == 2 else (1.0, 1.8)

    def true_c(counts: int) -> float:
        return 36.0 + (temp(meter, counts) + error_c - 36.0) / sensor_gain

    wall, first, second = (count(meter, reading_c) for reading_c in (22.0, 32.0, 38.0))
    told = [
        Reference(temp_c=true_c(counts), row=place[0], column=place[1], radius_px=RADIUS_PX)
        for counts, place in ((first, FIRST), (second, SECOND))
    ]
    scale, assumed, overrides = CAMERAS[camera]
    position = Position(region=REGION, references=tuple(told[-points:]), site_c=site_c, overrides=overrides)
    out: list[tuple[float, float]] = []
    for reading_c in (33.0, 33.2, 35.0, 37.0, 39.0):
        face = count(meter, reading_c)
        found = Place(position, scale, assumed).measured(rendered(face, wall, first, second))
        assert found.site_c == site_c
        assert found.correction is (Correction.TWO_POINT if points == 2 else Correction.ONE_POINT)
        assert found.gain == pytest.approx(1.0 / sensor_gain, abs=1e-9)
        assert found.surface_temp_c == pytest.approx(true_c(face) + site_c, abs=1e-3)
        out.append((true_c(face), found.surface_temp_c))
    for (cooler_c, cooler_out_c), (warmer_c, warmer_out_c) in itertools.combinations(out, 2):
        slope = (warmer_out_c - cooler_out_c) / (warmer_c - cooler_c)
        assert slope == pytest.approx(1.0, abs=1e-6)


TWO = Position(
    region=REGION,
    references=(
        Reference(temp_c=34.0, row=FIRST[0], column=FIRST[1], radius_px=RADIUS_PX),
        Reference(temp_c=40.0, row=SECOND[0], column=SECOND[1], radius_px=RADIUS_PX, uncertainty_c=0.1),
    ),
)


def by_sensor(gain: float, face_c: float = 36.0, second_c: float = 40.0) -> Any:
    """What a sensor that makes ``gain`` degrees of one about 30 °C, and 1 °C too little, counts."""
    temps_c = (face_c, 24.0, 34.0, second_c)
    return rendered(*(round((30.0 + gain * (temp_c - 30.0) - 1.0 + 273.15) * 100) for temp_c in temps_c))


@pytest.mark.parametrize("gain", [0.96, 1.0, 1.04])
def test_a_sensors_gain_is_taken_away_and_recorded(gain: float) -> None:
    place = Place(TWO, LEPTON, None)
    found = place.measured(by_sensor(gain))
    assert found.correction is Correction.TWO_POINT
    assert found.gain == pytest.approx(1.0 / gain, abs=0.003)
    assert found.surface_temp_c == pytest.approx(36.0, abs=0.02)
    assert found.uncertainty_c == pytest.approx(math.hypot(0.15 * 4 / 6, 0.1 * 2 / 6, 0.147), abs=0.01)
    step = place.show(by_sensor(gain), 1)[0]
    assert step.gain == pytest.approx(found.gain)
    assert len(step.references) == 2


@pytest.mark.parametrize("gain", [0.9, 1.1])
def test_l7_two_references_that_disagree_screen_nobody(gain: float) -> None:
    steps = Place(TWO, LEPTON, None).show(by_sensor(gain))
    told = [reading for step in steps for reading in step.readings]
    assert {reading.reason for reading in told} == {NotScreened.GAIN_UNFIT}
    assert steps[-1].condition is NotScreened.GAIN_UNFIT
    assert steps[-1].gain == pytest.approx(1.0 / gain, abs=0.01)


def test_one_of_two_references_is_not_enough() -> None:
    place = Place(TWO, LEPTON, None)
    place.measured(by_sensor(1.0))
    hidden = by_sensor(1.0, second_c=24.0)
    steps = place.show(hidden, round((TWO.reference_gone_s_max + 2.0) * FPS))
    assert steps[20].condition is not NotScreened.REFERENCE_LOST
    assert steps[20].offset_c is None
    assert steps[-1].condition is NotScreened.REFERENCE_LOST
    assert place.show(by_sensor(1.0), 2)[-1].condition is NotScreened.REFERENCE_LOST
    assert place.measured(by_sensor(1.0)).gain == pytest.approx(1.0, abs=1e-3)


def test_two_references_that_are_never_seen_together_tell_of_no_gain() -> None:
    place = Place(TWO, LEPTON, None)
    first, second = by_sensor(1.0, second_c=24.0), by_sensor(1.0)
    second[discs()[0]] = second[0, 0]
    steps = [place.show(raw, 1)[0] for raw in (first, second) * 8]
    assert {step.condition for step in steps} == {NotScreened.REFERENCE_LOST}


@pytest.mark.parametrize(
    "wrong",
    [
        {"references": (Blackbody(temp_c=34.0), Blackbody(temp_c=36.9))},
        {"references": tuple(Blackbody(temp_c=30.0 + 5.0 * n) for n in range(3))},
        {"site_c": SITE_C_MAX + 0.01},
        {"site_c": -SITE_C_MAX - 0.01},
        {"site_c": math.nan},
    ],
)
def test_a_position_that_corrects_wrongly_is_none(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"region": REGION, "references": (Blackbody(temp_c=37.0),)} | wrong
    with pytest.raises(ValueError, match="at most"):
        Position(**fields)
