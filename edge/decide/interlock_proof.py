"""An exhaustive search of the interlock for a breach of SAFETY.md's D rules.

Breadth first over every reachable state × every event × every input value, fresh, stale or missing × a crash
at any moment, with the disk up to date or behind. Beside the machine stands a model of what is outside it:
the unit, the air, the disk and a watch that has never looked away. The laws are written against that model.

Ages are kept only as far as they matter, and the zone's times are short (``interlock_scenes.plan``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from cardea.contract.zones import CycleOutcome, Permissive, Standing, StopReason, ZoneState
from edge.decide import interlock
from edge.decide.dose import NOTHING_EMITTED, total
from edge.decide.hazards import UnitKind
from edge.decide.interlock_events import (
    Booted,
    Cleared,
    ClearZoneAlert,
    CutOutput,
    Effect,
    Event,
    Kept,
    LeaseConfirmed,
    Noted,
    OpenContactor,
    Output,
    RaiseZoneAlert,
    RenewLease,
    SoundWarning,
    StartOrdered,
    StopOrdered,
    Tick,
    Warrant,
    WriteCycle,
)
from edge.decide.interlock_scenes import (
    ALL_WELL,
    FRESH_S,
    SHORT_S,
    STEP_S,
    Scene,
    inputs_of,
    outputs_of,
    plan,
    scenes,
)
from edge.decide.interlock_state import (
    CONTACTOR,
    GAS_INSIDE,
    IRRADIANCE,
    METER,
    OUTPUT,
    Interlock,
    Plan,
    Step,
    kept,
)
from edge.decide.interlock_table import HOT, RESTING
from edge.decide.permissives import Readings, sensed
from edge.decide.samples import level, standing
from edge.decide.search import Proof, search

Machine = Callable[[Interlock, Event, Readings, float, Plan], Step]
Keep = Callable[[Interlock, Plan], Kept | None]
Stepped = Callable[[Interlock, "Move"], Step]

STATES_MAX = 200_000
LEASE_S_MAX = 2.0
"""D3."""
ENERGISED = (ZoneState.PRECHECK, ZoneState.WARN, ZoneState.EMIT)
CASES: Mapping[str, UnitKind] = {
    "zone, open 254 nm": UnitKind.UV254_OPEN,
    "zone, fog": UnitKind.H2O2_FOG,
    "zone, far-UVC": UnitKind.UV222,
    "zone, enclosed": UnitKind.UV254_ENCLOSED,
}
"""One unit for each way in which permissives and stages come together."""
HARMLESS = (RenewLease, CutOutput, OpenContactor, SoundWarning, RaiseZoneAlert, ClearZoneAlert, WriteCycle)
"""Effects that address the unit or tell somebody; none of them a door."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The gateway dies and starts again with what the disk says, or with a disk that says nothing."""

    readable: bool = True


@dataclass(frozen=True, slots=True)
class Truth:
    """What a scene is to the laws, whatever the machine makes of it."""

    vital: bool = True
    """Every input that emission rests on is in order, outputs too."""
    inputs: bool = True
    """So is every input, whatever the outputs show."""
    outputs: bool = True
    contrary: bool = False
    """An output shows the opposite of what it was told."""
    low: bool = True
    """The gas in the zone is freshly known to be low."""
    burning: bool = False
    """The fire contact freshly says alarm."""


@dataclass(frozen=True, slots=True)
class Move:
    """``event`` happens ``after_s`` later, while the inputs show ``scene``."""

    event: Event | Crash
    scene: Scene = ALL_WELL
    after_s: float = 0.0
    truth: Truth = Truth()


