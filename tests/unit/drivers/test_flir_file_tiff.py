"""Radiometric TIFFs: what their numbers mean, in every packing, and damage of every sort."""

import datetime as dt
import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import CELSIUS, DeviceIdentified, LinearScale, Planck, Reject, ThermalFrameCaptured, Unfit
from drivers.sim import tiff as sim
from drivers.thermal.flir_file import tiff_packed
from drivers.thermal.flir_file.content import NotRadiometric, stream
from drivers.thermal.flir_file.decode import FileDecoder
from drivers.thermal.flir_file.opened import FileContent, opened
from drivers.thermal.flir_file.recording import recording
from drivers.thermal.flir_file.settings import FlirFileSettings

AT = Instant(5.0, dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
TEMPS_C = 20.0 + np.arange(1200.0).reshape(30, 40) / 100
PAGES = [sim.tlinear(TEMPS_C + number, 0.04) for number in range(3)]
ASSUMED = "0.04 K a count, by the range of the counts"
T_LINEAR = LinearScale(gain_c=0.04, offset_c=-273.15)


def shown(content, gain_k=None) -> tuple[Any, list[Any]]:
    found = recording(content, gain_k)
    assert found.kind == "tiff"
    return found, [found.shown(number, AT) for number in range(len(found))]


def frames(content, gain_k=None) -> list[Any]:
    return [events[-1] for events in shown(content, gain_k)[1]]


def reason_of(content, gain_k=None):
    with pytest.raises(NotRadiometric) as caught:
        shown(content, gain_k)
    return str(caught.value)


def written(picture, said=None, **how: Any) -> bytes:
    content = io.BytesIO()
    tags = [(700, 1, len(said), said.encode(), True)] if said else []
    tifffile.imwrite(content, picture, metadata=None, extratags=[*tags, *how.pop("extratags", ())], **how)
    return content.getvalue()


# --- What counts mean -----------------------------------------------------------------------------


def test_what_the_file_says_of_its_counts_holds_for_all_pages():
    found, pages = shown(sim.radiometric_tiff(PAGES, sim.xmp(0.04)))
    assert found.assumed == ()
    for raw, (camera, frame) in zip(PAGES, pages, strict=True):
        assert (frame.raw == raw).all()
        assert frame.scale == T_LINEAR
        assert frame.conditions is None
        assert camera.model == "Sim Pro R"


@pytest.mark.parametrize("gain_k", [0.04, 0.4])
def test_a_word_wins_over_what_counts_look_like(gain_k):
    (frame,) = frames(sim.radiometric_tiff(PAGES[:1], sim.xmp(gain_k)))
    assert frame.scale == LinearScale(gain_c=gain_k, offset_c=-273.15)


@pytest.mark.parametrize("gain_k", [0.01, 0.04, 0.4])
def test_a_file_that_says_nothing_is_known_by_its_counts_and_it_is_told(gain_k):
    found, ((frame,),) = shown(sim.radiometric_tiff([sim.tlinear(TEMPS_C, gain_k)]))
    assert frame.scale == LinearScale(gain_c=gain_k, offset_c=-273.15)
    assert found.assumed == (f"{gain_k} K a count, by the range of the counts",)


def test_a_page_that_says_otherwise_is_believed():
    two = io.BytesIO()
    with tifffile.TiffWriter(two) as writer:
        for gain_k in (0.04, 0.4):
            tag = (700, 1, len(said := sim.xmp(gain_k).encode()), said, True)
            writer.write(sim.tlinear(TEMPS_C, gain_k), contiguous=False, metadata=None, extratags=[tag])
    assert [frame.scale.gain_c for frame in frames(two.getvalue())] == [0.04, 0.4]


def test_the_user_s_word_wins():
    found, pages = shown(sim.radiometric_tiff(PAGES, sim.xmp(0.04)), 0.02)
    assert {frame.scale.gain_c for (*_, frame) in pages} == {0.02}
    assert found.assumed == ()
    for gain_k in (0.0, -1.0, 11.0, float("nan")):
        assert reason_of(sim.radiometric_tiff(PAGES), gain_k) == "gain_impossible"


@pytest.mark.parametrize("counts", [0, 3000, 15_000, 60_000])
def test_counts_that_could_be_anything_are_refused(counts):
    assert reason_of(sim.radiometric_tiff([np.full((9, 8), counts, np.uint16)])) == "counts_without_a_scale"


def test_counts_that_are_not_linear_in_temperature_are_refused_unless_the_calibration_is_there():
    assert reason_of(sim.radiometric_tiff(PAGES, sim.xmp(0.0))) == "counts_not_linear_in_temperature"
    constants = (
        '<rdf:Description FLIR:PlanckR1="17096.5" FLIR:PlanckR2="466/10000" FLIR:PlanckB="1428" '
        'FLIR:PlanckF="1" FLIR:PlanckO="-267"><Camera:TlinearGain>0.00</Camera:TlinearGain></rdf:Description>'
    )
    found, ((frame,),) = shown(sim.radiometric_tiff(PAGES[:1], constants))
    assert frame.scale == Planck(r1=17096.5, r2=0.0466, b=1428.0, f=1.0, o=-267.0)
    assert frame.conditions is not None
    assert found.assumed == ("object and air as for skin at 1 m",)


@pytest.mark.parametrize("gain", ["", "no number", "1/0", "inf", "1e400", "4e9"])
def test_a_gain_that_is_no_number_is_as_good_as_none(gain):
    said = f"<Camera:TlinearGain>{gain}</Camera:TlinearGain>"
    assert recording(sim.radiometric_tiff(PAGES, said)).assumed == (ASSUMED,)


@pytest.mark.parametrize("gain", ["-0.04", "4e8", "-1/25"])
def test_a_gain_that_cannot_be_is_refused(gain):
    said = f"<Camera:TlinearGain>{gain}</Camera:TlinearGain>"
    assert reason_of(sim.radiometric_tiff(PAGES, said)) == "counts_not_linear_in_temperature"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_celsius_or_where_they_cannot_be_kelvin(dtype):
    found, ((frame,),) = shown(written(TEMPS_C.astype(dtype)))
    assert (frame.scale, frame.raw.dtype) == (CELSIUS, np.float32)
    assert frame.raw == pytest.approx(TEMPS_C, abs=1e-5)
    assert found.assumed == ("numbers are °C",)
    found, ((frame,),) = shown(written((TEMPS_C + 273.15).astype(dtype)))
    assert (frame.scale, frame.raw.dtype) == (CELSIUS, np.float32)
    assert frame.raw == pytest.approx(TEMPS_C, abs=1e-4)
    assert found.assumed == ("numbers are kelvin: as °C all would lie above 150",)
    assert reason_of(written((TEMPS_C * 0 - 9999).astype(dtype))) == "counts_without_a_scale"


def test_floats_that_are_no_numbers_make_a_frame_unfit():
    temps_c = TEMPS_C.astype(np.float32)
    temps_c[3, 4] = np.nan
    (frame,) = frames(written(temps_c))
    assert frame.unfit is Unfit.OUT_OF_RANGE
    assert reason_of(written(np.full((4, 5), np.nan, np.float32))) == "no_number_in_the_picture"


# --- The camera and the time ----------------------------------------------------------------------


def test_the_camera_by_its_tags():
    tags = [(272, 2, 0, "XT2", True), (305, 2, 0, "1.2", True), (50735, 2, 0, "8340357", True)]
    content = written(PAGES[0], software=False, extratags=tags)
    (camera, _) = shown(content)[1][0]
    assert (camera.model, camera.serial, camera.firmware) == ("XT2", "8340357", "1.2")
    odd = written(PAGES[0], software=False, extratags=[(272, 2, 0, "a\x07", True), (50735, 3, 1, 5, True)])
    assert len(shown(odd)[1][0]) == 1


def exif(moment: bytes, offset: bytes | None) -> bytes:
    """A small TIFF with a date in its Exif tags, by hand."""
    pixels = np.full((2, 2), 7500, "<u2").tobytes()
    fields = [(0x9003, moment)] + ([(0x9011, offset)] if offset is not None else [])
    exif_at = 8 + 2 + 12 * 9 + 4
    texts_at = exif_at + 2 + 12 * len(fields) + 4
    tags = [(256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 0)]
    tags += [(278, 3, 1, 2), (279, 4, 1, 8), (0x8769, 4, 1, exif_at)]
    texts, entries = b"", b""
    for code, said in fields:
        entries += struct.pack("<HHII", code, 2, len(said), texts_at + len(texts))
        texts += said
    tags[5] = (273, 4, 1, texts_at + len(texts))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return head + bytes(4) + struct.pack("<H", len(fields)) + entries + bytes(4) + texts + pixels


@pytest.mark.parametrize(
    ("moment", "offset", "expected"),
    [
        (b"2019:10:24 13:56:08\0", b"+02:00\0", dt.datetime(2019, 10, 24, 11, 56, 8, tzinfo=dt.UTC)),
        (b"2019:10:24 13:56:08\0", None, None),
        (b"2019:10:24 13:56:08\0", b"noon.\0", None),
        (b"0000:00:00 00:00:00\0", b"+00:00\0", None),
        (b"9999:12:31 23:59:59\0", b"-12:00\0", None),
    ],
)
def test_when_a_page_was_taken_only_if_its_clock_is_known(moment, offset, expected):
    (frame,) = frames(exif(moment, offset))
    assert frame.raw.tolist() == [[7500, 7500], [7500, 7500]]
    assert frame.device_utc == expected


# --- Packings -------------------------------------------------------------------------------------

PLAIN = {
    "little": sim.radiometric_tiff(PAGES),
    "big": sim.radiometric_tiff(PAGES, order=">"),
    "strips": sim.radiometric_tiff(PAGES, rows_per_strip=7),
    "big_tiff": b"",
}
_BIG = io.BytesIO()
with tifffile.TiffWriter(_BIG, bigtiff=True) as _writer:
    for _page in PAGES:
        _writer.write(_page, contiguous=False, metadata=None)
PLAIN["big_tiff"] = _BIG.getvalue()
PACKED = {
    "lzw": sim.packed_tiff(PAGES),
    "lzw_plain": sim.packed_tiff(PAGES, 5, 1),
    "deflate": sim.packed_tiff(PAGES, 8),
    "deflate_old": sim.packed_tiff(PAGES, 32946, 1),
    "packbits": sim.packed_tiff(PAGES, 32773, 1),
}


@pytest.mark.parametrize("name", [*PLAIN, *PACKED])
def test_counts_in_every_packing(name):
    content = (PLAIN | PACKED)[name]
    found, pages = shown(content)
    assert found.assumed == (ASSUMED,)
    assert [(frame.raw == raw).all() for raw, (frame,) in zip(PAGES, pages, strict=True)] == [True] * 3


@pytest.mark.parametrize("how", [{"tile": (16, 32)}, {"tile": (16, 32), "compression": "zlib"}])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiles(how, order):
    (frame,) = frames(written(PAGES[0], byteorder=order, **how))
    assert (frame.raw == PAGES[0]).all()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("predictor", [False, True])
def test_packed_strips_in_either_byte_order(order, predictor):
    content = written(PAGES[0], byteorder=order, compression="zlib", predictor=predictor, rowsperstrip=7)
    (frame,) = frames(content)
    assert (frame.raw == PAGES[0]).all()


@pytest.mark.parametrize("compression", [5, 8])
@pytest.mark.parametrize("predictor", [1, 3])
def test_packed_floats(compression, predictor):
    (frame,) = frames(sim.packed_tiff([TEMPS_C.astype(np.float32)], compression, predictor))
    assert frame.raw == pytest.approx(TEMPS_C, abs=1e-5)


def test_smaller_copies_of_a_page_are_no_frames():
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as writer:
        writer.write(PAGES[0], metadata=None, contiguous=False)
        writer.write(PAGES[0][::2, ::2], metadata=None, contiguous=False, subfiletype=1)
        writer.write(PAGES[1], metadata=None, contiguous=False)
    _, pages = shown(content.getvalue())
    assert [len(events) for events in pages] == [1, 0, 1]


def test_pictures_for_people_before_the_counts_are_no_frames():
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as writer:
        writer.write(np.zeros((30, 40, 3), np.uint8), photometric="rgb", metadata=None, contiguous=False)
        for page in PAGES[:2]:
            writer.write(page, metadata=None, contiguous=False)
    _, pages = shown(content.getvalue())
    assert [len(events) for events in pages] == [0, 1, 1]
    assert (pages[2][-1].raw == PAGES[1]).all()


def test_a_file_to_read_from_is_like_any_other():
    class Pieces:
        def __len__(self):
            return 10

        def __getitem__(self, part):
            return b"0123456789"[part]

    file = stream(Pieces())
    assert (file.seek(-3, io.SEEK_END), file.read(), file.tell()) == (7, b"789", 10)
    assert (file.seek(2), file.seek(3, io.SEEK_CUR), file.read(2)) == (2, 5, b"56")
    with pytest.raises(ValueError, match="before the beginning"):
        file.seek(-20, io.SEEK_END)


def test_a_large_file_is_read_page_by_page(tmp_path, monkeypatch):
    monkeypatch.setattr("drivers.thermal.flir_file.opened.HELD_BYTES_MAX", 1000)
    for number, content in enumerate((*PLAIN.values(), *PACKED.values())):
        (path := tmp_path / f"{number}.tiff").write_bytes(content)
        with opened(path) as large:
            assert isinstance(large, FileContent)
            assert [(frame.raw == raw).all() for raw, frame in zip(PAGES, frames(large), strict=True)] == [
                True
            ] * 3


# --- Damage ---------------------------------------------------------------------------------------


def tags_at(content: bytes) -> dict[int, int]:
    """Where each tag of the first page stands in a little-endian file."""
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    places = range(at + 2, at + 2 + 12 * count, 12)
    return {struct.unpack_from("<H", content, place)[0]: place for place in places}


def changed(content: bytes, tag: int, value: int) -> bytes:
    place = tags_at(content)[tag]
    kind = struct.unpack_from("<H", content, place + 2)[0]
    altered = bytearray(content)
    struct.pack_into("<H" if kind == 3 else "<I", altered, place + 8, value)
    return bytes(altered)


ONE = sim.radiometric_tiff(PAGES[:1])
LZW = sim.packed_tiff(PAGES[:1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"II*\0", "tiff_damaged"),
        (b"II*\0" + bytes(60), "tiff_without_pages"),
        (changed(ONE, 256, 65_535), "raw_size_impossible"),
        (changed(ONE, 257, 4_000), "tiff_damaged"),
        (changed(ONE, 258, 8), "tiff_of_another_kind"),
        (changed(ONE, 259, 7), "tiff_packed_in_an_unknown_way"),
        (changed(ONE, 273, 5_000), "record_outside_the_file"),
        (changed(ONE, 279, 0), "record_outside_the_file"),
        (changed(ONE, 279, 2_000), "tiff_damaged"),
        (changed(LZW, 256, 65_535), "raw_size_impossible"),
        (changed(LZW, 257, 4_000), "tiff_damaged"),
        (written(np.zeros((4, 5, 3), np.uint16), photometric="rgb"), "tiff_of_another_kind"),
        (written(np.zeros((4, 5), np.uint8)), "tiff_of_another_kind"),
    ],
)
def test_damage_is_named(content, reason):
    assert reason_of(content) == reason


