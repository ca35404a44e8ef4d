"""From counts to temperatures and back: Planck's law as cameras are calibrated by it, and the air between.

After the formulas of Thermimage's ``raw2temp`` (Tattersall, *Thermimage*, CRAN), which follow FLIR's
metadata. Humidity is a fraction of 1: read as percent it costs 1 °C at 1 m. Everything between a camera and
an object is linear in the signal, so one slope and one intercept stand for emissivity, air and window.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.api import Conditions, LinearScale, Planck

Temperatures = npt.NDArray[np.float64]
"""°C, of the shape of the counts they were made of."""
Counts = npt.NDArray[Any]

KELVIN = 273.15
ABSOLUTE_ZERO_C = -KELVIN
HOTTEST_C = 10_000.0
"""No count of any camera here means more; keeps what lies beyond a calibration finite."""
COUNTS = 1 << 16
TABLES_MAX = 8

BODY_BAND = Planck(r1=1.0, r2=1.0, b=1428.0, f=1.0, o=0.0)
"""The band of a microbolometer (8-14 µm, b ≈ 10 µm) in units of its own, for scales that give temperatures:
there only ratios of radiances count."""
BARE = Conditions(emissivity=1.0, distance_m=0.0)
"""A blackbody with nothing before it: what an uncorrected scale assumes."""


class Air(StrEnum):
    """How the way through the air is counted."""

    TWO_LEGS = "two_legs"
    """Half the distance on each side of the window, as Thermimage counts it."""
    ONE_LEG = "one_leg"
    """The whole distance at once, window at the lens; 0.03 °C lower at 36 °C and 1 m."""


@dataclass(frozen=True, slots=True)
class Straight:
    """``signal of the object = slope · signal at the sensor + intercept``."""

    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Radiometer:
    """Counts of one camera as temperatures of one kind of object; made by :func:`radiometer`."""

    scale: LinearScale | Planck
    way: Straight | None
    """``None`` where the scale's temperatures are the object's already."""

    def celsius(self, counts: Counts) -> Temperatures:
        """Temperature of the object, °C, finite for every count; of any shape."""
        return _celsius(self.scale, self.way, counts.astype(np.float64))

    def apparent(self, counts: Counts) -> Temperatures:
        """Temperature of a blackbody at the lens that would give these counts: the raw reading, °C."""
        return _celsius(self.scale, None, counts.astype(np.float64))

    def counts(self, temp_c: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """What the camera would count for an object at ``temp_c``, not rounded: the way back."""
        temps_c = np.asarray(temp_c, dtype=np.float64)
        scale, done = self.scale, self.way or Straight(1.0, 0.0)
        if isinstance(scale, Planck):
            return (radiance(scale, temps_c) - done.intercept) / done.slope
        if self.way is not None:
            temps_c = temperature(BODY_BAND, (radiance(BODY_BAND, temps_c) - done.intercept) / done.slope)
        return (temps_c - scale.offset_c) / scale.gain_c


def radiometer(
    scale: LinearScale | Planck,
    assumed: Conditions | None,
    wanted: Conditions | None = None,
    air: Air = Air.TWO_LEGS,
) -> Radiometer:
    """What makes temperatures of a camera's counts.

    ``assumed`` is what the camera says of object and air; ``wanted`` overrules it. A Planck scale gives the
    signal at the sensor, so one of them applies (in default of both, skin at 1 m). A linear scale gives
    temperatures under ``assumed`` already (``None``: of a blackbody): it is left as it is unless ``wanted``
    differs.

    Raises:
        ValueError: numbers with which there is no temperature, such as an emissivity of 0.
    """
    if isinstance(scale, Planck):
        _check(scale)
        return Radiometer(scale, way(scale, wanted or assumed or Conditions(), air))
    if not (_finite(scale.gain_c, scale.offset_c) and scale.gain_c > 0):
        raise ValueError("a linear scale needs a gain above 0")
    if wanted is None or wanted == assumed:
        return Radiometer(scale, None)
    undone = way(BODY_BAND, assumed or BARE, air)
    done = way(BODY_BAND, wanted, air)
    slope = done.slope / undone.slope
    return Radiometer(scale, Straight(slope, done.intercept - slope * undone.intercept))


@lru_cache(maxsize=TABLES_MAX)
def table(meter: Radiometer) -> npt.NDArray[np.float32]:
    """The temperature of every 16-bit count, °C, shape (65536,); made anew only for new parameters.

    Single precision costs 1.6e-5 °C at body temperature.
    """
    temps_c = meter.celsius(np.arange(COUNTS)).astype(np.float32)
    temps_c.flags.writeable = False
    return temps_c


def transmission(planck: Planck, conditions: Conditions, air: Air = Air.TWO_LEGS) -> float:
    """The share of the object's radiation that the air lets through, window not counted; 0…1."""
    legs = _legs(air)
    return _tau(planck, conditions, conditions.distance_m / legs) ** legs


