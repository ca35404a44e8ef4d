"""Whether warm pixels have the shape of a face: closed over glasses, round, ending on most sides."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.thermal.people.bodies import Up
from models.thermal.reference.disc import Circle

CLOSINGS_PX = (15, 13, 9, 5, 3)
GAP = 0.45
"""A cold part is closed up to this share of a face's width: glasses are 55 mm high at most, the skin of a
face is 130 mm wide."""
AROUND = 1.8
"""So many radii from its centre a face has ended, its length being at most 1.6 times its width."""
BESIDE, LIKE = 1.2, 0.6
"""Another face at the side of one begins so many radii from its middle, and has at least this share of it."""
FREE_DEG = 180
"""…on at least this part of the way round; neck and shoulders take less than half."""
DIRECTIONS = 36
HOLDS = 1.3
"""Half the side of the square, in radii, that has to hold what is as warm as a face's warmest."""
RADIUS_PX_MIN = 4.5
"""Nobody smaller is looked for: a Lepton shows faces so small from 2.3 m on."""
FILLED_MIN = 0.5
"""So much of the circle at least is warm before anything is closed."""
PAD = CLOSINGS_PX[0] // 2 + 1

Mask = npt.NDArray[Any]
"""uint8, 0 or 1."""
Counts = npt.NDArray[Any]
Place = tuple[int, int]
"""Row and column of a piece's first pixel in the frame."""
Size = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A piece of warm pixels that looks like a face."""

    circle: Circle
    """The largest within, in the frame's pixels."""
    row: int
    column: int
    """Its centre in ``depth_px``."""
    depth_px: Counts
    """How far each pixel is from the piece's edge."""

    def has_neighbour(self, up: Up) -> bool:
        """Whether another face, about as large, hangs together with this one at its side."""
        side, least_px = round(BESIDE * self.circle.radius_px), LIKE * self.circle.radius_px
        level = slice(max(0, self.row - side), self.row + side + 1)
        depth_px, middle = self.depth_px[level], self.column
        if up[1]:
            level = slice(max(0, self.column - side), self.column + side + 1)
            depth_px, middle = self.depth_px[:, level].T, self.row
        sides = depth_px[:, : max(0, middle - side)], depth_px[:, middle + side :]
        return any(part.size and float(part.max()) >= least_px for part in sides)


def faces(
    counts: Counts, warm: Mask, hot: Mask | None, alike: float, at: Place, frame: Size
) -> Iterator[Shape]:
    """What looks like a face, in the frame's pixels, closed less and less.

    ``warm``, of the shape of ``counts``, is a piece of a frame of the size ``frame``; ``hot`` in it is too
    hot for people, and never closed over; ``alike`` are the counts that a face's warmest part reaches.
    """
    if cv2.countNonZero(warm) < FILLED_MIN * math.pi * RADIUS_PX_MIN**2:
        return
    piece = cv2.copyMakeBorder(warm, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    most_px = 0.5 * min(warm.shape) + 1.0
    for size in CLOSINGS_PX:
        if size > GAP * 2.0 * most_px and size != CLOSINGS_PX[-1]:
            continue
        shape = _closed(piece, size)
        if hot is not None:
            shape[PAD:-PAD, PAD:-PAD][hot > 0] = 0
        depth_px = cv2.distanceTransform(shape, cv2.DIST_L2, 5)
        _, most_px, _, (column, row) = cv2.minMaxLoc(depth_px)
        if most_px < RADIUS_PX_MIN:
            return
        if size > GAP * 2.0 * most_px and size != CLOSINGS_PX[-1]:
            continue
        within = Circle(row - PAD, column - PAD, most_px)
        if _holds(counts, within, alike) and _free_deg(shape, within, at, frame) >= FREE_DEG:
            yield Shape(Circle(within.row + at[0], within.column + at[1], most_px), row, column, depth_px)


def widest(warm: Mask, at: Place) -> Circle:
    """The largest circle within a piece as it is, in the frame's pixels; of radius 0 in an empty one."""
    piece = cv2.copyMakeBorder(warm, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    _, radius_px, _, (column, row) = cv2.minMaxLoc(cv2.distanceTransform(piece, cv2.DIST_L2, 5))
    return Circle(row - 1 + at[0], column - 1 + at[1], radius_px)


def _closed(piece: Mask, size: int) -> Mask:
    """Gaps and holes closed, nothing grown beyond the piece."""
    closed = cv2.morphologyEx(piece, cv2.MORPH_CLOSE, round_kernel(size))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(closed, outlines, -1, 1, cv2.FILLED)
    closed[:PAD] = closed[-PAD:] = 0
    closed[:, :PAD] = closed[:, -PAD:] = 0
    return closed


def _holds(counts: Counts, within: Circle, alike: float) -> bool:
    reach = HOLDS * within.radius_px
    top, left = max(0, int(within.row - reach)), max(0, int(within.column - reach))
    part = counts[top : int(within.row + reach) + 1, left : int(within.column + reach) + 1]
    return bool((part >= alike).any())


def _free_deg(shape: Mask, within: Circle, at: Place, frame: Size) -> float:
    """The longest part of the way round where nothing of a face is, but the frame still."""
    down, right = _ways()
    row = np.rint(within.row + AROUND * within.radius_px * down).astype(np.intp)
    column = np.rint(within.column + AROUND * within.radius_px * right).astype(np.intp)
    outside = (row < -at[0]) | (column < -at[1]) | (row >= frame[0] - at[0]) | (column >= frame[1] - at[1])
    row = np.minimum(np.maximum(row + PAD, 0), shape.shape[0] - 1)
    column = np.minimum(np.maximum(column + PAD, 0), shape.shape[1] - 1)
    taken = np.flatnonzero(outside | (shape[row, column] > 0)).tolist()
    if not taken:
        return 360.0
    gaps = (after - before for before, after in zip(taken, (*taken[1:], taken[0] + DIRECTIONS), strict=True))
    return (max(gaps) - 1) * 360.0 / DIRECTIONS


@lru_cache(maxsize=1)
def _ways() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    angles = np.linspace(0.0, 2.0 * math.pi, DIRECTIONS, endpoint=False)
    return np.sin(angles), np.cos(angles)


@lru_cache(maxsize=8)
def round_kernel(size: int) -> Mask:
    """A disc to close with; ``size`` is its diameter, pixels."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
