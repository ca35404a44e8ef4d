"""A JPEG file (ITU-T T.81) as a picture; its size is read and bounded before anything is decoded."""

import numpy as np

from drivers.api import Picture

JPEG_BYTES_MAX = 4 * 1024 * 1024
PIXELS_MAX = 2560 * 1600
_START, _END = b"\xff\xd8", b"\xff\xd9"
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0…SOF15 without DHT, JPG and DAC (T.81, table B.1)."""
_SCAN_OR_END = frozenset({0xD9, 0xDA})


def decoded(message: bytes) -> Picture | str:
    """The picture in a JPEG file, or why there is none."""
    if len(message) > JPEG_BYTES_MAX:
        return "picture_too_long"
    size = jpeg_size(message)
    if size is None:
        return "not_a_jpeg"
    width, height = size
    if not 0 < width * height <= PIXELS_MAX:
        return "picture_too_large"
    if not message.endswith(_END):
        return "jpeg_cut_short"
    import cv2  # here, so that to know of JPEG costs nothing

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        picture = cv2.imdecode(np.frombuffer(message, np.uint8), flags)
    except cv2.error:
        picture = None
    if picture is None or picture.shape != (height, width, 3):  # pyright: ignore[reportUnnecessaryComparison]  # garbage gives None, whatever its stubs say
        return "jpeg_damaged"
    return picture.astype(np.uint8, copy=False)


def jpeg_size(message: bytes) -> tuple[int, int] | None:
    """Width and height as the frame header says; ``None`` when there is no frame header before the scan."""
    if not message.startswith(_START):
        return None
    at = len(_START)
    while at + 9 <= len(message) and message[at] == 0xFF:
        marker = message[at + 1]
        if marker in _FRAME_HEADERS:
            height, width = message[at + 5 : at + 7], message[at + 7 : at + 9]
            return int.from_bytes(width), int.from_bytes(height)
        if marker in _SCAN_OR_END:
            return None
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        at += 2 + max(2, int.from_bytes(message[at + 2 : at + 4]))
    return None
