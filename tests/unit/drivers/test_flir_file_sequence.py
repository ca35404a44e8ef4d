"""Recordings (SEQ, CSQ): every frame is found whatever its pixels hold, and damage costs no other frame."""

import datetime as dt
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import jpeg_ls
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import DeviceIdentified, Reject, ThermalFrameCaptured
from drivers.sim import fff as sim
from drivers.thermal.flir_file import decode, sequence
from drivers.thermal.flir_file.content import NotRadiometric
from drivers.thermal.flir_file.decode import FileDecoder
from drivers.thermal.flir_file.fff import Record
from drivers.thermal.flir_file.jpegls import decode_jpegls
from drivers.thermal.flir_file.opened import FileContent, opened
from drivers.thermal.flir_file.raw import raw_frame
from drivers.thermal.flir_file.recording import recording
from drivers.thermal.flir_file.sequence import spans
from drivers.thermal.flir_file.settings import FlirFileSettings

AT = Instant(5.0, dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
RAWS = [sim.test_scene(60.0 * number)[40:52, 44:60] for number in range(4)]
ORDERS: Any = ("little", "big")
PAYLOADS: Any = ("words", "png", "png_swapped", "jpegls", "tiff")
FRAME = len(sim.fff(RAWS[0]))
RAW_AT = 64 + 2 * 32 + 2476 + 32


def raw_of(found, number) -> Any:
    return found.shown(number, AT)[-1].raw


def read(content) -> list[Any]:
    """Each frame's counts, or the word for its refusal."""
    found = recording(content)
    said: list[Any] = []
    for number in range(len(found)):
        try:
            said.append(raw_of(found, number))
        except NotRadiometric as why:
            said.append(str(why))
    return said


def same(said, expected) -> bool:
    return len(said) == len(expected) and all(
        one == other if isinstance(other, str) else np.array_equal(one, other)
        for one, other in zip(said, expected, strict=True)
    )


def decoded(content) -> list[Any]:
    decoder = FileDecoder(FlirFileSettings(path=Path("x")))
    decoder.feed(content, AT)
    return decoder.finish(AT)


def patched(content, at, form, *values):
    changed = bytearray(content)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("padding", [0, 1, 40, 4096])
def test_frames_of_any_packing_and_byte_order_with_padding_between(payload, padding):
    content = sim.recording(RAWS, orders=ORDERS, payload=payload, padding=padding)
    assert recording(content).kind == ("csq" if payload == "jpegls" else "seq")
    assert same(read(content), RAWS)
    assert same(read(content + bytes(padding)), RAWS)


def test_frames_say_when_they_were_taken_and_the_camera_is_named_once():
    events = decoded(sim.recording(RAWS, frames_per_s=8.0))
    assert [type(event) for event in events] == [DeviceIdentified, *[ThermalFrameCaptured] * 4]
    taken = [event.device_utc for event in events[1:]]
    assert [moment - taken[0] for moment in taken] == [dt.timedelta(seconds=n / 8) for n in range(4)]


def test_another_camera_in_the_same_recording_is_named():
    content = sim.fff(RAWS[0]) + sim.fff(RAWS[1], camera=sim.Camera("OTHER")) + sim.fff(RAWS[2])
    names = [event.model for event in decoded(content) if isinstance(event, DeviceIdentified)]
    assert names == ["SIM-320", "OTHER", "SIM-320"]


INNER = np.frombuffer(sim.fff(RAWS[0][:4, :4]).ljust(3072, b"\0"), "<u2").reshape(48, 32)
"""Pixels that are an FFF file themselves."""


@given(data=st.data())
@settings(max_examples=60)
def test_n_frames_are_n_frames_whatever_their_pixels_hold(data):
    count = data.draw(st.integers(1, 5))
    starts = st.sampled_from(
        [b"FFF\0", b"AFF\0", b"\xff\xd8\xff\xf7", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*"]
    )
    pixels = st.one_of(
        st.builds(lambda start, rest: start + rest, starts, st.binary(max_size=384)),
        st.binary(max_size=384),
    )
    raws = [
        np.frombuffer(data.draw(pixels).ljust(384, b"\0")[:384], "<u2").reshape(12, 16) for _ in range(count)
    ]
    content = sim.recording(raws, padding=data.draw(st.integers(0, 70)))
    assert same(read(content), raws)


@pytest.mark.parametrize("padding", [0, 16])
def test_pixels_may_be_whole_fff_files(padding):
    content = sim.recording([INNER] * 3, padding=padding)
    assert same(read(content), [INNER] * 3)
    for cut in (1, 500, 3000):
        assert same(read(content[:-cut]), [INNER, INNER, "record_outside_the_file"])


@given(cut=st.integers(1, 4 * FRAME), order=st.sampled_from(ORDERS))
@settings(max_examples=80)
def test_a_cut_costs_only_the_frame_that_it_goes_through(cut, order):
    content = sim.recording(RAWS, orders=[order])[:cut]
    whole, rest = divmod(cut, FRAME)
    said = read(content) if cut >= 64 else None
    if said is None:
        with pytest.raises(NotRadiometric, match="no_fff_header"):
            recording(content)
        return
    assert same(said[:whole], RAWS[:whole])
    left = said[whole:]
    assert len(left) == bool(rest)
    assert all(isinstance(word, str) for word in left)


@pytest.mark.parametrize("left", [1, 3, 4, 23, 24, 63, 64, 100, 191])
@pytest.mark.parametrize("padding", [0, 9])
def test_whatever_is_left_of_a_frame_is_told(left, padding):
    (word,) = read(sim.recording(RAWS[:2], padding=padding)[: FRAME + padding + left])[1:]
    assert word == (
        "frame_cut_short" if left < 64 else f"{'directory' if left < 128 else 'record'}_outside_the_file"
    )


@given(data=st.data())
@settings(max_examples=150)
def test_damage_is_refused_and_never_raises(data):
    payload = data.draw(st.sampled_from(PAYLOADS))
    content = bytearray(sim.recording(RAWS, orders=ORDERS, payload=payload))
    places = st.one_of(st.integers(0, 200), st.integers(RAW_AT - 64, RAW_AT + 64), st.integers(0, 10**6))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place % len(content)] = byte
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    for damaged in (bytes(content), cut):
        events = decoded(damaged)
        assert len(events) <= 4 * 3 + 2
        for event in events:
            if isinstance(event, Reject):
                assert event.reason.replace("_", "").isalpha()
                assert event.reason.islower()


def test_a_frame_of_which_the_directory_is_damaged_is_left_for_the_next():
    content = sim.recording(RAWS)
    far = patched(content, FRAME + 0x18, "<I", 0xFFFFFF00)
    assert same(read(far), [RAWS[0], "bytes_between_frames", *RAWS[2:]])
    many = patched(content, FRAME + 0x1C, "<I", 100_000)
    assert same(read(many), [RAWS[0], "bytes_between_frames", *RAWS[2:]])
    first = patched(content, 0x1C, "<I", 100_000)
    assert same(read(first), ["directory_outside_the_file", *RAWS[1:]])
    strange = patched(content, 64 + 32 + 12, "<II", 0xFFFFFFF0, 0xFFFFFFF0)
    assert same(read(strange)[1:], ["bytes_between_frames", *RAWS[1:]])


def test_a_frame_whose_start_is_damaged_is_told_of():
    content = patched(sim.recording(RAWS), FRAME, "4s", b"XYZ\0")
    assert same(read(content), [RAWS[0], "bytes_between_frames", *RAWS[2:]])
    version = patched(sim.recording(RAWS), FRAME + 0x14, "<I", 7)
    assert same(read(version), [RAWS[0], "bytes_between_frames", *RAWS[2:]])


def test_what_follows_the_last_frame_means_nothing():
    assert same(read(sim.recording(RAWS) + b"index of the recording" * 20), RAWS)


def test_a_first_frame_of_an_unknown_version():
    with pytest.raises(NotRadiometric, match="unknown_version"):
        recording(patched(sim.fff(RAWS[0], order="little"), 0x14, "<I", 7))


def test_a_picture_takes_only_the_first_frame_of_its_thermal_data():
    content = sim.radiometric_jpeg(sim.recording(RAWS))
    assert recording(content).kind == "jpeg"
    assert same(read(content), RAWS[:1])


def test_a_recording_has_a_limit(monkeypatch):
    monkeypatch.setattr(sequence, "FRAMES_MAX", 3)
    assert same(read(sim.recording(RAWS)), [*RAWS[:3], "too_many_frames"])


def test_headers_alone_are_soon_left_alone():
    header = sim.fff(RAWS[0])[:64]
    for head in (header, patched(header, 0x18, ">II", 0xFFFFFFFF, 1), patched(header, 0x1C, ">I", 0)):
        events = decoded(head * 5000)
        assert 1 <= len(events) <= decode.DAMAGED_MAX + 3
        assert all(isinstance(event, Reject) for event in events)


def test_decoded_frames_have_a_limit_together(monkeypatch):
    monkeypatch.setattr(decode, "PIXELS_MAX", 2 * RAWS[0].size)
    events = decoded(sim.recording(RAWS))
    assert [type(event) for event in events] == [DeviceIdentified, *[ThermalFrameCaptured] * 3, Reject]
    assert events[-1].reason == "too_many_frames"


# --- JPEG-LS --------------------------------------------------------------------------------------

CSQ = sim.fff(RAWS[0], order="little", payload="jpegls")
SOF_AT = RAW_AT + 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (patched(CSQ, SOF_AT + 5, ">H", 65535), "raw_jpegls_of_another_kind"),
        (patched(CSQ, SOF_AT + 5, ">HH", 65535, 65535), "raw_jpegls_of_another_kind"),
        (patched(CSQ, SOF_AT + 7, ">H", 15), "raw_jpegls_damaged"),
        (patched(CSQ, SOF_AT + 4, "B", 1), "raw_data_is_jpeg"),
        (patched(CSQ, SOF_AT + 1, "B", 0xC0), "raw_data_is_jpeg"),
        (patched(CSQ, len(CSQ) - 60, "20s", b"\xff" * 20), "raw_jpegls_damaged"),
    ],
)
def test_jpegls_is_checked_before_it_is_decoded(content, reason):
    assert [event.reason for event in decoded(content)] == [reason]


