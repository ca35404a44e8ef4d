"""Counts as a PNG in either byte order. Pure.

Source: PNG (ISO/IEC 15948), 5 and 11.2.2; files of six cameras. A PNG's words ought to stand high byte first,
and FLIR's mostly do not. No field says which: the right order is the one in which neighbours are alike.
"""

import struct
import zlib
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from drivers.api import Counts
from drivers.thermal.flir_file.content import NotRadiometric, possible

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">8sI4sIIBB")
"""Signature, then the header chunk: its length and name, width, height, bits a sample, colour type."""
_GREY_16 = (16, 0)
_CHUNK_BYTES = 12
"""Of a chunk without content: length, name, checksum."""


def decode_png(content: bytes) -> Counts:
    """Counts, shape (h, w).

    Raises:
        NotRadiometric: it is damaged, too large, or of another kind.
    """
    if len(content) < _HEAD.size:
        raise NotRadiometric("raw_png_damaged")
    _, _, name, width, height, bits, colour = _HEAD.unpack_from(content)
    if name != b"IHDR" or (bits, colour) != _GREY_16 or not possible(height, width):
        raise NotRadiometric("raw_png_of_another_kind")
    decoded = cast("npt.NDArray[Any] | None", _imdecode(content)) if _intact(content) else None
    if decoded is None or decoded.shape != (height, width) or decoded.dtype != np.uint16:
        raise NotRadiometric("raw_png_damaged")
    swapped = decoded.byteswap()
    return swapped if _roughness(swapped) <= _roughness(decoded) else decoded


def _intact(content: bytes) -> bool:
    """Whether all chunks to the last are there with the right checksum: libpng complains aloud of others."""
    at = len(SIGNATURE)
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


def _roughness(raw: Counts) -> int:
    """How much neighbours in a row differ, all together."""
    return int(np.abs(np.diff(raw.astype(np.int32), axis=1)).sum(dtype=np.int64))
