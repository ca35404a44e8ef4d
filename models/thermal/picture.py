"""A thermal frame as a small picture of temperatures for the console (docs/decisions/0008 and 0015)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np

from cardea.contract.scenes import Mark, MarkKind
from drivers.api import RawFrame
from models.thermal.radiometry import Radiometer, Temperatures
from models.thermal.reference.reference import Reference, look
from models.thermal.roi import Region, hottest

ROWS_MAX = 120
COLUMNS_MAX = 160
LEVELS = 255
SPOT = 1 / 24
"""Side of the mark at a measured spot, as a share of the frame's width."""


@dataclass(frozen=True, slots=True)
class ThermalPicture:
    """One byte a pixel, row by row: 0 = ``min_c``, 255 = ``max_c``."""

    width: int
    height: int
    min_c: float
    max_c: float
    grid: bytes


def picture(raw: RawFrame, meter: Radiometer) -> ThermalPicture | None:
    """``raw`` as it is; ``None`` for an empty frame, or one that is not all numbers."""
    temps_c = shrunk(raw, meter)
    return None if temps_c is None else encoded(temps_c)


def shrunk(raw: RawFrame, meter: Radiometer) -> Temperatures | None:
    """``raw`` in °C, at most ``COLUMNS_MAX`` wide and ``ROWS_MAX`` high, whole blocks averaged into one.

    What is left of a block at the right or bottom edge is not shown. ``None`` for an empty frame.
    """
    if raw.ndim != 2 or raw.size == 0:
        return None
    rows, columns = raw.shape
    block = block_of(rows, columns)
    high, wide = min(block, rows), min(block, columns)
    height, width = rows // high, columns // wide
    blocks = raw[: height * high, : width * wide].reshape(height, high, width, wide)
    return meter.celsius(blocks.mean(axis=(1, 3), dtype=np.float64))


def block_of(rows: int, columns: int) -> int:
    """How many pixels of a frame, across and down, are one of its picture."""
    return max(ceil(rows / ROWS_MAX), ceil(columns / COLUMNS_MAX), 1)


def encoded(temps_c: Temperatures) -> ThermalPicture | None:
    """A byte a pixel; ``None`` when not all of them are numbers."""
    height, width = temps_c.shape
    min_c, max_c = float(temps_c.min()), float(temps_c.max())
    if not (isfinite(min_c) and isfinite(max_c)):
        return None
    share = (temps_c - min_c) / (max_c - min_c) if max_c > min_c else np.zeros_like(temps_c)
    grid = np.rint(share * LEVELS).astype(np.uint8)
    return ThermalPicture(width, height, round(min_c, 2), round(max_c, 2), grid.tobytes())


def marks(
    raw: RawFrame,
    meter: Radiometer,
    region: Region | None,
    references: Sequence[Reference],
    offset_c: float = 0.0,
) -> tuple[Mark, ...]:
    """Where the region of interest and the references lie in the frame, with what is found there, °C.

    ``offset_c`` is added to what is found: the sensor's error, where it is known.
    """
    found: list[Mark] = []
    if region is not None and region.of(raw) is not None:
        top = hottest(raw, region, meter)
        temp_c = None if top is None else round(top.mean_c + offset_c, 2)
        size = region.right - region.left, region.bottom - region.top
        found.append(_mark(MarkKind.ROI, raw, (region.left, region.top), size, temp_c))
    for reference in references:
        seen = look(raw, reference, meter)
        if seen is not None:
            radius_px = reference.radius_px
            corner = reference.column - radius_px, reference.row - radius_px
            size = 2 * radius_px, 2 * radius_px
            found.append(_mark(MarkKind.REFERENCE, raw, corner, size, round(seen.median_c + offset_c, 2)))
    return tuple(found)


def spot(raw: RawFrame, region: Region, surface_temp_c: float) -> Mark | None:
    """Where a person's temperature was taken: about the hottest pixel of the region."""
    part = region.of(raw)
    if part is None:
        return None
    row, column = divmod(int(part.argmax()), part.shape[1])
    side = SPOT * raw.shape[1]
    corner = region.left + column + 0.5 - side / 2, region.top + row + 0.5 - side / 2
    return _mark(MarkKind.SPOT, raw, corner, (side, side), round(surface_temp_c, 2))


def _mark(
    kind: MarkKind,
    raw: RawFrame,
    corner: tuple[float, float],
    size: tuple[float, float],
    temp_c: float | None,
) -> Mark:
    rows, columns = raw.shape
    left, top = max(0.0, corner[0] / columns), max(0.0, corner[1] / rows)
    right, bottom = min(1.0, (corner[0] + size[0]) / columns), min(1.0, (corner[1] + size[1]) / rows)
    return Mark(kind, left, top, right - left, bottom - top, temp_c)
