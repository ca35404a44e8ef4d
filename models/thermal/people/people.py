"""The people before a thermal position: each followed, each measured on the face, or told why not.

Pure; frames in, one sight a person out. What a face is and who is who is found in ``heads`` and ``tracks``,
when somebody stays is told in ``presence``: here it is decided who can be measured.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from cardea.contract.screening import NotScreened
from drivers.api import RawFrame
from models.thermal.people import presence as stay
from models.thermal.people.heads import WIDE_MAX, Head, heads
from models.thermal.people.presence import Manner, Presence
from models.thermal.people.track import Track
from models.thermal.people.tracks import Tracks
from models.thermal.people.warm_regions import BELOW_C, SKIN_C, Known
from models.thermal.radiometry import Radiometer
from models.thermal.reading import Measurement, Reading
from models.thermal.reference.disc import Circle
from models.thermal.roi import Hottest, Region, hottest

FACE = 1.2
"""The hottest pixels are looked for in a square of so many radii around a face's centre: forehead, inner
corners of the eyes, cheeks; the neck lies lower."""
CONTRAST_C_MIN = 3.0
"""People are at least so much warmer than most of a picture."""
MEASURED = (None, NotScreened.NOT_STEADY)
"""Who only does not stand still yet is measured already, so that it takes no longer once they do."""
Measure = Callable[[Hottest], Measurement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Where people are looked for, and who of them is near and steady enough."""

    region: Region
    """A face's centre lies in it."""
    discs: tuple[Circle, ...]
    """References, which are no people."""
    face_px_min: int
    """Of the largest circle within a face; pixels."""
    manner: Manner


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One frame, and what its readings are worth."""

    raw: RawFrame
    meter: Radiometer
    offset_c: float
    """What has to be added to its readings of skin, °C."""
    measure: Measure | None
    """``None`` when something speaks against measuring anybody: people are followed only."""
    now_s: float
    """Monotonic."""
    canthi: tuple[Region, ...] | None = None
    """Where a camera beside says that the canthi of a face are; ``None`` where there is no camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One person in one frame."""

    number: int
    began_as: int
    """An earlier number that was given before they were recognised."""
    circle: Circle
    refused: NotScreened | None
    """Why they, as they stand there, cannot be measured."""
    stood: bool
    """Whether they stand still, near and with the whole face in the picture, or too near for that."""
    stirred: bool
    """Whether they ever moved."""
    found: Measurement | None = None
    """In this frame, whether or not they stand still enough to be believed."""
    steady: Measurement | None = None
    """What the last frames agree on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody who is there."""

    tracks: Tracks = field(default_factory=Tracks)
    stays: tuple[Presence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one frame shows of people."""

    sights: tuple[Sight, ...] = ()
    readings: tuple[Reading, ...] = ()
    """What it is time to tell."""


def step(people: People, shot: Shot, watched: Watched) -> tuple[People, Seen]:
    """One more frame."""
    known = Known(watched.discs, people.tracks.up, tuple(track.usual for track in people.tracks.people))
    found = heads(shot.raw, shot.meter, shot.offset_c, watched.manner.presence_c_min, known)
    inside = tuple(head for head in found if _inside(head.circle, watched.region))
    tracks = people.tracks.step(inside, shot.now_s)
    stayed = {one.number: one for one in people.stays}
    stays: list[Presence] = []
    sights: list[Sight] = []
    readings: list[Reading] = []
    for track in tracks.people:
        before = stayed.get(track.number) or stay.begun(track.number, shot.now_s)
        if track.last.at_s != shot.now_s:
            stays.append(stay.broken(before))
            continue
        refused = refusal(track, shot.raw.shape, watched.face_px_min) or _unseen(track, shot)
        found = _measured(track, shot) if refused in MEASURED else None
        after, reading = _told(before, refused, found, shot, watched.manner)
        stays.append(after)
        readings += [] if reading is None else [reading]
        sight = _sight(track, refused, shot.raw.shape)
        steady = stay.steady(after, watched.manner) if refused is None else None
        sights.append(replace(sight, found=found, steady=steady))
    return People(tracks=tracks, stays=tuple(stays)), Seen(sights=tuple(sights), readings=tuple(readings))


