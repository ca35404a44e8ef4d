"""A flat-field correction that no telemetry tells of: all of the scene moves at once.

A shutter correction lifts or lowers every pixel by about the same (1.34 °C inside one real clip). People
move parts of a picture, drift moves all of it by thousandths from frame to frame; so a jump of most of a
coarse grid, and of the reference by the same, can be nothing else.
"""

from dataclasses import dataclass

import numpy as np

from drivers.api import RawFrame
from models.thermal.radiometry import Radiometer

GRID = 10
"""Rows and columns of the coarse grid, about."""
JUMP_C_MIN = 0.25
ALIKE_C, ALIKE_SHARE = 0.1, 0.25
"""What moves along moves by as much, but for so many °C and so much of the jump."""
GAP_S_MAX = 10.0
"""Over a longer time without a frame anything may have changed."""
MIDDLE = 0.6
"""Of the grid that has to agree when the reference is not seen."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A frame as it is remembered for the next."""

    at_s: float
    grid_c: tuple[float, ...]
    read_c: tuple[float | None, ...]
    """What each reference read; ``None`` where it was not seen."""


def scene(raw: RawFrame, meter: Radiometer, read_c: tuple[float | None, ...], now_s: float) -> Scene:
    """Remember a frame, shape (rows, columns)."""
    rows, columns = (max(1, side // GRID) for side in raw.shape)
    grid = meter.celsius(raw[rows // 2 :: rows, columns // 2 :: columns])
    return Scene(now_s, tuple(grid.ravel().tolist()), read_c)


def jumped(before: Scene, now: Scene) -> bool:
    """Whether a flat-field correction lies between two frames."""
    alike = 0 < len(before.grid_c) == len(now.grid_c)
    if not alike or not 0.0 <= now.at_s - before.at_s <= GAP_S_MAX:
        return False
    moved_c = np.sort(np.subtract(now.grid_c, before.grid_c))
    median_c = float(moved_c[moved_c.size // 2])
    if not abs(median_c) >= JUMP_C_MIN:
        return False
    alike_c = ALIKE_C + ALIKE_SHARE * abs(median_c)
    pairs = zip(before.read_c, now.read_c, strict=True)
    along_c = [read_c - was_c for was_c, read_c in pairs if was_c is not None and read_c is not None]
    if along_c:
        return any(abs(one_c - median_c) <= alike_c for one_c in along_c)
    cut = int(0.5 * (1.0 - MIDDLE) * moved_c.size)
    return bool(moved_c[-1 - cut] - moved_c[cut] <= 2.0 * alike_c)
