"""The Lepton's frames and telemetry: cuts, garbage, alignment found again, and what makes a frame unfit."""

import datetime as dt
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cardea.contract.time import ClockQuality, Instant
from drivers.api import LinearScale, Reject, ThermalFrameCaptured, Unfit
from drivers.sim.lepton import telemetry
from drivers.thermal.lepton.decode import FrameReader, Y16Decoder
from drivers.thermal.lepton.fitness import Fitness
from drivers.thermal.lepton.settings import LeptonSettings
from drivers.thermal.lepton.telemetry import FlatField, read_telemetry, telemetry_starts

AT = Instant(5.0, dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
NEVER, IMMINENT, UNDER_WAY, COMPLETE = range(4)
DESIRED, GAIN_CONTROL, LOCKED, OVERHEATED = 1 << 3, 1 << 12, 1 << 15, 1 << 20


def picture(number):
    room = np.full((120, 160), 29_600, np.uint16)
    room[number % 120, number % 160] = 31_000 + number
    return room


def rows(number=1, *, state=COMPLETE, since_s=40.0, uptime_s=900.0, status=0):
    words = telemetry(uptime_s, number, state, since_s)
    words[3] |= status & 0xFFFF
    words[4] |= status >> 16
    return words.astype("<u2").tobytes()


def frame(number=1, **said):
    return picture(number).astype("<u2").tobytes() + rows(number, **said)


def decoder(**settings) -> Any:
    return Y16Decoder(LeptonSettings.model_validate({"source": "tcp", **settings}))


def told(events):
    return [e.reason if isinstance(e, Reject) else e.number for e in events]


def test_a_frame_with_all_that_its_telemetry_says():
    (event,) = decoder().feed(frame(7, since_s=41.5, uptime_s=900.25), AT)
    assert isinstance(event, ThermalFrameCaptured)
    assert event.raw.shape == (120, 160)
    assert event.raw.dtype == np.uint16
    assert (event.raw == picture(7)).all()
    assert event.scale == LinearScale(gain_c=0.01, offset_c=-273.15)
    assert (event.number, event.uptime_s, event.since_flat_field_s) == (7, 900.25, 41.5)
    assert event.sensor_temp_c == pytest.approx(31.0, abs=0.01)
    assert event.unfit is None
    assert event.at == AT


def test_telemetry_above_the_picture_and_none_at_all():
    above = rows(3) + picture(3).astype("<u2").tobytes()
    (event,) = decoder(telemetry="header").feed(above, AT)
    assert (event.raw == picture(3)).all()
    assert event.number == 3
    (bare,) = decoder(telemetry="none").feed(picture(4).astype("<u2").tobytes(), AT)
    assert (bare.raw == picture(4)).all()
    assert (bare.number, bare.uptime_s, bare.since_flat_field_s, bare.sensor_temp_c) == (None,) * 4


@given(
    cuts=st.lists(st.integers(0, 3 * 39_040 + 20_000), max_size=12),
    lost=st.integers(1, 39_039),
    spoilt=st.binary(min_size=1, max_size=400),
)
@example(cuts=[], lost=38_405, spoilt=b"\0")
@example(cuts=[], lost=38_820, spoilt=b"\0")
@example(cuts=[], lost=38_458, spoilt=b"\0")
@property_settings(max_examples=60)
def test_any_cut_gives_the_same_and_alignment_is_found_again(cuts, lost, spoilt):
    stream = frame(1) + frame(2)[:lost] + frame(3) + spoilt + frame(4) + frame(5)
    whole = decoder()
    events = [*whole.feed(stream, AT), *whole.finish(AT)]
    frames = [event for event in events if isinstance(event, ThermalFrameCaptured)]
    assert all((each.raw == picture(each.number)).all() for each in frames), "a picture of two halves"
    assert told(frames) in ([1, 3, 4, 5], [1, 2, 4, 5])
    expected = told(events)
    assert 1 <= expected.count("frame_unbelievable") <= 3
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    fed = decoder()
    got = [event for a, b in itertools.pairwise(places) for event in fed.feed(stream[a:b], AT)]
    assert told([*got, *fed.finish(AT)]) == expected


@given(st.lists(st.binary(max_size=60_000), max_size=4), st.sampled_from(["footer", "header"]))
@property_settings(max_examples=40)
def test_garbage_is_counted_by_the_frame_and_never_kept(chunks, layout):
    fed = decoder(telemetry=layout)
    events = [event for chunk in chunks for event in fed.feed(chunk, AT)]
    assert all(isinstance(event, Reject) for event in events)
    size = sum(map(len, chunks))
    assert len(events) <= size / 39_040
    assert len(fed._pending) < 2 * 39_040 + 1
    last = fed.finish(AT)
    assert told(last) == (["frame_cut_short"] if size % 39_040 or len(fed._pending) else told(last))


def test_garbage_for_three_frames_is_three_rejects_and_then_frames_come_again():
    fed = decoder()
    spoilt = b"\xa5" * (3 * 39_040)
    events = fed.feed(spoilt + frame(9) + frame(10), AT)
    assert told(events) == ["frame_unbelievable"] * 3 + [9, 10]
    assert all(len(event.sample) == 120 for event in events[:3])


@pytest.mark.parametrize("lost", range(38_990, 39_040))
def test_telemetry_looked_at_from_a_few_words_before_is_none(lost):
    """At 3115.8 s the low word of the last correction's time looks like a sensor's temperature."""
    numbered = [frame(number, uptime_s=3145.8, since_s=30.0) for number in (1, 2, 3, 4)]
    for stream in (
        numbered[0] + numbered[1][:lost] + numbered[2] + numbered[3],
        numbered[0] + numbered[1][39_040 - lost :] + numbered[2] + numbered[3],
    ):
        frames = [each for each in decoder().feed(stream, AT) if isinstance(each, ThermalFrameCaptured)]
        assert all((each.raw == picture(each.number)).all() for each in frames)
        assert told(frames)[-1] == 4


def test_a_camera_that_restarts_behind_its_server():
    before, after = [frame(n, uptime_s=900.0) for n in (6, 7)], [frame(n, uptime_s=50.0) for n in (1, 2, 3)]
    events = decoder().feed(b"".join([*before, *after]), AT)
    assert told(events) == [6, 7, "frame_unbelievable", 2, 3]


def test_bytes_that_were_lost_before_they_came():
    fed = decoder()
    fed.feed(frame(1)[:5000], AT)
    assert told(fed.overrun(AT)) == ["bytes_lost"]
    assert told(fed.feed(frame(2)[700:] + frame(3), AT)) == ["frame_unbelievable", 3]
    assert fed.can_align
    assert not decoder(telemetry="none").can_align


def test_a_connection_that_ends_inside_a_frame():
    fed = decoder()
    fed.feed(frame(1) + b"\0" * 10, AT)
    assert told(fed.finish(AT)) == ["frame_cut_short"]
    assert fed.finish(AT) == []


# --- What makes a frame unfit ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status", "unfit"),
    [
        (COMPLETE, 0, None),
        (NEVER, 0, Unfit.FLAT_FIELD),
        (IMMINENT, 0, Unfit.FLAT_FIELD),
        (UNDER_WAY, 0, Unfit.FLAT_FIELD),
        (COMPLETE, DESIRED, Unfit.FLAT_FIELD),
        (COMPLETE, GAIN_CONTROL, Unfit.OUT_OF_RANGE),
        (COMPLETE, LOCKED, Unfit.SENSOR_FAULT),
        (COMPLETE, OVERHEATED, Unfit.SENSOR_FAULT),
        (UNDER_WAY, OVERHEATED, Unfit.SENSOR_FAULT),
    ],
)
def test_status_bits_that_make_a_frame_unfit(state, status, unfit):
    (event,) = decoder().feed(frame(1, state=state, status=status), AT)
    assert event.unfit is unfit


