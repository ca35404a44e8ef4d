"""A pyrometer's position: one spot, by the instrument's own radiometry, as sure as the site says it is."""

import math
from dataclasses import replace

from cardea.contract.screening import NotScreened
from drivers.api import SpotMeasured
from models.thermal.people import presence as stay
from models.thermal.people.presence import BELIEVABLE_C_MAX, Manner
from models.thermal.radiometry import ABSOLUTE_ZERO_C
from models.thermal.reading import Measurement, Reading
from models.thermal.station import FROM_UNFIT, Station, Step, blocked


def step(
    station: Station, spot: SpotMeasured, manner: Manner, uncertainty_c: float | None
) -> tuple[Station, Step]:
    """The station after ``spot``; without an uncertainty nobody is screened. Never raises."""
    now_s = spot.at.mono_s
    condition = _condition(spot, uncertainty_c)
    if condition is not None or spot.surface_temp_c is None or uncertainty_c is None:
        station, reading = blocked(station, condition or NotScreened.FRAME_UNFIT, now_s)
        return station, Step(readings=_some(reading), condition=condition)
    found = Measurement(raw_c=spot.surface_temp_c, uncertainty_c=uncertainty_c)
    presence, reading = stay.seen(station.presence, found, manner, now_s)
    station = replace(station, presence=presence, condition=None, told_s=None)
    nobody = NotScreened.NOBODY_THERE if presence.since_s is None else None
    return station, Step(readings=_some(reading), condition=nobody, uncertainty_c=uncertainty_c)


def _some(reading: Reading | None) -> tuple[Reading, ...]:
    return () if reading is None else (reading,)


def _condition(spot: SpotMeasured, uncertainty_c: float | None) -> NotScreened | None:
    if spot.unfit is not None:
        return FROM_UNFIT.get(spot.unfit, NotScreened.FRAME_UNFIT)
    temp_c = spot.surface_temp_c
    if temp_c is None or not math.isfinite(temp_c) or temp_c < ABSOLUTE_ZERO_C:
        return NotScreened.FRAME_UNFIT
    if uncertainty_c is None:
        return NotScreened.UNCERTAINTY_UNKNOWN
    return NotScreened.TOO_HOT if temp_c > BELIEVABLE_C_MAX else None
