"""Raw counts out of the record that holds them: bare words, or packed as PNG, JPEG-LS or TIFF. Pure.

Source: ExifTool's FLIR module, files of six cameras. How counts are packed is seen by how they begin. Bare
words can begin so by chance: what cannot be unpacked and is just as long as words are is words.
"""

from collections.abc import Callable

import numpy as np

from drivers.api import Counts
from drivers.thermal.flir_file import jpegls, png, tiff
from drivers.thermal.flir_file.content import NotRadiometric, possible
from drivers.thermal.flir_file.fff import Record

_HEAD_BYTES = 32
_PACKED: tuple[tuple[tuple[bytes, ...], Callable[[bytes], Counts]], ...] = (
    ((png.SIGNATURE,), png.decode_png),
    ((jpegls.SIGNATURE,), jpegls.decode_jpegls),
    (tiff.SIGNATURES, tiff.decode_counts),
)


def raw_frame(record: Record) -> Counts:
    """Counts, shape (h, w).

    Raises:
        NotRadiometric: they are not as long as they should be, or packed in a way that is not known.
    """
    if len(record.content) < _HEAD_BYTES:
        raise NotRadiometric("raw_data_too_short")
    width, height = (int(side) for side in record.numbers("HH", 2))
    content = record.content[_HEAD_BYTES:]
    as_long_as_words = len(content) == 2 * width * height
    try:
        packed = _unpacked(content, height, width)
    except NotRadiometric:
        if not as_long_as_words:
            raise
        packed = None
    if packed is not None and (packed.shape == (height, width) or not as_long_as_words):
        return packed
    if not possible(height, width):
        raise NotRadiometric("raw_size_impossible")
    if len(content) < 2 * width * height:
        raise NotRadiometric("raw_data_too_short")
    words = np.frombuffer(content, f"{record.order}u2", width * height)
    return words.astype(np.uint16, copy=False).reshape(height, width)


def _unpacked(content: bytes, height: int, width: int) -> Counts | None:
    """``None`` when they are not packed. Only a PNG's own size, which has a checksum, may be another."""
    for signatures, unpack in _PACKED:
        if content.startswith(signatures):
            packed = unpack(content)
            if packed.shape != (height, width) and not content.startswith(png.SIGNATURE):
                raise NotRadiometric("raw_size_contradicted")
            return packed
    return None


def packed_as_jpegls(record: Record) -> bool:
    """Whether the counts begin like JPEG-LS, as in CSQ files."""
    return record.content[_HEAD_BYTES:].startswith(jpegls.SIGNATURE)
