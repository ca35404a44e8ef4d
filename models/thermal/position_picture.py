"""The picture of a position: corrected by its reference, with people in it as blocks, or as it is."""

from collections.abc import Sequence

import numpy as np

from drivers.api import RawFrame
from models.thermal.blur import all_blurred, blurred
from models.thermal.picture import ThermalPicture, block_of, encoded, shrunk
from models.thermal.radiometry import Radiometer, Temperatures
from models.thermal.reference.reference import Reference, look


def blurred_picture(
    raw: RawFrame, meter: Radiometer, references: Sequence[Reference], offset_c: float | None
) -> ThermalPicture | None:
    """Nobody can be known by it, whatever the frame. ``offset_c``: the sensor's error, ``None`` when unknown.

    The references' discs are painted in their own temperatures. ``None`` for a frame that makes no picture.
    """
    temps_c = shrunk(raw, meter)
    if temps_c is None:
        return None
    shown_c = all_blurred(temps_c) if offset_c is None else blurred(temps_c + offset_c)
    for reference in references:
        shown_c = _with_disc(shown_c, raw, meter, reference, offset_c or 0.0)
    return encoded(shown_c)


def clear_picture(raw: RawFrame, meter: Radiometer, offset_c: float | None) -> ThermalPicture | None:
    """All of it; ``None`` for a frame that makes no picture."""
    temps_c = shrunk(raw, meter)
    return None if temps_c is None else encoded(temps_c + (offset_c or 0.0))


def _with_disc(
    temps_c: Temperatures, raw: RawFrame, meter: Radiometer, reference: Reference, offset_c: float
) -> Temperatures:
    seen = look(raw, reference, meter)
    if seen is None or not seen.there:
        return temps_c
    block = block_of(*raw.shape)
    row, column = np.ogrid[: temps_c.shape[0], : temps_c.shape[1]]
    middle = (block - 1) / 2
    away_px = np.hypot(row * block + middle - reference.row, column * block + middle - reference.column)
    return np.where(away_px <= reference.radius_px, seen.median_c + offset_c, temps_c)
