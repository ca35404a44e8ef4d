"""The seeded world: people who come and go at a tower's portals, and what goes wrong meanwhile.

Pure: a generator of visits and troubles by seconds since its start; the hour of the day is handed in.
"""

import datetime as dt
import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  # seeded: the same world every time, no secrets

from cardea.contract.records import CredentialKind, Side
from drivers.sim.people import Population, Resident, people_csv, populate
from drivers.sim.script import LASTS_S, SCENES, Fitting, Mishap, Reader, Scenario, Scene

GAP_S_MIN, GAP_S_MAX = 2.0, 4.0
"""Mean time between two people: at the height of a rush, and at night."""
BUSY_S = 6.0
"""How long an ordinary visit takes its portal."""
LINGERS_S = 3.0
"""How much longer where a thermometer must see people before they reach the reader."""
AGAIN_S = 7.0
"""After this long the same person tries again."""
HELD_OPEN_S = 45.0
WALK_THROUGH_S = 2.5
ELEVATED_C, WARM_C = 38.2, 37.3
"""Readings of somebody with a fever, and of somebody who came out of the sun."""
_READING_SD_C = 0.08
_LOOK_AGAIN_S = 0.5
_LAG_S = 900.0
"""At the start the building is as full as it was this long ago: in the morning people arrive at once."""
_UNKNOWN_CARD = "0000000001"

RUSH = (
    0,
    0,
    0,
    0,
    0,
    0.1,
    0.3,
    0.7,
    1,
    0.9,
    0.4,
    0.4,
    0.9,
    0.9,
    0.5,
    0.4,
    0.4,
    0.6,
    1,
    0.8,
    0.4,
    0.2,
    0.1,
    0,
)
"""How busy each hour of the day is, 0 to 1: morning, lunch, evening."""
INSIDE = (
    *(0.02, 0.02, 0.02, 0.02, 0.02, 0.03, 0.1, 0.3, 0.7, 0.9, 0.95, 0.95),
    *(0.5, 0.6, 0.9, 0.9, 0.9, 0.8, 0.4, 0.2, 0.1, 0.06, 0.04, 0.03),
)
"""The share of people who are in the building, by hour: it says whether people rather come or go."""

_AGAIN = frozenset({Scenario.RETEST, Scenario.MASK_MISSING})
_FOREIGN = frozenset({Scenario.UNKNOWN})
_THERMOMETERS = frozenset({Fitting.CAMERA, Fitting.SPOT})
_STAYS_OUT = frozenset(
    {
        Scenario.ELEVATED,
        Scenario.UNKNOWN,
        Scenario.REVOKED,
        Scenario.EXPIRED,
        Scenario.REPLAYED,
        Scenario.FORGED,
        Scenario.LAPSED,
    }
)


@dataclass(frozen=True, slots=True)
class Way:
    """A portal: its name, the device that reads people there, and whether people leave through it."""

    portal: str
    device: str
    reader: Reader
    exit: bool = False
    fittings: frozenset[Fitting] = frozenset()

    @property
    def lingers_s(self) -> float:
        """How much longer a visit takes here."""
        return 0.0 if self.fittings.isdisjoint(_THERMOMETERS) else LINGERS_S

    @property
    def measures(self) -> bool:
        """Whether people's temperature is taken here on their way in."""
        return self.reader is Reader.TERMINAL or self.lingers_s > 0

    def suits(self, scene: Scene) -> bool:
        """Whether the scene can happen here."""
        fits = scene.fitting is None or scene.fitting in self.fittings
        return self.reader in scene.readers and fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One person at one portal, ``at_s`` after the start."""

    number: int
    at_s: float
    way: Way
    scenario: Scenario
    side: Side = Side.INGRESS
    resident: Resident | None = None
    """``None``: somebody whom nobody knows."""
    kind: CredentialKind = CredentialKind.FACE
    value: str = ""
    """Employee number or card; empty for a QR pass and for an unknown face."""
    surface_temp_c: float | None = None
    masked: bool | None = None
    passes: int = 1
    """How many people go through once the door is released; 0: nobody, even if it is."""
    open_s: float = WALK_THROUGH_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something goes wrong with a portal's device, ``at_s`` after the start, for ``lasts_s``."""

    at_s: float
    way: Way
    mishap: Mishap
    lasts_s: float = 0.0


