"""An HTPA's datagrams: frames of two parts in any disorder, answers, damage, and what makes a frame unfit."""

import datetime as dt
import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cardea.contract.time import ClockQuality, Instant
from drivers.api import DeviceIdentified, LinearScale, Reject, ThermalFrameCaptured, Unfit
from drivers.sim.htpa import frame
from drivers.thermal.htpa.decode import DATAGRAM_BYTES_MAX, DatagramDecoder, recorded
from drivers.thermal.htpa.protocol import Answer, Identity, plain_mac, read_answer
from drivers.thermal.htpa.settings import HtpaSettings

AT = Instant(5.0, dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
SETTINGS = HtpaSettings.model_validate({"host": "192.0.2.30"})
ABOUT = (
    b"HTPA series responsed! I am Arraytype 10 MODTYPE 005\r\nADC: 16\r\n"
    b"HTPA32x32d v.2.00 Heimann Sensor GmbH; written by D. Pauer 2021-01-13\r\n"
    b"I am running on 5000.0 kHz\r\nMAC-ID: 00.1A.2B.3C.4D.5E IP: 192.000.002.030 DevID: 000000042"
)
PERIOD_S = 0.1


def counts(number):
    room = np.full((32, 32), 2_950, np.uint16)
    room.flat[number % 646] = room.flat[646 + number % 378] = 3_000 + number
    return room


def first(number):
    return frame(counts(number), 31.4)[:1292]


def second(number):
    return frame(counts(number), 31.4)[1292:]


def later(seconds):
    return msgspec.structs.replace(AT, mono_s=AT.mono_s + seconds)


def told(events):
    return [e.reason if isinstance(e, Reject) else int(e.raw.max()) - 3_000 for e in events]


def fed(*timed, decoder=None) -> list[Any]:
    """Datagrams, each with its time in s, and the end."""
    decoder = decoder or DatagramDecoder(SETTINGS)
    events = [e for seconds, datagram in timed for e in decoder.feed(recorded(datagram), later(seconds))]
    return [*events, *decoder.finish(later(99.0))]


# --- frames ---------------------------------------------------------------------------------------------


def test_a_frame_of_two_datagrams():
    assert (len(first(1)), len(second(1))) == (1292, 1288)
    (event,) = fed((0.0, first(7)), (0.001, second(7)))
    assert isinstance(event, ThermalFrameCaptured)
    assert (event.raw.shape, event.raw.dtype) == ((32, 32), np.uint16)
    assert (event.raw == counts(7)).all()
    assert event.scale == LinearScale(gain_c=0.1, offset_c=-273.15)
    assert event.sensor_temp_c == pytest.approx(31.4, abs=0.1)
    assert event.at == later(0.001)
    assert (event.unfit, event.number, event.uptime_s, event.since_flat_field_s) == (None,) * 4


def test_words_where_the_makers_firmware_puts_them():
    words = np.arange(1290).astype("<i2")
    words[:1024] = 2_900 + np.arange(1024) % 100
    words[1280], words[1281] = 35_480 - 65_536, 3_046
    words[1023], words[1024] = 3_333, 30_000
    content = words.tobytes()
    (event,) = fed((0.0, content[:1292]), (0.0, content[1292:]))
    assert event.raw[31, 31] == 3_333
    assert event.raw[0, 1] == 2_901
    assert event.raw.max() == 3_333
    assert event.sensor_temp_c == pytest.approx(31.45)


def test_what_is_below_zero_kelvin_is_no_heat():
    counts_ = counts(3).astype("<i2")
    counts_[5, 5] = -1
    content = counts_.tobytes() + frame(counts(3), 31.4)[2048:]
    (event,) = fed((0.0, content[:1292]), (0.0, content[1292:]))
    assert (event.raw[5, 5], event.unfit) == (0, None)
    assert event.raw.max() == 3_003


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("1a 1b 2a 2b", [1, 2]),
        ("1b 2a 2b", ["part_alone", 2]),
        ("1a 2a 2b", ["part_alone", 2]),
        ("1a 2b 3a 3b", ["part_alone", "part_alone", 3]),
        ("1a 1a 1b 1b 2a 2b", ["part_repeated", 1, "part_repeated", 2]),
        ("1a 1b 2a 1b 2b", [1, "part_repeated", 2]),
        ("1a 1b 1a 2a 2b", [1, "part_alone", 2]),
        ("1b 1a 2a 2b", [1, 2]),
        ("1b 1a 2b 2a 3a 3b", [1, 2, 3]),
        ("1a 1b 2b 2a", [1, "part_alone", "part_alone"]),
        ("1b 2a 3a 3b", ["part_alone", "part_alone", 3]),
        ("1b 1b 2a 2b", ["part_alone", "part_alone", 2]),
        ("1a", ["part_alone"]),
        ("1b", ["part_alone"]),
    ],
)
def test_parts_in_disorder(what, expected):
    """``1a``: the first part of frame 1, and so on; parts of a frame come a millisecond apart."""
    timed = []
    for place, part in enumerate(what.split()):
        number = int(part[0])
        timed.append((number * PERIOD_S + place / 1000, first(number) if part[1] == "a" else second(number)))
    events = fed(*timed)
    assert told(events) == expected
    assert all((e.raw == counts(int(e.raw.max()) - 3_000)).all() for e in events if not isinstance(e, Reject))


