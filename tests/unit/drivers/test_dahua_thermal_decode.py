"""Dahua's heat maps and spots: what the header says, what it cannot say, damage, units."""

import datetime as dt
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import Conditions, Reject, SpotMeasured, ThermalFrameCaptured, Unfit
from drivers.thermal.dahua.decode import ANSWER_BYTES_MAX, frames, kept, spots
from drivers.thermal.dahua.heat_map import Meaning
from drivers.thermal.dahua.texts import is_error, is_refusal, reason_of, value_of, values_of
from drivers.thermal_camera.answers import AnswerDecoder

AT = Instant(1000.0, dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
TOLD = {"transmission": 1.0, "emissivity": 0.97, "distance": 1.5, "ambient": 23.5, "humidity": 45.0}
RAW = (np.random.default_rng(1).normal(300, 20, (6, 8))).astype("<i2")
CELSIUS = Meaning()


def fir(raw=RAW, shape=None, **changes):
    floats = {**TOLD, **changes}.values()
    height, width = shape or raw.shape
    return struct.pack("<4s5f2HB", b"FIR\0", *floats, height, width, 1).ljust(64, b"\0") + raw.tobytes()


def read(content, meaning=CELSIUS):
    return frames(meaning)(content, AT)


def celsius(event):
    return event.raw.astype(np.float64) * event.scale.gain_c + event.scale.offset_c


def captured(content, meaning=CELSIUS) -> ThermalFrameCaptured:
    event = read(content, meaning)
    assert isinstance(event, ThermalFrameCaptured)
    return event


def conditions(meaning=CELSIUS, **changes) -> Conditions:
    found = captured(fir(**changes), meaning).conditions
    assert found is not None
    return found


# --- heat maps -----------------------------------------------------------------------------------


@given(st.lists(st.integers(-600, 16_000), min_size=6, max_size=6, unique=True))
def test_a_count_is_a_tenth_of_a_degree(values):
    raw = np.array(values, "<i2").reshape(2, 3)
    event = read(fir(raw))
    assert isinstance(event, ThermalFrameCaptured)
    assert event.raw.dtype == np.uint16
    assert event.unfit is None
    assert celsius(event) == pytest.approx(raw / 10, abs=1e-9)


def test_every_count_there_is():
    raw = np.arange(-32768, 32768).astype("<i2").reshape(256, 256)
    assert celsius(read(fir(raw))) == pytest.approx(raw / 10, abs=1e-9)


@pytest.mark.parametrize(
    ("meaning", "degrees", "temp_c"),
    [
        (Meaning("fahrenheit"), 977, 36.5),
        (Meaning("kelvin"), 3097, 36.55),
        (Meaning("celsius", 0.01), 3650, 36.5),
        (Meaning("fahrenheit", 0.01), 9770, 36.5),
    ],
)
def test_degrees_that_are_others(meaning, degrees, temp_c):
    event = read(fir(np.array([[degrees, degrees - 9]], "<i2")), meaning)
    assert celsius(event)[0, 0] == pytest.approx(temp_c, abs=1e-6)


def test_rows_come_first_in_the_header():
    event = captured(fir(RAW))
    assert event.raw.shape == (6, 8)
    assert np.array_equal(event.raw.astype(int) - 32768, RAW)


def test_what_the_camera_assumes_of_object_and_air():
    assert conditions() == Conditions(
        emissivity=0.97,
        distance_m=1.5,
        reflected_c=23.5,
        atmosphere_c=23.5,
        humidity=0.45,
        window_c=23.5,
        window_transmission=1.0,
    )


@pytest.mark.parametrize(
    ("said", "share"), [(0.45, 0.45), (45.0, 0.45), (0.0, 0.0), (1.0, 1.0), (100.0, 1.0)]
)
def test_humidity_is_a_share_however_it_is_given(said, share):
    assert conditions(humidity=said).humidity == pytest.approx(share)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0, 1e30])
