"""Pixel formats of a video link: how each is asked for, and made of what OpenCV hands out. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""Shape (h, w, 3), BGR, uint8; with pixel format y16 (h, w), counts, uint16; with yuyv (h, w, 2), uint8."""
Frame = npt.NDArray[np.generic]
"""Whatever OpenCV hands out."""


def as_bgr(frame: Frame, _width: int, _height: int) -> npt.NDArray[np.uint8] | None:
    """``frame`` when it is a colour picture, 8 bit."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        return None
    return frame.astype(np.uint8, copy=False)


def as_counts(frame: Frame, width: int, height: int) -> npt.NDArray[np.uint16] | None:
    """``frame`` as 16-bit counts (h, w). Some cameras' come as plain bytes, little-endian, in any shape."""
    if frame.dtype == np.uint16 and frame.ndim == 2:
        return frame.astype(np.uint16, copy=False)
    if frame.dtype == np.uint8 and 0 < frame.nbytes == width * height * 2:
        return np.ascontiguousarray(frame).reshape(-1).view("<u2").reshape(height, width).astype(np.uint16)
    return None


def as_yuyv(frame: Frame, width: int, height: int) -> npt.NDArray[np.uint8] | None:
    """``frame`` as the camera's own bytes (h, w, 2). They come so, as one row, or as 16-bit words."""
    if frame.dtype not in _PLAIN or not 0 < frame.nbytes == width * height * 2:
        return None
    octets = np.ascontiguousarray(frame).astype(frame.dtype.newbyteorder("<"), copy=False)
    return octets.reshape(-1).view(np.uint8).reshape(height, width, 2)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One of them."""

    wanted: str
    """In words, for whoever configured another one than there is."""
    read: Callable[[Frame, int, int], Pixels | None]
    """A frame, and the columns and rows that the source says it has; ``None`` when it is none of these."""
    fourcc: str | None = None
    """What a camera is told to send, unconverted; ``None``: what it likes, converted to colour."""
    unconverted: tuple[int, ...] = ()
    """OpenCV's property, and its value, that keep a recording or stream from being converted."""


_PLAIN = (np.dtype(np.uint8), np.dtype(np.uint16))
_CONVERT_RGB, _FORMAT = 16, 8
"""``cv2.CAP_PROP_CONVERT_RGB`` and ``cv2.CAP_PROP_FORMAT``; the library itself is imported late."""
PIXEL_FORMATS: Mapping[str, PixelFormat] = {
    "bgr": PixelFormat("pictures in colour (bgr)", as_bgr),
    "y16": PixelFormat("raw 16-bit counts (y16)", as_counts, "Y16 ", (_CONVERT_RGB, 0)),
    # Format -1 hands packets out as they are: of uncompressed video, the camera's own bytes.
    "yuyv": PixelFormat("a camera's own bytes (yuyv)", as_yuyv, "YUYV", (_FORMAT, -1)),
}
