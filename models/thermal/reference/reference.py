"""The reference in the picture: a disc of known temperature, looked at in every frame.

What it reads below or above its set temperature is the sensor's error at this moment; the same is added to
everything else in the frame (one-point correction, IEC 80601-2-59's external reference source).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.api import RawFrame
from models.thermal.radiometry import Radiometer
from models.thermal.reference.disc import CONTRAST_C_MIN, CORE, SPREAD_C_MAX
from models.thermal.uncertainty import REFERENCE_C

RING = (1.5, 2.5)
"""Where the surroundings are looked at, in radii."""
ERROR_C_MAX = 8.0
"""Further from its set temperature it is something else: real sensors erred by up to 5.1 °C."""
PIXELS_MIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackbody:
    """A reference source somewhere in the picture."""

    temp_c: float
    """What it is set to."""
    uncertainty_c: float = REFERENCE_C
    """Standard uncertainty of that (k = 1): calibration and stability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Blackbody):
    """One whose disc has its centre at (``row``, ``column``); pixels, the middle of the first is (0, 0)."""

    row: float
    column: float
    radius_px: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What is where the reference should be, °C."""

    median_c: float
    spread_c: float
    """Between the 10th and 90th hundredth of its pixels."""
    ring_c: float
    """Median of what surrounds it."""
    there: bool
    """Whether this can be the reference: uniform, warmer than its ring, not far from its set value."""

    def error_c(self, reference: Blackbody) -> float:
        """What has to be added to a reading of this frame to be right at the reference."""
        return reference.temp_c - self.median_c


def look(raw: RawFrame, reference: Reference, meter: Radiometer) -> Seen | None:
    """What the frame shows at the reference's place; ``None`` when that lies outside the frame."""
    if raw.ndim != 2:
        return None
    places = _places(raw.shape[0], raw.shape[1], reference.row, reference.column, reference.radius_px)
    if places is None:
        return None
    core, ring = (np.sort(raw.reshape(-1)[at]) for at in places)
    tenth = core.size // 10
    counts = np.array(
        (
            core[tenth],
            core[(core.size - 1) // 2],
            core[core.size // 2],
            core[core.size - 1 - tenth],
            ring[ring.size // 2],
        )
    )
    low_c, *middle_c, high_c, ring_c = (float(temp_c) for temp_c in meter.celsius(counts))
    median_c = sum(middle_c) / 2
    there = (
        high_c - low_c <= SPREAD_C_MAX
        and median_c - ring_c >= CONTRAST_C_MIN
        and abs(reference.temp_c - median_c) <= ERROR_C_MAX
    )
    return Seen(median_c, high_c - low_c, ring_c, there)


Indices = npt.NDArray[np.intp]


@lru_cache(maxsize=64)
def _places(
    rows: int, columns: int, row: float, column: float, radius_px: float
) -> tuple[Indices, Indices] | None:
    """Flat indices of the disc's core and of its ring in a frame of this shape."""
    if not (0 <= row < rows and 0 <= column < columns):
        return None
    reach_px = int(min(RING[1] * radius_px, float(max(rows, columns)))) + 1
    top, left = max(0, int(row) - reach_px), max(0, int(column) - reach_px)
    down, right = np.ogrid[
        top : min(rows, int(row) + reach_px + 2), left : min(columns, int(column) + reach_px + 2)
    ]
    away: npt.NDArray[Any] = np.hypot(down - row, right - column) / radius_px
    flat = down * columns + right
    core, ring = flat[away <= CORE], flat[(away >= RING[0]) & (away <= RING[1])]
    return (core, ring) if core.size >= PIXELS_MIN and ring.size >= PIXELS_MIN else None
