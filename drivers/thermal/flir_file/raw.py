"""Raw counts out of the record that holds them: bare words, or a PNG in either byte order. Pure.

Source: ExifTool's FLIR module, files of six cameras; PNG (ISO/IEC 15948), 5 and 11.2.2. A PNG's words ought
to stand high byte first, and FLIR's mostly do not. No field says which: the right order is the one in which
neighbours are alike.
"""

import struct
import zlib
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from drivers.api import RawFrame
from drivers.thermal.flir_file.fff import Record
from drivers.thermal.flir_file.jpeg import NotRadiometric

SIDE_MAX = 4096
_HEAD_BYTES = 32
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD = struct.Struct(">8sI4sIIBB")
"""Signature, then the header chunk: its length and name, width, height, bits a sample, colour type."""
_GREY_16 = (16, 0)
_CHUNK_BYTES = 12
"""Of a chunk without content: length, name, checksum."""


def raw_frame(record: Record) -> RawFrame:
    """Counts, shape (h, w).

    Raises:
        NotRadiometric: they are not as long as they should be, or packed in a way that is not known.
    """
    if len(record.content) < _HEAD_BYTES:
        raise NotRadiometric("raw_data_too_short")
    width, height = (int(side) for side in record.numbers("HH", 2))
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise NotRadiometric("raw_size_impossible")
    content = record.content[_HEAD_BYTES:]
    if content.startswith(_PNG):
        return _png(content, height, width)
    if len(content) < 2 * width * height:
        raise NotRadiometric("raw_data_too_short" if content[:2] != b"\xff\xd8" else "raw_data_is_jpeg")
    words = np.frombuffer(content, f"{record.order}u2", width * height)
    return words.astype(np.uint16, copy=False).reshape(height, width)


def _png(content: bytes, height: int, width: int) -> RawFrame:
    if len(content) < _PNG_HEAD.size:
        raise NotRadiometric("raw_png_damaged")
    _, _, name, png_width, png_height, bits, colour = _PNG_HEAD.unpack_from(content)
    if name != b"IHDR" or (bits, colour) != _GREY_16 or (png_width, png_height) != (width, height):
        raise NotRadiometric("raw_png_of_another_kind")
    decoded = cast("npt.NDArray[Any] | None", _imdecode(content)) if _intact(content) else None
    if decoded is None or decoded.shape != (height, width) or decoded.dtype != np.uint16:
        raise NotRadiometric("raw_png_damaged")
    swapped = decoded.byteswap()
    return swapped if _roughness(swapped) <= _roughness(decoded) else decoded


def _intact(content: bytes) -> bool:
    """Whether all chunks to the last are there with the right checksum: libpng complains aloud of others."""
    at = len(_PNG)
    while at + _CHUNK_BYTES <= len(content):
        end = at + _CHUNK_BYTES + int.from_bytes(content[at : at + 4], "big")
        named = content[at + 4 : end - 4]
        if zlib.crc32(named) != int.from_bytes(content[end - 4 : end], "big") or end > len(content):
            return False
        if named.startswith(b"IEND"):
            return True
        at = end
    return False


def _imdecode(content: bytes) -> object:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def _roughness(raw: RawFrame) -> int:
    """How much neighbours in a row differ, all together."""
    return int(np.abs(np.diff(raw.astype(np.int32), axis=1)).sum(dtype=np.int64))
