"""A clip put through a thermal position, frame by frame, as a gateway would: its people and its sensor."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cardea.cli.errors import CommandError
from cardea.cli.thermal.read_source import Damage, open_source
from cardea.contract.screening import NotScreened
from cardea.contract.time import ClockQuality, Instant
from drivers.api import ThermalFrameCaptured
from models.thermal import station
from models.thermal.overrides import Overrides
from models.thermal.people.people import People
from models.thermal.people.roll import Entry, Roll
from models.thermal.people.tracks import Tracks
from models.thermal.position import Position
from models.thermal.reference.reference import Blackbody, Reference
from models.thermal.reference.search import located
from models.thermal.roi import Region
from models.thermal.station import Station, Step

FRAMES_MAX = 20_000
"""Of a Lepton 37 minutes, 0.8 GB."""
CORRECTED_S = 0.5
"""By so much the end of the last flat-field correction moves when there was one."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a clip."""

    reference_c: float
    reference_uncertainty_c: float
    threshold_c: float
    warm_up_s: float
    overrides: Overrides


@dataclass(slots=True, kw_only=True)
class Sensor:
    """What the references said of the sensor, frame by frame; °C."""

    offsets_c: list[float] = field(default_factory=list[float])
    """How far it reads from what they are set to, where they were seen and believed: negative is too cold."""
    spreads_c: list[float] = field(default_factory=list[float])
    conditions: Counter[NotScreened] = field(default_factory=Counter[NotScreened])
    """Frames in which nobody could be measured, by why."""
    corrections: int = 0
    """Flat-field corrections during the clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """The answer."""

    clip: Path
    question: Question
    size: tuple[int, int]
    """Rows and columns."""
    frames: int
    duration_s: float
    reference: Reference | None
    sensor: Sensor
    people: tuple[Entry, ...]
    others: tuple[Entry, ...]
    problems: Sequence[tuple[int, str]]
    """After how many frames, and what is wrong there."""


def screen(path: Path, question: Question, progress: Progress) -> Screening:
    """Put a clip through a position.

    Raises:
        CommandError: there are no frames in it, or none says when it was taken.
    """
    frames, problems = frames_of(path)
    size: tuple[int, int] = frames[0].raw.shape
    wanted = (Blackbody(temp_c=question.reference_c, uncertainty_c=question.reference_uncertainty_c),)
    found = located(frames, wanted, question.overrides)
    position = Position(
        region=Region(top=0, left=0, bottom=size[0], right=size[1]),
        references=found or wanted,
        overrides=question.overrides,
        warm_up_s=question.warm_up_s,
    )
    up = _votes(frames, position)
    began_s, total = frames[0].at.mono_s, len(frames)
    state = Station(people=People(tracks=Tracks(votes=up)))
    roll, sensor = Roll(), Sensor()
    for number, frame in enumerate(frames):
        before = state
        state, step = station.step(state, frame, position)
        roll.take(step.people, step.condition, frame.at.mono_s - began_s)
        _note(sensor, before, state, step)
        progress(number + 1, total)
    return Screening(
        clip=path,
        question=question,
        size=size,
        frames=total,
        duration_s=frames[-1].at.mono_s - began_s,
        reference=found[0] if found else None,
        sensor=sensor,
        people=roll.people,
        others=roll.others,
        problems=problems,
    )


def _votes(frames: Sequence[ThermalFrameCaptured], position: Position) -> tuple[int, ...]:
    """How the camera is turned, as everybody in the clip shows; a gateway has learnt it before."""
    state = Station()
    for frame in frames:
        state, _ = station.step(state, frame, position)
    return state.people.tracks.votes


def _note(sensor: Sensor, before: Station, after: Station, step: Step) -> None:
    if step.offset_c is not None and step.spread_c is not None:
        sensor.offsets_c.append(-step.offset_c)
        sensor.spreads_c.append(step.spread_c)
    if step.condition is not None and step.condition in station.CONDITIONS:
        sensor.conditions[step.condition] += 1
    was_s, now_s = before.watch.corrected_s, after.watch.corrected_s
    sensor.corrections += was_s is not None and now_s is not None and now_s - was_s > CORRECTED_S


def frames_of(path: Path) -> tuple[list[ThermalFrameCaptured], list[tuple[int, str]]]:
    """The clip's frames, each at its own time, and what could not be read.

    Raises:
        CommandError: there are none, too many, of several sizes, or of no time.
    """
    frames: list[ThermalFrameCaptured] = []
    problems: list[tuple[int, str]] = []
    with open_source(path, None) as source:
        if source.total > FRAMES_MAX:
            raise CommandError(f"{path}: {source.total} frames are too many; {FRAMES_MAX} at most")
        for each in source.frames:
            if isinstance(each, Damage):
                problems.append((len(frames), each.why))
            elif isinstance(each, ThermalFrameCaptured):
                frames.append(_timed(path, each))
    if not frames:
        raise CommandError(f"{path}: {problems[0][1] if problems else 'holds no frame'}")
    shape = frames[0].raw.shape
    if any(frame.raw.shape != shape for frame in frames):
        raise CommandError(f"{path}: its frames are of several sizes; one position has one")
    if len(frames) > 1 and frames[0].at.mono_s == frames[-1].at.mono_s:
        raise CommandError(f"{path}: its frames were all taken at the same moment")
    return frames, problems


def _timed(path: Path, frame: ThermalFrameCaptured) -> ThermalFrameCaptured:
    """The frame at its own time."""
    taken_s = frame.uptime_s
    if taken_s is None and frame.device_utc is not None:
        taken_s = frame.device_utc.timestamp()
    if taken_s is None:
        raise CommandError(f"{path}: its frames do not say when they were taken; a clip of people does")
    try:
        taken = dt.datetime.fromtimestamp(taken_s, dt.UTC)
    except (OverflowError, ValueError, OSError):
        raise CommandError(f"{path}: {taken_s:g} s is no time at which a frame can have been taken") from None
    return replace(frame, at=Instant(taken_s, taken, ClockQuality.UNSYNCHRONISED))
