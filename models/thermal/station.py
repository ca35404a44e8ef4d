"""One thermal position: frames in, readings out. A pure machine; whoever runs it keeps its state.

A frame is measured only when nothing speaks against it: fit, warmed up, after a flat-field correction only
once the reference has been seen again, the reference in view lately and its error not running away. The only
corrections are radiometry and that error; both are constants in what is measured (no regression to any
"body temperature").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cardea.contract.screening import Correction, NotScreened
from drivers.api import ThermalFrameCaptured, Unfit
from models.thermal import presence as stay
from models.thermal.offset import Offset
from models.thermal.overrides import Overrides, meter_of
from models.thermal.presence import BELIEVABLE_C_MAX, REPEAT_S, Manner, Presence
from models.thermal.radiometry import Radiometer
from models.thermal.reading import Measurement, Reading
from models.thermal.reference import Reference, Seen, look
from models.thermal.roi import Hottest, Region, hottest, warm_pixels
from models.thermal.uncertainty import Budget

FLAT_FIELD_S = 2.0
"""A correction younger than this still shows in the picture."""
REFERENCE_S_MAX = 10.0
"""The reference's last word counts for so long, as when somebody's shoulder hides it."""
FROM_UNFIT: Mapping[Unfit, NotScreened] = {
    Unfit.WARMING_UP: NotScreened.WARMING_UP,
    Unfit.FLAT_FIELD: NotScreened.FLAT_FIELD,
}
PATIENCE_S: Mapping[NotScreened, float] = {
    NotScreened.FLAT_FIELD: 3.0,
    NotScreened.FRAME_UNFIT: 1.0,
    NotScreened.TOO_HOT: 1.0,
    NotScreened.REFERENCE_LOST: 1.0,
}
"""A condition that passes by itself is told only when it has lasted; all others at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How one device measures people."""

    region: Region
    reference: Reference | None
    overrides: Overrides = field(default_factory=Overrides)
    presence_px_min: int = 300
    """A face near enough to be measured has so many pixels as warm as a person: in 160 x 120 clips of real
    doors people at the right distance showed 400 and more, people too far away up to 250."""
    warm_up_s: float = 1800.0
    """A sensor powered for less measures nobody; one that does not say for how long is not held to it."""
    manner: Manner = field(default_factory=Manner)
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What the machine remembers."""

    offset: Offset = field(default_factory=Offset)
    presence: Presence = field(default_factory=Presence)
    corrected_s: float | None = None
    """When the sensor's last known flat-field correction was over."""
    awaiting: NotScreened = NotScreened.REFERENCE_LOST
    """Why the reference has to be seen (again) first."""
    condition: NotScreened | None = None
    since_s: float = 0.0
    """Since when ``condition`` stands."""
    told_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one frame led to."""

    reading: Reading | None = None
    condition: NotScreened | None = None
    """Why nobody can be measured now, whether or not somebody is there."""
    offset_c: float | None = None
    spread_c: float | None = None
    """Of the reference, when it was seen in this frame."""
    uncertainty_c: float | None = None


def step(station: Station, frame: ThermalFrameCaptured, position: Position) -> tuple[Station, Step]:
    """The station after ``frame``. Never raises, whatever a device puts into a frame."""
    now_s = frame.at.mono_s
    station = _after_correction(station, frame)
    station = replace(station, offset=station.offset.waited(now_s))
    meter = meter_of(frame, position.overrides)
    condition = _unfit(frame, position, meter)
    seen = None
    if meter is not None and position.reference is not None and condition in (None, NotScreened.WARMING_UP):
        seen = look(frame.raw, position.reference, meter)
        station = replace(station, offset=_followed(station.offset, seen, position.reference, now_s))
    condition = condition or _unsure(station, position, now_s)
    top = hottest(frame.raw, position.region, meter) if meter is not None and condition is None else None
    condition = condition or _unlike_a_person(top, station.offset.value_c)
    uncertainty_c = position.budget.combined_c(station.offset.sd_c)
    if condition is not None or top is None or meter is None:
        station, reading = blocked(station, condition or NotScreened.FRAME_UNFIT, now_s)
    else:
        found = Measurement(
            raw_c=top.apparent_c,
            radiometry_c=top.mean_c - top.apparent_c,
            reference_c=station.offset.value_c,
            correction=Correction.ONE_POINT,
            uncertainty_c=uncertainty_c,
            reference_age_s=station.offset.age_s(now_s),
        )
        least_c = position.manner.presence_c_min - station.offset.value_c
        if warm_pixels(frame.raw, position.region, meter, least_c) >= position.presence_px_min:
            station, reading = measured(station, found, position.manner, now_s)
            condition = nobody(station)
        else:
            station, reading = _nobody_near(station, now_s), None
            condition = NotScreened.TOO_FAR if top.mean_c >= least_c else NotScreened.NOBODY_THERE
    known = station.offset.settled and seen is not None and seen.there
    return station, Step(
        reading=reading,
        condition=condition,
        offset_c=station.offset.value_c if known else None,
        spread_c=seen.spread_c if known and seen is not None else None,
        uncertainty_c=uncertainty_c if known else None,
    )


def measured(
    station: Station, found: Measurement, manner: Manner, now_s: float
) -> tuple[Station, Reading | None]:
    """A temperature that nothing speaks against."""
    presence, reading = stay.seen(station.presence, found, manner, now_s)
    return replace(station, presence=presence, condition=None, told_s=None), reading


def _nobody_near(station: Station, now_s: float) -> Station:
    return replace(station, presence=stay.gone(station.presence, now_s), condition=None, told_s=None)


def nobody(station: Station) -> NotScreened | None:
    """Whether nobody is there at all."""
    return NotScreened.NOBODY_THERE if station.presence.since_s is None else None


def blocked(station: Station, condition: NotScreened, now_s: float) -> tuple[Station, Reading | None]:
    """Nobody can be measured: told when it lasts, and then each second for whoever waits."""
    if condition is not station.condition:
        station = replace(station, condition=condition, since_s=now_s, told_s=None)
    station = replace(station, presence=stay.broken(station.presence))
    lasts = now_s - station.since_s >= PATIENCE_S.get(condition, 0.0)
    if not lasts or (station.told_s is not None and 0.0 <= now_s - station.told_s < REPEAT_S):
        return station, None
    return replace(station, told_s=now_s), Reading(at_s=now_s, presence=0, reason=condition)


def _after_correction(station: Station, frame: ThermalFrameCaptured) -> Station:
    """A correction under way or newer than the last one known takes the reference's word away."""
    now_s, since_s = frame.at.mono_s, frame.since_flat_field_s
    over_s = now_s if frame.unfit is Unfit.FLAT_FIELD else station.corrected_s
    if since_s is not None and since_s >= 0.0:
        over_s = now_s - since_s
    known_s = station.corrected_s
    station = replace(station, corrected_s=over_s)
    newer = over_s is not None and known_s is not None and over_s - known_s > 0.5
    if not newer and frame.unfit is not Unfit.FLAT_FIELD:
        return station
    return replace(station, offset=station.offset.corrected(), awaiting=NotScreened.FLAT_FIELD)