def test_packed_parts_that_are_damaged_are_refused_in_silence(capfd):
    (start,) = struct.unpack_from("<I", LZW, tags_at(LZW)[273] + 8)
    for broken in (b"\xff" * 40, bytes(40)):
        content = LZW[: start + 20] + broken + LZW[start + 60 :]
        assert reason_of(content) == "tiff_damaged"
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_parts_that_do_not_make_the_picture():
    page: dict[str, Any] = {
        "order": "<",
        "height": 8,
        "width": 8,
        "floats": False,
        "bits": 16,
        "compression": 8,
        "predictor": 1,
    }
    for parts, part_height, part_width in (
        ((b"",), 4, 0),
        ((b"",), 0, 0),
        ((b"",) * 4, 4, 0),
        ((b"x",), 8, 0),
    ):
        with pytest.raises(NotRadiometric, match="tiff_damaged"):
            tiff_packed.unpack(
                tiff_packed.Page(**page, part_height=part_height, part_width=part_width, parts=parts)
            )


def test_a_page_that_opencv_refuses_aloud(monkeypatch):
    def refuse(*_):
        raise cv2.error("assertion failed")

    monkeypatch.setattr("drivers.thermal.flir_file.tiff_packed.cv2.imdecode", refuse)
    assert reason_of(LZW) == "tiff_damaged"


