"""Counts as JPEG-LS, as cameras record them in CSQ files. Pure.

Source: ITU-T T.87, annex C (markers); decoded by CharLS. The size is checked before anything is decoded,
since the decoder believes the header.
"""

from collections.abc import Callable
from typing import cast

import _CharLS  # the part of pyjpegls that reads a header alone; the package does not hand it on
import jpeg_ls
import numpy as np

from drivers.api import Counts
from drivers.thermal.flir_file.content import NotRadiometric, possible

SIGNATURE = b"\xff\xd8\xff"
"""Start of image, then any marker: the frame header mostly, but others may stand before."""
_END_OF_IMAGE = b"\xff\xd9"
_WIDE_BITS = 9
"""From here on a sample takes two bytes."""
_read_header = cast("Callable[[bytes], dict[str, int]]", _CharLS.read_header)  # pyright: ignore[reportUnknownMemberType]  # has no types
_decode = cast("Callable[[bytes], bytearray]", jpeg_ls.decode_from_buffer)  # pyright: ignore[reportUnknownMemberType]  # has no types


def decode_jpegls(content: bytes) -> Counts:
    """Counts, shape (h, w).

    Raises:
        NotRadiometric: it is damaged, too large, or of another kind (an ordinary JPEG, for one).
    """
    whole = content + _END_OF_IMAGE  # one that lacks only its end is whole; one that has it stops before
    try:
        head = _read_header(whole)
    except (RuntimeError, ValueError):
        raise NotRadiometric("raw_data_is_jpeg") from None
    height, width = head["height"], head["width"]
    if head["components"] != 1 or not possible(height, width):
        raise NotRadiometric("raw_jpegls_of_another_kind")
    try:
        samples = _decode(whole)
    except (RuntimeError, ValueError):
        raise NotRadiometric("raw_jpegls_damaged") from None
    words = np.frombuffer(samples, "<u2" if head["bits_per_sample"] >= _WIDE_BITS else np.uint8)
    return words.astype(np.uint16).reshape(height, width)
