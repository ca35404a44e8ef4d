"""What a zone's inputs can show, for the search: all is well, or one thing is wrong in any way it can be.

Written beside the machine's own reading of its inputs and without it, so that the two can disagree.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cardea.contract.zones import Hazard, Permissive
from edge.decide.dose import Optics
from edge.decide.hazards import KINDS, UnitKind
from edge.decide.interlock_state import CONTACTOR, GAS_INSIDE, IRRADIANCE, OUTPUT, Plan
from edge.decide.permissives import Need, Readings
from edge.decide.samples import Contact, Gauge, Sample, Value

STEP_S = 1.0
"""How far apart looks are, when they are; read-back and leases take two such steps."""
SHORT_S = 2 * STEP_S
FROZEN_S = 1000.0
FRESH_S, STALE_S = 0.4, 1.01


@dataclass(frozen=True, slots=True)
class Shown:
    """What one input shows; by default the good thing, freshly."""

    value: Value
    age_s: float = FRESH_S
    since_s: float = 60.0
    moved: bool = True

    def sample(self, now_s: float) -> Sample:
        """As a reading at ``now_s``."""
        return Sample(self.value, now_s - self.age_s, now_s - self.since_s, self.moved)


_ACTIVE, _PASSIVE = Shown(value=True), Shown(value=False)
_CONTACTS: Mapping[Permissive, tuple[str, ...]] = {
    Permissive.ESTOP: ("estop",),
    Permissive.FIRE: ("fire",),
    Permissive.ARM: ("arm",),
    Permissive.DOORS: ("door/0", "door/1"),
    Permissive.OCCUPANCY: ("pir", "mmwave"),
    Permissive.ENCLOSURE: ("enclosure",),
}
_GAUGES: Mapping[Permissive, tuple[str, Gauge, float, float]] = {
    Permissive.GAS: ("gas_adjacent", Gauge(low=0, high=50, good_high=1.0, frozen_s=FROZEN_S), 0.2, 1.5),
    Permissive.WATCHDOG: ("watchdog", Gauge(low=0, high=65535, good_low=20, good_high=20), 20.0, 0.0),
    Permissive.DOSE_METER: (
        IRRADIANCE,
        Gauge(low=0, high=1e5, frozen_s=FROZEN_S, lit_only=True),
        80.0,
        math.nan,
    ),
}
"""Input, instrument, a good reading and a bad one."""
GOOD: Mapping[str, Shown] = {
    **{name: _PASSIVE for names in _CONTACTS.values() for name in names},
    "arm": _ACTIVE,
    **{name: Shown(good) for name, _, good, _ in _GAUGES.values()},
    GAS_INSIDE: Shown(0.4),
    IRRADIANCE: Shown(80.0),
}


def _needs(permissives: tuple[Permissive, ...]) -> Iterator[Need]:
    for permissive in permissives:
        for name in _CONTACTS.get(permissive, ()):
            frozen_s = FROZEN_S if permissive is Permissive.OCCUPANCY else None
            expects = Contact(good=name == "arm", frozen_s=frozen_s)
            yield Need(permissive=permissive, input=name, expects=expects, technology=name)
        if permissive in _GAUGES:
            name, gauge, _, _ = _GAUGES[permissive]
            yield Need(permissive=permissive, input=name, expects=gauge)


_COMMON = (Permissive.ESTOP, Permissive.FIRE, Permissive.ARM, Permissive.WATCHDOG)
_BY_HAZARD: Mapping[Hazard, tuple[Permissive, ...]] = {
    Hazard.EXCLUSION: (*_COMMON, Permissive.DOORS, Permissive.OCCUPANCY),
    Hazard.DOSE_LIMITED: (*_COMMON, Permissive.DOORS, Permissive.DOSE_METER),
    Hazard.ENCLOSED: (*_COMMON, Permissive.ENCLOSURE),
}


def plan(unit: UnitKind) -> Plan:
    """A zone with a unit of this kind, with times short enough to search."""
    kind = KINDS[unit]
    gas = (Permissive.GAS,) if kind.gas is not None else ()
    aimed = kind.hazard is Hazard.ENCLOSED
    metered = kind.uv_mj_cm2 is not None and kind.hazard is not Hazard.EXCLUSION
    return Plan(
        kind=kind,
        needs=tuple(_needs((*_BY_HAZARD[kind.hazard], *gas))),
        vacuous=frozenset() if gas else frozenset({Permissive.GAS}),
        commissioned=True,
        contactor=kind.hazard is not Hazard.ENCLOSED,
        gas_inside=Gauge(low=0, high=50, good_high=0.5, frozen_s=FROZEN_S) if gas else None,
        optics=Optics(e_max_uw_cm2=100, e_worst_uw_cm2=50, reference_uw_cm2=80) if metered else None,
        budget_mj_cm2=0.21 if kind.hazard is Hazard.DOSE_LIMITED else None,
        emit_s=SHORT_S,
        dose_mj_cm2_min=0.09 if aimed else None,
        run_s_max=SHORT_S + STEP_S,
        dose_mj_cm2_max=0.35 if aimed else None,
        cycles_per_day_max=4,
        dwell_s=STEP_S,
        clearance_s=STEP_S,
        warn_s=SHORT_S,
        quiet_s=SHORT_S,
        off_s=STEP_S,
        note_s_max=SHORT_S,
        stop_s_max=STEP_S,
        blind_s_max=STEP_S,
        air_s_max=SHORT_S + STEP_S,
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """What all inputs show; outputs show what they were told unless ``shown`` says otherwise."""

    name: str
    shown: tuple[tuple[str, Shown | None], ...] = ()
    """Inputs that show something else than the good; ``None``: nothing at all."""
    contrary: frozenset[str] = frozenset()
    """Outputs that show the opposite of what they were told."""

    def readings(self, inputs: frozenset[str], told: Mapping[str, bool], now_s: float) -> Readings:
        """The samples at ``now_s``."""
        shows: dict[str, Shown | None] = {name: GOOD[name] for name in inputs if name in GOOD}
        shows |= {name: Shown(float(on is not (name in self.contrary))) for name, on in told.items()}
        shows |= {name: shown for name, shown in self.shown if name in inputs or name in told}
        return {name: shown.sample(now_s) for name, shown in shows.items() if shown is not None}

    def sound(self, inputs: frozenset[str]) -> bool:
        """Whether nothing in it is wrong with any of ``inputs``."""
        wrong = {name for name, _ in self.shown} | self.contrary
        return not wrong & inputs


ALL_WELL = Scene("all well")


def inputs_of(plan: Plan) -> frozenset[str]:
    """The inputs that this zone has, apart from what its unit shows of its outputs."""
    sensed = {need.input for need in plan.needs}
    gas = {GAS_INSIDE} if plan.gas_inside is not None else set[str]()
    light = {IRRADIANCE} if plan.optics is not None else set[str]()
    return frozenset(sensed | gas | light)


def outputs_of(plan: Plan) -> tuple[str, ...]:
    """What the unit shows of its outputs."""
    return (OUTPUT, CONTACTOR) if plan.contactor else (OUTPUT,)


def scenes(plan: Plan) -> tuple[Scene, ...]:
    """Every input and every way in which it can be wrong; and everything wrong at once."""
    each = tuple(scene for name in sorted(inputs_of(plan)) for scene in _wrong(name))
    unit = tuple(scene for name in outputs_of(plan) for scene in _wrong_output(name))
    everything = tuple((name, None) for name in sorted(inputs_of(plan)))
    both = Scene("fire and unit", (("fire", _ACTIVE),), frozenset({OUTPUT}))
    return (ALL_WELL, *each, *unit, both, Scene("nothing known", everything))


def _wrong(name: str) -> Iterator[Scene]:
    good = GOOD[name]
    ways: dict[str, Shown | None] = {
        "missing": None,
        "stale": replace(good, age_s=STALE_S),
        "from the future": replace(good, age_s=-5.0),
        "bad, stale": replace(good, value=_bad(name), age_s=STALE_S),
        "bad": replace(good, value=_bad(name)),
        "contradictory": replace(good, value=None),
        "not a number": replace(good, value=math.nan),
    }
    if not isinstance(good.value, bool):
        ways |= {"out of range": replace(good, value=-1.0), "endless": replace(good, value=math.inf)}
    if name in ("pir", "mmwave", "gas_adjacent", GAS_INSIDE):
        ways["frozen"] = replace(good, since_s=FROZEN_S + 1)
    if name in ("pir", "mmwave"):
        ways["never moved"] = replace(good, moved=False)
    yield from (Scene(f"{name} {way}", ((name, shown),)) for way, shown in ways.items())


def _bad(name: str) -> Value:
    value = GOOD[name].value
    if isinstance(value, bool):
        return not value
    bad = {name: bad for name, _, _, bad in _GAUGES.values()}
    return bad.get(name, 0.6)


def _wrong_output(name: str) -> Iterator[Scene]:
    yield Scene(f"{name} contrary", contrary=frozenset({name}))
    for way, shown in {
        "missing": None,
        "stale": Shown(0.0, age_s=STALE_S),
        "contradictory": Shown(None),
        "not a number": Shown(math.nan),
        "out of range": Shown(2.0),
    }.items():
        yield Scene(f"{name} {way}", ((name, shown),))
