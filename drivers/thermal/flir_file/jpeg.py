"""The FFF file inside a radiometric JPEG: APP1 segments that begin with ``FLIR``, joined by number. Pure.

Source: ITU-T T.81, annex B (markers); ExifTool's documentation of FLIR's APP1 segments.
"""

from collections.abc import Iterator

from drivers.thermal.flir_file.content import NotRadiometric

START = b"\xff\xd8"
_APP1, _START_OF_SCAN, _END = 0xE1, 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_FLIR = b"FLIR\0"
_HEAD_BYTES = 8
"""``FLIR``, 0, mostly 1, the number of this segment and that of the last."""


def embedded_file(content: bytes) -> bytes:
    """The FFF file in a JPEG.

    Raises:
        NotRadiometric: there is none, or a segment of it is missing.
    """
    parts: dict[int, bytes] = {}
    last: int | None = None
    for segment in _app1_segments(content):
        if segment.startswith(_FLIR) and len(segment) > _HEAD_BYTES:
            last = max(segment[7], last or 0)
            parts.setdefault(segment[6], segment[_HEAD_BYTES:])
    if last is None:
        raise NotRadiometric("no_thermal_data")
    if any(number not in parts for number in range(last + 1)):
        raise NotRadiometric("segment_missing")
    return b"".join(parts[number] for number in range(last + 1))


def _app1_segments(content: bytes) -> Iterator[bytes]:
    """What stands in the APP1 segments before the picture begins."""
    at = len(START)
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        if marker in {_START_OF_SCAN, _END}:
            return
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == _APP1:
            yield content[at + 4 : at + 2 + size]
        at += 2 + max(size, 2)
