"""How large a picture says it is, before anything is made of it: a few bytes can stand for gigabytes."""

import re
import struct
from collections.abc import Callable, Mapping

Size = tuple[int, int]
"""Width and height."""
_PNM = re.compile(rb"P[2356]\s+(?:#[^\n]*\n\s*)*(\d{1,9})\s+(?:#[^\n]*\n\s*)*(\d{1,9})\s")


def picture_size(content: bytes) -> Size | None:
    """Of a JPEG, PNG, BMP, WebP or portable any-map; ``None`` for anything else."""
    for start, size in _SIZES.items():
        if content.startswith(start):
            try:
                return size(content)
            except (struct.error, IndexError, ValueError):
                return None
    return None


def _jpeg(content: bytes) -> Size | None:
    from drivers.links.jpeg import jpeg_size

    return jpeg_size(content)


def _png(content: bytes) -> Size | None:
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _bmp(content: bytes) -> Size | None:
    width, height = struct.unpack_from("<ii", content, 18)
    return width, abs(height)


def _webp(content: bytes) -> Size | None:
    """Simple lossy and lossless, and extended (RFC 9649, section 2)."""
    kind = content[12:16]
    if content[8:12] != b"WEBP":
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


def _pnm(content: bytes) -> Size | None:
    found = _PNM.match(content[:1024])
    return None if found is None else (int(found[1]), int(found[2]))


_SIZES: Mapping[bytes, Callable[[bytes], Size | None]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"BM": _bmp,
    b"RIFF": _webp,
    b"P2": _pnm,
    b"P3": _pnm,
    b"P5": _pnm,
    b"P6": _pnm,
}
