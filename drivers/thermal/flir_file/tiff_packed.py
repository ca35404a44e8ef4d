"""A page of packed strips or tiles, unpacked by OpenCV's decoder from a file made for it in memory. Pure.

Source: TIFF 6.0, sections 2, 8, 13-15; Adobe's technical notes 1 and 3 (deflate, predictor of floats).
"""

import struct
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from drivers.thermal.flir_file.content import NotRadiometric

PACKED = frozenset({5, 8, 32946, 32773})
"""LZW, deflate by either number, PackBits."""
_PARTS_MAX = 65_536
_TILE_MAX = 4096
_SHORT, _LONG = 3, 4
_HEAD_BYTES, _TAG_BYTES = 8, 12
_LOG_LEVEL = cv2.utils.logging.getLogLevel()
Pixels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One picture of grey levels; ``part_width`` 0 = strips of ``part_height`` rows, else tiles."""

    order: str
    height: int
    width: int
    floats: bool
    bits: int
    compression: int
    predictor: int
    part_height: int
    part_width: int
    parts: tuple[bytes, ...]


def unpack(page: Page) -> Pixels:
    """The numbers, shape (h, w).

    Raises:
        NotRadiometric: they are damaged, or of a kind that OpenCV does not unpack.
    """
    across = -(-page.width // page.part_width) if page.part_width else 1
    down = -(-page.height // page.part_height) if page.part_height else 0
    too_many = not 0 < across * down <= _PARTS_MAX
    if too_many or len(page.parts) != across * down or max(page.part_height, page.part_width) > _TILE_MAX:
        raise NotRadiometric("tiff_damaged")
    decoded = _imdecode(_file(page))
    kind = np.dtype(f"f{page.bits // 8}" if page.floats else np.uint16)
    if decoded is None or decoded.shape != (page.height, page.width) or decoded.dtype != kind:
        raise NotRadiometric("tiff_damaged")
    return decoded


def _file(page: Page) -> bytes:
    """A TIFF of this page alone: header, tags, places and lengths of the parts, the parts."""
    mark, count = page.order, len(page.parts)
    lengths = [len(part) for part in page.parts]
    numbers = [
        (256, _LONG, page.width), (257, _LONG, page.height), (258, _SHORT, page.bits),
        (259, _SHORT, page.compression), (262, _SHORT, 1), (277, _SHORT, 1),
    ]  # fmt: skip
    tiles = [(322, _LONG, page.part_width), (323, _LONG, page.part_height)]
    numbers += tiles if page.part_width else [(278, _LONG, page.part_height)]
    numbers += [(317, _SHORT, page.predictor), (339, _SHORT, 3 if page.floats else 1)]
    places_tag, lengths_tag = (324, 325) if page.part_width else (273, 279)
    tables_at = _HEAD_BYTES + 2 + _TAG_BYTES * (len(numbers) + 2) + 4
    parts_at = tables_at + (8 * count if count > 1 else 0)
    places = list(accumulate(lengths[:-1], initial=parts_at))
    tags = [(code, kind, 1, value) for code, kind, value in numbers]
    tags.append((places_tag, _LONG, count, tables_at if count > 1 else places[0]))
    tags.append((lengths_tag, _LONG, count, tables_at + 4 * count if count > 1 else lengths[0]))
    head = struct.pack(f"{mark}2sHIH", b"II" if mark == "<" else b"MM", 42, _HEAD_BYTES, len(tags))
    body = b"".join(_tag(mark, *tag) for tag in sorted(tags)) + struct.pack(f"{mark}I", 0)
    tables = struct.pack(f"{mark}{2 * count}I", *places, *lengths) if count > 1 else b""
    return head + body + tables + b"".join(page.parts)


def _tag(mark: str, code: int, kind: int, count: int, value: int) -> bytes:
    form = "HHIHxx" if kind == _SHORT else "HHII"
    return struct.pack(mark + form, code, kind, count, value)


def _imdecode(content: bytes) -> Pixels | None:
    """Without OpenCV's complaints: what is wrong with a file is told by the refusal."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cast("Pixels | None", cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED))
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(_LOG_LEVEL)