def test_what_it_says_that_cannot_be_is_left_out(wrong):
    usual = Conditions()
    assert conditions(humidity=wrong).humidity == usual.humidity
    assert conditions(distance=wrong).distance_m == usual.distance_m
    assert conditions(transmission=wrong).window_transmission == 1.0
    without_emissivity = captured(fir(emissivity=wrong))
    assert (without_emissivity.conditions, without_emissivity.unfit) == (None, None)
    if wrong != -1.0:
        assert conditions(ambient=wrong).atmosphere_c == usual.atmosphere_c


def test_an_optic_that_does_not_say_what_it_lets_through_lets_all_through():
    assert conditions(transmission=0.0).window_transmission == 1.0
    assert conditions(transmission=92.0).window_transmission == pytest.approx(0.92)


@pytest.mark.parametrize(("said", "ambient_c"), [(73.4, 23.0), (23.0, 23.0), (104.0, 40.0)])
def test_ambient_of_a_camera_that_means_fahrenheit(said, ambient_c):
    found = conditions(Meaning("fahrenheit"), ambient=said)
    assert found.atmosphere_c == pytest.approx(ambient_c, abs=1e-3)
    assert found.reflected_c == found.atmosphere_c


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xd8\xff\xe0 a picture", "heat_map_is_a_picture"),
        (b"Error\r\nErrorID=3, Detail=Server internal error!\r\n", "camera_says_error"),
        (b"FIR\0", "heat_map_too_short"),
        (fir()[:63], "heat_map_too_short"),
        (fir()[:64], "heat_map_length_does_not_fit_height_and_width"),
        (fir()[:-1], "heat_map_length_does_not_fit_height_and_width"),
        (fir() + b"\xff\xd8", "heat_map_length_does_not_fit_height_and_width"),
        (fir() + b"\0" * 17, "heat_map_length_does_not_fit_height_and_width"),
        (fir(shape=(7, 8)), "heat_map_length_does_not_fit_height_and_width"),
        (fir(shape=(6, 7)), "heat_map_length_does_not_fit_height_and_width"),
        (fir(shape=(0, 8)), "heat_map_size_unbelievable"),
        (fir(shape=(6, 65535)), "heat_map_size_unbelievable"),
        (fir(shape=(4000, 4000)), "heat_map_size_unbelievable"),
    ],
)
def test_what_is_no_heat_map_is_named(content, reason):
    event = read(content)
    assert isinstance(event, Reject)
    assert event.reason == reason
    assert b"\xff\xd8" not in event.sample


@pytest.mark.parametrize("tail", [b"\r\n", b"\0" * 16, b"\n"])
def test_a_heat_map_may_end_with_nothing(tail):
    assert captured(fir() + tail).unfit is None
    assert kept(fir() + tail) == fir()


@given(cut=st.integers(0, 64 + 2 * 48 - 1))
def test_a_cut_heat_map_is_no_measurement(cut):
    assert isinstance(read(fir()[:cut]), Reject)


@given(place=st.integers(0, 200), content=st.binary(max_size=40), drop=st.integers(0, 40))
def test_damage_makes_a_frame_or_a_reject(place, content, drop):
    whole = fir()
    event = read(whole[: place % len(whole)] + content + whole[place % len(whole) + drop :])
    if isinstance(event, ThermalFrameCaptured) and event.conditions is not None:
        assert 0 < event.conditions.emissivity <= 1
        assert 0 <= event.conditions.humidity <= 1
        assert 0 < event.conditions.window_transmission <= 1


@given(st.binary(max_size=300))
def test_garbage_never_raises(content):
    for reader in (frames(CELSIUS), spots(None)):
        reader(content, AT)
    kept(content)


@pytest.mark.parametrize(
    ("raw", "unfit"),
    [
        (np.zeros((4, 4)), Unfit.SENSOR_FAULT),
        (np.full((4, 4), -2731), Unfit.SENSOR_FAULT),
        (np.where(np.eye(4), 300, -2731), Unfit.OUT_OF_RANGE),
        (np.where(np.eye(4), -2731, 300), None),
    ],
)
def test_what_cannot_be_is_unfit(raw, unfit):
    assert captured(fir(raw.astype("<i2"))).unfit is unfit