Happening = Visit | Trouble


class World:
    """People and portals; :meth:`happenings` tells what they do."""

    def __init__(self, seed: int, ways: Sequence[Way], people: int = 200) -> None:
        if not ways:
            raise ValueError("a world needs a portal")
        self.population: Population = populate(seed, people)
        self._seed = seed
        self._ways = tuple(ways)

    def people_csv(self) -> str:
        """Everyone, as ``cardea edge import-people`` takes them in."""
        return people_csv(self.population.everyone)

    def happenings(self, start: dt.datetime) -> Iterator[Happening]:
        """What happens from ``start`` (the site's local time) on, in order, without end."""
        return _Day(self._seed, self._ways, self.population, start).run()


@dataclass(slots=True)
class _Day:
    """One run of the world. ``due`` holds what is to come: (when, tie-breaker, what)."""

    seed: int
    ways: tuple[Way, ...]
    population: Population
    start: dt.datetime
    dice: Random = field(init=False)
    due: list[tuple[float, int, Scene | Visit | None]] = field(init=False)
    order: Iterator[int] = field(default_factory=itertools.count)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    outside: list[Resident] = field(init=False)
    inside: list[Resident] = field(default_factory=list[Resident])
    free_at_s: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self.dice = Random(f"day {self.seed}")  # noqa: S311  # no secrets
        self.outside = list(self.population.welcome)
        self.dice.shuffle(self.outside)
        self._settle()
        self.due = []
        self._plan(1.0, None)
        for scene in SCENES:
            if any(way.suits(scene) for way in self.ways):
                self._plan(scene.first_s, scene)

    def run(self) -> Iterator[Happening]:
        while True:
            at_s, _, what = heapq.heappop(self.due)
            match what:
                case None:
                    yield from self._ordinary(at_s)
                case Scene():
                    yield from self._scene(at_s, what)
                case _:
                    yield what

    def _plan(self, at_s: float, what: Scene | Visit | None) -> None:
        heapq.heappush(self.due, (at_s, next(self.order), what))

    def _settle(self) -> None:
        """Who is in the building already when the day's watching begins."""
        count = round(len(self.outside) * self._share_inside(-_LAG_S))
        self.inside, self.outside = self.outside[:count], self.outside[count:]

    def _ordinary(self, at_s: float) -> Iterator[Visit]:
        """The next person; the rush of the hour says how soon another follows."""
        leaves = self._somebody_leaves(at_s)
        way = self._free_way(at_s, [way for way in self.ways if way.exit or not leaves])
        if way is None:
            self._plan(at_s + _LOOK_AGAIN_S, None)
            return
        gap_s = GAP_S_MAX - (GAP_S_MAX - GAP_S_MIN) * RUSH[self._local(at_s).hour]
        self._plan(at_s + gap_s * self.dice.uniform(0.6, 1.4), None)
        self.free_at_s[way.portal] = at_s + BUSY_S + way.lingers_s
        crowd, other = (self.inside, self.outside) if leaves else (self.outside, self.inside)
        resident = crowd.pop(self.dice.randrange(len(crowd)))
        other.append(resident)
        side = Side.EGRESS if leaves else Side.INGRESS
        yield self._visit(at_s, way, Scenario.ORDINARY, resident, side)

    def _somebody_leaves(self, at_s: float) -> bool:
        """Towards the share of people inside that belongs to the hour; nobody stays out or in for ever."""
        if not self.inside or not any(way.exit for way in self.ways):
            if not self.outside:  # they have left by a way that nobody watches
                self.inside, self.outside = [], self.inside
            return False
        share = len(self.inside) / (len(self.inside) + len(self.outside))
        leaving = 0.4 + 3.0 * (share - self._share_inside(at_s))
        return not self.outside or self.dice.random() < max(0.1, min(0.8, leaving))

    def _scene(self, at_s: float, scene: Scene) -> Iterator[Happening]:
        way = self._free_way(at_s, [way for way in self.ways if way.suits(scene)])
        if way is None:
            self._plan(at_s + 1.0, scene)
            return
        self._plan(at_s + scene.every_s * self.dice.uniform(0.85, 1.15), scene)
        self.free_at_s[way.portal] = at_s + scene.busy_s + way.lingers_s
        if isinstance(scene.what, Mishap):
            lasts_s = LASTS_S.get(scene.what, 0.0)
            yield Trouble(at_s=at_s, way=way, mishap=scene.what, lasts_s=lasts_s)
            return
        visit = self._visit(at_s, way, scene.what, self._who(scene.what), Side.INGRESS)
        if scene.what in _AGAIN and visit.resident is not None:
            second = self._visit(at_s + AGAIN_S, way, Scenario.ORDINARY, visit.resident, Side.INGRESS)
            self._plan(second.at_s, second)
        yield visit

    def _free_way(self, at_s: float, ways: Sequence[Way]) -> Way | None:
        free = [way for way in ways if self.free_at_s.get(way.portal, 0.0) <= at_s]
        return self.dice.choice(free) if free else None

    def _who(self, scenario: Scenario) -> Resident | None:
        special = {Scenario.REVOKED: self.population.revoked, Scenario.EXPIRED: self.population.expired}
        if scenario in _FOREIGN:
            return None
        return special.get(scenario) or self.dice.choice(self.population.welcome)

    def _visit(
        self, at_s: float, way: Way, scenario: Scenario, resident: Resident | None, side: Side
    ) -> Visit:
        kind, value = self._presented(way, resident)
        warm_c = {Scenario.ELEVATED: ELEVATED_C, Scenario.RETEST: WARM_C}.get(scenario)
        normal_c = 36.4 if resident is None else resident.baseline_c
        reading_c = round((warm_c or normal_c) + self.dice.gauss(0.0, _READING_SD_C), 1)
        comes = side is Side.INGRESS
        terminal = way.reader is Reader.TERMINAL and comes
        masked = scenario is not Scenario.MASK_MISSING and (resident is None or resident.masked)
        return Visit(
            number=next(self.numbers),
            at_s=at_s,
            way=way,
            scenario=scenario,
            side=side,
            resident=resident,
            kind=kind,
            value=value,
            surface_temp_c=reading_c if way.measures and comes else None,
            masked=masked if terminal else None,
            passes={Scenario.TAILGATE: 2}.get(scenario, 0 if scenario in _STAYS_OUT else 1),
            open_s=HELD_OPEN_S if scenario is Scenario.DOOR_HELD else WALK_THROUGH_S,
        )

    def _presented(self, way: Way, resident: Resident | None) -> tuple[CredentialKind, str]:
        if way.reader is Reader.QR:
            return CredentialKind.QR, ""
        if resident is None:
            face = self.dice.random() < 0.5
            return (CredentialKind.FACE, "") if face else (CredentialKind.CARD, _UNKNOWN_CARD)
        if resident.prefers_card:
            return CredentialKind.CARD, resident.card
        return CredentialKind.FACE, resident.employee_no

    def _share_inside(self, at_s: float) -> float:
        """``INSIDE`` of the moment, from one hour's middle to the next's."""
        local = self._local(at_s - 1800.0)
        past = local.minute / 60
        return INSIDE[local.hour] * (1 - past) + INSIDE[(local.hour + 1) % 24] * past

    def _local(self, at_s: float) -> dt.datetime:
        return self.start + dt.timedelta(seconds=at_s)
