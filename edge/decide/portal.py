"""The portal machine: what a portal's lock does, and when (SAFETY.md L1-L9, L11).

``step(state, event, now_s, fitting) -> (state, effects)``. Pure: the portal's task owns clock, disk and
devices. It steps with every event and, at ``next_due_s``, with ``Tick``; it carries the effects out in order;
it keeps ``kept(state)`` on disk whenever that changes, without waiting for the disk before it opens.

The phase says what the lock does (``edge.decide.lock``). Everything else (lockdown, leaf, vestibule, store)
is a fact beside it that can ask for a release or an alert, but never for a relock.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, Mode, Outcome, Severity, Side
from edge.decide import fire, leaf
from edge.decide.decision import ClearAlert, Effect, RaiseAlert, ReleaseDoor, ShowMessage
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
from edge.decide.evidence import NOT_FITTED, NOT_SEEN, FireInput, Fresh, Item
from edge.decide.lock import (
    BOOT,
    HELD,
    RELEASE_S_MAX,
    Fitting,
    Kept,
    Phase,
    PortalState,
    Signal,
    Step,
    inward,
    move,
    outward,
)

# --- what the portal's task asks ----------------------------------------------------------------


def step(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    """What ``event`` makes of ``state`` at ``now_s``, and what to do about it, in order.

    What has fallen due by ``now_s`` happens first, so a late ``Tick`` changes nothing but when. A clock that
    steps back stands still.
    """
    now_s = max(now_s, state.at_s)
    if isinstance(event, Booted):
        return _booted(event, now_s)
    state, due = _fallen_due(replace(state, at_s=now_s), fitting)
    state, effects = _HANDLERS[type(event)](state, event, fitting)
    return state, (*due, *effects)


def boot(kept: Kept, now_s: float, fitting: Fitting) -> Step:
    """The machine after a start."""
    return step(PortalState(at_s=now_s), Booted(kept), now_s, fitting)


def kept(state: PortalState) -> Kept:
    """What the disk must know. Actuate first, then write: a crash between the two errs towards open."""
    return {Phase.FIRE: Kept.FIRE, Phase.TROUBLE_RELEASED: Kept.TROUBLE}.get(state.phase, Kept.NOTHING)


def may_reset(state: PortalState, fitting: Fitting) -> bool:
    """Whether a manual reset would be carried out: the alarm must be over, for certain.

    A locked portal may be reset too: that withdraws a hold which a crash made the machine forget.
    """
    if not fitting.fire_fitted:
        return state.phase is not Phase.RELEASED
    return state.phase in (Phase.FIRE, Phase.LOCKED) and fire.quiet(state.loop)


def may_admit(state: PortalState) -> bool:
    """Whether a release for entry would be carried out: lockdown bars it, fire and trouble go before (L3)."""
    return not state.lockdown or state.phase in HELD


def fire_seen(state: PortalState, fitting: Fitting, now_s: float) -> Item[FireInput]:
    """The fire contact as evidence; a latched alarm is one until the reset."""
    age_s = max(0.0, now_s - state.loop.read_s)
    if state.phase is Phase.FIRE:
        return Fresh(FireInput.ALARM, age_s)
    if not fitting.fire_fitted:
        return NOT_FITTED
    return NOT_SEEN if state.loop.settled is None else Fresh(state.loop.settled, age_s)


def lockdown_seen(state: PortalState, now_s: float) -> Item[bool]:
    """Lockdown as evidence."""
    if state.lockdown_s is None:
        return NOT_FITTED
    return Fresh(state.lockdown, max(0.0, now_s - state.lockdown_s))


def next_due_s(state: PortalState, fitting: Fitting) -> float | None:
    """When the machine wants its next ``Tick``, monotonic seconds; ``None``: not before the next event."""
    waits = [
        fire.due_s(state.loop, fitting.inputs_s_max) if fitting.fire_fitted else None,
        state.until_s,
        leaf.held_due_s(state, fitting),
        leaf.vestibule_due_s(state),
        None if state.drill_s is None else state.drill_s + leaf.DRILL_S_MAX,
    ]
    return min((wait for wait in waits if wait is not None), default=None)


# --- the lock -----------------------------------------------------------------------------------


def _booted(event: Booted, now_s: float) -> Step:
    phase, effects = BOOT[event.kept]
    return PortalState(at_s=now_s, phase=phase, loop=fire.FireLoop(read_s=now_s)), effects


_SIGNAL_OF: Mapping[Side, Signal] = {Side.INGRESS: Signal.ADMIT, Side.EGRESS: Signal.LEAVE}


def _decided(state: PortalState, event: Decided, _fitting: Fitting) -> Step:
    """Release first, then tell. History never opens (L12); lockdown may have come since (L3)."""
    decision = event.decision
    asked = tuple(effect for effect in decision.effects if isinstance(effect, ReleaseDoor))
    told = tuple(effect for effect in decision.effects if not isinstance(effect, ReleaseDoor))
    if decision.outcome is not Outcome.GRANT or decision.mode is Mode.BACKFILLED:
        return state, told
    opened: list[Effect] = []
    for release in asked:
        if release.side is Side.INGRESS and not may_admit(state):
            return state, (*_alerts(told), ShowMessage(Outcome.DENY, Reason.LOCKDOWN))
        bounded = replace(release, release_s=min(release.release_s, RELEASE_S_MAX))
        state, effects = move(state, _SIGNAL_OF[release.side], bounded)
        opened += effects
    return state, (*opened, *told)


def _alerts(told: tuple[Effect, ...]) -> tuple[Effect, ...]:
    return tuple(effect for effect in told if isinstance(effect, RaiseAlert))


def _egress_requested(state: PortalState, _event: EgressRequested, fitting: Fitting) -> Step:
    return move(state, Signal.LEAVE, outward(fitting))


def _release_ordered(state: PortalState, _event: ReleaseOrdered, fitting: Fitting) -> Step:
    return move(state, Signal.ADMIT, inward(fitting)) if may_admit(state) else (state, ())


def _terminal_opened(state: PortalState, _event: TerminalOpened, fitting: Fitting) -> Step:
    return move(state, Signal.OPENED, inward(fitting))


def _manual_reset(state: PortalState, _event: ManualReset, fitting: Fitting) -> Step:
    return move(state, Signal.RESET, outward(fitting)) if may_reset(state, fitting) else (state, ())


def _actuator_returned(state: PortalState, _event: ActuatorReturned, fitting: Fitting) -> Step:
    return move(state, Signal.RETURNED, outward(fitting))


def _ran_out(state: PortalState, fitting: Fitting) -> Step:
    if state.until_s is None or state.at_s < state.until_s:
        return state, ()
    return move(state, Signal.RAN_OUT, outward(fitting))


# --- fire ---------------------------------------------------------------------------------------

_FIRE_ALERTS: Mapping[FireInput, tuple[Effect, ...]] = {
    FireInput.NORMAL: (),
    FireInput.ALARM: (RaiseAlert(AlertKind.FIRE, Severity.CRITICAL, Reason.FIRE),),
    FireInput.TROUBLE: (RaiseAlert(AlertKind.FIRE_TROUBLE, Severity.MAJOR, Reason.FIRE_TROUBLE),),
}


def _fire_read(state: PortalState, event: FireRead, fitting: Fitting) -> Step:
    loop = fire.read(state.loop, event.active, state.at_s)
    return _loop_heard(state, fire.aged(loop, state.at_s, fitting.inputs_s_max), fitting)


def _inputs_stale(state: PortalState, _event: InputsStale, fitting: Fitting) -> Step:
    return _loop_heard(state, fire.lost(state.loop), fitting)


def _loop_due(state: PortalState, fitting: Fitting) -> Step:
    return _loop_heard(state, fire.aged(state.loop, state.at_s, fitting.inputs_s_max), fitting)


def _loop_heard(state: PortalState, loop: fire.FireLoop, fitting: Fitting) -> Step:
    """The lock first, then the alerts."""
    before, now = state.loop.settled, loop.settled
    if not fitting.fire_fitted:
        return state, ()
    state = replace(state, loop=loop)
    if now is before or now is None:
        return state, ()
    fault = Signal.FAULT if fitting.hardwired_fire_release else Signal.FAULT_UNWIRED
    signal = {FireInput.ALARM: Signal.ALARM, FireInput.NORMAL: Signal.SOUND, FireInput.TROUBLE: fault}[now]
    state, effects = move(state, signal, outward(fitting))
    repaired: tuple[Effect, ...] = ()
    if now is not FireInput.TROUBLE and before in (FireInput.TROUBLE, None):
        repaired = (ClearAlert(AlertKind.FIRE_TROUBLE, "fire_loop_sound"),)
    return state, (*effects, *_FIRE_ALERTS[now], *repaired)


def _lockdown_changed(state: PortalState, event: LockdownChanged, _fitting: Fitting) -> Step:
    """A fact for the next decision: it relocks nothing and never touches the way out."""
    return replace(state, lockdown=event.on, lockdown_s=state.at_s), ()


# --- the store ----------------------------------------------------------------------------------


def _commit_stalled(state: PortalState, _event: CommitStalled, _fitting: Fitting) -> Step:
    """Said once; no lock waits for a disk (L6, L10)."""
    said = (RaiseAlert(AlertKind.STORE_STALLED, Severity.MAJOR, Reason.STORE_STALLED),)
    return replace(state, store_stalled=True), () if state.store_stalled else said


def _commit_recovered(state: PortalState, _event: CommitRecovered, _fitting: Fitting) -> Step:
    said = () if state.store_stalled is False else (ClearAlert(AlertKind.STORE_STALLED, "commit_in_time"),)
    return replace(state, store_stalled=False), said


# --- putting it together ------------------------------------------------------------------------


def _tick(state: PortalState, _event: Tick, _fitting: Fitting) -> Step:
    return state, ()


_HANDLERS: Mapping[type[Event], Callable[[PortalState, Any, Fitting], Step]] = {
    Decided: _decided,
    EgressRequested: _egress_requested,
    ReleaseOrdered: _release_ordered,
    TerminalOpened: _terminal_opened,
    FireRead: _fire_read,
    InputsStale: _inputs_stale,
    LockdownChanged: _lockdown_changed,
    LeafMoved: leaf.leaf_moved,
    OccupancyRead: leaf.occupancy_read,
    ManualReset: _manual_reset,
    DrillStarted: leaf.drill_started,
    CommitStalled: _commit_stalled,
    CommitRecovered: _commit_recovered,
    ActuatorReturned: _actuator_returned,
    Tick: _tick,
}

_DUE: tuple[Callable[[PortalState, Fitting], Step], ...] = (
    _loop_due,
    _ran_out,
    leaf.vestibule_due,
    leaf.held_due,
    leaf.drill_due,
)
"""What time alone brings about, in the priority of L3."""


def _fallen_due(state: PortalState, fitting: Fitting) -> Step:
    effects: list[Effect] = []
    for due in _DUE:
        state, more = due(state, fitting)
        effects += more
    return state, tuple(effects)