def test_an_answer_beyond_all_bounds_is_not_kept():
    decoder = AnswerDecoder(frames(CELSIUS), ANSWER_BYTES_MAX)
    for _ in range(3):
        decoder.feed(bytes(ANSWER_BYTES_MAX // 2), AT)
    (event,) = decoder.finish(AT)
    assert isinstance(event, Reject)
    assert event.reason == "answer_too_long"
    decoder.feed(fir(), AT)
    assert isinstance(decoder.finish(AT)[0], ThermalFrameCaptured)


def test_no_picture_is_kept():
    assert kept(b"\xff\xd8\xff\xe0 somebody's face") == b""
    assert b"face" not in kept(fir() + b"\xff\xd8\xff\xe0 somebody's face")
    assert kept(fir()) == fir()


# --- spots ---------------------------------------------------------------------------------------


def spot(degrees, label="Centigrade"):
    lines = [f"pointTempInfo.TemperAver={degrees}", "pointTempInfo.Type=Spot"]
    return "\r\n".join([*lines, *([f"pointTempInfo.TemperatureUnit={label}"] if label else []), ""]).encode()


@pytest.mark.parametrize(
    ("content", "unit", "temp_c"),
    [
        (spot("36.500000"), None, 36.5),
        (spot("67.699997"), "fahrenheit", 19.8333),
        (spot("98.6", "Fahrenheit"), None, 37.0),
        (spot("310.15", "kelvin"), None, 37.0),
        (spot("36.5", ""), None, 36.5),
        (spot("36.5", "Rankine"), "celsius", 36.5),
        (spot("-12.5"), "celsius", -12.5),
        (b"TemperAver=36.6\n", None, 36.6),
    ],
)
def test_a_spot(content, unit, temp_c):
    event = spots(unit)(content, AT)
    assert isinstance(event, SpotMeasured)
    assert event.surface_temp_c == pytest.approx(temp_c, abs=1e-3)


@pytest.mark.parametrize("degrees", ["-273.15", "nan", "inf", "99999", "1e400"])
def test_a_spot_that_cannot_be(degrees):
    assert spots(None)(spot(degrees), AT) == SpotMeasured(
        at=AT, surface_temp_c=None, unfit=Unfit.OUT_OF_RANGE
    )


@pytest.mark.parametrize("unit", [None, "fahrenheit"])
def test_a_spot_of_0_sharp_was_not_measured(unit):
    event = spots(unit)(spot("0.000000"), AT)
    assert event == SpotMeasured(at=AT, surface_temp_c=None, unfit=Unfit.SENSOR_FAULT)
    nearly = spots(unit)(spot("0.1"), AT)
    assert isinstance(nearly, SpotMeasured)
    assert nearly.unfit is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Error\r\nErrorID=2, Detail=Invalid Request!\r\n", "camera_says_error"),
        (spot("warm"), "spot_unreadable"),
        (b"<html>", "spot_unreadable"),
        (b"a=" + b"x" * 70_000, "spot_unreadable"),
        (spot("36.5", "Rankine"), "unit_unknown"),
    ],
)
def test_what_is_no_spot(content, reason):
    event = spots(None)(content, AT)
    assert isinstance(event, Reject)
    assert event.reason == reason


# --- texts ---------------------------------------------------------------------------------------


def test_values_are_found_whatever_stands_before_them():
    values = values_of(b"table.A[1].Unit=Centigrade\r\nno value\r\n b = c=d \r\n=e\r\n\xff=\xfe")
    assert value_of(values, "unit") == "Centigrade"
    assert (values["b"], value_of(values, "missing")) == ("c=d", "")


@pytest.mark.parametrize(
    ("content", "error", "refusal", "reason"),
    [
        (b"Error\r\nErrorID=0, Detail=Invalid Authority!\r\n", True, True, "Invalid Authority!"),
        (b"Error\nBad Request!\n", True, False, "Bad Request!"),
        (b"Error", True, False, ""),
        (b"OK\r\n", False, False, "OK"),
        (b"Error" + b"x" * 70_000, False, False, ""),
        (b"", False, False, ""),
    ],
)
def test_how_a_camera_says_that_something_is_wrong(content, error, refusal, reason):
    assert (is_error(content), is_refusal(content), reason_of(content)) == (error, refusal, reason)
