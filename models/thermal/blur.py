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

PERSON_C = 26.0
"""What is warmer may be part of a person, whatever the room."""
ABOVE_C = 2.0
"""So may what is this much warmer than the middle of the picture, as clothes are in a cold hall."""
SKIN_C = 28.0
"""What is warmer may be a face; a face out of the cold is, somewhere."""
BLOCKS_PER_FACE = 4
FACE_SHARE_MIN = 0.5
"""A face is taken to be half as high as the picture, and higher where more than that is as warm as skin."""
HEAD_PER_SKIN = 1.25
"""Hair, a cap or a scarf is colder than skin, and hides as much again of the head."""
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
    return ~(temps_c < min(PERSON_C, float(np.median(temps_c)) + ABOVE_C))


def side_px(temps_c: Temperatures) -> int:
    """The least side of a block: a fourth of the largest face there may be."""
    skin = (~(temps_c < SKIN_C)).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(skin, connectivity=8)
    sides: Any = parts[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    face_px = max(FACE_SHARE_MIN * min(temps_c.shape), HEAD_PER_SKIN * float(sides.max(initial=0)))
    return math.ceil(face_px / BLOCKS_PER_FACE)


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
