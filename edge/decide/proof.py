"""An exhaustive search of the portal machine for a breach of SAFETY.md's L rules.

Breadth first over every reachable state × every event × fresh, old and missing readings × a crash at any
moment, with the disk up to date or behind. Beside the machine stands a model of what is outside it: the lock,
which holds or ends its own pulse, and the disk. The laws are written against that model, not against the
machine's own idea of itself.

Ages are kept only as far as they matter. The clocks that run for long (vestibule, drill, held leaf) are
either young or due, and any of them may fall due at any time (``Passes``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cardea.contract.records import Mode, Outcome, Side
from edge.decide import portal
from edge.decide.decision import Decision, Effect, EndHold, HoldReleased, ReleaseDoor
from edge.decide.events import (
    ActuatorReturned,
    Booted,
    CommitRecovered,
    CommitStalled,
    Decided,
    DrillStarted,
    EgressRequested,
    Event,
    FireRead,
    InputsStale,
    LeafMoved,
    LockdownChanged,
    ManualReset,
    OccupancyRead,
    ReleaseOrdered,
    TerminalOpened,
    Tick,
)
from edge.decide.evidence import FireInput
from edge.decide.leaf import DRILL_S_MAX, FORCED_GRACE_S, VESTIBULE_S_MAX
from edge.decide.lock import HELD, RELEASE_S_MAX, Fitting, Kept, Phase, PortalState, Step
from edge.decide.search import Proof, search

Machine = Callable[[PortalState, Event, float, Fitting], Step]
Brief = Callable[[PortalState, Fitting], PortalState]
"""The state with everything left out that no longer makes a difference."""
Stepped = Callable[[PortalState, Event, float], Step]
"""The machine in one portal, each step computed once, with times relative to the moment after it."""

STEP_S = 0.25
"""How far apart events are, when they are; debounce, pulse and staleness take two such steps."""
SHORT_S = 2 * STEP_S
STATES_MAX = 500_000
ALARM_S_MAX = 0.5
"""L4: from the alarm to the release."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The gateway dies and starts again with what the disk says."""


@dataclass(frozen=True, slots=True)
class Passes:
    """A long time goes by in which every reading is renewed and nothing else happens."""