def way(planck: Planck, conditions: Conditions, air: Air = Air.TWO_LEGS) -> Straight:
    """What has to be done to the signal at the sensor to have the object's.

    Raises:
        ValueError: conditions with which nothing of the object reaches the sensor.
    """
    c = conditions
    if not (0.0 < c.emissivity <= 1.0 and 0.0 < c.window_transmission <= 1.0 and 0.0 <= c.humidity <= 1.0):
        raise ValueError("emissivity and window transmission lie above 0 and up to 1, humidity from 0 to 1")
    if not (_finite(c.distance_m, c.reflected_c, c.atmosphere_c, c.window_c) and c.distance_m >= 0.0):
        raise ValueError("distance and temperatures must be numbers, the distance not below 0")
    if min(c.reflected_c, c.atmosphere_c, c.window_c) <= ABSOLUTE_ZERO_C:
        raise ValueError("nothing around an object is colder than absolute zero")
    first = _tau(planck, c, c.distance_m / _legs(air))
    second = first if air is Air.TWO_LEGS else 1.0
    if not (0.0 < first <= 1.0):
        raise ValueError(f"air of transmission {first:.3g} is beyond the formula")
    window = c.window_transmission
    reflected, atmosphere, glass = (
        float(radiance(planck, np.asarray(temp_c))) for temp_c in (c.reflected_c, c.atmosphere_c, c.window_c)
    )
    whole = c.emissivity * first * window * second
    added = (
        (1.0 - c.emissivity) * first * window * second * reflected
        + (1.0 - first) * window * second * atmosphere
        + (1.0 - window) * second * glass
        + (1.0 - second) * atmosphere
    )
    if not whole > 0.0 or not _finite(1.0 / whole, added / whole):
        raise ValueError("nothing of the object reaches the sensor under these conditions")
    return Straight(1.0 / whole, -added / whole)


def radiance(planck: Planck, temp_c: Temperatures) -> Temperatures:
    """The signal of a blackbody at ``temp_c``, counts; nothing is colder than absolute zero."""
    kelvin = np.maximum(temp_c + KELVIN, 1e-3)
    with np.errstate(all="ignore"):
        return planck.r1 / (planck.r2 * (np.exp(planck.b / kelvin) - planck.f)) - planck.o


def temperature(planck: Planck, signal: Temperatures) -> Temperatures:
    """The temperature of a blackbody with ``signal`` counts, °C; finite, cut to what is possible at all."""
    with np.errstate(all="ignore"):
        counted = planck.r2 * (signal + planck.o)
        kelvin = planck.b / np.log(planck.r1 / counted + planck.f)
    temps_c = np.where(counted > 0.0, kelvin - KELVIN, ABSOLUTE_ZERO_C)
    beyond = np.isnan(temps_c) | ((temps_c < ABSOLUTE_ZERO_C) & (counted > 0.0))
    return _possible(np.where(beyond, HOTTEST_C, temps_c))


def _celsius(scale: LinearScale | Planck, done: Straight | None, counts: Temperatures) -> Temperatures:
    if isinstance(scale, Planck):
        return temperature(scale, _straight(done, counts))
    with np.errstate(all="ignore"):
        temps_c = _possible(counts * scale.gain_c + scale.offset_c)
    if done is None:
        return temps_c
    return temperature(BODY_BAND, _straight(done, radiance(BODY_BAND, temps_c)))


def _straight(done: Straight | None, signal: Temperatures) -> Temperatures:
    with np.errstate(all="ignore"):
        return signal if done is None else signal * done.slope + done.intercept


def _possible(temps_c: Temperatures) -> Temperatures:
    return np.minimum(np.maximum(temps_c, ABSOLUTE_ZERO_C), HOTTEST_C)


def _check(planck: Planck) -> None:
    named = (planck.r1, planck.r2, planck.b, planck.f, planck.o)
    air = (planck.alpha_1, planck.alpha_2, planck.beta_1, planck.beta_2, planck.x)
    if not (_finite(*named, *air) and min(planck.r1, planck.r2, planck.b, planck.f) > 0.0):
        raise ValueError("a Planck scale needs numbers, r1, r2, b and f above 0")


def _tau(planck: Planck, conditions: Conditions, distance_m: float) -> float:
    """Transmission of ``distance_m`` of air: two absorbing parts, each with its share of the water in it."""
    t = conditions.atmosphere_c
    try:
        water = conditions.humidity * math.exp(1.5587 + 0.06939 * t - 2.7816e-4 * t**2 + 6.8455e-7 * t**3)
        root_d, root_w = math.sqrt(distance_m), math.sqrt(water)
        dry = planck.x * math.exp(-root_d * (planck.alpha_1 + planck.beta_1 * root_w))
        damp = (1.0 - planck.x) * math.exp(-root_d * (planck.alpha_2 + planck.beta_2 * root_w))
    except OverflowError:
        return math.nan
    return dry + damp


def _legs(air: Air) -> int:
    return 2 if air is Air.TWO_LEGS else 1


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)