@dataclass(frozen=True, slots=True)
class World:
    """The machine and what is outside it; times are relative to now."""

    state: Interlock
    disk: Kept | None = None
    unbroken: bool = False
    """Every look since the warning began has found everything in order."""
    warned_s: float = 0.0
    """Since the warning began, as long as it or the emission goes on."""
    lit_s: float = 0.0
    """How long this cycle has emitted."""
    emitted: bool = False
    """Something was emitted since the zone was last released or cleared."""
    in_air: bool = False
    """Gas was emitted and has not been measured away."""
    low_s: float | None = None
    """For how long every look has found the gas low."""
    contrary_s: float | None = None
    """For how long every look has found an output that does not as it was told."""
    owed: bool = False
    """A cycle has begun that is not written down."""
    stopped: bool = False
    """A stop came, and nobody has cleared it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of the world, as the laws see it."""

    before: World
    move: Move
    effects: tuple[Effect, ...]
    after: World
    plan: Plan

    @property
    def phase(self) -> ZoneState:
        """Where the zone is now."""
        return self.after.state.phase

    @property
    def renews_emitter(self) -> bool:
        """Whether the emitter is kept on."""
        return any(isinstance(e, RenewLease) and e.output is Output.EMITTER for e in self.effects)

    @property
    def entered(self) -> bool:
        """Whether the step led to another state."""
        return self.phase is not self.before.state.phase

    def emits(self, kind: type[Effect]) -> bool:
        """Whether an effect of this kind came out."""
        return any(isinstance(effect, kind) for effect in self.effects)


# --- the alphabet -------------------------------------------------------------------------------

STARTER, OTHER = "Ada", "Bo"
START = StartOrdered(Warrant(cycle="c", by=STARTER, confirmed_by=OTHER), SHORT_S)
ALONE = StartOrdered(Warrant(cycle="c", by=STARTER, confirmed_by=" ada "), SHORT_S)
CLEAR = Cleared(OTHER, "looked at it")
CLEAR_BY_STARTER = Cleared("ADA", "looked at it")
_EVENTS: tuple[Event, ...] = (
    START,
    ALONE,
    StartOrdered(START.warrant, 0.0),
    StartOrdered(START.warrant, interlock.START_S_MAX + 1),
    StartOrdered(START.warrant, SHORT_S, cycles_today=4),
    StopOrdered(),
    CLEAR,
    CLEAR_BY_STARTER,
    Cleared(" ", "looked at it"),
    Cleared(OTHER, " "),
    Noted("c"),
    Noted("another"),
    LeaseConfirmed(Output.EMITTER),
    LeaseConfirmed(Output.CONTACTOR),
)


def moves(zone: Plan) -> tuple[Move, ...]:
    """Every scene at once and a step later; every event; starts and clearings in every scene; crashes."""
    seen = _distinct(zone)
    looks = tuple(Move(Tick(), scene, after_s, how) for scene, how in seen for after_s in (0.0, STEP_S))
    asked = tuple(Move(event, scene, 0.0, how) for event in (START, CLEAR) for scene, how in seen[1:])
    events = tuple(Move(event) for event in _EVENTS)
    return (*events, *looks, *asked, Move(Crash()), Move(Crash(readable=False)))


def _distinct(zone: Plan) -> tuple[tuple[Scene, Truth], ...]:
    """One scene for each way in which scenes differ to the machine or to the laws.

    Every input value in every age is looked at here, by both; what neither can tell apart is searched once.
    """
    classes: dict[object, tuple[Scene, Truth]] = {}
    for scene in scenes(zone):
        how = _truth(scene, zone)
        classes.setdefault((_to_the_machine(scene, zone), how), (scene, how))
    return tuple(classes.values())


def _to_the_machine(scene: Scene, zone: Plan) -> object:
    """All that the machine takes from the readings, whether it emits or rests."""
    seen: list[object] = []
    for phase in (ZoneState.IDLE, ZoneState.WARN, ZoneState.EMIT):
        state = Interlock(phase=phase)
        found = scene.readings(inputs_of(zone), told(state, zone), 0.0)
        lit_s = 0.0 if phase is ZoneState.EMIT else None
        stands = sensed(zone.needs, found, 0.0, lit_s)
        seen += [(each, how is Standing.OK) for each, how in sorted(stands.items())]
        seen.append(stands[Permissive.FIRE] is Standing.NOT_OK)
        seen += [level(found.get(output), 0.0) for output in outputs_of(zone)]
        seen.append(standing(METER, found.get(IRRADIANCE), 0.0, lit_s) is Standing.OK)
        inside = zone.gas_inside and standing(zone.gas_inside, found.get(GAS_INSIDE), 0.0, None)
        seen.append(inside if inside in (None, Standing.OK, Standing.NOT_OK) else Standing.MISSING)
    return tuple(seen)


