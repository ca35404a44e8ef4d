"""Raw counts out of the record that holds them: bare words, or packed as PNG, JPEG-LS or TIFF. Pure.

Source: ExifTool's FLIR module, files of six cameras. How counts are packed is seen by how they begin. Bare
words can begin so by chance: what cannot be unpacked and is just as long as words are is words.
"""

from collections.abc import Callable

import numpy as np

from drivers.api import Counts
from drivers.thermal.flir_file import jpegls, png, tiff
from drivers.thermal.flir_file.content import NotRadiometric
from drivers.thermal.flir_file.fff import Record
from drivers.thermal.flir_file.jpegls import decode_jpegls
from drivers.thermal.flir_file.png import decode_png
from drivers.thermal.flir_file.tiff import decode_counts

SIDE_MAX = tiff.SIDE_MAX
_HEAD_BYTES = 32
Unpack = Callable[[bytes, int, int], Counts]
_PACKED: tuple[tuple[tuple[bytes, ...], Unpack], ...] = (
    ((png.SIGNATURE,), decode_png),
    ((jpegls.SIGNATURE,), decode_jpegls),
    (tiff.SIGNATURES, decode_counts),
)


def raw_frame(record: Record) -> Counts:
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
    words_bytes = 2 * width * height
    for signatures, unpack in _PACKED:
        if content.startswith(signatures):
            try:
                return unpack(content, height, width)
            except NotRadiometric:
                if len(content) != words_bytes:
                    raise
    if len(content) < words_bytes:
        raise NotRadiometric("raw_data_too_short")
    words = np.frombuffer(content, f"{record.order}u2", width * height)
    return words.astype(np.uint16, copy=False).reshape(height, width)


def packed_as_jpegls(record: Record) -> bool:
    """Whether the counts begin like JPEG-LS, as in CSQ files."""
    return record.content[_HEAD_BYTES:].startswith(jpegls.SIGNATURE)