def test_swapped_parts_that_were_read_late_are_not_believed():
    assert told(fed((0, second(1)), (0, first(2)), (0, second(2)))) == ["part_alone", 2]
    assert told(fed((0, second(1)), (0, first(2)), (0, first(3)), (0, second(3)))) == [
        "part_alone",
        "part_alone",
        3,
    ]


@given(
    st.lists(
        st.sampled_from(["keep", "lose_a", "lose_b", "double", "swap", "late", "short", "text"]), max_size=14
    )
)
@property_settings(max_examples=100)
def test_a_picture_is_never_of_two_frames(doings):
    timed = []
    for number, doing in enumerate(doings, start=1):
        at_s, a, b = number * PERIOD_S, first(number), second(number)
        parts = {
            "keep": [a, b],
            "lose_a": [b],
            "lose_b": [a],
            "double": [a, a, b, b],
            "swap": [b, a],
            "late": [a, b, second(max(1, number - 1))],
            "short": [a[:-2], b],
            "text": [a, b"HW-Filter released\r\n", b],
        }[doing]
        timed += [(at_s + place / 1000, part) for place, part in enumerate(parts)]
    events = [e for e in fed(*timed) if isinstance(e, ThermalFrameCaptured)]
    assert all((e.raw == counts(int(e.raw.max()) - 3_000)).all() for e in events)
    numbers = told(events)
    assert numbers == sorted(set(numbers))
    whole = {n for n, doing in enumerate(doings, start=1) if doing in {"keep", "double", "late", "text"}}
    assert whole <= set(numbers)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 4)), max_size=30))
@property_settings(max_examples=100)
def test_every_part_is_in_a_frame_or_said(parts):
    timed = [(place / 50, first(n) if which == "a" else second(n)) for place, (which, n) in enumerate(parts)]
    events = fed(*timed)
    frames = [event for event in events if isinstance(event, ThermalFrameCaptured)]
    assert 2 * len(frames) + len(events) - len(frames) == len(parts)


def test_datagrams_lost_on_the_way_take_what_has_begun():
    decoder = DatagramDecoder(SETTINGS)
    decoder.feed(recorded(first(1)), AT)
    assert told(decoder.missed(AT)) == ["part_alone", "datagrams_lost"]
    assert told(fed((0, second(1)), (1, first(2)), (1, second(2)), decoder=decoder)) == ["part_alone", 2]


# --- the channel ----------------------------------------------------------------------------------------


@given(cuts=st.lists(st.integers(0, 10**5), max_size=10), rest=st.integers(0, 1293))
@property_settings(max_examples=50)
def test_any_cut_gives_the_same(cuts, rest):
    datagrams = [first(1), second(1), ABOUT, b"what?", first(2), second(2), first(3)]
    stream = b"".join(map(recorded, datagrams))
    stream = stream[: len(stream) - 1294 + rest]
    decoder = DatagramDecoder(SETTINGS)
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    got = [e for a, b in itertools.pairwise(places) for e in decoder.feed(stream[a:b], AT)]
    assert [type(event) for event in got] == [
        ThermalFrameCaptured,
        DeviceIdentified,
        Reject,
        ThermalFrameCaptured,
    ]
    assert told(decoder.finish(AT)) == (["datagram_cut_short"] if rest else [])


def test_a_damaged_capture_is_said_once():
    decoder = DatagramDecoder(SETTINGS)
    events = decoder.feed(recorded(first(1)) + b"\xff\xff" + recorded(second(1)) * 3, AT)
    events += decoder.feed(recorded(first(2)) + recorded(second(2)), AT)
    assert told([*events, *decoder.finish(AT)]) == ["length_unbelievable", "part_alone"]
    assert told(decoder.feed(recorded(first(2)) + recorded(second(2)), AT)) == [2]