def broken(people: People) -> People:
    """A frame says nothing: what was steady counts no more; who stands there may be the same."""
    return replace(people, stays=tuple(stay.broken(one) for one in people.stays))


def refusal(track: Track, frame: tuple[int, ...], face_px_min: int) -> NotScreened | None:
    """Why somebody, as they are there at the last look, cannot be measured."""
    head = track.last.head
    if math.pi * head.circle.radius_px**2 < face_px_min:
        return NotScreened.TOO_FAR
    if not head.whole or _wide(head, frame):
        return NotScreened.TOO_NEAR
    if track.overlapped:
        return NotScreened.OVERLAPPING
    return None if track.standing else NotScreened.NOT_STEADY


def assumed_offset_c(raw: RawFrame, meter: Radiometer, skin_c: float = SKIN_C) -> float:
    """Where no reference tells: skin is taken to begin half way from most of a picture to its warmest."""
    if raw.ndim != 2 or raw.size == 0:
        return 0.0
    middle_c, warm_c = meter.celsius(np.percentile(raw, (50.0, 99.9))).tolist()
    if not (math.isfinite(warm_c - middle_c) and warm_c - middle_c >= CONTRAST_C_MIN):
        return 0.0
    return skin_c - BELOW_C - 0.5 * (middle_c + warm_c)


def face_region(circle: Circle, frame: tuple[int, ...]) -> Region:
    """The part of a frame that a face fills."""
    half_px = FACE * circle.radius_px
    return Region(
        top=max(0, round(circle.row - half_px)),
        left=max(0, round(circle.column - half_px)),
        bottom=min(frame[0], round(circle.row + half_px) + 1),
        right=min(frame[1], round(circle.column + half_px) + 1),
    )


def _measured(track: Track, shot: Shot) -> Measurement | None:
    if shot.measure is None:
        return None
    tops = [hottest(shot.raw, region, shot.meter) for region in _measured_on(track, shot)]
    found = [top for top in tops if top is not None]
    return shot.measure(max(found, key=lambda top: top.mean_c)) if found else None


def _measured_on(track: Track, shot: Shot) -> tuple[Region, ...]:
    """The face; or, where a camera says where they are, its canthi and nothing else (decision 0016)."""
    face = face_region(track.last.head.circle, shot.raw.shape)
    return (face,) if shot.canthi is None else tuple(one for one in shot.canthi if one.overlaps(face))


def _unseen(track: Track, shot: Shot) -> NotScreened | None:
    return None if _measured_on(track, shot) else NotScreened.FACE_UNSEEN


def _told(
    before: Presence, refused: NotScreened | None, found: Measurement | None, shot: Shot, manner: Manner
) -> tuple[Presence, Reading | None]:
    if shot.measure is None:
        return stay.broken(before), None
    if found is None or found.surface_temp_c < manner.presence_c_min:
        return stay.refused(before, refused or NotScreened.NOT_STEADY, shot.now_s)
    take = stay.seen if refused is None else stay.moved
    return take(before, found, manner, shot.now_s)


def _sight(track: Track, refused: NotScreened | None, frame: tuple[int, ...]) -> Sight:
    head = track.last.head
    near = refused is not NotScreened.TOO_FAR and (head.whole or _wide(head, frame))
    return Sight(
        number=track.number,
        began_as=track.began_as,
        circle=head.circle,
        refused=refused,
        stood=near and track.standing,
        stirred=track.stirred,
    )


def _inside(circle: Circle, region: Region) -> bool:
    return region.top <= circle.row < region.bottom and region.left <= circle.column < region.right


def _wide(head: Head, frame: tuple[int, ...]) -> bool:
    return 2.0 * head.circle.radius_px > WIDE_MAX * min(frame)