def _truth(scene: Scene, zone: Plan) -> Truth:
    outputs = frozenset(outputs_of(zone))
    fire = dict(scene.shown).get("fire")
    return Truth(
        vital=scene.sound(_vital(zone)),
        inputs=scene.sound(_vital(zone) - outputs),
        outputs=scene.sound(outputs),
        contrary=bool(scene.contrary & outputs),
        low=scene.sound(frozenset({GAS_INSIDE})),
        burning=fire is not None and fire.value is True and fire.age_s == FRESH_S,
    )


def _vital(zone: Plan) -> frozenset[str]:
    """Inputs that must be in order for emission: all but the sensor in the zone, and the meter of a lamp that
    nobody may be near."""
    return frozenset({need.input for need in zone.needs}) | frozenset(outputs_of(zone))


# --- the laws -----------------------------------------------------------------------------------


def _emission_rests_on_everything(taken: Taken) -> bool:
    """Emit ∧ ¬P is unreachable."""
    after = taken.after
    return not taken.renews_emitter or (after.unbroken and after.warned_s >= taken.plan.warn_s)


def _emission_is_only_in_emit(taken: Taken) -> bool:
    return taken.renews_emitter == (taken.phase is ZoneState.EMIT)


def _leases_are_short(taken: Taken) -> bool:
    return all(0 < e.lease_s <= LEASE_S_MAX for e in taken.effects if isinstance(e, RenewLease))


def _a_start_is_off_first(taken: Taken) -> bool:
    if not isinstance(taken.move.event, Crash):
        return True
    return taken.effects[:2] == (CutOutput(), OpenContactor()) and not taken.emits(RenewLease)


def _a_start_resumes_nothing(taken: Taken) -> bool:
    if not isinstance(taken.move.event, Crash):
        return True
    locked = taken.phase is ZoneState.LOCKOUT
    return locked if taken.before.emitted else locked or taken.phase is ZoneState.IDLE


def _the_disk_knows_before_emission(taken: Taken) -> bool:
    return not taken.renews_emitter or taken.before.disk is not None


def _a_unit_that_does_not_obey_is_cut(taken: Taken) -> bool:
    contrary_s = taken.after.contrary_s
    if contrary_s is None or contrary_s <= 1.0:
        return True
    cut = taken.emits(CutOutput) and taken.emits(OpenContactor)
    return taken.phase in (ZoneState.STOPPING, ZoneState.LOCKOUT) and cut


def _a_stop_is_obeyed(taken: Taken) -> bool:
    return not isinstance(taken.move.event, StopOrdered) or taken.phase not in (*ENERGISED, *HOT)


def _a_start_needs_everybody_and_everything(taken: Taken) -> bool:
    if not taken.entered or taken.phase is not ZoneState.PRECHECK:
        return True
    event, two = taken.move.event, taken.plan.kind.two_people
    return event == START or (event == ALONE and not two)


def _nothing_starts_on_a_bad_input(taken: Taken) -> bool:
    begins = taken.entered and taken.phase is ZoneState.PRECHECK
    return not begins or taken.move.truth.vital


def _a_lockout_is_latched(taken: Taken) -> bool:
    was = taken.before.state.phase is ZoneState.LOCKOUT
    if not was or taken.phase is ZoneState.LOCKOUT or isinstance(taken.move.event, Crash):
        return True
    return _cleared_by_another(taken) and taken.move.truth.outputs