@given(st.lists(st.binary(max_size=3000), max_size=6))
def test_garbage_is_counted_and_never_kept(chunks):
    decoder = DatagramDecoder(SETTINGS)
    events = [event for chunk in chunks for event in decoder.feed(chunk, AT)]
    assert len(decoder._pending) <= DATAGRAM_BYTES_MAX + 2
    events += decoder.finish(AT)
    assert len(events) <= sum(map(len, chunks)) / 2 + 1
    assert all(len(event.sample) <= 120 for event in events if isinstance(event, Reject))


@pytest.mark.parametrize("size", [0, 1, 1287, 1289, 1291, 1293, 1500, 9000])
def test_datagrams_of_other_sizes_disturb_nothing(size):
    assert told(fed((0, first(1)), (0.001, b"\0" * size), (0.002, second(1)))) == ["datagram_unknown", 1]


# --- answers --------------------------------------------------------------------------------------------


def test_what_a_module_says_that_it_is():
    assert read_answer(ABOUT) == Identity("10", "HTPA32x32d", "v.2.00", "00:1a:2b:3c:4d:5e")
    (event,) = fed((0, ABOUT))
    assert isinstance(event, DeviceIdentified)
    assert (event.model, event.firmware, event.serial) == ("HTPA32x32d", "v.2.00", "00:1a:2b:3c:4d:5e")


def test_a_module_that_says_little():
    assert read_answer(b"HTPA series responsed!") == Identity("", "", "", "")
    assert read_answer(b"HTPA series responsed! I am Arraytype 0\xff") == Identity("00", "", "", "")


def test_short_answers():
    assert read_answer(b"HW Filter is 192.168.240.122 MAC 00.1A.2B.3C.4D.5E\n\r") is Answer.BOUND
    assert read_answer(b"Device already bound\n\r") is Answer.BOUND_ALREADY
    assert read_answer(b"HW-Filter released\r\n") is Answer.RELEASED
    assert read_answer(b"HTPA") is None
    assert read_answer(ABOUT + b" " * 512) is None
    assert fed((0, b"Device already bound\n\r")) == []


def test_macs_however_they_are_written():
    assert {plain_mac(mac) for mac in ("00.1A.2B.3C.4D.5E", "00-1a-2b-3c-4d-5e", "00:1A:2b:3C:4d:5E")} == {
        "00:1a:2b:3c:4d:5e"
    }


# --- what is unfit ----------------------------------------------------------------------------------------


def whole(raw, sensor_c=31.4):
    content = frame(raw, sensor_c)
    (event,) = fed((0, content[:1292]), (0, content[1292:]))
    return event


@pytest.mark.parametrize(
    ("count", "unfit"),
    [
        (0, Unfit.SENSOR_FAULT),
        (0xFFFF, Unfit.SENSOR_FAULT),
        (1_999, Unfit.OUT_OF_RANGE),
        (2_000, None),
        (6_000, None),
        (6_001, Unfit.OUT_OF_RANGE),
    ],
)
def test_counts_that_cannot_be(count, unfit):
    assert whole(np.full((32, 32), count, np.uint16)).unfit is unfit


@pytest.mark.parametrize(
    ("sensor_c", "told_c"), [(-60.0, None), (-39.0, -39.0), (119.0, 119.0), (130.0, None)]
)
def test_a_temperature_that_the_array_cannot_have_is_none(sensor_c, told_c):
    event = whole(counts(1), sensor_c)
    assert event.sensor_temp_c == (None if told_c is None else pytest.approx(told_c, abs=0.1))
    assert event.unfit is None


def test_the_same_picture_again_and_again_is_frozen():
    decoder = DatagramDecoder(HtpaSettings.model_validate({"host": "192.0.2.30", "frozen_frames": 3}))
    stuck = [
        (n * PERIOD_S + place / 1000, part)
        for n in range(5)
        for place, part in enumerate((first(1), second(1)))
    ]
    events = fed(*stuck, (1.0, first(2)), (1.001, second(2)), decoder=decoder)
    assert [event.unfit for event in events] == [None, None, Unfit.FROZEN, Unfit.FROZEN, Unfit.FROZEN, None]


# --- settings ---------------------------------------------------------------------------------------------


def test_a_sensor_is_somewhere():
    with pytest.raises(ValidationError, match="name the sensor's host, or its mac"):
        HtpaSettings()
    with pytest.raises(ValidationError):
        HtpaSettings.model_validate({"mac": "00:1a"})