def test_jpegls_without_its_end_is_whole_and_of_eight_bits_is_counts():
    directory = 64 + 32 + 16
    size = struct.unpack_from("<I", CSQ, directory)[0]
    open_ended = patched(CSQ, directory, "<I", size - 2)
    assert same(read(open_ended), RAWS[:1])
    dark = np.arange(192, dtype=np.uint8).reshape(12, 16)
    found = decode_jpegls(bytes(jpeg_ls.encode_array(dark)))
    assert found.dtype == np.uint16
    assert (found == dark).all()


def test_a_tiff_of_another_size_in_a_frame():
    content = sim.fff(RAWS[0], order="little", payload="tiff")
    grown = patched(content, RAW_AT - 32 + 2, "<HH", 15, 12)
    assert [event.reason for event in decoded(grown)] == ["raw_size_contradicted"]
    floats = sim.fff(RAWS[0].astype(np.float32), order="little", payload="tiff")
    assert [event.reason for event in decoded(floats)] == ["raw_tiff_of_another_kind"]


def test_a_jpegls_of_another_size_in_a_frame():
    grown = patched(CSQ, RAW_AT - 32 + 2, "<HH", 12, 16)
    assert [event.reason for event in decoded(grown)] == ["raw_size_contradicted"]


def test_a_png_s_own_size_counts_unless_it_is_as_long_as_words():
    content = sim.fff(RAWS[0], order="little", payload="png")
    turned = patched(content, RAW_AT - 32 + 2, "<HH", 12, 16)
    assert same(read(turned), RAWS[:1])
    packed = content[RAW_AT:] + bytes(len(content[RAW_AT:]) % 2)
    head = struct.pack("<HHH", 2, len(packed) // 2, 1).ljust(32, b"\0")
    assert raw_frame(Record(head + packed, "<")).shape == (1, len(packed) // 2)
    assert (raw_frame(Record(head + packed + b"\0", "<")) == RAWS[0]).all()


# --- Files too large for memory -------------------------------------------------------------------


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setattr("drivers.thermal.flir_file.opened.HELD_BYTES_MAX", 1000)
    path = tmp_path / "long.seq"
    path.write_bytes(sim.recording(RAWS, orders=ORDERS, padding=33))
    return path


def test_a_large_file_is_read_frame_by_frame(large, monkeypatch):
    monkeypatch.setattr(sequence, "_NEAR_BYTES", 30)
    monkeypatch.setattr(sequence, "_SEARCHED_BYTES", 100)
    with opened(large) as content:
        assert isinstance(content, FileContent)
        assert same(read(content), RAWS)


def test_a_large_file_that_is_cut_short_while_it_is_read(large):
    with opened(large) as content:
        found = recording(content)
        with large.open("r+b") as file:
            file.truncate(FRAME + 10)
        assert np.array_equal(raw_of(found, 0), RAWS[0])
        for number in (1, 2, 3):
            with pytest.raises(NotRadiometric):
                found.shown(number, AT)
        assert len(spans(content)) <= 2


def test_a_picture_is_not_read_when_it_is_too_large(large, monkeypatch):
    monkeypatch.setattr("drivers.thermal.flir_file.recording.JPEG_BYTES_MAX", 5000)
    large.write_bytes(sim.radiometric_jpeg(sim.recording(RAWS)))
    with opened(large) as content, pytest.raises(NotRadiometric, match="file_too_long"):
        recording(content)


def test_a_small_file_is_read_at_once_and_a_folder_not_at_all(tmp_path):
    (tmp_path / "a.fff").write_bytes(sim.fff(RAWS[0]))
    with opened(tmp_path / "a.fff") as content:
        assert isinstance(content, bytes)
    with pytest.raises(OSError, match="is no file"), opened(tmp_path):
        pass


def test_a_long_recording_is_never_in_memory_whole(large):
    raw = np.tile(RAWS[0], (10, 10))
    large.write_bytes(sim.recording([raw] * 60))
    size = large.stat().st_size
    with opened(large) as content:
        tracemalloc.start()
        for number in range(len(found := recording(content))):
            found.shown(number, AT)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < size / 8
