"""InfiRay frames: pictures and marked transfers, cuts, garbage, frames not of one piece, what is unfit."""

import datetime as dt
import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import LinearScale, Reject, ThermalFrameCaptured, Unfit
from drivers.sim.infiray import marker, picture, split
from drivers.thermal.infiray.decode import FrameReader, StreamDecoder, YuyvDecoder
from drivers.thermal.infiray.settings import InfiraySettings

AT = Instant(5.0, dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
P2_PRO = InfiraySettings(model="p2_pro")
P3 = InfiraySettings(model="p3")
P3_BYTES, P2_PRO_BYTES = 197_632, 196_608
FRAME_BYTES = P3_BYTES + 24
UNREAD_BYTES = 6
"""At the end of a marker: a frame that lost no more is whole."""


def counts(number):
    room = np.full((192, 256), 18_900, np.uint16)
    room[number % 192, number % 256] = 19_840 + number
    return room


def marked(number, *, starts=None, ends=None):
    content = picture(counts(number), marked=True)
    starts = marker(number, 0x8C, 0) if starts is None else starts
    ends = marker(number, 0x8E, 1) if ends is None else ends
    return starts + content + ends


def later(seconds):
    return msgspec.structs.replace(AT, mono_s=AT.mono_s + seconds)


def told(events):
    """Frames by the number that their counts hold."""
    return [e.reason if isinstance(e, Reject) else int(e.raw.max()) - 19_840 for e in events]


def frames_of(events) -> list[Any]:
    return [event for event in events if isinstance(event, ThermalFrameCaptured)]


# --- pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "size"), [(P2_PRO, P2_PRO_BYTES), (P3, P3_BYTES)])
def test_counts_stand_below_the_picture(settings, size):
    content = picture(counts(7), marked=settings.model == "p3")
    assert len(content) == size
    decoder = YuyvDecoder(settings)
    events = frames_of([*decoder.feed(content, AT), *decoder.finish(AT)])
    assert len(events) == 1
    event = events[0]
    assert (event.raw.shape, event.raw.dtype) == ((192, 256), np.uint16)
    assert (event.raw == counts(7)).all()
    assert event.scale == LinearScale(gain_c=1 / 64, offset_c=-273.15)
    assert 18_900 * event.scale.gain_c + event.scale.offset_c == pytest.approx(22.1625)
    assert (event.at, event.unfit, event.number, event.since_flat_field_s) == (AT, None, None, None)
    assert (event.uptime_s, event.sensor_temp_c, event.conditions) == (None, None, None)


def test_a_picture_of_either_model_by_its_bytes():
    """Not the simulator's bytes: words where the published layouts have them."""
    for settings, rows, first in ((P2_PRO, 384, 192), (P3, 386, 194)):
        words = np.zeros((rows, 256), "<u2")
        words[first, 0], words[first, 1], words[rows - 1, 255] = 0x4A3B, 18_001, 18_002
        event = FrameReader(settings).read(words.tobytes(), AT)
        assert (event.raw[0, 0], event.raw[0, 1], event.raw[191, 255]) == (0x4A3B, 18_001, 18_002)


@given(cuts=st.lists(st.integers(0, 3 * P2_PRO_BYTES), max_size=8), rest=st.integers(0, P2_PRO_BYTES - 1))
@property_settings(max_examples=25)
def test_pictures_cut_anywhere(cuts, rest):
    stream = b"".join(picture(counts(n), marked=False) for n in (1, 2, 3))[: 2 * P2_PRO_BYTES + rest]
    decoder = YuyvDecoder(P2_PRO)
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    events = [e for a, b in itertools.pairwise(places) for e in decoder.feed(stream[a:b], AT)]
    assert told(events) == [1, 2]
    assert told(decoder.finish(AT)) == (["frame_cut_short"] if rest else [])
    assert told(decoder.feed(picture(counts(4), marked=False), AT)) == [4]


def test_pictures_cannot_be_found_again():
    decoder = YuyvDecoder(P2_PRO)
    assert not decoder.can_align
    decoder.feed(b"\0" * 100, AT)
    assert told(decoder.overrun(AT)) == ["bytes_lost"]
    assert decoder.finish(AT) == []


# --- marked transfers --------------------------------------------------------------------------------


def test_markers_as_they_were_seen_on_the_bus():
    """Counters of the published sequence: 601097 before and after the frame, milliseconds 40 and 80."""
    starts = bytes.fromhex("0c8d092c0900b1a2c3002800")
    ends = bytes.fromhex("0c8f092c0900c7d8e9005000")
    (event,) = StreamDecoder(P3).feed(marked(1, starts=starts, ends=ends), AT)
    assert isinstance(event, ThermalFrameCaptured)
    assert event.number == 601_097
    assert (event.raw == counts(1)).all()


STARTS = "0c8c a1b2c3d4 00000000 0000"
BELIEVED = None


@pytest.mark.parametrize(
    ("starts", "ends", "reason"),
    [
        (STARTS, "0c8e a1b2c3d4 99999999 2800", BELIEVED),
        ("0c8d a1b2c3d4 00000000 0000", "0c8f a1b2c3d4 00000000 2800", BELIEVED),
        (STARTS, "0c8e a0b2c3d4 00000000 2800", "markers_disagree"),
        (STARTS, "0c8e a1b0c3d4 00000000 2800", "markers_disagree"),
        (STARTS, "0c8e a1b2c0d4 00000000 2800", "markers_disagree"),
        (STARTS, "0c8e a1b2c3d0 00000000 2800", "markers_disagree"),
        (STARTS, "0c8f a1b2c3d4 00000000 2800", "markers_disagree"),
        ("0d8c a1b2c3d4 00000000 0000", "0c8e a1b2c3d4 00000000 2800", "frame_unbelievable"),
        (STARTS, "0d8e a1b2c3d4 00000000 2800", "frame_unbelievable"),
        ("0c8e a1b2c3d4 00000000 0000", "0c8e a1b2c3d4 00000000 2800", "frame_unbelievable"),
        (STARTS, "0c8c a1b2c3d4 00000000 2800", "frame_unbelievable"),
        ("0c0c a1b2c3d4 00000000 0000", "0c8e a1b2c3d4 00000000 2800", "frame_unbelievable"),
    ],
)
def test_a_frame_is_believed_by_both_its_markers(starts, ends, reason):
    first = marked(1, starts=bytes.fromhex(starts), ends=bytes.fromhex(ends))
    assert told(StreamDecoder(P3).feed(first + marked(2), AT)) == [1 if reason is BELIEVED else reason, 2]


@given(
    cuts=st.lists(st.integers(0, 10**7), max_size=8),
    lost=st.integers(1, FRAME_BYTES - 1),
    spoilt=st.binary(min_size=1, max_size=400),
)
@example(cuts=[], lost=FRAME_BYTES - 6, spoilt=b"\0")
@example(cuts=[], lost=FRAME_BYTES - 7, spoilt=b"\x0c")
@example(cuts=[5], lost=1, spoilt=b"\x0c\x8c")
@property_settings(max_examples=30, deadline=None)
def test_any_cut_gives_the_same_and_frames_are_found_again(cuts, lost, spoilt):
    stream = marked(1) + marked(2)[:lost] + marked(3) + spoilt + marked(4) + marked(5)
    whole = StreamDecoder(P3)
    events = [*whole.feed(stream, AT), *whole.finish(AT)]
    assert all((e.raw == counts(int(e.raw.max()) - 19_840)).all() for e in frames_of(events)), "of two halves"
    expected = told(events)
    taken = [each for each in expected if isinstance(each, int)]
    assert taken == ([1, 2, 4, 5] if FRAME_BYTES - lost <= UNREAD_BYTES else [1, 3, 4, 5])
    assert 1 <= len(expected) - 4 <= 3
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    fed = StreamDecoder(P3)
    got = [event for a, b in itertools.pairwise(places) for event in fed.feed(stream[a:b], AT)]
    assert told([*got, *fed.finish(AT)]) == expected


def test_the_first_frame_after_a_correction_by_hand_is_passed_over():
    events = StreamDecoder(P3).feed(
        marked(1) + split(picture(counts(2), marked=True), 2) + marked(3) + marked(4), AT
    )
    assert [each for each in told(events) if isinstance(each, int)] == [1, 3, 4]
    assert 1 <= len(events) - 3 <= 2


@given(st.lists(st.binary(max_size=300_000), max_size=3))
@property_settings(max_examples=15, deadline=None)
def test_garbage_is_counted_by_the_frame_and_never_kept(chunks):
    decoder = StreamDecoder(P3)
    events = [event for chunk in chunks for event in decoder.feed(chunk, AT)]
    size = sum(map(len, chunks))
    assert not frames_of(events)
    assert len(events) <= size / FRAME_BYTES
    assert len(decoder._pending) <= 2 * FRAME_BYTES
    assert all(len(e.sample) <= 120 for e in [*events, *decoder.finish(AT)] if isinstance(e, Reject))


def test_lost_bytes_are_said_and_the_next_frame_is_taken():
    decoder = StreamDecoder(P3)
    decoder.feed(marked(1)[:1000], AT)
    assert decoder.can_align
    assert told(decoder.overrun(AT)) == ["bytes_lost"]
    assert told(decoder.feed(marked(2), AT)) == [2]


def test_a_p2_pros_size_is_another():
    decoder = StreamDecoder(P2_PRO)
    content = picture(counts(3), marked=False)
    assert told(decoder.feed(marker(1, 0x8C, 0) + content + marker(1, 0x8E, 1), AT)) == [3]


# --- what is unfit ------------------------------------------------------------------------------------


def judged(reader, number, seconds, counter=None):
    content = picture(counts(number), marked=True)
    return reader.read(content, later(seconds), counter)


def test_a_shutter_shows_by_a_picture_that_stands_still():
    reader = FrameReader(P3)
    assert judged(reader, 1, 0.00).unfit is None
    for step in range(1, 5):
        assert judged(reader, 2, 0.04 * step).unfit is None, "sent twice"
    for step in range(6, 14):
        still = judged(reader, 2, 0.04 * step)
        assert still.unfit is Unfit.FLAT_FIELD
        assert still.since_flat_field_s is None
    fresh = judged(reader, 3, 0.6)
    assert (fresh.unfit, fresh.since_flat_field_s) == (None, 0.0)
    assert judged(reader, 4, 1.6).since_flat_field_s == pytest.approx(1.0)


def test_a_picture_that_was_sent_twice_is_no_correction():
    reader = FrameReader(P3)
    for step in range(12):
        event = judged(reader, step // 2, 0.04 * step)
        assert (event.unfit, event.since_flat_field_s) == (None, None)


def test_a_picture_that_stands_still_for_long_is_frozen():
    reader = FrameReader(P3)
    seen = [judged(reader, 1, 0.1 * step).unfit for step in range(25)]
    assert seen[:2] == [None, None]
    assert set(seen[3:20]) == {Unfit.FLAT_FIELD}
    assert set(seen[20:]) == {Unfit.FROZEN}


def test_without_a_clock_frames_count_at_the_cameras_pace():
    reader = FrameReader(P3)
    seen = [judged(reader, 1, 0.0).unfit for _ in range(60)]
    assert seen[:5] == [None] * 5
    assert set(seen[5:50]) == {Unfit.FLAT_FIELD}
    assert set(seen[50:]) == {Unfit.FROZEN}


def test_a_counter_that_stands_still_is_frozen_whatever_is_shown():
    reader = FrameReader(InfiraySettings(model="p3", frozen_s=1.0))
    seen = [judged(reader, step, 0.04 * step, counter=77).unfit for step in range(40)]
    assert set(seen[:25]) == {None}
    assert set(seen[25:]) == {Unfit.FROZEN}
    assert judged(reader, 50, 2.0, counter=78).unfit is None


@pytest.mark.parametrize(
    ("count", "unfit"),
    [
        (0, Unfit.SENSOR_FAULT),
        (0xFFFF, Unfit.SENSOR_FAULT),
        (200 * 64 - 1, Unfit.OUT_OF_RANGE),
        (200 * 64, None),
        (830 * 64, None),
        (830 * 64 + 1, Unfit.OUT_OF_RANGE),
    ],
)
def test_counts_that_cannot_be(count, unfit):
    raw = np.full((192, 256), count, np.uint16)
    assert FrameReader(P3).read(picture(raw, marked=True), AT).unfit is unfit
    raw[:97] = 18_900
    assert FrameReader(P3).read(picture(raw, marked=True), AT).unfit is None, "most of it is well"
