"""The inner corners of the eyes in a thermal picture alone, for calibration: two warm spots beside the nose.

Needs a face of at least ``FACE_PX_MIN`` pixels, looking at the camera, without glasses. What it finds is
checked by the calibration: a wrong pair does not agree with the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from models.thermal.radiometry import Temperatures
from models.thermal.registration.canthi import Point

FACE_PX_MIN = 60
"""Width of a face: below, its corners are no spots any more (33 mm between them are 13 pixels)."""
CONTRAST_C_MIN = 2.0
"""Between skin and what is behind it."""
EYES = (0.2, 0.8)
"""Where the eyes can be, from the top of the head down, in face widths."""
APART = (0.15, 0.33)
"""Between the corners, in face widths: 33 mm of 150, with room for small and broad faces."""
LEVEL_MAX = 0.3
"""How far one may stand higher, as a share of how far they are apart."""
ASIDE_MAX = 0.15
"""How far their middle may lie beside the middle of the face, in face widths."""
DIP_C_MIN = 0.1
"""The bridge of the nose between them is colder."""
SPOTS_MAX = 12
HAIR_PX = 12
"""Narrower rows at the top are hair or noise, not a head that ends."""
NECK = 0.85
"""A row this much narrower than the widest above it lies below the head."""

Picture = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Face:
    """A head in the picture."""

    top: int
    width: int
    middle: npt.NDArray[np.float64]
    """Middle column of each row, from the top of the picture."""
    inside: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place warmer than around it."""

    row: int
    column: int
    temp_c: float
    above_c: float


def eye_corners(temps_c: Temperatures) -> tuple[Point, Point] | None:
    """The corners of the right and the left eye of the person, (x, y) in pixels of ``temps_c`` (h, w; °C).

    The person's right is on the left of the picture. ``None`` when there are none to be made out.
    """
    picture = np.ascontiguousarray(temps_c, dtype=np.float32)
    if picture.ndim != 2 or min(picture.shape) < FACE_PX_MIN or not np.isfinite(picture).all():
        return None
    face = _face(picture)
    if face is None:
        return None
    skin = np.where(face.inside, picture, np.float32(np.median(picture[face.inside])))
    smooth = _blurred(skin, 0.015 * face.width)
    spots = _spots(smooth, smooth - _blurred(skin, 0.08 * face.width), face)
    found = [
        (one.above_c + other.above_c - abs(one.temp_c - other.temp_c), one, other)
        for one, other in combinations(spots, 2)
        if _are_corners(one, other, face, smooth)
    ]
    if not found:
        return None
    _, one, other = max(found, key=lambda each: each[0])
    right, left = sorted((one, other), key=lambda spot: spot.column)
    return (float(right.column), float(right.row)), (float(left.column), float(left.row))


def _face(picture: Picture) -> _Face | None:
    low, high = (float(value) for value in np.percentile(picture, (2, 98)))
    if high - low < CONTRAST_C_MIN:
        return None
    grey = np.clip((picture - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    _, warm = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.asarray(warm, np.uint8), connectivity=4)
    labels, stats = cast("npt.NDArray[Any]", labels), cast("npt.NDArray[Any]", stats)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    inside: npt.NDArray[np.bool_] = labels == largest
    widths = np.asarray(inside.sum(axis=1), dtype=np.int64)
    rows = np.flatnonzero(widths)
    width = _head_width(widths[rows[0] : rows[-1] + 1])
    middle = inside @ np.arange(picture.shape[1], dtype=np.float64) / np.maximum(widths, 1)
    return _Face(int(rows[0]), width, middle, inside) if width >= FACE_PX_MIN else None


def _head_width(widths: npt.NDArray[Any]) -> int:
    """The widest row before the neck; of the whole where there is none."""
    widest = np.maximum.accumulate(widths)
    begun = widest >= HAIR_PX
    narrower = np.flatnonzero(begun & (widths < NECK * widest))
    return int(widest[narrower[0]] if len(narrower) else widest[-1])


def _spots(smooth: Picture, above: Picture, face: _Face) -> list[_Spot]:
    """The warmest places of the eyes' part of the face, those that stand out most first."""
    reach = max(3, round(0.05 * face.width)) | 1
    highest = np.asarray(cv2.dilate(above, np.ones((reach, reach), np.uint8)))
    peaks = np.argwhere((above >= highest) & (above > 0.0))
    first, last = (face.top + share * face.width for share in EYES)
    found = [
        _Spot(int(row), int(column), float(smooth[row, column]), float(above[row, column]))
        for row, column in cast("Iterator[tuple[int, int]]", iter(peaks))
        if first <= row <= last and abs(column - face.middle[row]) <= APART[1] * face.width
    ]
    return sorted(found, key=lambda spot: -spot.above_c)[:SPOTS_MAX]


def _are_corners(one: _Spot, other: _Spot, face: _Face, smooth: Picture) -> bool:
    apart = abs(one.column - other.column)
    middle_row, middle_column = (one.row + other.row) // 2, (one.column + other.column) / 2
    between_c = float(smooth[middle_row, round(middle_column)])
    return (
        APART[0] * face.width <= apart <= APART[1] * face.width
        and abs(one.row - other.row) <= LEVEL_MAX * apart
        and abs(middle_column - face.middle[middle_row]) <= ASIDE_MAX * face.width
        and min(one.temp_c, other.temp_c) - between_c >= DIP_C_MIN
    )


def _blurred(picture: Picture, sigma_px: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(sigma_px, 0.3)), np.float32)
