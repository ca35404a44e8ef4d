"""From a point in a visible picture to the same point in the thermal one beside it.

Two pinhole cameras side by side: a point at distance Z stands in the thermal picture where a linear map of
the visible one puts it, shifted by f·b/Z. The distance follows from the face itself: its eyes are 63 mm
apart, so that 1/Z is proportional to their distance in pixels, and the shift is linear in that, too. Three
numbers for each axis and that shift; no distance is measured.
"""

import math
from dataclasses import dataclass

from models.thermal.registration.canthi import INTEROCULAR_MM, Canthi, Point
from models.thermal.roi import Region

REACH = (0.75, 1.35)
"""How far below the least and above the greatest calibrated distance of the eyes the model is believed."""
SIDE_PX_MIN = 3
"""A box in the thermal picture has at least so many pixels a side: fewer hold no four hottest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Where a visible camera's picture lies in a thermal one; made by ``register.fit``."""

    x: tuple[float, float, float, float]
    """Thermal x = x[0]·visible x + x[1]·visible y + x[2] + x[3]·interocular distance; all in pixels."""
    y: tuple[float, float, float, float]
    """The same for thermal y."""
    interocular_px: tuple[float, float]
    """Between these, in the visible picture, it was calibrated."""
    residual_px: float
    """Root mean square of what the calibration left, in thermal pixels."""

    @property
    def scale(self) -> float:
        """Thermal pixels for a visible one."""
        return math.sqrt(abs(self.x[0] * self.y[1] - self.x[1] * self.y[0]))

    @property
    def baseline_mm(self) -> tuple[float, float]:
        """How far the thermal camera stands to the right of the visible one, and below it, as both look."""
        scale = self.scale or math.inf
        return -self.x[3] * INTEROCULAR_MM / scale, -self.y[3] * INTEROCULAR_MM / scale

    def reaches(self, interocular_px: float) -> bool:
        """Whether a face so near or far lies within what was calibrated."""
        low, high = self.interocular_px
        return REACH[0] * low <= interocular_px <= REACH[1] * high

    def place(self, point: Point, interocular_px: float) -> Point:
        """Where a visible point of a face with its eyes so far apart stands in the thermal picture."""
        given = (*point, 1.0, interocular_px)
        return (
            sum(factor * value for factor, value in zip(self.x, given, strict=True)),
            sum(factor * value for factor, value in zip(self.y, given, strict=True)),
        )


def canthus_regions(found: Canthi, registration: Registration, rows: int, columns: int) -> tuple[Region, ...]:
    """The regions of both canthi in a thermal picture of this size, each as large as its box there.

    Empty when the face is nearer or farther than was calibrated; a canthus outside the picture is left out.
    """
    if not registration.reaches(found.interocular_px):
        return ()
    regions = (_region(box, found, registration, rows, columns) for box in found.boxes)
    return tuple(region for region in regions if region is not None)


def _region(
    box: tuple[Point, ...], found: Canthi, registration: Registration, rows: int, columns: int
) -> Region | None:
    placed = [registration.place(corner, found.interocular_px) for corner in box]
    if not all(math.isfinite(value) for point in placed for value in point):
        return None
    left, right = _span([x for x, _ in placed])
    top, bottom = _span([y for _, y in placed])
    if not (0 <= top < bottom <= rows and 0 <= left < right <= columns):
        return None
    return Region(top=top, left=left, bottom=bottom, right=right)


def _span(values: list[float]) -> tuple[int, int]:
    """From the first to after the last pixel, at least ``SIDE_PX_MIN`` of them around the middle."""
    low, high = min(values), max(values)
    lack = max(0.0, SIDE_PX_MIN - (high - low)) / 2
    first = round(low - lack)
    return first, max(round(high + lack), first + SIDE_PX_MIN)
