"""People in a thermal picture as blocks too coarse to know anybody by (docs/decisions/0015).

Nothing is looked for: whatever is as warm as a person, or not much colder than that, is taken for one, and
so is everything while the sensor's error is not known. What is next to it goes with it: hair, glasses, ears.
"""

import math
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from models.thermal.radiometry import Temperatures

PERSON_C = 30.0
"""What is warmer may be part of a person, whatever the room."""
ABOVE_C = 1.5
"""So may what is this much warmer than the middle of the picture, as hair and clothes are."""
SKIN_C, SKIN_ABOVE_C = 28.0, 1.0
"""What is warmer, and warmer than the least of a person, may be a face; out of the cold some of it is."""
BLOCKS_PER_FACE = 4
FACE_SHARE_MIN = 0.5
"""A face is taken to be half as high as the picture is, and higher where a wider patch is as warm as skin."""
SKIN_SPREAD_C = 2.0
"""Bare skin differs by no more, but for noses, which are small."""
HOLE_SHARE = 0.16
"""Cold glasses, noses and masks are holes in a face as wide as this share of the picture at the most."""
HEIGHT_PER_WIDTH = 1.7
"""Of a head, to the widest circle of skin in it."""
Edges = npt.NDArray[np.intp]
"""Where blocks begin, and where the last one ends."""
_Value = TypeVar("_Value", bound=np.generic)
_AROUND = np.ones((3, 3), np.uint8)


def blurred(temps_c: Temperatures) -> Temperatures:
    """The picture with blocks, and those around them, averaged wherever a person may be in them.

    ``temps_c``: °C, true to within a degree or so, shape (rows, columns), not empty.
    """
    rows, columns = (_edges(pixels, side_px(temps_c)) for pixels in temps_c.shape)
    person: Any = np.logical_or.reduceat(
        np.logical_or.reduceat(may_be_person(temps_c), rows[:-1]), columns[:-1], 1
    )
    around = cv2.dilate(person.astype(np.uint8), _AROUND).astype(bool)
    return np.where(_spread(around, rows, columns), _blocks(temps_c, rows, columns), temps_c)


def all_blurred(temps_c: Temperatures) -> Temperatures:
    """The whole picture in blocks as if one face filled it: for temperatures that may be wrong."""
    rows, columns = (_edges(pixels, -(-temps_c.shape[0] // BLOCKS_PER_FACE)) for pixels in temps_c.shape)
    return _blocks(temps_c, rows, columns)


def may_be_person(temps_c: Temperatures) -> npt.NDArray[np.bool_]:
    """Where a person may be; what is not a number may."""
    return ~(temps_c < _person_c(temps_c))


def _person_c(temps_c: Temperatures) -> float:
    return min(PERSON_C, float(np.median(temps_c)) + ABOVE_C)


def side_px(temps_c: Temperatures) -> int:
    """The least side of a block: a fourth of the largest face there may be."""
    shorter = min(temps_c.shape)
    hole = max(1, round(HOLE_SHARE * shorter))
    skin = (~(temps_c < _skin_c(temps_c))).astype(np.uint8)
    skin = cv2.copyMakeBorder(skin, hole, hole, hole, hole, cv2.BORDER_REPLICATE)
    whole = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, np.ones((hole, hole), np.uint8))
    deep = cv2.distanceTransform(whole, cv2.DIST_L2, 5)[hole:-hole, hole:-hole]
    face_px = max(FACE_SHARE_MIN * shorter, HEIGHT_PER_WIDTH * 2.0 * float(deep.max()))
    return math.ceil(min(face_px, max(temps_c.shape)) / BLOCKS_PER_FACE)


def _skin_c(temps_c: Temperatures) -> float:
    """From here on it is bare skin rather than cloth, which is nearly as warm in a warm room."""
    least_c = max(SKIN_C, _person_c(temps_c) + SKIN_ABOVE_C)
    warm_c = temps_c[temps_c >= least_c]
    return least_c if warm_c.size == 0 else max(least_c, float(np.percentile(warm_c, 90)) - SKIN_SPREAD_C)


def _edges(pixels: int, side: int) -> Edges:
    """As many blocks as fit, none smaller than ``side``."""
    blocks = max(1, pixels // side)
    return np.arange(blocks + 1) * pixels // blocks


def _blocks(temps_c: Temperatures, rows: Edges, columns: Edges) -> Temperatures:
    sums: Temperatures = np.add.reduceat(np.add.reduceat(temps_c, rows[:-1], 0), columns[:-1], 1)
    return _spread(sums / np.outer(np.diff(rows), np.diff(columns)), rows, columns)


def _spread(blocks: npt.NDArray[_Value], rows: Edges, columns: Edges) -> npt.NDArray[_Value]:
    """A value a block as a value a pixel."""
    return np.repeat(np.repeat(blocks, np.diff(rows), 0), np.diff(columns), 1)
