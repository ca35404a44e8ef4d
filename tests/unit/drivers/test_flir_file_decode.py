"""FLIR's files: both byte orders, every packing of counts, segments in any order, damage of every sort."""

import datetime as dt
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import Conditions, DeviceIdentified, Planck, Reject, ThermalFrameCaptured
from drivers.sim import fff as sim
from drivers.thermal.flir_file.decode import FILE_BYTES_MAX, FileDecoder
from drivers.thermal.flir_file.settings import FlirFileSettings

AT = Instant(5.0, dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
ORDERS: Any = ("little", "big")
PAYLOADS: Any = ("words", "png", "png_swapped")
RAW = sim.test_scene(200.0)[30:90, 20:100]
SMALL = sim.test_scene(200.0)[40:56, 48:68]
PLANCK = Planck(r1=17096.5, r2=0.04658, b=1428.0, f=1.0, o=-267.0, alpha_1=0.0066, x=1.85)
CONDITIONS = Conditions(
    emissivity=0.95, distance_m=2.0, reflected_c=21.0, atmosphere_c=14.0, humidity=0.49, window_c=19.0,
    window_transmission=0.98,
)  # fmt: skip
DIRECTORY_AT, COUNT_AT = 0x18, 0x1C
INFO_AT = 64 + 2 * 32
RAW_AT = INFO_AT + 2476


def new_decoder() -> Any:
    return FileDecoder(FlirFileSettings(path=Path("x")))


def decoded(content) -> list[Any]:
    decoder = new_decoder()
    half = len(content) // 2
    assert decoder.feed(content[:half], AT) == decoder.feed(content[half:], AT) == []
    return decoder.finish(AT)


def frame_of(content) -> Any:
    *camera, frame = decoded(content)
    assert all(isinstance(each, DeviceIdentified) for each in camera)
    assert isinstance(frame, ThermalFrameCaptured)
    return frame


def reason_of(content):
    (reject,) = decoded(content)
    assert isinstance(reject, Reject)
    assert reject.sample == content[:120]
    return reject.reason


def patched(content, at, form, *values):
    changed = bytearray(content)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


# --- What files say -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("wrap", [bytes, sim.radiometric_jpeg], ids=["fff", "jpeg"])
def test_counts_and_calibration_in_every_packing(order, payload, wrap):
    frame = frame_of(wrap(sim.fff(RAW, PLANCK, CONDITIONS, order=order, payload=payload)))
    assert frame.raw.dtype == np.uint16
    assert (frame.raw == RAW).all()
    for name in ("r1", "r2", "b", "f", "o", "alpha_1", "alpha_2", "beta_1", "beta_2", "x"):
        assert getattr(frame.scale, name) == pytest.approx(getattr(PLANCK, name), rel=1e-6), name
    for name in ("emissivity", "distance_m", "reflected_c", "atmosphere_c", "humidity", "window_c"):
        assert getattr(frame.conditions, name) == pytest.approx(getattr(CONDITIONS, name), abs=1e-4), name
    assert frame.conditions.window_transmission == pytest.approx(0.98)
    assert frame.device_utc == dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
    assert frame.unfit is None


def test_the_camera_says_what_it_is():
    camera = decoded(sim.fff(RAW, camera=sim.Camera("FLIR T420", "621", "27.0.0")))[0]
    assert (camera.model, camera.serial, camera.firmware) == ("FLIR T420", "621", "27.0.0")
    odd = patched(sim.fff(RAW, order="little"), INFO_AT + 0xD4, "4s", b"\x07\x08a\0")
    assert decoded(odd)[0].model == ""
    assert len(decoded(sim.fff(RAW, camera=sim.Camera("", "", "")))) == 1


def test_humidity_as_per_cent():
    content = patched(sim.fff(RAW, order="big"), INFO_AT + 0x3C, ">f", 49.0)
    assert frame_of(content).conditions.humidity == pytest.approx(0.49)


@pytest.mark.parametrize("seconds", [0, None])
def test_a_camera_without_a_date(seconds):
    content = sim.fff(RAW, order="little", camera=sim.Camera(taken_utc_s=0))
    if seconds is None:
        content = patched(content, 64 + 16, "<I", 0x384)  # the record's length in the directory
    assert frame_of(content).device_utc is None


def test_records_in_another_byte_order_than_the_header():
    little, big = sim.fff(RAW, order="little"), sim.fff(RAW, order="big")
    assert (frame_of(big[:INFO_AT] + little[INFO_AT:]).raw == RAW).all()


def test_the_other_start_of_a_file():
    content = b"AFF\0" + sim.fff(RAW, order="little")[4:]
    assert (frame_of(content).raw == RAW).all()


def test_a_window_that_was_never_set_is_none():
    content = patched(sim.fff(RAW, PLANCK, CONDITIONS, order="little"), INFO_AT + 0x30, "<ff", 0.0, 0.0)
    conditions = frame_of(content).conditions
    assert conditions.window_transmission == 1.0
    assert conditions.window_c == pytest.approx(CONDITIONS.atmosphere_c, abs=1e-4)


def test_room_for_records_that_are_not_there():
    content = sim.fff(RAW, order="little")
    free = struct.pack("<HHIIIIIII", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    empty = struct.pack("<HHIIIIIII", 1, 2, 0, 1, 0xFFFF_0000, 0, 0, 0, 0)
    moved = patched(content + free + empty + content[64:INFO_AT] + free, DIRECTORY_AT, "<II", len(content), 5)
    assert (frame_of(moved).raw == RAW).all()


def test_a_magic_number_inside_pixels_means_nothing():
    raw = RAW.copy()
    raw[5, 4:6] = np.frombuffer(b"FFF\0", "<u2")
    frame = frame_of(b"" + sim.fff(raw, order="little"))
    assert (frame.raw == raw).all()


def test_a_directory_with_records_of_other_kinds_and_doubles():
    content = sim.fff(RAW, order="little")
    entries = content[64:INFO_AT]
    strange = struct.pack("<HHIIIIIII", 0x2A, 1, 0, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0)
    twice = struct.pack("<HHIIIIIII", 1, 1, 0, 1, INFO_AT, 2476, 0, 0, 0)
    moved = content + strange + entries + twice
    moved = patched(moved, DIRECTORY_AT, "<II", len(content), 4)
    assert (frame_of(moved).raw == RAW).all()


def test_a_uniform_picture_is_taken_as_flir_writes_it():
    flat = np.full((12, 16), 13_107, np.uint16)
    assert (frame_of(sim.fff(flat, payload="png_swapped")).raw == flat).all()


def test_nothing_is_said_of_no_bytes_and_a_decoder_serves_again():
    decoder = new_decoder()
    assert decoder.finish(AT) == []
    decoder.feed(b"rubbish", AT)
    assert len(decoder.finish(AT)) == 1
    decoder.feed(sim.fff(SMALL), AT)
    assert len(decoder.finish(AT)) == 2


# --- JPEG -----------------------------------------------------------------------------------------


def segments(content):
    """The JPEG's APP1 segments, each with its head, and what follows them."""
    at, found = 2, []
    while content[at : at + 2] == b"\xff\xe1":
        size = 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        found.append(content[at : at + size])
        at += size
    return found, content[at:]


LARGE = sim.radiometric_jpeg(sim.fff(np.tile(RAW, (4, 4))))


@given(
    order=st.permutations(range(3)),
    between=st.sampled_from([b"", b"\xff\xe0\x00\x04ab", b"\xff", b"\xff\x01"]),
)
@property_settings(max_examples=20)
def test_segments_in_any_order_with_others_between(order, between):
    parts, rest = segments(LARGE)
    assert len(parts) == 3
    mixed = LARGE[:2] + b"".join(between + parts[place] for place in order) + parts[0] + rest
    assert (frame_of(mixed).raw == np.tile(RAW, (4, 4))).all()


def test_segments_that_disagree_on_the_last():
    parts, rest = segments(LARGE)
    odd = [
        part[:9] + bytes((7, place, 1 if place < 2 else 2)) + part[12:] for place, part in enumerate(parts)
    ]
    assert [part[4:8] for part in odd] == [b"FLIR"] * 3
    assert (frame_of(LARGE[:2] + b"".join(odd[::-1]) + rest).raw == np.tile(RAW, (4, 4))).all()


def test_a_missing_segment():
    parts, rest = segments(LARGE)
    for missing in range(3):
        kept = b"".join(part for number, part in enumerate(parts) if number != missing)
        assert reason_of(LARGE[:2] + kept + rest) == "segment_missing"


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe1\x00\x0cExif\0\0abcd\xff\xda",
        b"\xff\xd8\xff\xe1\x00\x00\xff\xda\x00\x00",
        b"\xff\xd8\xff\xe1\x00\x0aFLIR\0\x01\0\0\xff\xd9\0\0",
        b"\xff\xd8\x00\x00\x00\x00",
    ],
)
def test_an_ordinary_picture(content):
    assert reason_of(content) == "no_thermal_data"