def _cleared_by_another(taken: Taken) -> bool:
    """Where nobody had started anything, anybody may."""
    nobody_s = taken.before.state.warrant is None
    return taken.move.event == CLEAR or (nobody_s and taken.move.event == CLEAR_BY_STARTER)


def _a_stop_ends_in_a_lockout(taken: Taken) -> bool:
    """Out of a state in which something may have been on, no way round the lockout."""
    before = taken.before.state.phase
    stopping = before in (*HOT, ZoneState.STOPPING) and taken.entered
    onwards = (ZoneState.STOPPING, ZoneState.LOCKOUT, *HOT, ZoneState.RELEASED)
    return not stopping or isinstance(taken.move.event, Crash) or taken.phase in onwards


def _a_release_is_measured(taken: Taken) -> bool:
    if not taken.entered or taken.phase is not ZoneState.RELEASED or not taken.plan.kind.aerates:
        return True
    return taken.after.low_s is not None and taken.after.low_s >= taken.plan.quiet_s


def _nobody_enters_what_is_in_the_air(taken: Taken) -> bool:
    return not (taken.after.in_air and taken.phase in RESTING)


def _fire_stops(taken: Taken) -> bool:
    crashed = isinstance(taken.move.event, Crash)
    stopped = taken.phase not in (*ENERGISED, *HOT) or taken.move.event == CLEAR
    return not taken.move.truth.burning or crashed or stopped


def _egress_is_free(taken: Taken) -> bool:
    """Nothing that a zone can ask for reaches a door."""
    return all(type(effect) in HARMLESS for effect in taken.effects)


def _run_time_is_capped(taken: Taken) -> bool:
    return not taken.renews_emitter or taken.after.lit_s <= taken.plan.run_s_max


def _every_cycle_is_written_once(taken: Taken) -> bool:
    written = sum(isinstance(effect, WriteCycle) for effect in taken.effects)
    if isinstance(taken.move.event, Crash):
        return written <= 1
    over = taken.phase in (*RESTING, ZoneState.LOCKOUT)
    return written == (1 if taken.before.owed and over else 0)


def _aborted_is_not_disinfected(taken: Taken) -> bool:
    done = any(isinstance(e, WriteCycle) and e.outcome is CycleOutcome.COMPLETED for e in taken.effects)
    return not done or (taken.phase is ZoneState.RELEASED and not taken.before.stopped)


LAWS: Mapping[str, Callable[[Taken], bool]] = {
    "D1 no emission without every permissive since the warning": _emission_rests_on_everything,
    "D1 no emission outside EMIT": _emission_is_only_in_emit,
    "D2 nothing starts on a bad input": _nothing_starts_on_a_bad_input,
    "D3 leases are short": _leases_are_short,
    "D5 a start is off first": _a_start_is_off_first,
    "D5 a start resumes nothing": _a_start_resumes_nothing,
    "D5 the disk knows before anything is emitted": _the_disk_knows_before_emission,
    "D6 a unit that does not obey is cut": _a_unit_that_does_not_obey_is_cut,
    "D7 a stop is obeyed": _a_stop_is_obeyed,
    "D7 a start needs order, time and people": _a_start_needs_everybody_and_everything,
    "D7 a lockout is latched": _a_lockout_is_latched,
    "D7 a stop ends in a lockout": _a_stop_ends_in_a_lockout,
    "D8 a release is measured": _a_release_is_measured,
    "D8 nobody enters what is in the air": _nobody_enters_what_is_in_the_air,
    "D9 fire stops": _fire_stops,
    "D9 egress is never blocked": _egress_is_free,
    "D10 run time is capped": _run_time_is_capped,
    "D12 every cycle is written once": _every_cycle_is_written_once,
    "D12 aborted is not disinfected": _aborted_is_not_disinfected,
}


# --- the search ---------------------------------------------------------------------------------


