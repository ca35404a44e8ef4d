"""Whether a terminal shows what it measures, or bends it toward 37 °C ("normalisation", "compensation").

Published sweeps of terminals before a blackbody found many that do: they look exact on healthy people and
hide fevers. Two tests: an active one before a blackbody, and a passive one on what a terminal said of the
last people. Healthy people differ from each other by more than a normalising terminal lets them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist, fmean, median, stdev

SWEEP_C = (35.0, 40.0)
STEP_C = 0.25
POINTS = 21
ALIKE_C = 0.1
"""By how much a blackbody may miss its point of the sweep."""
SLOPE = (0.90, 1.10)
RESIDUAL_C_MAX = 0.5
WINDOW_C = 1.0
WINDOW_SLOPE_MIN = 0.5

READINGS = 100
SD_C_MIN = 0.244
"""Of the last ``READINGS``. An honest terminal that sees people as alike as their oral temperatures are falls
below it by chance with a probability of 4.8 % (chi-square, 99 degrees of freedom); one whose people differ by
0.35 °C in 4 of a million; in the FDA's clinical data the canthi of people without fever differ by 0.53 °C."""
ORAL_SD_C = 0.277
"""Standard deviation of the true oral temperatures of people without fever."""
SHOWN_C = (-50.0, 200.0)
"""Whatever a thermometer for people shows of a blackbody, and however wrong, lies within."""
BELIEVABLE_C = (30.0, 45.0)
"""No skin in front of a terminal is colder or warmer; 0 is how terminals say "not measured"."""
FEVER_C = 1.0
"""A reading so far above the median is a fever, which says nothing of how alike the healthy are read."""
HEALTHY_MIN = 90
"""Of ``READINGS``; with more fevers than that nothing is narrow."""


class Sign(StrEnum):
    """What gives a terminal away in a sweep."""

    SLOPE = "slope"
    RESIDUAL = "residual"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What the active test found."""

    points: int
    slope: float
    """Of reading over reference, least squares; 1 is honest. A constant offset is no matter."""
    offset_c: float
    """Mean of reading - reference."""
    residual_c_max: float
    """Largest departure from the straight line."""
    window_slope_min: float
    """Least slope within any 1 °C."""
    window_from_c: float
    """Where that begins."""
    signs: tuple[Sign, ...]

    @property
    def normalises(self) -> bool:
        """Whether the terminal bends what it measures."""
        return bool(self.signs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowness:
    """What the passive test found."""

    readings: int
    """Believable ones looked at, at most ``READINGS``."""
    sd_c: float | None
    """Of the healthy among them; ``None`` when there are too few."""
    chance: float | None
    """That an honest terminal appears so narrow: people differ by ``ORAL_SD_C`` at least."""

    @property
    def normalises(self) -> bool | None:
        """``None`` while there are too few readings to tell."""
        if self.readings < READINGS:
            return None
        return self.sd_c is not None and self.sd_c < SD_C_MIN

    @property
    def wide(self) -> bool:
        """As wide as honest readings are, with a margin beyond the limit."""
        return self.normalises is False and (self.sd_c is None or self.sd_c >= ORAL_SD_C)


def believable(reading_c: float) -> bool:
    """Whether that can be somebody's skin; not-a-number cannot."""
    return BELIEVABLE_C[0] <= reading_c <= BELIEVABLE_C[1]


def sweep(pairs: Sequence[tuple[float, float]]) -> Sweep:
    """The active test: ``(reference, reading)`` of at least 21 points from 35 to 40 °C in steps of 0.25 °C.

    Raises:
        ValueError: a point is missing, or something is not a number.
    """
    ordered = sorted(pairs)
    if not all(SHOWN_C[0] <= value <= SHOWN_C[1] for pair in ordered for value in pair):
        raise ValueError(f"a sweep is made of temperatures, from {SHOWN_C[0]:.0f} to {SHOWN_C[1]:.0f} °C")
    for point in range(POINTS):
        at_c = SWEEP_C[0] + point * STEP_C
        if not any(abs(reference_c - at_c) <= ALIKE_C for reference_c, _ in ordered):
            raise ValueError(
                f"no reading at {at_c:.2f} °C; a sweep goes from 35 to 40 °C in steps of 0.25 °C"
            )
    slope, intercept_c = _line(ordered)
    residual_c = max(abs(reading - intercept_c - slope * reference) for reference, reading in ordered)
    window_slope, window_from_c = min(_windows(ordered))
    found = {
        Sign.SLOPE: not SLOPE[0] <= slope <= SLOPE[1],
        Sign.RESIDUAL: residual_c > RESIDUAL_C_MAX,
        Sign.WINDOW: window_slope < WINDOW_SLOPE_MIN,
    }
    return Sweep(
        points=len(ordered),
        slope=slope,
        offset_c=fmean(reading - reference for reference, reading in ordered),
        residual_c_max=residual_c,
        window_slope_min=window_slope,
        window_from_c=window_from_c,
        signs=tuple(sign for sign, shown in found.items() if shown),
    )


def narrowness(readings_c: Iterable[float]) -> Narrowness:
    """The passive test on the last ``READINGS`` believable ones of ``readings_c``, newest last.

    Readings in steps of 0.1 °C widen the standard deviation by 0.0015 °C, which is left as it is.
    """
    last_c = [reading_c for reading_c in readings_c if believable(reading_c)][-READINGS:]
    fever_c = (median(last_c) if last_c else 0.0) + FEVER_C
    healthy_c = [one for one in last_c if one <= fever_c]
    if len(healthy_c) < HEALTHY_MIN:
        return Narrowness(readings=len(last_c), sd_c=None, chance=None)
    sd_c = stdev(healthy_c)
    return Narrowness(readings=len(last_c), sd_c=sd_c, chance=chance(sd_c, len(healthy_c)))


def chance(sd_c: float, readings: int) -> float:
    """That so many readings of people who differ by ``ORAL_SD_C`` have a standard deviation up to ``sd_c``.

    Chi-square with ``readings - 1`` degrees of freedom, by Wilson and Hilferty (1931); right to 0.001.
    """
    freedom = readings - 1
    spread = 2.0 / (9.0 * freedom)
    return NormalDist(1.0 - spread, math.sqrt(spread)).cdf((sd_c / ORAL_SD_C) ** (2.0 / 3.0))


def _line(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and intercept by least squares."""
    mean_x, mean_y = fmean(x for x, _ in pairs), fmean(y for _, y in pairs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / sum((x - mean_x) ** 2 for x, _ in pairs)
    return slope, mean_y - slope * mean_x


def _windows(ordered: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Slope and beginning of each window of 1 °C that lies within the sweep."""
    last_c = ordered[-1][0]
    starts_c = {start_c for start_c, _ in ordered if start_c + WINDOW_C <= last_c + ALIKE_C}
    return [
        (_line([pair for pair in ordered if start_c <= pair[0] <= start_c + WINDOW_C + ALIKE_C])[0], start_c)
        for start_c in starts_c
    ]
