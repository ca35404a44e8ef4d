"""Every disc in a picture that may be a reference: uniform, round, sharp, warm, of a plausible size.

The picture is cut at one temperature after another. What stands out as one piece of about a disc's extent
and fullness is fitted (``disc``). Pictures of many pixels are cut coarsely and fitted in their own pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from drivers.api import RawFrame
from models.thermal.radiometry import Radiometer
from models.thermal.reference.disc import Celsius, Circle, Disc, fit
from models.thermal.reference.reference import ERROR_C_MAX
from models.thermal.roi import ENDS

PIXELS = 160 * 120
"""Sizes are told for a frame of so many; they grow with its root."""
RADIUS_PX = (3.0, 14.0)
LEVEL_C = 0.75
"""Levels at which the picture is cut into warm pieces: at least two lie between a disc and its ring."""
BELOW_C = 1.5
"""The lowest lies this much below the coldest disc there can be: within its edge."""
DISCS_MAX = 8
"""In one frame."""
OBLONG, FULL = 1.5, 0.6
"""A piece is at most so many times longer than wide and fills so much of its box; a disc fills 0.79."""


def discs(raw: RawFrame, meter: Radiometer, set_c: tuple[float, float]) -> tuple[Disc, ...]:
    """Every disc in the frame that reads like a reference set to between ``set_c``, roundest first."""
    if raw.ndim != 2 or raw.dtype not in ENDS:
        return ()
    scale = scale_of(raw.shape)
    if min(raw.shape) < 2.0 * RADIUS_PX[0] * max(1.0, scale):
        return ()
    coarse = max(1, round(scale))
    small = np.asarray(raw, np.float32)
    if coarse > 1:
        size = raw.shape[1] // coarse, raw.shape[0] // coarse
        small = cv2.resize(small[: size[1] * coarse, : size[0] * coarse], size, interpolation=cv2.INTER_AREA)
    temps_c = meter.celsius(small).astype(np.float32)
    found: list[Disc] = []
    for piece in _pieces(temps_c, set_c, scale / coarse):
        if any(piece.away_px(disc.circle) < disc.circle.radius_px for disc in found):
            continue
        disc = fit(temps_c, piece)
        if disc is not None and _plausible(disc, set_c, scale / coarse):
            found.append(disc)
            if len(found) == DISCS_MAX:
                break
    whole = found if coarse == 1 else [disc for one in found if (disc := _finer(raw, meter, one, coarse))]
    return tuple(sorted(whole, key=lambda disc: disc.unround))


def scale_of(shape: tuple[int, ...]) -> float:
    """How many times finer than ``PIXELS`` this frame is, along a side."""
    return math.sqrt(shape[0] * shape[1] / PIXELS)


def _plausible(disc: Disc, set_c: tuple[float, float], scale: float) -> bool:
    radius_px = disc.circle.radius_px / scale
    believable = set_c[0] - ERROR_C_MAX <= disc.temp_c <= set_c[1] + ERROR_C_MAX
    return believable and RADIUS_PX[0] <= radius_px <= RADIUS_PX[1]


def _pieces(temps_c: Celsius, set_c: tuple[float, float], scale: float) -> Iterator[Circle]:
    """What a cut at some level leaves as one piece of about the extent and the fullness of a disc."""
    least_px, most_px = 2.0 * RADIUS_PX[0] * scale - 2.0, 2.0 * RADIUS_PX[1] * scale + 2.0
    hottest_c = float(np.fmax.reduce(temps_c, axis=None))
    level_c = set_c[0] - ERROR_C_MAX - BELOW_C
    while level_c < min(set_c[1] + ERROR_C_MAX, hottest_c):
        warm = (temps_c > level_c).view(np.uint8)
        _, _, boxes, centres = cv2.connectedComponentsWithStats(warm, connectivity=8, ltype=cv2.CV_16U)
        level_c += LEVEL_C
        wide, high = boxes[1:, cv2.CC_STAT_WIDTH], boxes[1:, cv2.CC_STAT_HEIGHT]
        pixels = boxes[1:, cv2.CC_STAT_AREA]
        short, long = np.minimum(wide, high), np.maximum(wide, high)
        fits = (short >= least_px) & (long <= most_px) & (long <= OBLONG * short)
        fits &= pixels >= FULL * wide * high
        for number in np.flatnonzero(fits):
            column, row = centres[number + 1]
            yield Circle(float(row), float(column), math.sqrt(float(pixels[number]) / math.pi))


def _finer(raw: RawFrame, meter: Radiometer, disc: Disc, coarse: int) -> Disc | None:
    """The same disc in the pixels of the frame itself."""
    half = 0.5 * (coarse - 1)
    row, column = disc.circle.row * coarse + half, disc.circle.column * coarse + half
    radius_px = disc.circle.radius_px * coarse
    top, left = (max(0, int(middle - 3.0 * radius_px)) for middle in (row, column))
    part = raw[top : int(row + 3.0 * radius_px) + 2, left : int(column + 3.0 * radius_px) + 2]
    temps_c = meter.celsius(part).astype(np.float32)
    found = fit(temps_c, Circle(row - top, column - left, radius_px))
    if found is None:
        return None
    circle = found.circle
    return replace(found, circle=replace(circle, row=circle.row + top, column=circle.column + left))