def prove(unit: UnitKind, machine: Machine = interlock.step, keep: Keep = kept) -> Proof[Move]:
    """Search everything that a zone with such a unit can come to; stops at the first breach.

    Raises RuntimeError when there are more than ``STATES_MAX`` states: the abstraction has a hole.
    """
    zone = plan(unit)
    stepped = _stepped(machine, zone)
    first = World(machine(Interlock(), Booted(), {}, 0.0, zone)[0])
    first = replace(first, state=_brief(first.state, zone))
    alphabet = moves(zone)

    def follow(world: World) -> Iterator[tuple[Move, Iterable[Taken]]]:
        alike = set[object]()
        for move in alphabet:
            judged = _says_nothing(world, move) or _comes_to_the_same(world, move, stepped, alike)
            yield move, () if judged else _taken(world, move, zone, stepped, keep)

    return search(first, follow, LAWS, STATES_MAX)


def _comes_to_the_same(world: World, move: Move, stepped: Stepped, alike: set[object]) -> bool:
    """Whether another look at this world had the same outcome under the same truth: that has been judged."""
    if not isinstance(move.event, Tick):
        return False
    outcome = (move.after_s, move.truth, stepped(world.state, move))
    known = outcome in alike
    alike.add(outcome)
    return known


def _says_nothing(world: World, move: Move) -> bool:
    """A start where nothing rests or a clearing where nothing is locked out is tried when all is well."""
    phase = world.state.phase
    idle = isinstance(move.event, StartOrdered) and phase not in RESTING
    idle = idle or (isinstance(move.event, Cleared) and phase is not ZoneState.LOCKOUT)
    return idle and move.scene is not ALL_WELL


def _stepped(machine: Machine, zone: Plan) -> Stepped:
    """The machine in one zone, each step computed once, with times relative to the moment after it."""
    known: dict[tuple[Interlock, int], Step] = {}
    shown: dict[tuple[Scene, float, bool, bool], Readings] = {}
    inputs = inputs_of(zone)

    def readings(state: Interlock, move: Move) -> Readings:
        key = (move.scene, move.after_s, state.phase is ZoneState.EMIT, state.phase in ENERGISED)
        if key not in shown:
            shown[key] = move.scene.readings(inputs, told(state, zone), move.after_s)
        return shown[key]

    def stepped(state: Interlock, move: Move) -> Step:
        assert not isinstance(move.event, Crash)
        key = (state, id(move))
        if isinstance(move.event, Booted) or key not in known:
            after, effects = machine(state, move.event, readings(state, move), move.after_s, zone)
            known[key] = (_brief(after, zone), effects)
        return known[key]

    return stepped


def _taken(world: World, move: Move, zone: Plan, stepped: Stepped, keep: Keep) -> Iterator[Taken]:
    """The step, with the disk written and, where that differs, with the disk behind: by one note, or without
    any as long as it likes."""
    event = move.event
    behind = world.disk != keep(world.state, zone)
    if isinstance(event, Noted) and behind:
        return
    if isinstance(event, Crash):
        found = world.disk if event.readable else None
        state, effects = stepped(Interlock(), Move(Booted(found, event.readable)))
        after = replace(world, state=state, owed=False, unbroken=False, contrary_s=None, low_s=None)
        after = replace(after, lit_s=0.0, warned_s=0.0, stopped=world.emitted)
    else:
        state, effects = stepped(world.state, move)
        after = observed(world, move, state, effects, zone)
    keeps = keep(state, zone)
    unwritten = keeps != after.disk
    if unwritten and (not behind or world.disk is None):
        yield Taken(world, move, effects, after, zone)
    if unwritten:
        after = replace(after, disk=keeps)
    yield Taken(world, move, effects, after, zone)


def told(state: Interlock, zone: Plan) -> Mapping[str, bool]:
    """What each output was told."""
    wanted = {OUTPUT: state.phase is ZoneState.EMIT, CONTACTOR: state.phase in ENERGISED}
    return {name: wanted[name] for name in outputs_of(zone)}


