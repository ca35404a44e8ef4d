"""Pictures that somebody names: every kind is read, and everything else is one clear line."""

import struct
import zlib
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.cli.errors import CommandError
from cardea.cli.face import pictures
from cardea.cli.face.picture_size import picture_size
from cardea.cli.face.pictures import read_picture

WIDTH, HEIGHT = 48, 32
KINDS = (".jpg", ".png", ".bmp", ".webp", ".pgm", ".ppm")
STARTS = (b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF\0\0\0\0WEBP", b"P2 ", b"P3 ", b"P5 ", b"P6 ")


def drawn():
    """Dark, with a bright square in the upper left."""
    picture = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    cv2.rectangle(picture, (2, 2), (14, 10), (230, 230, 230), -1)
    return picture


def encoded(kind, *flags):
    picture = drawn()
    if kind == ".pgm":
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    done, content = cv2.imencode(kind, picture, list(flags))
    assert done
    return content.tobytes()


def written(folder, content, name="picture"):
    file = folder / name
    file.write_bytes(content)
    return file


def refusal(path):
    with pytest.raises(CommandError) as why:
        read_picture(path)
    said = str(why.value)
    assert len(said.splitlines()) == 1
    assert said.startswith(f"{path}: ")
    assert why.value.status == 2
    return said


# --- what is read ---


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_whatever_its_file_is_called(tmp_path, kind):
    picture = read_picture(written(tmp_path, encoded(kind)))
    assert (picture.shape, picture.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert picture.flags.c_contiguous
    assert picture[6, 8].min() > 180
    assert picture[25, 40].max() < 70


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_is_told_before_anything_is_decoded(kind):
    assert picture_size(encoded(kind)) == (WIDTH, HEIGHT)


def test_a_portable_map_as_text_with_remarks(tmp_path):
    content = b"P2\n# by hand\n# and more\n3 # columns\n# rows\n2\n255\n0 1 2\n3 4 5\n"
    assert picture_size(content) == (3, 2)
    assert read_picture(written(tmp_path, b"P2\n3 2\n255\n0 1 2\n3 4 5\n")).shape == (2, 3, 3)


def test_webp_lossy_lossless_and_extended():
    lossy = encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80)
    assert lossy[12:16] == b"VP8 "
    assert picture_size(lossy) == (WIDTH, HEIGHT)
    lossless = encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)
    assert lossless[12:16] == b"VP8L"
    assert picture_size(lossless) == (WIDTH, HEIGHT)
    extended = b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (WIDTH - 1).to_bytes(3, "little")
    assert picture_size(extended + (HEIGHT - 1).to_bytes(3, "little")) == (WIDTH, HEIGHT)
    assert picture_size(b"RIFF\0\0\0\0WAVEfmt " + bytes(20)) is None


def test_a_bitmap_from_the_top_down():
    content = bytearray(encoded(".bmp"))
    content[22:26] = struct.pack("<i", -HEIGHT)
    assert picture_size(bytes(content)) == (WIDTH, HEIGHT)


