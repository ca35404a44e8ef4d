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
from models.thermal.overrides import meter_of
from models.thermal.people import people as there
from models.thermal.people import presence as stay
from models.thermal.people.people import People, Seen, Sight
from models.thermal.people.presence import BELIEVABLE_C_MAX, REPEAT_S, Presence
from models.thermal.position import REFERENCES_MAX, Position
from models.thermal.radiometry import Radiometer
from models.thermal.reading import Reading
from models.thermal.reference import watch as reference_watch
from models.thermal.reference.reference import Reference
from models.thermal.reference.watch import Watch
from models.thermal.roi import Hottest, Region, hottest
from models.thermal.shots import shot, watched

FROM_UNFIT: Mapping[Unfit, NotScreened] = {
    Unfit.WARMING_UP: NotScreened.WARMING_UP,
    Unfit.FLAT_FIELD: NotScreened.FLAT_FIELD,
}
DOING = (
    NotScreened.OVERLAPPING,
    NotScreened.FACE_UNSEEN,
    NotScreened.TOO_NEAR,
    NotScreened.NOT_STEADY,
    NotScreened.TOO_FAR,
)
"""What people do, the nearest to being measured first."""
HOTTER_C = 2.0
"""A reference may read warmer than it is set to by as much, at its edge."""
CONDITIONS = frozenset(NotScreened) - {*DOING, NotScreened.NOBODY_THERE}
"""What keeps anybody from being measured, whatever they do."""
PATIENCE_S: Mapping[NotScreened, float] = {
    NotScreened.FLAT_FIELD: 3.0,
    NotScreened.FRAME_UNFIT: 1.0,
    NotScreened.TOO_HOT: 1.0,
    NotScreened.REFERENCE_LOST: 1.0,
}
"""A condition that passes by itself is told only when it has lasted; all others at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What the machine remembers."""

    watch: Watch = field(default_factory=Watch)
    people: People = field(default_factory=People)
    presence: Presence = field(default_factory=Presence)
    """Before a pyrometer, which cannot tell one from another."""
    condition: NotScreened | None = None
    since_s: float = 0.0
    """Since when ``condition`` stands."""
    told_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one frame led to."""

    readings: tuple[Reading, ...] = ()
    """What it is time to tell, of each person."""
    people: tuple[Sight, ...] = ()
    """Everybody who is in the frame."""
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


def step(
    station: Station,
    frame: ThermalFrameCaptured,
    position: Position,
    canthi: tuple[Region, ...] | None = None,
) -> tuple[Station, Step]:
    """The station after ``frame``. Never raises, whatever a device puts into a frame.

    ``canthi``: where a visible camera beside the device says that they are, empty when it sees no face that
    can be used; nobody is measured anywhere else then. ``None`` where there is no such camera.
    """
    now_s, gone_s_max = frame.at.mono_s, position.reference_gone_s_max
    watch = reference_watch.told(station.watch, frame, position.references)
    meter = meter_of(frame, position.overrides)
    condition = _unfit(frame, position, meter)
    if meter is not None and condition in (None, NotScreened.WARMING_UP):
        watch = reference_watch.looked(watch, frame, meter, position.references, gone_s_max)
    station = replace(station, watch=watch)
    condition = condition or reference_watch.doubt(watch, now_s, gone_s_max)
    top = None if meter is None else hottest(frame.raw, position.region, meter)
    if meter is None or top is None or condition is NotScreened.FRAME_UNFIT:
        station = replace(station, people=there.broken(station.people))
        return _told(station, condition or NotScreened.FRAME_UNFIT, Seen(), now_s)
    taken = replace(shot(frame, meter, watch, position), canthi=canthi)
    if condition is not None:
        taken = replace(taken, measure=None)
    people, seen = there.step(station.people, taken, watched(position, watch))
    condition = condition or _too_hot(top, taken.offset_c, position, seen)
    return _told(replace(station, people=people), condition, seen, now_s)


def blocked(station: Station, condition: NotScreened, now_s: float) -> tuple[Station, Reading | None]:
    """Nobody can be measured: told when it lasts, and then each second for whoever waits."""
    if condition is not station.condition:
        station = replace(station, condition=condition, since_s=now_s, told_s=None)
    station = replace(station, presence=stay.broken(station.presence))
    lasts = now_s - station.since_s >= PATIENCE_S.get(condition, 0.0)
    if not lasts or (station.told_s is not None and 0.0 <= now_s - station.told_s < REPEAT_S):
        return station, None
    return replace(station, told_s=now_s), Reading(at_s=now_s, presence=0, reason=condition)


def _told(station: Station, condition: NotScreened | None, seen: Seen, now_s: float) -> tuple[Station, Step]:
    """What one frame led to, and what that makes of the station."""
    step = replace(_of_references(station.watch), people=seen.sights)
    if condition is None:
        station = replace(station, condition=None, told_s=None)
        found = [sight.found.uncertainty_c for sight in seen.sights if sight.found is not None]
        return station, replace(
            step,
            condition=_doing(station, seen),
            readings=seen.readings,
            uncertainty_c=max(found, default=None),
        )
    station, reading = blocked(station, condition, now_s)
    return station, replace(step, condition=condition, readings=() if reading is None else (reading,))


def _of_references(watch: Watch) -> Step:
    seen = [track.seen for track in watch.tracks if track.seen is not None and track.offset.settled]
    told = Step(references=watch.places)
    if not seen or len(seen) < len(watch.tracks):
        return told
    offsets_c = [track.offset.value_c for track in watch.tracks]
    return replace(
        told,
        offset_c=sum(offsets_c) / len(offsets_c),
        spread_c=max(one.spread_c for one in seen),
        gain=watch.gain.value if len(seen) == REFERENCES_MAX else None,
    )


def _doing(station: Station, seen: Seen) -> NotScreened | None:
    """What those who are there do that keeps them from being measured; ``None`` when one of them can be."""
    refused = {sight.refused for sight in seen.sights}
    if not refused:
        return None if station.people.tracks.people else NotScreened.NOBODY_THERE
    return None if None in refused else next(reason for reason in DOING if reason in refused)


def _unfit(frame: ThermalFrameCaptured, position: Position, meter: Radiometer | None) -> NotScreened | None:
    """What in the frame itself speaks against measuring."""
    if frame.unfit is not None:
        return FROM_UNFIT.get(frame.unfit, NotScreened.FRAME_UNFIT)
    if frame.uptime_s is not None and not frame.uptime_s >= position.warm_up_s:
        return NotScreened.WARMING_UP
    if meter is None:
        return NotScreened.FRAME_UNFIT
    return None


def _too_hot(top: Hottest, offset_c: float, position: Position, seen: Seen) -> NotScreened | None:
    """Something hotter than a person, and nobody beside it; a hot reference is none."""
    hottest_c = max((BELIEVABLE_C_MAX, *(one.temp_c + HOTTER_C for one in position.references)))
    return NotScreened.TOO_HOT if not seen.sights and top.mean_c + offset_c > hottest_c else None
