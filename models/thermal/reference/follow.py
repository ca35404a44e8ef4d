"""A reference's place after a nudge of the camera: a little nearer to the disc that overlaps it.

It never jumps: only a disc of the same size whose middle lies within the old place counts, and each look
moves the place by ``FOLLOW_PX`` at the most. A face that passes is no disc.
"""

from dataclasses import replace

import numpy as np

from drivers.api import RawFrame
from models.thermal.radiometry import Radiometer
from models.thermal.reference.disc import Circle, fit
from models.thermal.reference.discs import scale_of
from models.thermal.reference.reference import Reference

FOLLOW_PX = 1.0
"""How far a place moves at most each time, at 160 x 120; a larger frame by as much of its width."""
MOVED_PX_MIN = 0.25
"""A place nearer than this is the same: what is read there does not depend on it."""
SIZE = (0.75, 1.33)
"""The same disc is about as large as it was."""
PATCH = 3.0
"""Half the side of what is looked at to follow a disc, in radii."""


def follow(raw: RawFrame, meter: Radiometer, place: Reference) -> Reference:
    """A place a little nearer to the disc that overlaps it; the same place where there is none."""
    half_px = PATCH * place.radius_px
    top, left = max(0, int(place.row - half_px)), max(0, int(place.column - half_px))
    part = raw[top : int(place.row + half_px) + 2, left : int(place.column + half_px) + 2]
    if part.size == 0:
        return place
    about = Circle(place.row - top, place.column - left, place.radius_px)
    disc = fit(meter.celsius(part).astype(np.float32), about)
    if disc is None or not SIZE[0] <= disc.circle.radius_px / place.radius_px <= SIZE[1]:
        return place
    away_px = disc.circle.away_px(about)
    scale = max(1.0, scale_of(raw.shape))
    if away_px < MOVED_PX_MIN * scale:
        return place
    share = min(1.0, FOLLOW_PX * scale / away_px)
    return replace(
        place,
        row=place.row + share * (disc.circle.row - about.row),
        column=place.column + share * (disc.circle.column - about.column),
    )