SEEDS = [
    *PLAIN.values(),
    *PACKED.values(),
    sim.radiometric_tiff(PAGES, sim.xmp(0.04)),
    written(TEMPS_C.astype(np.float32)),
    written(PAGES[0], tile=(16, 32), compression="zlib"),
    exif(b"2019:10:24 13:56:08\0", b"+02:00\0"),
]


def decoded(content) -> list[Any]:
    decoder = FileDecoder(FlirFileSettings(path=Path("x")))
    decoder.feed(content, AT)
    return decoder.finish(AT)


@given(data=st.data())
@settings(max_examples=200)
def test_damaged_files_never_raise(data):
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    (at,) = struct.unpack_from("<I" if content.startswith(b"II") else ">I", content, 4)
    head = st.one_of(st.integers(0, 20), st.integers(at, at + 260), st.integers(0, 10**6))
    value = st.one_of(st.sampled_from([0, 1, 2, 4, 255]), st.integers(0, 255))
    for place, byte in data.draw(st.lists(st.tuples(head, value), max_size=10)):
        content[place % len(content)] = byte
    cut = bytes(content[: data.draw(st.integers(1, len(content)))])
    for damaged in (bytes(content), cut):
        events = decoded(damaged)
        assert events
        for event in events:
            assert isinstance(event, DeviceIdentified | ThermalFrameCaptured | Reject)
            if isinstance(event, ThermalFrameCaptured):
                assert event.raw.size <= 4096 * 4096


@given(name=st.sampled_from(sorted(PLAIN)), cut=st.integers(1, 7000))
@settings(max_examples=80)
def test_a_cut_file_gives_right_frames_or_none(name, cut):
    events = decoded(PLAIN[name][:cut])
    raws = [event.raw for event in events if isinstance(event, ThermalFrameCaptured)]
    assert all(any(np.array_equal(raw, page) for page in PAGES) for raw in raws)


@given(st.sampled_from([b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]), st.binary(max_size=300))
def test_garbage_is_rejected(start, content):
    assert all(isinstance(event, Reject) for event in decoded(start + content))


@pytest.mark.needs_test_data
def test_a_real_file_without_its_xmp(test_data):
    path = test_data / "thermal" / "tiff" / "example_radiometric.tiff"
    found, ((camera, frame),) = shown(path.read_bytes())
    assert (camera.model, camera.serial) == ("Duo Pro R", "8340357")
    assert found.assumed == (ASSUMED,)
    assert frame.raw.shape == (512, 640)
    assert (int(frame.raw.min()), int(frame.raw.max())) == (6743, 7077)
    assert frame.raw.mean() == pytest.approx(6983.252066040039)
    assert frame.device_utc is None