def observed(world: World, move: Move, state: Interlock, effects: tuple[Effect, ...], zone: Plan) -> World:
    """What the step has come to outside the machine."""
    before, phase, after_s = world.state.phase, state.phase, move.after_s
    renews = any(isinstance(e, RenewLease) and e.output is Output.EMITTER for e in effects)
    truth = move.truth
    well = truth.inputs if truth.contrary else truth.vital
    begins = phase is ZoneState.WARN and before is not ZoneState.WARN
    running = phase in (ZoneState.WARN, ZoneState.EMIT)
    low = zone.gas_inside is not None and truth.low
    settled = phase is ZoneState.RELEASED or (before is ZoneState.LOCKOUT and phase is not before)
    measured = phase is ZoneState.RELEASED
    written = any(isinstance(effect, WriteCycle) for effect in effects)
    starts = phase is ZoneState.PRECHECK and before is not phase
    stops = phase in (ZoneState.STOPPING, ZoneState.LOCKOUT)
    lit_s = world.lit_s + (after_s if before is ZoneState.EMIT else 0.0)
    return World(
        state,
        disk=world.disk,
        unbroken=running and well and (begins or world.unbroken),
        warned_s=_clip(world.warned_s + after_s, zone.warn_s) if running and not begins else 0.0,
        lit_s=lit_s if phase is ZoneState.EMIT else 0.0,
        emitted=(world.emitted or renews) and not settled,
        in_air=(world.in_air or (renews and zone.kind.aerates)) and not measured,
        low_s=_clip(_grown(world.low_s, after_s), zone.quiet_s) if low else None,
        contrary_s=_clip(_grown(world.contrary_s, after_s), SHORT_S) if truth.contrary else None,
        owed=(world.owed or starts) and not written,
        stopped=(world.stopped and not starts) or stops,
    )


def _grown(age_s: float | None, after_s: float) -> float:
    return 0.0 if age_s is None else age_s + after_s


def _clip(age_s: float, s_max: float) -> float:
    return min(age_s, s_max)


_TIMED = (ZoneState.WARN, ZoneState.DWELL, ZoneState.VERIFY, ZoneState.STOPPING)


def _brief(state: Interlock, zone: Plan) -> Interlock:
    """The state with its times relative to now, and forgotten where they no longer matter."""
    now_s, phase = state.at_s, state.phase
    airing = phase in (ZoneState.AERATE, ZoneState.VERIFY)

    def age(at_s: float | None, s_max: float) -> float | None:
        return None if at_s is None else -min(now_s - at_s, s_max)

    dose, spent = NOTHING_EMITTED, round(min(total(state.spent, now_s), zone.budget_mj_cm2 or 0.0), 6)
    if phase is ZoneState.EMIT:
        dose = replace(
            state.dose,
            lower_mj_cm2=round(state.dose.lower_mj_cm2, 6) if zone.dose_mj_cm2_min else 0.0,
            upper_mj_cm2=round(state.dose.upper_mj_cm2, 6) if zone.dose_mj_cm2_max else 0.0,
            seen_uw_cm2=state.dose.seen_uw_cm2 if zone.dose_mj_cm2_min else None,
        )
    return replace(
        state,
        at_s=0.0,
        entered_s=age(state.entered_s, SHORT_S) or 0.0 if phase in _TIMED else 0.0,
        until_s=max(0.0, state.until_s - now_s) if phase in ENERGISED else 0.0,
        leased_s=age(state.leased_s, SHORT_S) if phase in ENERGISED else None,
        astray_s=age(state.astray_s, SHORT_S),
        aired_s=(age(state.aired_s, zone.air_s_max + STEP_S) or 0.0) if airing else 0.0,
        quiet_s=age(state.quiet_s, zone.quiet_s) if airing else None,
        blind_s=age(state.blind_s, SHORT_S) if airing else None,
        noted=state.noted and phase is ZoneState.WARN,
        stopped=None if state.stopped is None else StopReason.ORDERED,
        dose=dose,
        spent=((0.0, spent),) if spent and zone.budget_mj_cm2 is not None else (),
        standings=(),
    )
