"""What of a thermal frame may be skin: warm pixels, in groups of which each is a person, several or none."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from drivers.api import RawFrame
from models.thermal.people.bodies import Up
from models.thermal.people.face_shape import CLOSINGS_PX, Counts, Mask, round_kernel
from models.thermal.people.presence import BELIEVABLE_C_MAX
from models.thermal.radiometry import Radiometer
from models.thermal.reference.disc import Circle

PIXELS = 160 * 120
"""Faces are looked for in about so many: a larger frame is made smaller first."""
SKIN_C = 33.0
"""The warmest point of a face is warmer, °C."""
BELOW_C = 1.0
"""The rest of it may be colder by so much, while it hangs together with what is warm."""
ABOVE_ROOM_C = 1.0
"""In a warm room, skin is what is warmer than it by so much."""
SPARSE = 4
"""Every so many-th row and column is enough for the room's temperature."""
HOT_EDGE_PX = 7
"""Around what is too hot for a person its edge is as warm as one."""
DISC_RADII = 1.8
"""A reference is left out with its edge."""
GROUPS_MAX = 6
_SQUARE: Mask = np.ones((CLOSINGS_PX[0], CLOSINGS_PX[0]), np.uint8)


@dataclass(frozen=True, slots=True)
class Known:
    """What was found out before, in pixels of the frame."""

    discs: tuple[Circle, ...] = ()
    """References, which are no people."""
    up: Up | None = None
    """``None``: what hangs together with a face may be another person as well as its body."""
    faces: tuple[Circle, ...] = ()
    """Where people were last, as large as they have been lately: two who touch are not one twice as large."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A frame made small enough, and what of it may be skin."""

    counts: Counts
    skin: Mask
    hot: Mask | None
    """What is warmer than any person, with its edge."""
    meter: Radiometer
    known: Known
    """In pixels of ``counts``."""
    least: float
    """The warmest of a face has as many counts."""
    coarse: int
    """So many pixels of the frame, along a side, are one."""

    def in_frame(self, circle: Circle) -> Circle:
        """A circle of this scene in pixels of the frame."""
        half = 0.5 * (self.coarse - 1)
        row, column = circle.row * self.coarse + half, circle.column * self.coarse + half
        return Circle(row, column, circle.radius_px * self.coarse)

    def warmest_c(self, circle: Circle) -> float:
        """In the square within a circle, as the sensor reads it."""
        row, column = round(circle.row), round(circle.column)
        reach = round(circle.radius_px / math.sqrt(2.0))
        part = self.counts[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        warmest = np.partition(part, part.size - 5, axis=None)[-5:-1].mean(dtype=np.float64)
        return float(self.meter.celsius(warmest))


@dataclass(frozen=True, slots=True)
class Group:
    """Warm pixels near each other: at least one person, or none."""

    top: int
    left: int
    counts: Counts
    skin: Mask
    """A view into the scene's: what is taken out of one is taken out of both."""
    hot: Mask | None
    mine: Mask


def scene_of(raw: RawFrame, meter: Radiometer, offset_c: float, skin_c: float, known: Known) -> Scene | None:
    """A frame made ready; ``None`` when nothing in it can be skin."""
    coarse = max(1, round(math.sqrt(raw.size / PIXELS)))
    counts = _shrunk(raw, coarse)
    room_c = _room_c(counts, meter) + offset_c
    bounds_c = np.array((skin_c, max(skin_c - BELOW_C, room_c + ABOVE_ROOM_C), BELIEVABLE_C_MAX)) - offset_c
    least, low, high = meter.counts(bounds_c).tolist()
    if not (math.isfinite(least) and math.isfinite(low) and math.isfinite(high)):
        return None
    discs, before = (
        tuple(_coarser(circle, coarse) for circle in circles) for circles in (known.discs, known.faces)
    )
    skin = ((counts >= low) & (counts <= high)).view(np.uint8)
    hot = _hot(counts, high)
    if hot is not None:
        skin[hot > 0] = 0
    for disc in discs:
        middle = round(disc.column), round(disc.row)
        cv2.circle(skin, middle, round(DISC_RADII * disc.radius_px), 0, cv2.FILLED)
    return Scene(counts, skin, hot, meter, Known(discs, known.up, before), least, coarse)


def groups(scene: Scene) -> Iterator[Group]:
    """The largest first, at most ``GROUPS_MAX``."""
    closed = cv2.morphologyEx(scene.skin, cv2.MORPH_CLOSE, _SQUARE)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
    told: list[list[int]] = np.asarray(boxes).tolist()
    largest = sorted(range(1, len(told)), key=lambda number: -told[number][cv2.CC_STAT_AREA])
    for number in largest[:GROUPS_MAX]:
        left, top, width, height, _ = told[number]
        part = slice(top, top + height), slice(left, left + width)
        hot = None if scene.hot is None else scene.hot[part]
        mine: Mask = (labels[part] == number).view(np.uint8)
        yield Group(top, left, scene.counts[part], scene.skin[part], hot, mine)


def _hot(counts: Counts, high: float) -> Mask | None:
    hot = (counts > high).view(np.uint8)
    return cv2.dilate(hot, round_kernel(HOT_EDGE_PX)) if hot.any() else None


def _room_c(counts: Counts, meter: Radiometer) -> float:
    """The colder quarter of a picture is no person, however near, as the sensor reads it."""
    sparse = counts[::SPARSE, ::SPARSE]
    quarter = np.partition(sparse, sparse.size // 4, axis=None)[sparse.size // 4]
    return float(meter.celsius(np.asarray(quarter, np.float64)))


def _shrunk(raw: RawFrame, coarse: int) -> Counts:
    if coarse == 1:
        return raw
    rows, columns = raw.shape[0] // coarse, raw.shape[1] // coarse
    return cv2.resize(raw[: rows * coarse, : columns * coarse], (columns, rows), interpolation=cv2.INTER_AREA)


def _coarser(circle: Circle, coarse: int) -> Circle:
    half = 0.5 * (coarse - 1)
    return Circle((circle.row - half) / coarse, (circle.column - half) / coarse, circle.radius_px / coarse)
