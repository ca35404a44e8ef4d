"""What is told of a frame: coldest, hottest and mean, and by which parameters they were made of counts."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.api import Conditions, LinearScale, Planck, ThermalFrameCaptured, Unfit
from models.thermal.overrides import Overrides
from models.thermal.radiometry import BODY_BAND, Air, radiometer, table, transmission

PLACES = 6
Celsius = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one frame; ``None`` where no pixel is a number."""

    taken: dt.datetime | None
    min_c: float | None
    max_c: float | None
    mean_c: float | None
    unfit: Unfit | None


@dataclass(frozen=True, slots=True)
class Parameters:
    """How counts become temperatures."""

    scale: LinearScale | Planck
    conditions: Conditions | None
    """``None`` where the scale's temperatures are taken as they are."""
    air: Air


def celsius(frame: ThermalFrameCaptured, asked: Overrides, air: Air) -> tuple[Celsius, Parameters]:
    """Temperatures, shape (h, w), and the parameters behind them.

    Raises:
        ValueError: with these parameters there are none.
    """
    wanted = asked.over(frame.conditions)
    meter = radiometer(frame.scale, frame.conditions, wanted, air)
    raw = frame.raw
    counts = raw.dtype == np.uint16
    temps_c = table(meter)[raw.astype(np.uint16, copy=False)] if counts else meter.celsius(raw)
    return temps_c.astype(np.float32, copy=False), Parameters(frame.scale, wanted or frame.conditions, air)


def figures(temps_c: Celsius, frame: ThermalFrameCaptured) -> Figures:
    """What is told of a frame."""
    numbers = temps_c if np.isfinite(temps_c).all() else temps_c[np.isfinite(temps_c)]
    if not numbers.size:
        return Figures(frame.device_utc, None, None, None, frame.unfit)
    return Figures(
        taken=frame.device_utc,
        min_c=_round(float(numbers.min())),
        max_c=_round(float(numbers.max())),
        mean_c=_round(float(numbers.mean(dtype=np.float64))),
        unfit=frame.unfit,
    )


def told(used: Parameters) -> dict[str, Any]:
    """The parameters for JSON."""
    scale, conditions = used.scale, used.conditions
    names = Conditions.__slots__
    air = None
    if conditions is not None:
        air = transmission(scale if isinstance(scale, Planck) else BODY_BAND, conditions, used.air)
    return {
        "scale": "planck" if isinstance(scale, Planck) else "linear",
        **{name: getattr(scale, name) for name in type(scale).__slots__},
        **{name: _round(getattr(conditions, name)) if conditions else None for name in names},
        "air": used.air.value,
        "air_transmission": _round(air) if air is not None else None,
    }


def _round(number: float) -> float:
    return round(number, PLACES)