@dataclass(frozen=True, slots=True)
class Move:
    """``event`` happens ``after_s`` later."""

    event: Event | Crash | Passes
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class World:
    """The machine and what is outside it; times are relative to now."""

    state: PortalState
    held: bool = False
    """The lock was told to hold released."""
    pulse_s: float = 0.0
    """How long the lock's own timed release goes on."""
    disk: Kept = Kept.NOTHING
    latched: bool = False
    """An alarm was settled and nobody has reset it."""
    alarm_s: float | None = None
    """For how long every sample has said alarm."""
    forgot: bool = False
    """A crash came before the disk knew of the hold."""

    @property
    def open(self) -> bool:
        """Whether somebody in front of the leaf can go through."""
        return self.held or self.pulse_s > 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of the world, as the laws see it."""

    before: World
    move: Move
    effects: tuple[Effect, ...]
    after: World
    fitting: Fitting
    stepped: Stepped

    @property
    def event(self) -> Event | Crash | Passes:
        """What happened."""
        return self.move.event

    def instead(self, event: Event, state: PortalState | None = None) -> Step:
        """What the machine would have done with another event, or in another state."""
        return self.stepped(state or self.before.state, event, self.move.after_s)

    def emits(self, *kinds: type[Effect]) -> bool:
        """Whether an effect of one of these kinds came out."""
        return any(isinstance(effect, kinds) for effect in self.effects)


# --- the alphabet -------------------------------------------------------------------------------


def _granted(side: Side, mode: Mode = Mode.LIVE) -> Decided:
    return Decided(Decision(Outcome.GRANT, (), mode, 1, {}, (ReleaseDoor(side, SHORT_S),)))


ENTER, LEAVE, HISTORY = (
    _granted(Side.INGRESS),
    _granted(Side.EGRESS),
    _granted(Side.INGRESS, Mode.BACKFILLED),
)
LEAVING: tuple[Event, ...] = (EgressRequested(), LEAVE, DrillStarted())
"""Every way in which a machine is asked to let somebody out."""
ENTERING: tuple[Event, ...] = (ENTER, HISTORY, ReleaseOrdered())
FIRE: tuple[Event, ...] = (
    FireRead(active=True),
    FireRead(active=False),
    FireRead(active=None),
    InputsStale(),
)
LOCK: tuple[Event, ...] = (
    *FIRE,
    *LEAVING[:2],
    *ENTERING,
    TerminalOpened(),
    LockdownChanged(on=True),
    LockdownChanged(on=False),
    ManualReset(),
    ActuatorReturned(),
)
"""Everything that can move a lock."""
VESTIBULE: tuple[Event, ...] = (
    FireRead(active=True),
    FireRead(active=False),
    InputsStale(),
    OccupancyRead(occupied=None),
    OccupancyRead(occupied=False),
    ManualReset(),
)
"""The vestibule asks for releases by itself; here it meets the fire loop."""
LEAF: tuple[Event, ...] = (
    *LEAVING,
    ENTER,
    LeafMoved(open=True),
    LeafMoved(open=False),
    OccupancyRead(occupied=True),
    OccupancyRead(occupied=False),
    ManualReset(),
    CommitStalled(),
    CommitRecovered(),
)
"""Everything that leaf, drill and store can meet; what the fire loop does is searched with ``LOCK``."""


UNANNOUNCED: tuple[Event, ...] = (*FIRE, EgressRequested(), ENTER)
"""Also tried late, without a tick in between; what is due by then must not be skipped."""


def moves(alphabet: Sequence[Event]) -> tuple[Move, ...]:
    """Every event; time alone, a step or long; an event before its tick; a crash; a quiet hour."""
    late = tuple(Move(event, STEP_S) for event in UNANNOUNCED if event in alphabet)
    time = (Move(Tick()), Move(Tick(), STEP_S), Move(Tick(), 10.0), Move(Passes()), Move(Crash()))
    return (*(Move(event) for event in alphabet), *late, *time)


# --- the laws -----------------------------------------------------------------------------------


def _egress_is_free(taken: Taken) -> bool:
    return taken.event not in LEAVING or taken.after.open


def _nothing_is_relocked(taken: Taken) -> bool:
    """What is open while latched or in trouble stays open, also past the end of its own pulse (L4)."""
    lasting = taken.before.held or taken.before.pulse_s > taken.move.after_s
    was_open = taken.before.open if _bad(taken.before) else lasting
    return not (was_open and _bad(taken.after)) or taken.after.open


def _bad(world: World) -> bool:
    return world.latched or world.state.loop.settled is FireInput.TROUBLE


def _a_latch_holds(taken: Taken) -> bool:
    return not taken.after.latched or taken.after.held


def _only_a_reset_or_a_sound_loop_ends_a_hold(taken: Taken) -> bool:
    if not taken.emits(EndHold):
        return True
    sound = taken.after.state.loop.settled is FireInput.NORMAL or not taken.fitting.fire_fitted
    return sound and (not taken.before.latched or isinstance(taken.event, ManualReset))


def _an_alarm_opens_in_time(taken: Taken) -> bool:
    late = (
        taken.fitting.fire_fitted and taken.after.alarm_s is not None and taken.after.alarm_s >= ALARM_S_MAX
    )
    return not late or taken.after.held


def _trouble_opens_what_no_wire_opens(taken: Taken) -> bool:
    wired = taken.fitting.hardwired_fire_release or not taken.fitting.fire_fitted
    return wired or taken.after.state.loop.settled is not FireInput.TROUBLE or taken.after.held


def _a_start_pulses_nothing(taken: Taken) -> bool:
    """And releases nothing but what the disk says was held."""
    if not isinstance(taken.event, Crash):
        return True
    return taken.effects == (() if taken.before.disk is Kept.NOTHING else (HoldReleased(),))


def _a_healthy_input_releases_nothing(taken: Taken) -> bool:
    """Nothing opens that was not open or due to open; a contact that contradicts itself is not healthy."""
    if taken.event != FireRead(active=False) or taken.after.state.loop.settled is FireInput.TROUBLE:
        return True
    _, due = taken.instead(Tick())
    due_to_open = any(isinstance(effect, (ReleaseDoor, HoldReleased)) for effect in due)
    return taken.before.open or due_to_open or not taken.emits(ReleaseDoor, HoldReleased)


def _no_pulse_into_a_hold(taken: Taken) -> bool:
    """A pulse ends in a relock."""
    into_hold = taken.before.held and taken.after.held and not taken.before.forgot
    return not (into_hold and taken.emits(ReleaseDoor))


def _every_release_is_bounded_or_held_for_a_cause(taken: Taken) -> bool:
    caused = taken.after.state.phase in HELD or taken.after.forgot
    return taken.after.pulse_s <= RELEASE_S_MAX and (not taken.after.held or caused)


def _lockdown_does_nothing_by_itself(taken: Taken) -> bool:
    if not isinstance(taken.event, LockdownChanged):
        return True
    state, effects = taken.instead(Tick())
    return taken.effects == effects and taken.after.state.phase is state.phase


def _lockdown_never_touches_egress(taken: Taken) -> bool:
    if taken.event not in LEAVING or isinstance(taken.event, (Crash, Passes)):
        return True
    unlocked = replace(taken.before.state, lockdown=not taken.before.state.lockdown)
    return taken.instead(taken.event, unlocked)[1] == taken.effects


def _lockdown_bars_entry(taken: Taken) -> bool:
    barred = taken.event in ENTERING and taken.after.state.lockdown
    return not barred or not any(
        isinstance(effect, ReleaseDoor) and effect.side is Side.INGRESS for effect in taken.effects
    )


def _history_opens_nothing(taken: Taken) -> bool:
    if taken.event != HISTORY:
        return True
    return taken.effects == taken.instead(Tick())[1]


LAWS: Mapping[str, Callable[[Taken], bool]] = {
    "L2 egress is never blocked": _egress_is_free,
    "L3 lockdown does nothing by itself": _lockdown_does_nothing_by_itself,
    "L3 lockdown never touches egress": _lockdown_never_touches_egress,
    "L3 lockdown bars entry": _lockdown_bars_entry,
    "L4 an alarm opens in time": _an_alarm_opens_in_time,
    "L4 a latch holds": _a_latch_holds,
    "L4 only a reset or a sound loop ends a hold": _only_a_reset_or_a_sound_loop_ends_a_hold,
    "L4 nothing released is relocked": _nothing_is_relocked,
    "L4 trouble opens what no wire opens": _trouble_opens_what_no_wire_opens,
    "L4 a healthy input releases nothing": _a_healthy_input_releases_nothing,
    "L6 a start pulses nothing": _a_start_pulses_nothing,
    "L6 every release is bounded or held for a cause": _every_release_is_bounded_or_held_for_a_cause,
    "L6 no pulse into a hold": _no_pulse_into_a_hold,
    "L12 history opens nothing": _history_opens_nothing,
}


# --- the search ---------------------------------------------------------------------------------


def prove(fitting: Fitting, alphabet: Sequence[Event], machine: Machine = portal.step) -> Proof[Move]:
    """Search everything that ``alphabet`` can lead to; stops at the first breach.

    Raises RuntimeError when there are more than ``STATES_MAX`` states: the abstraction has a hole.
    """
    short = replace(fitting, release_s=SHORT_S, inputs_s_max=SHORT_S)
    leaf_watched = any(isinstance(event, LeafMoved) for event in alphabet)
    stepped = _stepped(machine, short, _relative if leaf_watched else _leafless)
    first = World(stepped(PortalState(), Booted(), 0.0)[0])
    alphabet_moves = moves(alphabet)

    def follow(world: World) -> Iterator[tuple[Move, Iterator[Taken]]]:
        return ((move, _taken(world, move, short, stepped)) for move in alphabet_moves)

    return search(first, follow, LAWS, STATES_MAX)


def _stepped(machine: Machine, fitting: Fitting, brief: Brief) -> Stepped:
    known: dict[tuple[PortalState, object, float], Step] = {}

    def stepped(state: PortalState, event: Event, after_s: float) -> Step:
        named = id(event) if isinstance(event, Decided) else event  # a decision has no hash; these live on
        key = (state, named, after_s)
        if key not in known:
            after, effects = machine(state, event, after_s, fitting)
            known[key] = (brief(after, fitting), effects)
        return known[key]

    return stepped


def _taken(world: World, move: Move, fitting: Fitting, stepped: Stepped) -> Iterator[Taken]:
    """The step, with the disk written and, where that differs, with the disk behind."""
    effects: tuple[Effect, ...] = ()
    match move.event:
        case Crash():
            state, effects = stepped(PortalState(), Booted(world.disk), 0.0)
            after = World(
                state,
                held=world.held,
                disk=world.disk,
                latched=world.latched and world.disk is Kept.FIRE,
                forgot=world.forgot or (world.held and world.disk is Kept.NOTHING),
            )
        case Passes():
            after = replace(world, state=_long_after(world.state, fitting))
        case event:
            state, effects = stepped(world.state, event, move.after_s)
            after = _actuated(_aged(world, state, event, move.after_s), effects)
    kept = portal.kept(after.state)
    if kept is not after.disk:
        yield Taken(world, move, effects, after, fitting, stepped)
        after = replace(after, disk=kept)
    yield Taken(world, move, effects, after, fitting, stepped)


def _aged(world: World, state: PortalState, event: Event, after_s: float) -> World:
    """What time and the event do outside the machine."""
    alarm_s = None if world.alarm_s is None else min(world.alarm_s + after_s, ALARM_S_MAX)
    if isinstance(event, FireRead):
        alarm_s = (alarm_s or 0.0) if event.active else None
    elif isinstance(event, InputsStale):
        alarm_s = None
    settled = state.loop.settled is FireInput.ALARM
    reset = isinstance(event, ManualReset) and state.phase is Phase.LOCKED
    return World(
        state,
        held=world.held,
        pulse_s=max(0.0, world.pulse_s - after_s),
        disk=world.disk,
        latched=settled or (world.latched and not reset),
        alarm_s=alarm_s,
        forgot=world.forgot,
    )


def _actuated(world: World, effects: Sequence[Effect]) -> World:
    """What the lock does with what it is told, in order."""
    for effect in effects:
        match effect:
            case HoldReleased():
                world = replace(world, held=True, pulse_s=0.0)
            case EndHold():
                world = replace(world, held=False, pulse_s=0.0, forgot=False)
            case ReleaseDoor(release_s=release_s):
                world = replace(world, pulse_s=0.0 if world.held else max(world.pulse_s, release_s))
            case _:
                pass
    return world


def _long_after(state: PortalState, fitting: Fitting) -> PortalState:
    """Every long clock is due; the machine finds out with the next event."""
    return replace(
        state,
        occupied_s=None if state.occupied_s is None else -VESTIBULE_S_MAX,
        drill_s=None if state.drill_s is None else -DRILL_S_MAX,
        open_s=None if state.open_s is None else -fitting.door_held_s_max,
        shut_s=None,
    )


def _leafless(state: PortalState, fitting: Fitting) -> PortalState:
    """Where no leaf is ever seen nothing asks for what only a leaf could tell apart."""
    return replace(_relative(state, fitting), shut_s=None, drill_s=None)


def _relative(state: PortalState, fitting: Fitting) -> PortalState:
    """The state with its times relative to now, and forgotten where they no longer matter."""
    now_s, loop = state.at_s, state.loop

    def age(at_s: float) -> float:
        return -min(now_s - at_s, SHORT_S)

    def long(at_s: float | None, s_max: float) -> float | None:
        return None if at_s is None else -s_max if now_s >= at_s + s_max else 0.0

    heard = loop.last is not None
    return replace(
        state,
        at_s=0.0,
        until_s=None if state.until_s is None else state.until_s - now_s,
        shut_s=0.0 if long(state.shut_s, FORCED_GRACE_S) == 0.0 else None,
        loop=replace(
            loop,
            read_s=age(loop.read_s),
            run_s=age(loop.run_s) if heard else 0.0,
            unsettled_s=age(loop.unsettled_s) if heard else 0.0,
        ),
        lockdown_s=None,
        open_s=long(state.open_s, fitting.door_held_s_max),
        occupied_s=long(state.occupied_s, VESTIBULE_S_MAX),
        drill_s=long(state.drill_s, DRILL_S_MAX),
    )
