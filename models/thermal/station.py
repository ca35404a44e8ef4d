"""One thermal position: frames in, readings out. A pure machine; whoever runs it keeps its state.

A frame is measured only when nothing speaks against it: fit, warmed up, after a flat-field correction only
once the reference has been seen again, the reference in view lately and its error not running away. The only
corrections are radiometry, the line through the references and the site's constant: a degree of skin is a
degree of what comes out (no regression to any "body temperature").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cardea.contract.screening import NotScreened
from drivers.api import ThermalFrameCaptured, Unfit
from models.thermal import presence as stay
from models.thermal import reference_watch
from models.thermal.correction import APART_C_MIN, Line
from models.thermal.overrides import Overrides, meter_of
from models.thermal.presence import BELIEVABLE_C_MAX, REPEAT_S, Manner, Presence
from models.thermal.radiometry import Radiometer
from models.thermal.reading import Measurement, Reading
from models.thermal.reference import Blackbody, Reference
from models.thermal.reference_watch import Watch
from models.thermal.roi import Hottest, Region, hottest, warm_pixels
from models.thermal.uncertainty import Budget

REFERENCES_MAX = 2
SITE_C_MAX = 1.0
"""More is no site's term but a fault of the set-up."""
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
    """How one device measures people.

    Raises:
        ValueError: references that give no correction, or a site's term beyond ``SITE_C_MAX``.
    """

    region: Region
    references: tuple[Blackbody, ...]
    """One or two; those whose place is told are :class:`Reference`, the others are searched for."""
    reference_gone_s_max: float = 10.0
    """The references' last word counts for so long, as when somebody's shoulder hides one."""
    site_c: float = 0.0
    """Added to every temperature; a constant."""
    overrides: Overrides = field(default_factory=Overrides)
    presence_px_min: int = 300
    """A face near enough to be measured has so many pixels as warm as a person: in 160 x 120 clips of real
    doors people at the right distance showed 400 and more, people too far away up to 250."""
    warm_up_s: float = 1800.0
    """A sensor powered for less measures nobody; one that does not say for how long is not held to it."""
    manner: Manner = field(default_factory=Manner)
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        set_c = sorted(one.temp_c for one in self.references)
        if len(set_c) > REFERENCES_MAX or (
            len(set_c) == REFERENCES_MAX and set_c[1] - set_c[0] < APART_C_MIN
        ):
            raise ValueError(f"at most {REFERENCES_MAX} references, {APART_C_MIN:g} °C apart")
        if not abs(self.site_c) <= SITE_C_MAX:
            raise ValueError(f"a site's term is at most {SITE_C_MAX:g} °C")


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What the machine remembers."""

    watch: Watch = field(default_factory=Watch)
    presence: Presence = field(default_factory=Presence)
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
    """What the references add in their middle, when all were seen in this frame and are believed."""
    spread_c: float | None = None
    """Of the least uniform reference, then."""
    gain: float | None = None
    """Of two references, then."""
    uncertainty_c: float | None = None
    """Of whoever is measured."""
    references: tuple[Reference, ...] = ()
    """Where they are, as far as that is known."""


def step(station: Station, frame: ThermalFrameCaptured, position: Position) -> tuple[Station, Step]:
    """The station after ``frame``. Never raises, whatever a device puts into a frame."""
    now_s, gone_s_max = frame.at.mono_s, position.reference_gone_s_max
    watch = reference_watch.told(station.watch, frame, position.references)
    meter = meter_of(frame, position.overrides)
    condition = _unfit(frame, position, meter)
    if meter is not None and condition in (None, NotScreened.WARMING_UP):
        watch = reference_watch.looked(watch, frame, meter, position.references, gone_s_max)
    station = replace(station, watch=watch)
    condition = condition or reference_watch.doubt(watch, now_s, gone_s_max)
    if condition is not None or meter is None:
        station, reading = blocked(station, condition or NotScreened.FRAME_UNFIT, now_s)
        return station, _step(watch, condition, reading)
    line = reference_watch.line(watch)
    top = hottest(frame.raw, position.region, meter)
    condition = _unlike_a_person(top, line)
    if condition is not None or top is None:
        station, reading = blocked(station, condition or NotScreened.FRAME_UNFIT, now_s)
        return station, _step(watch, condition, reading)
    least_c = line.reading_c(position.manner.presence_c_min - position.site_c)
    if warm_pixels(frame.raw, position.region, meter, least_c) < position.presence_px_min:
        condition = NotScreened.TOO_FAR if top.mean_c >= least_c else NotScreened.NOBODY_THERE
        return _nobody_near(station, now_s), _step(watch, condition, None)
    found = measurement(top, line, position, watch.age_s(now_s))
    station, reading = measured(station, found, position.manner, now_s)
    return station, replace(_step(watch, nobody(station), reading), uncertainty_c=found.uncertainty_c)


def measurement(top: Hottest, line: Line, position: Position, reference_age_s: float) -> Measurement:
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


def _step(watch: Watch, condition: NotScreened | None, reading: Reading | None) -> Step:
    seen = [track.seen for track in watch.tracks if track.seen is not None and track.offset.settled]
    told = Step(reading=reading, condition=condition, references=watch.places)
    if not seen or len(seen) < len(watch.tracks):
        return told
    offsets_c = [track.offset.value_c for track in watch.tracks]
    return replace(
        told,
        offset_c=sum(offsets_c) / len(offsets_c),
        spread_c=max(one.spread_c for one in seen),
        gain=watch.gain.value if len(seen) == REFERENCES_MAX else None,
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


def _unfit(frame: ThermalFrameCaptured, position: Position, meter: Radiometer | None) -> NotScreened | None:
    """What in the frame itself speaks against measuring."""
    if frame.unfit is not None:
        return FROM_UNFIT.get(frame.unfit, NotScreened.FRAME_UNFIT)
    if frame.uptime_s is not None and not frame.uptime_s >= position.warm_up_s:
        return NotScreened.WARMING_UP
    if meter is None:
        return NotScreened.FRAME_UNFIT
    return None


def _unlike_a_person(top: Hottest | None, line: Line) -> NotScreened | None:
    if top is None:
        return NotScreened.FRAME_UNFIT
    believable = top.mean_c + line.added_c(top.mean_c) <= BELIEVABLE_C_MAX
    return None if believable else NotScreened.TOO_HOT
