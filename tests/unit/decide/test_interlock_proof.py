"""The exhaustive search of the interlock, and that it would find what it looks for."""

from dataclasses import replace

import pytest

from cardea.contract.zones import CycleOutcome, Hazard, Permissive, ZoneState
from edge.decide import interlock, interlock_proof, interlock_signals, interlock_table, permissives
from edge.decide.hazards import UnitKind
from edge.decide.interlock_events import (
    Booted,
    CutOutput,
    Event,
    Kept,
    Output,
    RenewLease,
    StartOrdered,
    StopOrdered,
    WriteCycle,
)
from edge.decide.interlock_proof import LAWS, prove
from edge.decide.interlock_scenes import inputs_of, outputs_of, plan, scenes
from edge.decide.interlock_state import Interlock, Plan, Step, kept
from edge.decide.interlock_table import TRANSITIONS, Signal
from edge.decide.permissives import Readings

pytestmark = pytest.mark.search

OPEN = UnitKind.UV254_OPEN


@pytest.mark.parametrize(
    ("unit", "states_min"),
    [
        pytest.param(UnitKind.UV254_OPEN, 400, id="open 254 nm"),
        pytest.param(UnitKind.H2O2_FOG, 1_000, id="fog"),
        pytest.param(UnitKind.UV222, 1_000, id="far-UVC"),
        pytest.param(UnitKind.UV254_ENCLOSED, 500, id="enclosed"),
    ],
)
def test_no_reachable_state_breaks_a_law(unit: UnitKind, states_min: int):
    reached: set[ZoneState] = set()

    def watched(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
        after, effects = interlock.step(state, event, readings, now_s, zone)
        reached.add(after.phase)
        return after, effects

    found = prove(unit, watched)
    assert found.breach is None
    assert found.states >= states_min
    airing = {ZoneState.DWELL, ZoneState.AERATE} if unit is UnitKind.H2O2_FOG else set[ZoneState]()
    elsewhere = {ZoneState.DISABLED, ZoneState.DWELL, ZoneState.AERATE} - airing
    assert reached == set(ZoneState) - elsewhere


def test_every_hazard_class_is_searched():
    assert {plan(unit).kind.hazard for unit in interlock_proof.CASES.values()} == set(Hazard)


@pytest.mark.parametrize("unit", interlock_proof.CASES.values())
def test_every_input_is_shown_good_bad_stale_and_missing(unit: UnitKind):
    zone = plan(unit)
    names = [scene.name for scene in scenes(zone)]
    assert len(names) == len(set(names))
    for name in (*inputs_of(zone), *outputs_of(zone)):
        ways = {scene.name.removeprefix(f"{name} ") for scene in scenes(zone) if scene.name.startswith(name)}
        assert {"missing", "stale", "not a number"} <= ways


def test_the_table_is_complete():
    assert set(TRANSITIONS) == {(state, signal) for state in ZoneState for signal in Signal}


ROWS = [
    ((ZoneState.EMIT, Signal.LOST), ZoneState.EMIT, "D1 no emission without"),
    ((ZoneState.EMIT, Signal.FIRE), ZoneState.EMIT, ""),
    ((ZoneState.EMIT, Signal.STOP), ZoneState.EMIT, "D7 a stop is obeyed"),
    ((ZoneState.EMIT, Signal.ASTRAY), ZoneState.EMIT, ""),
    ((ZoneState.WARN, Signal.LOST), ZoneState.WARN, "D1 no emission without"),
    ((ZoneState.PRECHECK, Signal.READY), ZoneState.EMIT, "D1 no emission without"),
    ((ZoneState.IDLE, Signal.ASTRAY), ZoneState.IDLE, "D6"),
    ((ZoneState.WARN, Signal.LOST), ZoneState.IDLE, "D7 a stop ends in a lockout"),
    ((ZoneState.STOPPING, Signal.HALTED), ZoneState.IDLE, "D7 a stop ends in a lockout"),
    ((ZoneState.LOCKOUT, Signal.STOP), ZoneState.IDLE, "D7 a lockout is latched"),
]


@pytest.mark.parametrize(("key", "to", "law"), ROWS)
def test_a_planted_row_is_found(monkeypatch, key, to, law):
    monkeypatch.setitem(interlock_table.TRANSITIONS, key, to)
    breach = prove(OPEN).breach
    assert breach is not None
    assert breach.law.startswith(law)
    assert breach.path


GAS_ROWS = [
    ((ZoneState.EMIT, Signal.TO_DWELL), ZoneState.RELEASED, "D12"),
    ((ZoneState.LOCKOUT, Signal.CLEARED_GASSED), ZoneState.IDLE, "D8 nobody enters"),
    ((ZoneState.AERATE, Signal.TO_VERIFY), ZoneState.RELEASED, "D8"),
]


@pytest.mark.parametrize(("key", "to", "law"), GAS_ROWS)
def test_a_planted_row_of_a_unit_with_gas_is_found(monkeypatch, key, to, law):
    monkeypatch.setitem(interlock_table.TRANSITIONS, key, to)
    breach = prove(UnitKind.H2O2_FOG).breach
    assert breach is not None
    assert breach.law.startswith(law)


def test_a_cap_that_does_not_stop_is_found(monkeypatch):
    monkeypatch.setitem(interlock_table.TRANSITIONS, (ZoneState.EMIT, Signal.CAPPED), ZoneState.EMIT)
    breach = prove(UnitKind.UV254_ENCLOSED).breach
    assert breach is not None
    assert breach.law == "D10 run time is capped"


DROPPED = [
    permissive
    for permissive in sorted(permissives.needed(Hazard.EXCLUSION))
    if permissive not in (Permissive.ORDER, Permissive.LEASE, Permissive.COMMISSIONED)
]


@pytest.mark.parametrize("dropped", DROPPED)
def test_a_dropped_permissive_is_found(monkeypatch, dropped: Permissive):
    """Not asked for any more, anywhere."""
    whole = permissives.needed

    def fewer(hazard: Hazard) -> frozenset[Permissive]:
        return whole(hazard) - {dropped}

    unit = UnitKind.H2O2_FOG if dropped is Permissive.GAS else OPEN
    if dropped is Permissive.UNIT:
        monkeypatch.setitem(interlock_signals.HELD, ZoneState.EMIT, frozenset())
    else:
        for module in (interlock_signals, interlock.looked.__globals__):
            target = module if isinstance(module, dict) else vars(module)
            monkeypatch.setitem(target, "needed", fewer)
    breach = prove(unit).breach
    assert breach is not None


def _keeps_nothing(_state: Interlock, _plan: Plan) -> Kept | None:
    return None


def _keeps_no_gas(state: Interlock, zone: Plan) -> Kept | None:
    found = kept(state, zone)
    return None if found is None else replace(found, gassed=False)


@pytest.mark.parametrize(
    ("unit", "keep", "law"),
    [(OPEN, _keeps_nothing, "D5"), (UnitKind.H2O2_FOG, _keeps_no_gas, "D8 nobody enters")],
)
def test_a_note_that_is_not_kept_is_found(unit, keep, law):
    def noted_anyway(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
        after, effects = interlock.step(state, event, readings, now_s, zone)
        return replace(after, noted=after.phase is ZoneState.WARN), effects

    breach = prove(unit, noted_anyway if keep is _keeps_nothing else interlock.step, keep).breach
    assert breach is not None
    assert breach.law.startswith(law)


def _resumes(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
    """No lockout after a restart."""
    if isinstance(event, Booted):
        event = Booted()
    return interlock.step(state, event, readings, now_s, zone)


def _starts_with_a_pulse(
    state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan
) -> Step:
    after, effects = interlock.step(state, event, readings, now_s, zone)
    return after, (RenewLease(Output.CONTACTOR, 1.0), *effects) if isinstance(event, Booted) else effects


def _leases_for_ever(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
    after, effects = interlock.step(state, event, readings, now_s, zone)
    return after, tuple(replace(e, lease_s=60.0) if isinstance(e, RenewLease) else e for e in effects)


def _does_not_cut(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
    after, effects = interlock.step(state, event, readings, now_s, zone)
    if isinstance(event, Booted):
        return after, effects
    return after, tuple(effect for effect in effects if not isinstance(effect, CutOutput))


def _stop_asks_for_leave(
    state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan
) -> Step:
    event = interlock.Tick() if isinstance(event, StopOrdered) else event
    return interlock.step(state, event, readings, now_s, zone)


def _old_orders_count(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
    if isinstance(event, StartOrdered):
        event = replace(event, until_s=now_s + 1.0, cycles_today=0)
    return interlock.step(state, event, readings, now_s, zone)


def _writes_twice(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
    after, effects = interlock.step(state, event, readings, now_s, zone)
    return after, (*effects, *(effect for effect in effects if isinstance(effect, WriteCycle)))


def _aborted_counts(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
    after, effects = interlock.step(state, event, readings, now_s, zone)
    done = CycleOutcome.COMPLETED
    return after, tuple(replace(e, outcome=done) if isinstance(e, WriteCycle) else e for e in effects)


def _trusts_whoever_clears(
    state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan
) -> Step:
    if isinstance(event, interlock.Cleared) and event.by.strip():
        event = replace(event, by="somebody else")
    return interlock.step(state, event, readings, now_s, zone)


def _opens_a_door(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
    after, effects = interlock.step(state, event, readings, now_s, zone)
    return after, (*effects, "lock the door")  # type: ignore[return-value]  # what no effect may be


@pytest.mark.parametrize(
    ("machine", "law"),
    [
        (_resumes, "D5 a start resumes nothing"),
        (_starts_with_a_pulse, "D5 a start is off first"),
        (_leases_for_ever, "D3 leases are short"),
        (_does_not_cut, "D6 a unit that does not obey is cut"),
        (_stop_asks_for_leave, "D7 a stop is obeyed"),
        (_old_orders_count, "D7 a start needs order, time and people"),
        (_trusts_whoever_clears, "D7 a lockout is latched"),
        (_writes_twice, "D12 every cycle is written once"),
        (_aborted_counts, "D12 aborted is not disinfected"),
        (_opens_a_door, "D9 egress is never blocked"),
    ],
)
def test_a_planted_machine_is_found(machine, law):
    breach = prove(OPEN, machine).breach
    assert breach is not None
    assert breach.law == law


def test_one_person_alone_starts_no_chemical(monkeypatch):
    def alone(state: Interlock, event: Event, readings: Readings, now_s: float, zone: Plan) -> Step:
        if isinstance(event, StartOrdered):
            event = replace(event, warrant=replace(event.warrant, confirmed_by="another"))
        return interlock.step(state, event, readings, now_s, zone)

    breach = prove(UnitKind.H2O2_FOG, alone).breach
    assert breach is not None
    assert breach.law == "D7 a start needs order, time and people"


def test_an_abstraction_with_a_hole_is_said(monkeypatch):
    monkeypatch.setattr(interlock_proof, "STATES_MAX", 10)
    with pytest.raises(RuntimeError, match="more than 10 states"):
        prove(OPEN)


def test_every_rule_that_a_machine_can_break_has_a_law():
    named = {law.split()[0] for law in LAWS}
    assert named == {"D1", "D2", "D3", "D5", "D6", "D7", "D8", "D9", "D10", "D12"}
