"""The hottest pixels of a region, found on raw counts, which rise with temperature: only these are converted.

The mean of the four hottest does as well as the maximum at telling fever and does not follow a single pixel.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivers.api import RawFrame
from models.thermal.radiometry import Radiometer

TOP = 4
SPIKE_C = 1.0
"""A pixel this far above the median of the four next to it is the sensor's, not the skin's: a lens spreads
the hottest point of a face over its neighbours."""
ENDS: Mapping[np.dtype[Any], tuple[float, float]] = {
    np.dtype(np.uint16): (0.0, 65535.0),
    np.dtype(np.float32): (-math.inf, math.inf),
}
"""Of what a pixel can say, by kind of frame: at an end it says nothing. Not-a-number lies nowhere between."""
SAMPLES = 1024
"""About so many pixels, evenly spread, are enough for a region's median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right``, the last ones excluded."""

    top: int
    left: int
    bottom: int
    right: int

    def overlaps(self, other: "Region") -> bool:
        """Whether they share a pixel."""
        return (
            self.top < other.bottom
            and other.top < self.bottom
            and self.left < other.right
            and other.left < self.right
        )

    def of(self, raw: RawFrame) -> RawFrame | None:
        """This part of a frame, not copied; ``None`` where it does not lie within it or is too small."""
        if raw.ndim != 2 or raw.dtype not in ENDS or not (0 <= self.top < self.bottom <= raw.shape[0]):
            return None
        if not (0 <= self.left < self.right <= raw.shape[1]):
            return None
        part = raw[self.top : self.bottom, self.left : self.right]
        return part if part.size > TOP else None


@dataclass(frozen=True, slots=True)
class Hottest:
    """What the hottest part of a region shows, °C."""

    mean_c: float
    """Mean of its four hottest pixels, a single hot one left out."""
    apparent_c: float
    """The same pixels as a blackbody at the lens: the raw reading."""
    median_c: float
    """The middle of the whole region."""


def hottest(raw: RawFrame, region: Region, meter: Radiometer) -> Hottest | None:
    """The hottest pixels of ``region``.

    ``None`` when that says nothing: the region lies outside the frame, its hottest pixels are saturated, or
    its median is at an end of the range, as of a dead or blinded sensor.
    """
    part = region.of(raw)
    if part is None:
        return None
    top = sorted(_highest(part).tolist())
    step = max(1, math.isqrt(part.size // SAMPLES))
    sparse = part[::step, ::step]
    median = float(np.partition(sparse, sparse.size // 2, axis=None)[sparse.size // 2])
    counts = np.array((*top, median))
    *top_c, median_c = meter.celsius(counts).tolist()
    spike = top_c[TOP] - 0.5 * (top_c[TOP - 2] + top_c[TOP - 1]) > SPIKE_C
    counted = slice(0, TOP) if spike else slice(1, TOP + 1)
    lowest, highest = ENDS[part.dtype]
    if not lowest < median < highest or not top[counted][-1] < highest:
        return None
    apparent_c = top_c[counted] if meter.way is None else meter.apparent(counts[counted]).tolist()
    return Hottest(sum(top_c[counted]) / TOP, sum(apparent_c) / TOP, median_c)


def _highest(part: RawFrame) -> RawFrame:
    """The ``TOP + 1`` highest values: they lie in the ``TOP + 1`` rows with the highest maxima."""
    most = part.max(axis=1)
    if len(most) > TOP + 1:
        part = part[np.argpartition(most, -TOP - 1)[-TOP - 1 :]]
    return np.partition(part, part.size - TOP - 1, axis=None)[-TOP - 1 :]
