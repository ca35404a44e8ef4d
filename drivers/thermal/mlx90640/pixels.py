"""Pixels that measure nothing, filled in from their neighbours. Pure.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12, table 10, notes 1 to 3: at most four deviate; their
place may take the mean of the pixels around.
"""

import numpy as np

from drivers.thermal.mlx90640.calibration import Mask, Plane
from drivers.thermal.mlx90640.registers import HEIGHT, WIDTH

DOUBTFUL_MAX = 4
"""A sensor with more of them is out of its specification."""


def fill(temps_c: Plane, doubtful: Mask) -> None:
    """Give each doubtful pixel the mean of the sound ones around it, in place; one without any stays."""
    sound = np.where(doubtful, np.nan, temps_c)
    for row, column in np.argwhere(doubtful):
        around = sound[max(0, row - 1) : min(HEIGHT, row + 2), max(0, column - 1) : min(WIDTH, column + 2)]
        known = around[~np.isnan(around)]
        if known.size:
            temps_c[row, column] = known.mean()