def _followed(offset: Offset, seen: Seen | None, reference: Reference, now_s: float) -> Offset:
    if seen is not None and seen.there:
        return offset.looked(seen.error_c(reference), now_s)
    return offset.lost() if offset.age_s(now_s) > REFERENCE_S_MAX else offset


def _unfit(frame: ThermalFrameCaptured, position: Position, meter: Radiometer | None) -> NotScreened | None:
    """What in the frame itself speaks against measuring."""
    if frame.unfit is not None:
        return FROM_UNFIT.get(frame.unfit, NotScreened.FRAME_UNFIT)
    if frame.uptime_s is not None and not frame.uptime_s >= position.warm_up_s:
        return NotScreened.WARMING_UP
    if meter is None:
        return NotScreened.FRAME_UNFIT
    if frame.since_flat_field_s is not None and 0.0 <= frame.since_flat_field_s < FLAT_FIELD_S:
        return NotScreened.FLAT_FIELD
    return None


def _unsure(station: Station, position: Position, now_s: float) -> NotScreened | None:
    """What about the reference speaks against measuring."""
    offset = station.offset
    if position.reference is None:
        return NotScreened.NO_REFERENCE
    if offset.age_s(now_s) > REFERENCE_S_MAX:
        return NotScreened.REFERENCE_LOST
    if not offset.settled:
        return station.awaiting
    return NotScreened.REFERENCE_DRIFTING if offset.drifting else None


def _unlike_a_person(top: Hottest | None, offset_c: float) -> NotScreened | None:
    if top is None:
        return NotScreened.FRAME_UNFIT
    return NotScreened.TOO_HOT if top.mean_c + offset_c > BELIEVABLE_C_MAX else None