def test_without_any_correction_there_is_no_time_since_it():
    (event,) = decoder().feed(frame(1, state=NEVER), AT)
    assert event.since_flat_field_s is None


@pytest.mark.parametrize(
    ("count", "unfit"),
    [
        (0, Unfit.SENSOR_FAULT),
        (65_535, Unfit.SENSOR_FAULT),
        (19_999, Unfit.OUT_OF_RANGE),
        (20_000, None),
        (45_000, None),
        (45_001, Unfit.OUT_OF_RANGE),
        (7_900, Unfit.OUT_OF_RANGE),
        (2_960, Unfit.OUT_OF_RANGE),
    ],
    ids=["dead", "saturated", "too cold", "cold", "hot", "too hot", "no TLinear", "0.1 K a count"],
)
def test_counts_that_no_scene_has(count, unfit):
    room = picture(1)
    room[:61] = count
    assert Fitness(9).judge(room, None) is unfit
    room[40:] = 29_600
    assert Fitness(9).judge(room, None) is None


def test_frozen_when_the_picture_stands_still():
    fitness = Fitness(3)
    assert [fitness.judge(picture(1), None) for _ in range(4)] == [None, None, Unfit.FROZEN, Unfit.FROZEN]
    assert fitness.judge(picture(2), None) is None