# --- Damage ---------------------------------------------------------------------------------------

BIG = sim.fff(RAW)
PNG = sim.fff(SMALL, payload="png")
PNG_AT = RAW_AT + 32


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"GIF89a", "no_fff_header"),
        (BIG[:63], "no_fff_header"),
        (patched(BIG, COUNT_AT, ">I", 257), "directory_outside_the_file"),
        (patched(BIG, DIRECTORY_AT, ">I", len(BIG) - 63), "directory_outside_the_file"),
        (patched(BIG, COUNT_AT, ">I", 0), "no_camera_info"),
        (patched(BIG, COUNT_AT, ">I", 1), "no_raw_data"),
        (BIG[:-1], "record_outside_the_file"),
        (patched(BIG, INFO_AT, ">H", 3), "record_without_byte_order"),
        (patched(BIG, 64 + 16, ">I", 0x30F), "camera_info_too_short"),
        (patched(BIG, INFO_AT + 0x20, ">f", 0.0), "camera_info_without_meaning"),
        (patched(BIG, INFO_AT + 0x20, ">f", 1.01), "camera_info_without_meaning"),
        (patched(BIG, INFO_AT + 0x24, ">f", -1.0), "camera_info_without_meaning"),
        (patched(BIG, INFO_AT + 0x28, ">f", float("nan")), "camera_info_without_meaning"),
        (patched(BIG, INFO_AT + 0x3C, ">f", 101.0), "camera_info_without_meaning"),
        (patched(BIG, INFO_AT + 0x58, ">f", -5.0), "camera_info_without_meaning"),
        (patched(BIG, INFO_AT + 0x80, ">f", float("inf")), "camera_info_without_meaning"),
        (patched(BIG, 64 + 32 + 16, ">I", 31), "raw_data_too_short"),
        (patched(BIG, RAW_AT + 2, ">H", 0), "raw_size_impossible"),
        (patched(BIG, RAW_AT + 4, ">H", 4097), "raw_size_impossible"),
        (patched(BIG, RAW_AT + 4, ">H", 61), "raw_data_too_short"),
        (patched(patched(BIG, RAW_AT + 32, "3s", b"\xff\xd8\xff"), RAW_AT + 4, ">H", 61), "raw_data_is_jpeg"),
        (patched(PNG, PNG_AT + 16, ">I", 4_000_000), "raw_png_of_another_kind"),
        (patched(PNG, PNG_AT + 24, "B", 8), "raw_png_of_another_kind"),
        (patched(PNG, PNG_AT + 12, "4s", b"IDAT"), "raw_png_of_another_kind"),
        (patched(PNG, 64 + 32 + 16, ">I", 32 + 20), "raw_png_damaged"),
        (patched(PNG, 64 + 32 + 16, ">I", 32 + 40), "raw_png_damaged"),
        (patched(PNG, PNG_AT + 60, ">I", 0), "raw_png_damaged"),
        (patched(PNG, PNG_AT + 33, ">I", 1 << 30), "raw_png_damaged"),
        (patched(PNG, 64 + 32 + 16, ">I", len(PNG) - RAW_AT - 12), "raw_png_damaged"),
    ],
)
def test_damage_is_named(content, reason):
    assert reason_of(content) == reason


