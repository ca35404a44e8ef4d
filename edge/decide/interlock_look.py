"""One look at a zone: what the unit shows, what the gas sensor says, what was emitted, how everything stands.

Whatever was true of the readings until now is taken in before anything new happens; see
:func:`edge.decide.interlock.step`.
"""

from dataclasses import replace

from cardea.contract.zones import Permissive, Standing, ZoneState
from edge.decide.dose import advanced, spend, total
from edge.decide.interlock_state import (
    CONTACTOR,
    GAS_INSIDE,
    IRRADIANCE,
    LEASE_S,
    METER,
    OUTPUT,
    READ_BACK_S_MAX,
    Interlock,
    Plan,
)
from edge.decide.permissives import Readings, needed, sensed, worst
from edge.decide.samples import Gauge, level, standing

ENERGISED = frozenset({ZoneState.PRECHECK, ZoneState.WARN, ZoneState.EMIT})
"""The contactor is closed."""
_SWITCH = Gauge(low=0, high=1)


def looked(state: Interlock, readings: Readings, now_s: float, plan: Plan) -> Interlock:
    """The state with everything that the readings say at ``now_s``."""
    state = _metered(state, readings, now_s, plan)
    state = _read_back(replace(state, at_s=now_s), readings, plan)
    state = _smelt(state, readings, plan)
    return replace(state, standings=_standings(state, readings, plan))


def shows_off(readings: Readings, now_s: float, plan: Plan) -> bool:
    """Whether the unit freshly shows that emitter and contactor are off."""
    outputs = (OUTPUT, CONTACTOR) if plan.contactor else (OUTPUT,)
    return all(level(readings.get(output), now_s) is False for output in outputs)


def lit_s(state: Interlock) -> float | None:
    """Since when the unit has been told to emit."""
    return state.entered_s if state.phase is ZoneState.EMIT else None


def _metered(state: Interlock, readings: Readings, now_s: float, plan: Plan) -> Interlock:
    """Dose of the time since the last look; a unit that will not stop is counted on."""
    lit = level(readings.get(OUTPUT), now_s)
    emitting = state.phase is ZoneState.EMIT or (state.phase is ZoneState.STOPPING and lit is not False)
    if not emitting:
        return state
    meter = readings.get(IRRADIANCE)
    believed = standing(METER, meter, now_s, lit_s(state)) is Standing.OK
    seen = float(meter.value) if believed and meter is not None and meter.value is not None else None
    dose = advanced(state.dose, plan.optics, now_s - state.at_s, seen=seen, lit=lit is True)
    if plan.budget_mj_cm2 is None:
        return replace(state, dose=dose)
    more = dose.upper_mj_cm2 - state.dose.upper_mj_cm2
    return replace(state, dose=dose, spent=spend(state.spent, more, now_s))


def _read_back(state: Interlock, readings: Readings, plan: Plan) -> Interlock:
    """Since when what the unit shows differs from what it was told; silence changes nothing of that (D6)."""
    told = [(OUTPUT, state.phase is ZoneState.EMIT)]
    if plan.contactor:
        told.append((CONTACTOR, state.phase in ENERGISED))
    shown = [(level(readings.get(output), state.at_s), wanted) for output, wanted in told]
    if any(found is not None and found is not wanted for found, wanted in shown):
        return replace(state, astray_s=state.at_s if state.astray_s is None else state.astray_s)
    if all(found is wanted for found, wanted in shown):
        return replace(state, astray_s=None)
    return state


def _smelt(state: Interlock, readings: Readings, plan: Plan) -> Interlock:
    """How long the gas has been low, or the sensor dead."""
    if plan.gas_inside is None:
        return state
    found = standing(plan.gas_inside, readings.get(GAS_INSIDE), state.at_s, None)
    quiet = found is Standing.OK
    blind = found not in (Standing.OK, Standing.NOT_OK)
    return replace(
        state,
        quiet_s=_since(state.quiet_s, state.at_s) if quiet else None,
        blind_s=_since(state.blind_s, state.at_s) if blind else None,
    )


def _since(began_s: float | None, now_s: float) -> float:
    return now_s if began_s is None else began_s


def _standings(state: Interlock, readings: Readings, plan: Plan) -> tuple[tuple[Permissive, Standing], ...]:
    found = {
        **sensed(plan.needs, readings, state.at_s, lit_s(state)),
        **dict.fromkeys(plan.vacuous, Standing.OK),
        Permissive.UNIT: _unit(state, readings, plan),
        Permissive.ORDER: _order(state),
        Permissive.LEASE: _lease(state, plan),
        Permissive.COMMISSIONED: Standing.OK if plan.commissioned else Standing.NOT_OK,
        Permissive.DOSE_BUDGET: _budget(state, plan),
    }
    asked = sorted(needed(plan.kind.hazard))
    return tuple((permissive, found.get(permissive, Standing.MISSING)) for permissive in asked)


def _unit(state: Interlock, readings: Readings, plan: Plan) -> Standing:
    outputs = (OUTPUT, CONTACTOR) if plan.contactor else (OUTPUT,)
    shown = worst([standing(_SWITCH, readings.get(output), state.at_s, None) for output in outputs])
    if state.astray_s is not None and state.at_s - state.astray_s > READ_BACK_S_MAX:
        return Standing.NOT_OK
    return shown


def _order(state: Interlock) -> Standing:
    if state.phase not in ENERGISED:
        return Standing.MISSING
    return Standing.OK if state.at_s < state.until_s else Standing.STALE


def _lease(state: Interlock, plan: Plan) -> Standing:
    if state.phase not in ENERGISED or state.leased_s is None:
        return Standing.MISSING
    nothing_leased = not plan.contactor and state.phase is not ZoneState.EMIT
    return Standing.OK if nothing_leased or state.at_s - state.leased_s <= LEASE_S else Standing.STALE


def _budget(state: Interlock, plan: Plan) -> Standing:
    if plan.budget_mj_cm2 is None:
        return Standing.MISSING
    left = total(state.spent, state.at_s) < plan.budget_mj_cm2
    return Standing.OK if left else Standing.NOT_OK
