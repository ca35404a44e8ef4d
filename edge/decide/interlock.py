"""The interlock of a disinfection zone: what its unit may do, and when (SAFETY.md D1-D12).

``step(state, event, readings, now_s, plan) -> (state, effects)``. Pure: the zone's task owns clock, disk and
devices. It steps with every reading, once as they were and once as they are, and at least five times a second
while anything is under way; it carries the effects out in order; it keeps ``kept(state, plan)`` on disk and
says ``Noted`` when it is there. An output is only ever on because this step has just renewed its lease.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cardea.contract.records import AlertKind, Severity
from cardea.contract.zones import CycleOutcome, Permissive, Standing, StopReason, ZoneState
from edge.decide.dose import NOTHING_EMITTED, Spent
from edge.decide.interlock_events import (
    Booted,
    Cleared,
    ClearZoneAlert,
    CutOutput,
    Effect,
    Event,
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
    WriteCycle,
)
from edge.decide.interlock_look import ENERGISED, looked, shows_off
from edge.decide.interlock_signals import signalled
from edge.decide.interlock_state import LEASE_S, START_S_MAX, Interlock, Plan, Step
from edge.decide.interlock_table import REASONS, RESTING, TRANSITIONS, Signal
from edge.decide.permissives import Readings

# --- what the zone's task asks ------------------------------------------------------------------


def step(state: Interlock, event: Event, readings: Readings, now_s: float, plan: Plan) -> Step:
    """What ``event`` makes of ``state``, and what to do about it, in order.

    What the readings have come to say by ``now_s`` happens first. A clock that steps back stands still.
    """
    now_s = max(now_s, state.at_s)
    if isinstance(event, Booted):
        return _booted(event, now_s, plan)
    before = state
    state = looked(state, readings, now_s, plan)
    signal = signalled(state, readings, plan)
    state, due = (state, ()) if signal is None else move(state, signal, plan)
    if state.phase is not before.phase and isinstance(event, StartOrdered | Cleared | Noted):
        event = Tick()  # it was asked of a state that has just ended
    state, effects = _HANDLERS[type(event)](state, event, readings, plan)
    return state, (*due, *effects, *_outputs(before, state, readings, plan))


def may_start(state: Interlock, event: StartOrdered, readings: Readings, plan: Plan) -> bool:
    """Whether the order would be carried out, by the last look (D7, D10)."""
    to_come = (Permissive.ORDER, Permissive.LEASE)
    in_order = all(found is Standing.OK for each, found in state.standings if each not in to_come)
    warrant = event.warrant
    alone = warrant.confirmed_by is None or same_person(warrant.confirmed_by, warrant.by)
    return (
        state.phase in RESTING
        and plan.may_run
        and bool(state.standings)
        and in_order
        and shows_off(readings, state.at_s, plan)
        and not (plan.kind.two_people and alone)
        and event.cycles_today < plan.cycles_per_day_max
        and state.at_s < event.until_s <= state.at_s + START_S_MAX
    )


def may_clear(state: Interlock, event: Cleared, readings: Readings, plan: Plan) -> bool:
    """Whether the clearing would be carried out: another person, a reason, a unit that shows it is off."""
    starter = state.warrant.by if state.warrant is not None else None
    another = bool(event.by.strip()) and (starter is None or not same_person(event.by, starter))
    off = shows_off(readings, state.at_s, plan)
    return state.phase is ZoneState.LOCKOUT and another and bool(event.reason.strip()) and off


def with_spent(state: Interlock, spent: Spent) -> Interlock:
    """The state after a start, with the dose that people may have received before it."""
    return replace(state, spent=spent)


def same_person(one: str, other: str) -> bool:
    """Whether two names are one, however they are written."""
    return one.casefold().split() == other.casefold().split()


# --- the table, carried out ---------------------------------------------------------------------


def move(state: Interlock, signal: Signal, plan: Plan) -> Step:
    """Look the signal up in the table."""
    phase = TRANSITIONS[state.phase, signal]
    if phase is state.phase:
        return state, ()
    reason = REASONS.get(signal)
    state = replace(state, phase=phase, entered_s=state.at_s, stopped=reason or state.stopped)
    return _ENTER.get(signal, _stopped)(state, plan)


def _prechecking(state: Interlock, _plan: Plan) -> Step:
    begun = replace(state, dose=NOTHING_EMITTED, noted=False, recorded=False, stopped=None)
    return replace(begun, leased_s=state.at_s), ()


def _warning(state: Interlock, plan: Plan) -> Step:
    """The order has done its part; from here on the cycle's own length bounds it."""
    return replace(state, until_s=state.at_s + plan.warn_s + plan.note_s_max + plan.run_s_max), ()