def test_frozen_when_the_counter_stands_still():
    fed = decoder(frozen_frames=3)
    stream = b"".join(picture(n).astype("<u2").tobytes() + rows(5) for n in range(4))
    assert [event.unfit for event in fed.feed(stream, AT)] == [None, None, Unfit.FROZEN, Unfit.FROZEN]
    fed.finish(AT)
    assert fed.feed(frame(5), AT)[0].unfit is None


# --- Telemetry ------------------------------------------------------------------------------------


def test_the_counter_of_milliseconds_wraps():
    words = telemetry(10.0, 5, COMPLETE, 0.0)
    words[30:32] = 0xF000, 0xFFFF
    said = read_telemetry(np.frombuffer(words.tobytes(), np.uint8))
    assert said.since_flat_field_s == pytest.approx(10.0 + 4.096)
    assert said.flat_field is FlatField.COMPLETE


def changed(at, value):
    words = telemetry(900.0, 5, COMPLETE, 40.0)
    words[at] = value
    return np.frombuffer(words.tobytes(), np.uint8)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (4, 1 << 8),
        (4, 29_600),
        (24, 0),
        (24, 23_314),
        (24, 39_316),
        (29, 1),
        (31, 0x7000),
        (21, 1 << 12),
        (208, 2),
        (209, 29_600),
    ],
)
def test_what_is_no_telemetry(at, value):
    assert not telemetry_starts(changed(at, value), 1)[0]


@pytest.mark.parametrize(
    ("at", "value"), [(0, 0), (24, 23_315), (24, 39_315), (29, 0), (4, 1 << 4), (3, 0xFFFF), (10, 0xFFFF)]
)
def test_what_is_telemetry(at, value):
    assert telemetry_starts(changed(at, value), 1)[0]


def test_a_picture_is_never_taken_for_telemetry():
    room = np.random.default_rng(1).integers(27_000, 33_000, (120, 160)).astype("<u2").tobytes()
    assert not telemetry_starts(np.frombuffer(room, np.uint8), len(room) - 420).any()


def test_a_single_picture_that_is_none():
    reader: Any = FrameReader(LeptonSettings(source="video"))
    assert reader.rows == 122
    outcome = reader.read(picture(1).astype("<u2").tobytes() + bytes(640), AT)
    assert isinstance(outcome, Reject)
    assert len(outcome.sample) == 120
    assert reader.read(frame(2), AT).number == 2


def test_settings_say_where_clips_are():
    with pytest.raises(ValidationError, match="path is needed with source recording"):
        LeptonSettings(source="recording")
    with pytest.raises(ValidationError, match="path is needed with source recording"):
        LeptonSettings.model_validate({"source": "tcp", "path": "clips"})
