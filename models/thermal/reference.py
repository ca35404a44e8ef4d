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

CORE = 0.6
"""Within this share of the radius the lens mixes nothing of the surroundings in."""
RING = (1.5, 2.5)
"""Where the surroundings are looked at, in radii."""
SPREAD_C_MAX = 1.5
"""Between the 10th and 90th hundredth of the disc; real ones show 0.2 to 0.8 °C."""
CONTRAST_C_MIN = 2.0
"""A heated disc stands out from its ring (real ones by 4.6 °C and more); a forehead in its place does not."""
ERROR_C_MAX = 8.0
"""Further from its set temperature it is something else: real sensors erred by up to 5.1 °C."""
PIXELS_MIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A blackbody at ``temp_c`` whose disc has its centre at (``row``, ``column``); pixels."""

    temp_c: float
    row: int
    column: int
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

    def error_c(self, reference: Reference) -> float:
        """What has to be added to a reading of this frame to be right at the reference."""
        return reference.temp_c - self.median_c


def look(raw: RawFrame, reference: Reference, meter: Radiometer) -> Seen | None:
    """What the frame shows at the reference's place; ``None`` when that lies outside the frame."""
    if raw.ndim != 2:
        return None
    places = _places(raw.shape[0], raw.shape[1], reference)
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


Places = npt.NDArray[np.intp]


@lru_cache(maxsize=32)
def _places(rows: int, columns: int, reference: Reference) -> tuple[Places, Places] | None:
    """Flat indices of the disc's core and of its ring in a frame of this shape."""
    row, column = np.ogrid[:rows, :columns]
    away: npt.NDArray[Any] = np.hypot(row - reference.row, column - reference.column) / reference.radius_px
    core = np.flatnonzero(away <= CORE)
    ring = np.flatnonzero((away >= RING[0]) & (away <= RING[1]))
    whole = 0 <= reference.row < rows and 0 <= reference.column < columns
    return (core, ring) if whole and core.size >= PIXELS_MIN and ring.size >= PIXELS_MIN else None