def _emitting(state: Interlock, plan: Plan) -> Step:
    return replace(state, leased_s=state.at_s, gassed=plan.kind.aerates), ()


def _airing(state: Interlock, _plan: Plan) -> Step:
    return replace(state, aired_s=state.at_s), ()


def _going_on(state: Interlock, _plan: Plan) -> Step:
    return state, ()


def _released(state: Interlock, plan: Plan) -> Step:
    effects = _written(state, plan, CycleOutcome.COMPLETED)
    return replace(state, warrant=None, gassed=False, stopped=None), effects


def _stopped(state: Interlock, plan: Plan) -> Step:
    """A cycle that nothing came of yet is over at once; else the unit must first show that it is off."""
    aborted = RaiseZoneAlert(AlertKind.ZONE_ABORTED, Severity.MAJOR, state.stopped)
    effects = () if state.warrant is None else (aborted,)
    if state.phase is ZoneState.STOPPING:
        return state, effects
    return replace(state, warrant=None), (*_written(state, plan, CycleOutcome.ABORTED), *effects)


def _locked_out(state: Interlock, plan: Plan) -> Step:
    alert = RaiseZoneAlert(AlertKind.ZONE_LOCKOUT, Severity.CRITICAL, state.stopped)
    return replace(state, recorded=True), (*_written(state, plan, CycleOutcome.ABORTED), alert)


def _unlocked(state: Interlock, plan: Plan) -> Step:
    """Ready again, or aired first: what is in the air is released by measurement alone (D8)."""
    phase = state.phase if state.phase is not ZoneState.IDLE or plan.may_run else ZoneState.DISABLED
    cleared = replace(state, phase=phase, warrant=None, stopped=None, aired_s=state.at_s)
    return cleared, (ClearZoneAlert(AlertKind.ZONE_LOCKOUT, "cleared on site"),)


_ENTER: Mapping[Signal, Callable[[Interlock, Plan], Step]] = {
    Signal.START: _prechecking,
    Signal.READY: _warning,
    Signal.WARNED: _emitting,
    Signal.TO_DWELL: _going_on,
    Signal.TO_AERATE: _airing,
    Signal.TO_VERIFY: _going_on,
    Signal.RISEN: _going_on,
    Signal.VERIFIED: _released,
    Signal.HALTED: _locked_out,
    Signal.CLEARED: _unlocked,
    Signal.CLEARED_GASSED: _unlocked,
}
"""What comes with a signal that leads somewhere; the causes to stop have one thing in common."""


def _written(state: Interlock, plan: Plan, outcome: CycleOutcome) -> tuple[Effect, ...]:
    """A cycle is written down once, when it has ended (D12)."""
    if state.warrant is None or state.recorded:
        return ()
    stopped = None if outcome is CycleOutcome.COMPLETED else state.stopped
    record = WriteCycle(state.warrant, outcome, stopped, state.dose)
    target = plan.dose_mj_cm2_min
    if target is None or state.dose.lower_mj_cm2 >= target:
        return (record,)
    return record, RaiseZoneAlert(AlertKind.DOSE_SHORT, Severity.MAJOR, stopped)