def exif(orientation):
    """An APP1 segment with one tag (Exif 2.3, 4.6.4: orientation, 0x0112)."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(
    ("orientation", "bright"),
    [
        (1, (6, 8)),
        (3, (HEIGHT - 7, WIDTH - 9)),
        (6, (8, HEIGHT - 7)),
        (8, (WIDTH - 9, 6)),
    ],
)
def test_a_picture_is_turned_as_its_camera_was_held(tmp_path, orientation, bright):
    content = encoded(".jpg")
    picture = read_picture(written(tmp_path, content[:2] + exif(orientation) + content[2:]))
    lying = orientation in {6, 8}
    assert picture.shape == ((WIDTH, HEIGHT, 3) if lying else (HEIGHT, WIDTH, 3))
    assert picture[bright].min() > 180
    assert picture[picture.shape[0] // 2, picture.shape[1] // 2].max() < 70


# --- what is refused ---


def test_what_is_not_a_file(tmp_path):
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    assert "cannot be read: No such file" in refusal(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize("content", [b"", b"Dear Sir or Madam", b"%PDF-1.7", b"GIF89a" + bytes(20)])
def test_what_is_no_picture_is_told_which_kinds_are(tmp_path, content):
    assert refusal(written(tmp_path, content)).endswith("is no picture (JPEG, PNG, BMP, WebP, PGM or PPM)")


@pytest.mark.parametrize("start", STARTS)
def test_a_start_without_a_header(tmp_path, start):
    assert "is no picture" in refusal(written(tmp_path, start))


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_cut(tmp_path, kind):
    content = encoded(kind)
    for kept in (4, 12, 20, 26, 30, 40):
        refusal(written(tmp_path, content[:kept]))


def claim(kind, width, height):
    """A file that says how large it is, and holds nothing."""
    unsigned = max(0, width), height
    body = struct.pack(">IIBBBBB", *unsigned, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + body
    heads = {
        ".jpg": b"\xff\xd8\xff\xc0\x00\x11\x08"
        + struct.pack(">HH", min(height, 65535), min(unsigned[0], 65535))
        + b"\x03" * 12,
        ".png": png + struct.pack(">I", zlib.crc32(b"IHDR" + body)) + bytes(64),
        ".bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, width, height) + bytes(64),
        ".webp": b"RIFF\0\0\0\0WEBPVP8X"
        + bytes(8)
        + max(0, width - 1).to_bytes(3, "little")
        + max(0, height - 1).to_bytes(3, "little"),
        ".pgm": b"P5\n%d %d\n255\n" % (width, height) + bytes(64),
        ".ppm": b"P6 %d %d 255 " % (width, height) + bytes(64),
    }
    return heads[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_claims_gigabytes_is_never_decoded(tmp_path, kind):
    file = written(tmp_path, claim(kind, 100_000, 100_000))
    with patch.object(cv2, "imdecode", side_effect=AssertionError("decoded")):
        assert "make it smaller than 40000000 pixels" in refusal(file)


@pytest.mark.parametrize("kind", [".png", ".bmp", ".pgm", ".ppm"])
@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0)])
def test_a_picture_without_pixels(tmp_path, kind, width, height):
    assert f"is {width} x {height}" in refusal(written(tmp_path, claim(kind, width, height)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_with_nothing_behind_it_is_damaged(tmp_path, kind):
    assert "is a damaged picture" in refusal(written(tmp_path, claim(kind, 10_000, 4_000)[:64]))


def test_a_bitmap_of_negative_width(tmp_path):
    assert "is -10 x 10" in refusal(written(tmp_path, claim(".bmp", -10, 10)))


def test_a_decoder_that_raises_is_a_damaged_picture(tmp_path):
    file = written(tmp_path, encoded(".png"))
    with patch.object(cv2, "imdecode", side_effect=cv2.error("broken")):
        assert "is a damaged picture" in refusal(file)


def test_a_file_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "BYTES_MAX", 100)
    assert "longer than 100 bytes" in refusal(written(tmp_path, encoded(".bmp")))


def read_or_refused(path):
    """A picture within bounds, or one clear line; nothing else."""
    try:
        picture = read_picture(path)
    except CommandError as error:
        return str(error)
    assert picture.ndim == 3
    assert picture.size <= 3 * pictures.PIXELS_MAX
    return ""


@given(start=st.sampled_from((b"", *STARTS)), rest=st.binary(max_size=300))
def test_garbage_is_one_line(tmp_path_factory, start, rest):
    said = read_or_refused(written(folder(tmp_path_factory), start + rest))
    assert len(said.splitlines()) <= 1


@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), min_size=1, max_size=4),
    kept=st.floats(0, 1),
)
def test_a_spoilt_picture_is_read_or_one_line(tmp_path_factory, kind, changes, kept):
    content = bytearray(encoded(kind))
    for at, value in changes:
        content[at % len(content)] = value
    said = read_or_refused(written(folder(tmp_path_factory), bytes(content[: round(kept * len(content))])))
    assert len(said.splitlines()) <= 1


def folder(factory) -> Path:
    return factory.getbasetemp()


def test_a_bitmap_of_twelve_million_pixels_is_read(tmp_path):
    """As a scanner or a camera's own program writes it: 36 MB."""
    done, content = cv2.imencode(".bmp", np.zeros((3000, 4000, 3), np.uint8))
    assert done
    assert read_picture(written(tmp_path, content.tobytes())).shape == (3000, 4000, 3)