def test_a_png_that_opencv_refuses_aloud(monkeypatch):
    def refuse(*_):
        raise cv2.error("assertion failed")

    monkeypatch.setattr("drivers.thermal.flir_file.png.cv2.imdecode", refuse)
    assert reason_of(PNG) == "raw_png_damaged"


def test_too_long_a_file_is_not_kept():
    decoder = new_decoder()
    for _ in range(3):
        decoder.feed(bytes(FILE_BYTES_MAX // 2), AT)
    assert len(decoder._content) == FILE_BYTES_MAX
    assert decoder.finish(AT)[0].reason == "file_too_long"
    decoder.feed(BIG, AT)
    assert len(decoder.finish(AT)) == 2


BARE = [sim.fff(SMALL, order=o, payload=p) for o in ORDERS for p in PAYLOADS]
CONTENTS = [*BARE, *map(sim.radiometric_jpeg, BARE)]


@given(data=st.data())
@property_settings(max_examples=250)
def test_damaged_files_never_raise(data):
    content = bytearray(data.draw(st.sampled_from(CONTENTS)))
    head = st.integers(0, INFO_AT + 0x400)
    places = st.one_of(head, st.integers(RAW_AT, RAW_AT + 120), st.integers(0, 10**6))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place % len(content)] = byte
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    for damaged in (bytes(content), cut):
        for event in decoded(damaged):
            if isinstance(event, ThermalFrameCaptured):
                assert event.raw.size <= 4096 * 4096
            elif isinstance(event, Reject):
                assert event.reason.islower()


@given(st.sampled_from([b"", b"FFF\0", b"\xff\xd8"]), st.binary(max_size=400))
def test_garbage_is_one_reject(start, content):
    assert len(decoded(start + content)) == bool(start + content)


# --- Files of real cameras ------------------------------------------------------------------------

SIX = ("DJI_XT2.jpg", "FLIR.jpg", "FLIR_B60.jpg", "FLIR_E40.jpg", "IR_2412.jpg", "frame_000000_le.fff")
FIELDS = {
    "Emissivity": lambda frame: frame.conditions.emissivity,
    "ObjectDistance": lambda frame: frame.conditions.distance_m,
    "ReflectedApparentTemperature": lambda frame: frame.conditions.reflected_c,
    "AtmosphericTemperature": lambda frame: frame.conditions.atmosphere_c,
    "IRWindowTemperature": lambda frame: frame.conditions.window_c,
    "IRWindowTransmission": lambda frame: frame.conditions.window_transmission,
    "RelativeHumidity": lambda frame: frame.conditions.humidity,
    "PlanckR1": lambda frame: frame.scale.r1,
    "PlanckR2": lambda frame: frame.scale.r2,
    "PlanckB": lambda frame: frame.scale.b,
    "PlanckF": lambda frame: frame.scale.f,
    "PlanckO": lambda frame: frame.scale.o,
    "AtmosphericTransAlpha1": lambda frame: frame.scale.alpha_1,
    "AtmosphericTransAlpha2": lambda frame: frame.scale.alpha_2,
    "AtmosphericTransBeta1": lambda frame: frame.scale.beta_1,
    "AtmosphericTransBeta2": lambda frame: frame.scale.beta_2,
    "AtmosphericTransX": lambda frame: frame.scale.x,
}
"""By ExifTool's names."""


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", SIX)
def test_real_files_against_exiftool_and_the_digest_of_their_counts(test_data, name):
    expected = json.loads((test_data / "thermal" / "expected.json").read_text())["flir"][name]
    content = (test_data / "thermal" / "flir" / name).read_bytes()
    frame = frame_of(content)
    raw, said = expected["raw"], expected["meta_exiftool"]
    assert [*frame.raw.shape] == raw["shape"]
    assert (int(frame.raw.min()), int(frame.raw.max())) == (raw["min"], raw["max"])
    assert hashlib.sha256(frame.raw.astype("<u2").tobytes()).hexdigest() == raw["sha256_le"]
    for field, value in FIELDS.items():
        if field in said:
            assert value(frame) == pytest.approx(said[field], rel=1e-6, abs=1e-4), field
    assert {"PlanckR1", "PlanckO", "Emissivity"} <= said.keys()
    assert "".join(each.model for each in decoded(content)[:-1]) == said["CameraModel"]


@pytest.mark.needs_test_data
@given(data=st.data())
@property_settings(max_examples=20)
def test_real_files_damaged_never_raise(test_data, data):
    path = test_data / "thermal" / "flir" / data.draw(st.sampled_from(SIX))
    content = bytearray(path.read_bytes())
    places = st.one_of(st.integers(0, 5000), st.integers(0, len(content) - 1))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        content[place] = byte
    assert 1 <= len(decoded(bytes(content))) <= 2
