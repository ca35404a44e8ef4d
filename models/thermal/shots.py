"""One frame of a position made ready to be looked at for people: what its readings are worth."""

import math
from functools import partial

from drivers.api import ThermalFrameCaptured
from models.thermal.correction import Line
from models.thermal.people.people import Shot, Watched, assumed_offset_c
from models.thermal.position import Position
from models.thermal.radiometry import Radiometer
from models.thermal.reading import Measurement
from models.thermal.reference import watch as reference_watch
from models.thermal.reference.disc import Circle
from models.thermal.reference.watch import Watch
from models.thermal.roi import Hottest


def shot(frame: ThermalFrameCaptured, meter: Radiometer, watch: Watch, position: Position) -> Shot:
    """A frame in which people can be measured, as far as the references have said anything yet."""
    now_s, skin_c = frame.at.mono_s, position.manner.presence_c_min
    age_s = watch.age_s(now_s)
    if not (watch.places and math.isfinite(age_s)):
        offset_c = assumed_offset_c(frame.raw, meter, skin_c)
        return Shot(raw=frame.raw, meter=meter, offset_c=offset_c, measure=None, now_s=now_s)
    line = reference_watch.line(watch)
    return Shot(
        raw=frame.raw,
        meter=meter,
        offset_c=skin_c - line.reading_c(skin_c - position.site_c),
        measure=partial(measurement, line, position, age_s),
        now_s=now_s,
    )


def watched(position: Position, watch: Watch) -> Watched:
    """Where people are looked for, and what is none."""
    return Watched(
        region=position.region,
        discs=tuple(Circle(place.row, place.column, place.radius_px) for place in watch.places),
        face_px_min=position.presence_px_min,
        manner=position.manner,
    )


def measurement(line: Line, position: Position, reference_age_s: float, top: Hottest) -> Measurement:
    """A surface's temperature with every term that it is made of."""
    return Measurement(
        raw_c=top.apparent_c,
        radiometry_c=top.mean_c - top.apparent_c,
        reference_c=line.added_c(top.mean_c),
        site_c=position.site_c,
        correction=line.correction,
        gain=line.gain,
        uncertainty_c=position.budget.combined_c(line.uncertainty_c(top.mean_c)),
        reference_age_s=reference_age_s,
    )
