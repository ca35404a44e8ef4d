"""A sensor's drift put on measurements that have none, so that methods can be compared under it.

Uncooled sensors were seen to differ by 1.6 °C from one recording of a station to the next; 0.7 °C (1 SD) from
day to day is a fair guess.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.thermal.evaluation.roc import Scores

RESIDUAL_SD_C = 0.1
"""What a reference source leaves of any drift: its own stability, IEC 80601-2-59's 0.1 °C in 14 days."""

Days = np.ndarray[tuple[int], np.dtype[np.int64]]
"""The day of each visit, counted from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What is added to each visit; °C."""

    sensor_c: Scores
    """Of a sensor that nothing corrects: one value for each day."""
    residual_c: Scores
    """Of one that a reference corrects."""


def drift(days: Days, sd_c: float, residual_sd_c: float, seed: int) -> Drift:
    """Each day's error, normally distributed; none at all, residual included, where ``sd_c`` is 0."""
    count = int(days.max()) + 1 if days.size else 0
    generator = np.random.default_rng(seed)
    each: Any = generator.normal(0.0, 1.0, (2, count))
    if sd_c == 0.0:
        return Drift(sensor_c=np.zeros(days.size), residual_c=np.zeros(days.size))
    return Drift(sensor_c=sd_c * each[0][days], residual_c=residual_sd_c * each[1][days])