# --- events -------------------------------------------------------------------------------------


def _booted(event: Booted, now_s: float, plan: Plan) -> Step:
    """All outputs off first; what may have been under way is locked out, nothing goes on by itself (D5)."""
    off: tuple[Effect, ...] = (CutOutput(), OpenContactor())
    if event.kept is None and event.known:
        phase = ZoneState.IDLE if plan.may_run else ZoneState.DISABLED
        return Interlock(at_s=now_s, phase=phase, entered_s=now_s), off if plan.may_run else ()
    kept = event.kept
    state = Interlock(
        at_s=now_s,
        phase=ZoneState.LOCKOUT,
        entered_s=now_s,
        warrant=kept.warrant if kept else None,
        recorded=kept.recorded if kept else False,
        gassed=plan.kind.aerates if kept is None else kept.gassed,
        stopped=(kept.stopped if kept else None) or StopReason.RESTART,
    )
    state, effects = _locked_out(state, plan)
    return state, (*off, *effects)


def _start_ordered(state: Interlock, event: StartOrdered, readings: Readings, plan: Plan) -> Step:
    if not may_start(state, event, readings, plan):
        return state, ()
    return move(replace(state, warrant=event.warrant, until_s=event.until_s), Signal.START, plan)


def _stop_ordered(state: Interlock, _event: StopOrdered, _readings: Readings, plan: Plan) -> Step:
    return move(state, Signal.STOP, plan)


def _cleared(state: Interlock, event: Cleared, readings: Readings, plan: Plan) -> Step:
    if not may_clear(state, event, readings, plan):
        return state, ()
    return move(state, Signal.CLEARED_GASSED if state.gassed else Signal.CLEARED, plan)


def _noted(state: Interlock, event: Noted, _readings: Readings, _plan: Plan) -> Step:
    mine = state.warrant is not None and state.warrant.cycle == event.cycle
    return replace(state, noted=state.noted or (mine and state.phase is ZoneState.WARN)), ()


def _lease_confirmed(state: Interlock, event: LeaseConfirmed, _readings: Readings, _plan: Plan) -> Step:
    """While the unit emits only the emitter's own lease counts."""
    counts = Output.EMITTER if state.phase is ZoneState.EMIT else Output.CONTACTOR
    return replace(state, leased_s=state.at_s) if event.output is counts else state, ()


def _ticked(state: Interlock, _event: Tick, _readings: Readings, _plan: Plan) -> Step:
    return state, ()


_HANDLERS: Mapping[type[Event], Callable[[Interlock, Any, Readings, Plan], Step]] = {
    StartOrdered: _start_ordered,
    StopOrdered: _stop_ordered,
    Cleared: _cleared,
    Noted: _noted,
    LeaseConfirmed: _lease_confirmed,
    Tick: _ticked,
}

# --- outputs ------------------------------------------------------------------------------------


def _outputs(before: Interlock, state: Interlock, readings: Readings, plan: Plan) -> tuple[Effect, ...]:
    """What the state asks of the unit at this moment: a lease again, or off until it shows it."""
    if state.phase in ENERGISED:
        contactor = (RenewLease(Output.CONTACTOR, LEASE_S),) if plan.contactor else ()
        return (*contactor, *_STAGE_OUTPUTS.get(state.phase, ()))
    left = before.phase in ENERGISED
    stopped = state.phase in (ZoneState.STOPPING, ZoneState.LOCKOUT)
    if left or (stopped and not shows_off(readings, state.at_s, plan)):
        return CutOutput(), OpenContactor()
    return ()


_STAGE_OUTPUTS: Mapping[ZoneState, tuple[Effect, ...]] = {
    ZoneState.WARN: (SoundWarning(),),
    ZoneState.EMIT: (RenewLease(Output.EMITTER, LEASE_S),),
}
