"""Where in the picture a reference of known temperature is, without being told: from what it must look like.

Each frame gives candidates: uniform round discs with a sharp edge, warmer than their ring, of a plausible
size, that read within ``ERROR_C_MAX`` of what the reference is set to. The reference is the one that is seen
again and again at the same place while people move before it; when two keep so still, nobody can say which
it is, and a place has to be configured.

A recorded clip, where nobody says where the disc is::

    wanted = (Blackbody(temp_c=37.0),)
    references = located(frames, wanted)      # ThermalFrameCaptured; None: it is nowhere in them
    position = Position(region=…, references=references or wanted)

and then every frame through ``station.step(state, frame, position)``. A live position is given ``wanted``
itself: ``station.step`` searches until it has found them, and measures nobody meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from drivers.api import RawFrame, ThermalFrameCaptured
from models.thermal.overrides import Overrides, meter_of
from models.thermal.radiometry import Radiometer
from models.thermal.reference.disc import Circle, Disc
from models.thermal.reference.discs import discs, scale_of
from models.thermal.reference.reference import ERROR_C_MAX, Blackbody, Reference

PLACES_MAX = 16
FORGET_S = 30.0
"""What has not been seen for so long was not it, or is not there any more."""
AGREE_PX = 0.5
"""A disc that stands still is found within 0.05 px (real clips) of where it was."""
TIMES_MIN = 12
OVER_S = 1.5
"""So often and for so long it must have been seen at one place; nobody holds a head so still."""
LEAD = 2
"""So many times oftener than whatever else is seen."""
TIMES_ENOUGH = 40
"""More looks make a place no surer."""
ERRORS_C_APART = 2.0
"""Two discs read as far off as each other, but for the sensor's gain."""


def find(raw: RawFrame, meter: Radiometer, wanted: tuple[Blackbody, ...]) -> tuple[Reference, ...] | None:
    """The references in one frame, in the order of ``wanted``; ``None`` where more or fewer could be they."""
    temps_c = [one.temp_c for one in wanted]
    found = discs(raw, meter, (min(temps_c), max(temps_c))) if temps_c else ()
    return _matched(wanted, [(disc.circle, disc.temp_c) for disc in found])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a disc was seen, and how often."""

    circle: Circle
    temp_c: float
    """As it read last."""
    times: int
    first_s: float
    last_s: float

    @property
    def stands(self) -> bool:
        """Whether it was seen often and long enough to be no person."""
        return self.times >= TIMES_MIN and self.last_s - self.first_s >= OVER_S


@dataclass(frozen=True, slots=True)
class Search:
    """What was seen in the frames so far."""

    places: tuple[Place, ...] = ()

    def step(self, raw: RawFrame, meter: Radiometer, wanted: tuple[Blackbody, ...], now_s: float) -> "Search":
        """One more frame, at monotonic ``now_s``."""
        temps_c = [one.temp_c for one in wanted]
        if not temps_c:
            return self
        agree_px = AGREE_PX * max(1.0, scale_of(raw.shape)) if raw.ndim == 2 else AGREE_PX
        places = [place for place in self.places if 0.0 <= now_s - place.last_s <= FORGET_S]
        for disc in discs(raw, meter, (min(temps_c), max(temps_c))):
            same = (n for n, place in enumerate(places) if place.circle.away_px(disc.circle) <= agree_px)
            number = next(same, None)
            if number is None:
                places.append(Place(disc.circle, disc.temp_c, 1, now_s, now_s))
            else:
                places[number] = _again(places[number], disc, now_s)
        places.sort(key=lambda place: (place.times, place.last_s), reverse=True)
        return Search(tuple(places[:PLACES_MAX]))

    def found(self, wanted: tuple[Blackbody, ...]) -> tuple[Reference, ...] | None:
        """The references in the order of ``wanted``; ``None`` while they are not certain."""
        chosen, others = self.places[: len(wanted)], self.places[len(wanted) :]
        if not chosen or len(chosen) < len(wanted) or not all(place.stands for place in chosen):
            return None
        if others and chosen[-1].times < LEAD * others[0].times:
            return None
        return _matched(wanted, [(place.circle, place.temp_c) for place in chosen])


def located(
    frames: Iterable[ThermalFrameCaptured], wanted: tuple[Blackbody, ...], overrides: Overrides | None = None
) -> tuple[Reference, ...] | None:
    """Where the references are in a recording, in the order of ``wanted``; ``None`` when that is not certain.

    Reads no more frames than it needs; those that a driver calls unfit are left out.
    """
    search, found = Search(), None
    for frame in frames:
        meter = meter_of(frame, overrides or Overrides()) if frame.unfit is None else None
        if meter is None:
            continue
        search = search.step(frame.raw, meter, wanted, frame.at.mono_s)
        found = search.found(wanted)
        if found is not None and search.places[len(wanted) - 1].times >= TIMES_ENOUGH:
            break
    return found


def _again(place: Place, disc: Disc, now_s: float) -> Place:
    """The mean of all circles, and the newest reading."""
    times = place.times + 1
    was, now = place.circle, disc.circle
    mean = Circle(
        was.row + (now.row - was.row) / times,
        was.column + (now.column - was.column) / times,
        was.radius_px + (now.radius_px - was.radius_px) / times,
    )
    return replace(place, circle=mean, temp_c=disc.temp_c, times=times, last_s=now_s)


def _matched(
    wanted: tuple[Blackbody, ...], seen: Sequence[tuple[Circle, float]]
) -> tuple[Reference, ...] | None:
    """The warmest is the one that is set highest; ``None`` unless all read about equally far off."""
    if not seen or len(seen) != len(wanted):
        return None
    coldest_first = sorted(range(len(wanted)), key=lambda number: wanted[number].temp_c)
    told = dict(zip(coldest_first, sorted(seen, key=lambda one: one[1]), strict=True))
    errors_c = [one.temp_c - told[number][1] for number, one in enumerate(wanted)]
    if max(map(abs, errors_c)) > ERROR_C_MAX or max(errors_c) - min(errors_c) > ERRORS_C_APART:
        return None
    circles = [told[number][0] for number in range(len(wanted))]
    return tuple(
        Reference(
            temp_c=one.temp_c,
            uncertainty_c=one.uncertainty_c,
            row=circle.row,
            column=circle.column,
            radius_px=circle.radius_px,
        )
        for one, circle in zip(wanted, circles, strict=True)
    )
