"""What readings and time have come to mean for a zone: one signal for the table, the gravest first."""

from collections.abc import Callable, Mapping

from cardea.contract.zones import Permissive, Standing, ZoneState
from edge.decide.interlock_look import shows_off
from edge.decide.interlock_state import CONTACTOR, Interlock, Plan
from edge.decide.interlock_table import RESTING, Signal
from edge.decide.permissives import Readings, needed
from edge.decide.samples import level

_WHOLE = frozenset(Permissive)
_SHUT = frozenset(
    {Permissive.ESTOP, Permissive.DOORS, Permissive.OCCUPANCY, Permissive.FIRE, Permissive.UNIT}
)
_AIRING = frozenset({Permissive.ESTOP, Permissive.FIRE, Permissive.UNIT})
HELD: Mapping[ZoneState, frozenset[Permissive]] = {
    ZoneState.PRECHECK: _WHOLE,
    ZoneState.WARN: _WHOLE,
    ZoneState.EMIT: _WHOLE,
    ZoneState.DWELL: _SHUT,
    ZoneState.AERATE: _AIRING,
    ZoneState.VERIFY: _AIRING,
}
"""Which of the needed permissives must go on holding, by state."""

Progress = Callable[[Interlock, Readings, Plan], Signal | None]


def signalled(state: Interlock, readings: Readings, plan: Plan) -> Signal | None:
    """The signal of this look: a cause to stop before anything that leads on."""
    return _cause(state, plan) or _PROGRESS.get(state.phase, _nothing)(state, readings, plan)


def _cause(state: Interlock, plan: Plan) -> Signal | None:
    stands = dict(state.standings)
    if state.phase in RESTING:
        return Signal.ASTRAY if stands[Permissive.UNIT] is Standing.NOT_OK else None
    held = HELD.get(state.phase, frozenset()) & needed(plan.kind.hazard)
    lost = {permissive for permissive in held if stands[permissive] is not Standing.OK}
    if Permissive.UNIT in lost and stands[Permissive.UNIT] is Standing.NOT_OK:
        return Signal.ASTRAY
    if Permissive.FIRE in lost and stands[Permissive.FIRE] is Standing.NOT_OK:
        return Signal.FIRE
    if Permissive.UNIT in lost:
        return Signal.GONE
    if lost:
        return Signal.LOST
    return _CAUSES.get(state.phase, _no_cause)(state, plan)


def _capped(state: Interlock, plan: Plan) -> Signal | None:
    """D10."""
    dose = state.dose
    too_much = plan.dose_mj_cm2_max is not None and dose.upper_mj_cm2 > plan.dose_mj_cm2_max
    return Signal.CAPPED if too_much or dose.emitted_s > plan.run_s_max else None


def _not_to_be_shown(state: Interlock, plan: Plan) -> Signal | None:
    """A gas that cannot be measured, or does not go (D8)."""
    if not plan.kind.aerates:
        return None
    if state.blind_s is not None and state.at_s - state.blind_s > plan.blind_s_max:
        return Signal.BLIND
    return Signal.OVERDUE if state.at_s - state.aired_s > plan.air_s_max else None


def _no_cause(_state: Interlock, _plan: Plan) -> Signal | None:
    return None


_CAUSES: Mapping[ZoneState, Callable[[Interlock, Plan], Signal | None]] = {
    ZoneState.EMIT: _capped,
    ZoneState.AERATE: _not_to_be_shown,
    ZoneState.VERIFY: _not_to_be_shown,
}


# --- what leads on ------------------------------------------------------------------------------


def _ready(state: Interlock, readings: Readings, plan: Plan) -> Signal | None:
    closed = not plan.contactor or level(readings.get(CONTACTOR), state.at_s) is True
    return Signal.READY if closed else None


def _warned(state: Interlock, _readings: Readings, plan: Plan) -> Signal | None:
    long_enough = state.at_s - state.entered_s >= plan.warn_s
    return Signal.WARNED if long_enough and state.noted else None


def _done(state: Interlock, _readings: Readings, plan: Plan) -> Signal | None:
    """Efficacy by the lower bound (D11); where no dose is aimed at, by time."""
    target = plan.dose_mj_cm2_min
    reached = state.dose.emitted_s >= plan.emit_s if target is None else state.dose.lower_mj_cm2 >= target
    if not reached:
        return None
    if plan.kind.dwells:
        return Signal.TO_DWELL
    return Signal.TO_AERATE if plan.kind.aerates else Signal.TO_VERIFY


def _dwelt(state: Interlock, _readings: Readings, plan: Plan) -> Signal | None:
    return Signal.TO_AERATE if state.at_s - state.entered_s >= plan.dwell_s else None


def _cleared_by_time(state: Interlock, plan: Plan) -> bool:
    return state.at_s - state.aired_s >= plan.clearance_s


def _aired(state: Interlock, _readings: Readings, plan: Plan) -> Signal | None:
    low = state.quiet_s is not None and _cleared_by_time(state, plan)
    return Signal.TO_VERIFY if low else None


def _verified(state: Interlock, readings: Readings, plan: Plan) -> Signal | None:
    """By measurement, and never by the timer alone (D8); without gas, by a unit that shows it is off."""
    if not plan.kind.aerates:
        off = shows_off(readings, state.at_s, plan) and state.at_s - state.entered_s >= plan.off_s
        return Signal.VERIFIED if off else None
    if state.quiet_s is None:
        return Signal.RISEN
    long_enough = state.at_s - state.quiet_s >= plan.quiet_s
    return Signal.VERIFIED if long_enough and _cleared_by_time(state, plan) else None


def _halted(state: Interlock, readings: Readings, plan: Plan) -> Signal | None:
    off = shows_off(readings, state.at_s, plan)
    return Signal.HALTED if off or state.at_s - state.entered_s >= plan.stop_s_max else None


def _nothing(_state: Interlock, _readings: Readings, _plan: Plan) -> Signal | None:
    return None


_PROGRESS: Mapping[ZoneState, Progress] = {
    ZoneState.PRECHECK: _ready,
    ZoneState.WARN: _warned,
    ZoneState.EMIT: _done,
    ZoneState.DWELL: _dwelt,
    ZoneState.AERATE: _aired,
    ZoneState.VERIFY: _verified,
    ZoneState.STOPPING: _halted,
}
