"""One test for each of SAFETY.md's D rules, by its number: the part that is pure.

What only tasks, disks and sockets can show (D3, D5, D7, D12) is tested again with the zone's task.
"""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.records import AlertKind, Outcome, Side
from cardea.contract.zones import CycleOutcome, Hazard, Permissive, Standing, StopReason, ZoneState
from edge.decide import interlock
from edge.decide.decide import decide
from edge.decide.dose import (
    BUCKET_S,
    BUDGET_S,
    END_OF_LIFE,
    NOTHING_EMITTED,
    Dose,
    Optics,
    advanced,
    spend,
    total,
)
from edge.decide.evidence import Evidence, Fresh, ZoneStatus
from edge.decide.hazards import CL2, H2O2, KINDS, O3, UnitKind, reaction_s_max
from edge.decide.interlock_events import (
    Booted,
    Cleared,
    ClearZoneAlert,
    CutOutput,
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
from edge.decide.interlock_proof import told
from edge.decide.interlock_scenes import ALL_WELL, Scene, Shown, inputs_of, plan
from edge.decide.interlock_state import GAS_INSIDE, LEASE_S, Interlock, Plan, kept
from edge.decide.outcomes import GOOD, POLICY
from edge.decide.permissives import Need, P, needed, sensed, worst
from edge.decide.samples import Contact, Gauge, Sample, level, sampled, standing

TICK = Tick()
ADA = Warrant(cycle="c-1", by="Ada", confirmed_by="Bo", utc="2026-03-02T01:00:00+00:00")
LEAVE = Cleared("Bo", "nobody was there")


def zone_of(unit: UnitKind, **changes: object) -> Plan:
    """With the times of a real site."""
    real = replace(plan(unit), warn_s=30.0, emit_s=60.0, run_s_max=120.0, note_s_max=60.0, off_s=2.0)
    aired = replace(real, dwell_s=600.0, clearance_s=900.0, quiet_s=300.0, stop_s_max=5.0, blind_s_max=10.0)
    return replace(aired, air_s_max=14_400.0, **changes)


class Site:
    """A zone whose clock and inputs the test turns; leases are confirmed as long as ``answers``."""

    def __init__(self, unit: UnitKind = UnitKind.UV254_OPEN, **changes: object) -> None:
        self.plan = zone_of(unit, **changes)
        self.now_s = 5000.0
        self.scene = ALL_WELL
        self.answers = True
        self.effects: list[object] = []
        self.state = Interlock()
        self.take(Booted())

    def take(self, event: Event = TICK, after_s: float = 0.0) -> tuple[object, ...]:
        self.now_s += after_s
        readings = self.scene.readings(inputs_of(self.plan), told(self.state, self.plan), self.now_s)
        self.state, effects = interlock.step(self.state, event, readings, self.now_s, self.plan)
        self.effects += effects
        return effects

    def wait(self, s: float) -> None:
        """In steps as on site; while nothing is on, longer ones will do."""
        until_s = self.now_s + s
        while self.now_s < until_s - 1e-6:
            slow = s >= 60 and self.state.phase in (ZoneState.DWELL, ZoneState.AERATE)
            effects = self.take(TICK, min(5.0 if slow else 0.5, until_s - self.now_s))
            for effect in effects:
                if isinstance(effect, RenewLease) and self.answers:
                    self.take(LeaseConfirmed(effect.output))

    def start(self, warrant: Warrant = ADA, ttl_s: float = 30.0, today: int = 0) -> ZoneState:
        self.take()
        self.take(StartOrdered(warrant, self.now_s + ttl_s, today))
        return self.state.phase

    def emitting(self) -> "Site":
        assert self.start() is ZoneState.PRECHECK
        self.wait(1)
        self.take(Noted(ADA.cycle))
        self.wait(30.5)
        assert self.state.phase is ZoneState.EMIT
        return self

    def kinds(self) -> set[type]:
        return {type(effect) for effect in self.effects}

    def of(self, kind: type) -> list[object]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


def wrong(name: str, shown: Shown | None) -> Scene:
    return Scene(f"{name} wrong", ((name, shown),))


# --- D1, D2 -------------------------------------------------------------------------------------


def test_d01_nothing_is_emitted_unless_everything_held_since_the_warning_began():
    site = Site()
    site.start()
    site.wait(1)
    site.take(Noted(ADA.cycle))
    site.wait(20)
    assert SoundWarning in site.kinds()
    site.scene = wrong("mmwave", Shown(value=True))
    site.take(Tick(), 0.01)
    site.scene = ALL_WELL
    site.wait(60)
    assert site.state.phase is ZoneState.LOCKOUT
    assert not [e for e in site.of(RenewLease) if e.output is Output.EMITTER]  # type: ignore[attr-defined]


def test_d01_the_permissives_are_those_of_the_page():
    exclusion = "estop doors occupancy fire gas watchdog order lease"
    limited = "estop doors fire gas watchdog order lease dose_meter dose_budget commissioned"
    enclosed = "estop fire enclosure watchdog lease"
    assert {each.value for each in P[Hazard.EXCLUSION]} == set(exclusion.split())
    assert {each.value for each in P[Hazard.DOSE_LIMITED]} == set(limited.split())
    assert {each.value for each in P[Hazard.ENCLOSED]} == set(enclosed.split())
    assert all(P[hazard] < needed(hazard) for hazard in Hazard)


VACANT = Contact(good=False, frozen_s=3600.0)
METER = Gauge(low=0.0, high=10.0, good_high=1.0, frozen_s=60.0)


@pytest.mark.parametrize(
    ("expects", "sample", "found"),
    [
        (VACANT, None, Standing.MISSING),
        (VACANT, Sample(False, 99.5, 0.0, moved=True), Standing.OK),
        (VACANT, Sample(False, 98.9, 0.0, moved=True), Standing.STALE),
        (VACANT, Sample(False, 101.0, 0.0, moved=True), Standing.STALE),
        (VACANT, Sample(True, 99.5, 0.0, moved=True), Standing.NOT_OK),
        (VACANT, Sample(None, 99.5, 0.0, moved=True), Standing.IMPLAUSIBLE),
        (VACANT, Sample(0.0, 99.5, 0.0, moved=True), Standing.IMPLAUSIBLE),
        (VACANT, Sample(False, 99.5, 0.0, moved=False), Standing.IMPLAUSIBLE),
        (VACANT, Sample(False, 99.5, -3600.0, moved=True), Standing.IMPLAUSIBLE),
        (Contact(good=False), Sample(False, 99.5, -1e9), Standing.OK),
        (METER, Sample(0.5, 99.5, 99.0), Standing.OK),
        (METER, Sample(1.5, 99.5, 99.0), Standing.NOT_OK),
        (METER, Sample(math.nan, 99.5, 99.0), Standing.IMPLAUSIBLE),
        (METER, Sample(math.inf, 99.5, 99.0), Standing.IMPLAUSIBLE),
        (METER, Sample(-0.1, 99.5, 99.0), Standing.IMPLAUSIBLE),
        (METER, Sample(None, 99.5, 99.0), Standing.IMPLAUSIBLE),
        (METER, Sample(True, 99.5, 99.0), Standing.IMPLAUSIBLE),
        (METER, Sample(0.5, 99.5, 39.0), Standing.IMPLAUSIBLE),
        (replace(METER, lit_only=True), Sample(0.5, 99.5, 39.0), Standing.OK),
    ],
)
def test_d02_what_is_not_known_for_certain_counts_as_occupied(expects, sample, found):
    assert standing(expects, sample, 100.0, None) is found


def test_d02_a_meter_that_never_moves_while_the_lamp_burns_is_frozen():
    gauge = replace(METER, lit_only=True)
    assert standing(gauge, Sample(0.5, 99.5, 0.0), 100.0, 50.0) is Standing.OK
    assert standing(gauge, Sample(0.5, 99.5, 0.0), 100.0, 39.0) is Standing.IMPLAUSIBLE


def test_d02_a_witness_that_moves_shows_that_a_resting_number_is_alive():
    sample = None
    for second in range(100):
        sample = sampled(sample, 0.0, float(second), witness=float(second % 2))
    assert standing(METER, sample, 99.5, None) is Standing.OK
    for second in range(100, 200):
        sample = sampled(sample, 0.0, float(second), witness=1.0)
    assert standing(METER, sample, 199.5, None) is Standing.IMPLAUSIBLE


@pytest.mark.parametrize(
    ("value", "found"), [(0.0, False), (1.0, True), (0.5, None), (math.nan, None), (None, None), (True, True)]
)
def test_d02_a_read_back_is_0_or_1(value, found):
    assert level(Sample(value, 99.5, 0.0), 100.0) is found
    assert level(Sample(value, 98.0, 0.0), 100.0) is None
    assert level(None, 100.0) is None


def test_d02_two_sensors_of_one_technology_are_one():
    def need(name: str, technology: str) -> Need:
        vacant = Contact(good=False)
        return Need(permissive=Permissive.OCCUPANCY, input=name, expects=vacant, technology=technology)

    readings = {name: Sample(False, 0.0, 0.0, moved=True) for name in ("a", "b")}
    alike = sensed((need("a", "pir"), need("b", "pir")), readings, 0.0, None)
    diverse = sensed((need("a", "pir"), need("b", "mmwave")), readings, 0.0, None)
    assert alike == {Permissive.OCCUPANCY: Standing.MISSING}
    assert diverse == {Permissive.OCCUPANCY: Standing.OK}
    assert worst([]) is Standing.MISSING


@given(
    value=st.one_of(st.booleans(), st.none(), st.floats()),
    at_s=st.floats(-10, 10),
    since_s=st.floats(-100, 10),
)
def test_d02_only_a_fresh_good_value_is_ok(value, at_s, since_s):
    sample = Sample(value, at_s, since_s, moved=True)
    for expects, good in ((Contact(good=False), value is False), (METER, value is not None)):
        if standing(expects, sample, 0.0, None) is Standing.OK:
            assert good
            assert -1.0 <= at_s <= 0.0
    if standing(METER, sample, 0.0, None) is Standing.OK:
        assert not isinstance(value, bool)
        assert 0.0 <= value <= 1.0


# --- D3, D4, D6 ---------------------------------------------------------------------------------


def test_d03_an_output_is_a_lease_of_two_seconds_at_the_most_and_lapses_unconfirmed():
    site = Site().emitting()
    assert LEASE_S <= 2.0
    assert {e.lease_s for e in site.of(RenewLease)} == {LEASE_S}  # type: ignore[attr-defined]
    site.answers = False
    site.wait(3)
    assert site.state.phase is ZoneState.LOCKOUT
    assert site.state.stopped is StopReason.PERMISSIVE_LOST


def test_d03_the_contactor_says_nothing_for_the_emitter():
    site = Site().emitting()
    site.answers = False
    for _ in range(4):
        site.take(Tick(), 0.5)
        site.take(LeaseConfirmed(Output.CONTACTOR))
    assert site.state.phase in (ZoneState.STOPPING, ZoneState.LOCKOUT)


def test_d04_the_arithmetic_of_commissioning():
    assert reaction_s_max(6.0, 182.0) == pytest.approx(3.3, abs=0.01)
    assert reaction_s_max(6.0, 182.0) < 3.3 < reaction_s_max(6.0, 181.8)
    assert reaction_s_max(6.0, 0.0) == math.inf


def test_d06_a_unit_that_does_not_obey_for_more_than_a_second_is_cut_off_upstream():
    site = Site().emitting()
    site.scene = Scene("dark", contrary=frozenset({"output"}))
    site.take(Tick(), 0.5)
    site.take(LeaseConfirmed(Output.EMITTER), 0.9)
    assert site.state.phase is ZoneState.EMIT
    effects = site.take(Tick(), 0.2)
    assert site.state.stopped is StopReason.READ_BACK
    assert effects[-2:] == (CutOutput(), OpenContactor())


def test_d06_a_lamp_that_nobody_has_switched_on_is_cut_off():
    site = Site()
    site.scene = Scene("on by hand", contrary=frozenset({"output"}))
    site.take()
    assert site.start() is ZoneState.IDLE
    site.take(Tick(), 1.1)
    assert site.state.phase is ZoneState.STOPPING
    site.wait(10)
    assert site.state.phase is ZoneState.LOCKOUT
    assert len(site.of(CutOutput)) > 10
    assert not site.of(WriteCycle)


def test_d06_silence_of_the_unit_is_no_obedience():
    site = Site().emitting()
    site.scene = wrong("output", None)
    site.take(Tick(), 0.2)
    assert site.state.stopped is StopReason.UNIT_LOST
    site.wait(4)
    assert site.state.phase is ZoneState.STOPPING
    site.wait(2)
    assert site.state.phase is ZoneState.LOCKOUT


# --- D5 -----------------------------------------------------------------------------------------


def test_d05_a_start_is_off_first_and_a_cycle_under_way_is_locked_out():
    zone = zone_of(UnitKind.UV254_OPEN)
    state, effects = interlock.step(Interlock(), Booted(), {}, 1.0, zone)
    assert (state.phase, effects) == (ZoneState.IDLE, (CutOutput(), OpenContactor()))
    for phase in (ZoneState.WARN, ZoneState.EMIT, ZoneState.DWELL, ZoneState.AERATE, ZoneState.VERIFY):
        before = kept(Interlock(phase=phase, warrant=ADA), zone)
        assert before is not None
        state, effects = interlock.step(Interlock(), Booted(before), {}, 1.0, zone)
        assert state.phase is ZoneState.LOCKOUT
        assert effects[:2] == (CutOutput(), OpenContactor())
        assert WriteCycle(ADA, CycleOutcome.ABORTED, StopReason.RESTART, NOTHING_EMITTED) in effects
    for phase in (ZoneState.IDLE, ZoneState.PRECHECK, ZoneState.RELEASED, ZoneState.DISABLED):
        assert kept(Interlock(phase=phase, warrant=ADA), zone) is None


def test_d05_what_was_locked_out_stays_so_for_its_own_reason_and_is_not_written_again():
    zone = zone_of(UnitKind.H2O2_FOG)
    locked = Kept(warrant=ADA, gassed=True, stopped=StopReason.FIRE, recorded=True)
    state, effects = interlock.step(Interlock(), Booted(locked), {}, 1.0, zone)
    assert (state.phase, state.stopped, state.gassed) == (ZoneState.LOCKOUT, StopReason.FIRE, True)
    assert not any(isinstance(effect, WriteCycle) for effect in effects)
    state, _ = interlock.step(Interlock(), Booted(known=False), {}, 1.0, zone)
    assert (state.phase, state.gassed) == (ZoneState.LOCKOUT, True)


def test_d05_nothing_is_emitted_before_the_disk_knows():
    site = Site()
    site.start()
    site.wait(1)
    site.take(Noted("another cycle"))
    site.wait(60)
    assert site.state.phase is ZoneState.WARN
    site.take(Noted(ADA.cycle))
    site.take()
    assert site.state.phase is ZoneState.EMIT


def test_d05_a_zone_that_is_only_watched_commands_nothing():
    changes: tuple[dict[str, Any], ...] = ({"commissioned": False}, {"enabled": False})
    for changed in changes:
        site = Site(**changed)
        site.scene = Scene("on by hand", contrary=frozenset({"output"}))
        site.wait(5)
        assert site.state.phase is ZoneState.DISABLED
        assert not site.effects
        assert site.start() is ZoneState.DISABLED
        locked = Kept(warrant=None, gassed=False)
        state, _ = interlock.step(Interlock(), Booted(locked), {}, 1.0, site.plan)
        assert state.phase is ZoneState.LOCKOUT


# --- D7 -----------------------------------------------------------------------------------------


def test_d07_a_start_needs_a_living_order_and_the_key_on_site():
    assert Site().start(ttl_s=61.0) is ZoneState.IDLE
    assert Site().start(ttl_s=0.0) is ZoneState.IDLE
    assert Site().start(ttl_s=60.0) is ZoneState.PRECHECK
    site = Site()
    for shown in (Shown(value=False), Shown(value=True, age_s=1.5), None):
        site.scene = wrong("arm", shown)
        assert site.start() is ZoneState.IDLE
    site.scene = wrong("contactor", Shown(0.0))
    assert site.start(ttl_s=0.9) is ZoneState.PRECHECK
    site.take(Tick(), 0.95)
    assert site.state.phase is ZoneState.IDLE
    assert [e.outcome for e in site.of(WriteCycle)] == [CycleOutcome.ABORTED]  # type: ignore[attr-defined]


def test_d07_chemical_and_ozone_starts_need_two_people():
    for unit, kind in KINDS.items():
        assert kind.two_people == (unit in (UnitKind.H2O2_FOG, UnitKind.HOCL_FOG, UnitKind.OZONE))
    fog = Site(UnitKind.H2O2_FOG)
    for second in (None, "Ada", "  ADA "):
        assert fog.start(replace(ADA, confirmed_by=second)) is ZoneState.IDLE
    assert fog.start() is ZoneState.PRECHECK
    assert Site().start(replace(ADA, confirmed_by=None)) is ZoneState.PRECHECK


def test_d07_a_stop_is_obeyed_everywhere_and_asks_for_nobody():
    assert not StopOrdered.__dataclass_fields__
    for phase in ZoneState:
        site = Site()
        site.state = replace(site.state, phase=phase, until_s=site.now_s + 99, leased_s=site.now_s)
        site.take(StopOrdered())
        assert site.state.phase not in (ZoneState.PRECHECK, ZoneState.WARN, ZoneState.EMIT)


def test_d07_a_lockout_is_cleared_by_another_person_with_a_reason_at_a_unit_that_is_off():
    site = Site().emitting()
    site.take(StopOrdered())
    site.take(LEAVE)
    assert site.state.phase is ZoneState.LOCKOUT
    for refused in (Cleared("ada ", "x"), Cleared("", "x"), Cleared("Bo", " ")):
        site.take(refused)
        assert site.state.phase is ZoneState.LOCKOUT
    site.scene = wrong("output", None)
    site.take(LEAVE)
    assert site.state.phase is ZoneState.LOCKOUT
    site.scene = ALL_WELL
    assert site.take(LEAVE) == (ClearZoneAlert(AlertKind.ZONE_LOCKOUT, "cleared on site"),)
    assert (site.state.phase, site.state.warrant, site.state.stopped) == (ZoneState.IDLE, None, None)


# --- D8, D9, D10 --------------------------------------------------------------------------------


def test_d08_gas_is_released_by_measurement_and_never_by_the_timer_alone():
    site = Site(UnitKind.H2O2_FOG).emitting()
    site.wait(60)
    assert site.state.phase is ZoneState.DWELL
    site.scene = wrong(GAS_INSIDE, Shown(0.6))
    site.wait(600)
    assert site.state.phase is ZoneState.AERATE
    site.wait(3600)
    assert site.state.phase is ZoneState.AERATE
    site.scene = ALL_WELL
    site.wait(200)
    assert site.state.phase is ZoneState.VERIFY
    site.scene = wrong(GAS_INSIDE, Shown(0.6))
    site.take(Tick(), 0.5)
    assert site.state.phase is ZoneState.AERATE
    site.scene = ALL_WELL
    site.wait(299)
    assert site.state.phase is ZoneState.VERIFY
    site.wait(7)
    assert site.state.phase is ZoneState.RELEASED
    assert [e.outcome for e in site.of(WriteCycle)] == [CycleOutcome.COMPLETED]  # type: ignore[attr-defined]


def test_d08_the_timer_must_have_elapsed_too():
    site = Site(UnitKind.H2O2_FOG).emitting()
    site.wait(60 + 600 + 890)
    assert site.state.phase is ZoneState.AERATE
    site.wait(20)
    assert site.state.phase in (ZoneState.VERIFY, ZoneState.RELEASED)


@pytest.mark.parametrize("shown", [None, Shown(math.nan), Shown(0.1, age_s=2.0), Shown(0.1, since_s=1001.0)])
def test_d08_a_dead_gas_sensor_never_releases(shown):
    site = Site(UnitKind.H2O2_FOG).emitting()
    site.wait(60 + 600)
    site.scene = wrong(GAS_INSIDE, shown)
    site.wait(9)
    assert site.state.phase is ZoneState.AERATE
    site.wait(3)
    assert (site.state.phase, site.state.stopped) == (ZoneState.LOCKOUT, StopReason.GAS_SENSOR)
    site.take(LEAVE)
    assert site.state.phase is ZoneState.AERATE
    site.wait(20)
    assert site.state.phase is ZoneState.LOCKOUT


def test_d08_a_gas_that_does_not_go_ends_in_a_lockout():
    site = Site(UnitKind.H2O2_FOG).emitting()
    site.wait(60 + 600)
    site.scene = wrong(GAS_INSIDE, Shown(0.9))
    site.wait(14_410)
    assert (site.state.phase, site.state.stopped) == (ZoneState.LOCKOUT, StopReason.NOT_VERIFIED)


def test_d08_light_needs_no_airing_but_a_lamp_that_shows_it_is_off():
    site = Site().emitting()
    site.wait(60)
    assert site.state.phase is ZoneState.VERIFY
    site.wait(2.5)
    assert site.state.phase is ZoneState.RELEASED
    assert site.start() is ZoneState.PRECHECK


def test_d09_fire_stops_and_nothing_holds_anybody_back():
    site = Site().emitting()
    site.scene = wrong("fire", Shown(value=True))
    effects = site.take(Tick(), 0.1)
    assert (site.state.phase, site.state.stopped) == (ZoneState.STOPPING, StopReason.FIRE)
    assert CutOutput() in effects
    for status in ZoneStatus:
        leaving = Evidence(side=Side.EGRESS, zone=Fresh(status, 0.0))
        assert decide(leaving, replace_policy(require_zone=True), 1).outcome is Outcome.GRANT
    entering = replace(GOOD, zone=Fresh(ZoneStatus.BUSY, 0.0))
    assert decide(entering, POLICY, 1).outcome is Outcome.DENY


def replace_policy(**changes: object):
    import msgspec

    return msgspec.structs.replace(POLICY, **changes)


def test_d10_run_time_dose_and_cycles_are_capped():
    endless = Site(emit_s=1e9, cycles_per_day_max=4).emitting()
    endless.wait(119)
    assert endless.state.phase is ZoneState.EMIT
    endless.wait(3)
    assert (endless.state.phase, endless.state.stopped) == (ZoneState.LOCKOUT, StopReason.CAP)
    assert Site().start(today=4) is ZoneState.IDLE
    optics = Optics(e_max_uw_cm2=100.0, e_worst_uw_cm2=50.0)
    strong = Site(optics=optics, dose_mj_cm2_max=1.0).emitting()
    strong.wait(12)
    assert strong.state.stopped is StopReason.CAP
    assert strong.state.dose.upper_mj_cm2 == pytest.approx(1.0, abs=0.15)


# --- D11, D12, limits ---------------------------------------------------------------------------

OPTICS = Optics(e_max_uw_cm2=100.0, e_worst_uw_cm2=50.0, reference_uw_cm2=80.0)


def test_d11_efficacy_counts_the_least_and_safety_the_most():
    once = advanced(NOTHING_EMITTED, OPTICS, 1.0, seen=80.0, lit=True)
    assert once.lower_mj_cm2 == 0.0, "one reading proves nothing of the time before it"
    twice = advanced(once, OPTICS, 1.0, seen=40.0, lit=True)
    assert twice.lower_mj_cm2 == pytest.approx(0.025)
    assert twice.upper_mj_cm2 == pytest.approx(0.2)
    brighter = advanced(twice, OPTICS, 1.0, seen=160.0, lit=True)
    assert brighter.lower_mj_cm2 - twice.lower_mj_cm2 == pytest.approx(0.025)
    assert brighter.upper_mj_cm2 - twice.upper_mj_cm2 == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("span_s", "seen", "lit"), [(1.0, None, True), (1.0, 80.0, False), (1.1, 80.0, True)]
)
def test_d11_what_is_not_known_counts_for_safety_alone(span_s, seen, lit):
    before = Dose(seen_uw_cm2=80.0)
    after = advanced(before, OPTICS, span_s, seen=seen, lit=lit)
    assert after.lower_mj_cm2 == 0.0
    assert after.upper_mj_cm2 == pytest.approx(0.1 * span_s)
    assert after.emitted_s == span_s


def test_d11_a_lamp_without_sensor_is_credited_with_its_end_of_life():
    blind = replace(OPTICS, reference_uw_cm2=None)
    after = advanced(NOTHING_EMITTED, blind, 1.0, seen=None, lit=True)
    assert after.lower_mj_cm2 == pytest.approx(END_OF_LIFE * 0.05)
    assert after.upper_mj_cm2 == pytest.approx(0.1)
    assert advanced(NOTHING_EMITTED, None, 1.0, seen=1.0, lit=True).lower_mj_cm2 == 0.0


@given(st.lists(st.tuples(st.floats(0.01, 2), st.one_of(st.none(), st.floats(0, 500)), st.booleans())))
def test_d11_the_lower_bound_is_never_above_the_upper(looks):
    dose = NOTHING_EMITTED
    for span_s, seen, lit in looks:
        dose = advanced(dose, OPTICS, span_s, seen=seen, lit=lit)
    assert 0.0 <= dose.lower_mj_cm2 <= dose.upper_mj_cm2 + 1e-9


def test_d11_the_eight_hour_budget_forgets_no_sooner_than_eight_hours():
    spent = spend((), 1.0, 0.0)
    spent = spend(spent, 1.0, BUCKET_S - 1)
    assert len(spent) == 1
    spent = spend(spent, 1.0, BUCKET_S + 1)
    assert total(spent, BUDGET_S) == 3.0
    assert total(spent, BUDGET_S + BUCKET_S) == 1.0
    assert spend(spent, 0.0, 2 * BUDGET_S) == ()


def test_d11_an_upper_room_unit_stops_when_the_budget_is_spent():
    optics = Optics(e_max_uw_cm2=1.0, e_worst_uw_cm2=0.5)
    site = Site(UnitKind.UV222, optics=optics, budget_mj_cm2=0.02).emitting()
    site.wait(25)
    assert site.state.stopped is StopReason.PERMISSIVE_LOST
    site.take(LEAVE)
    assert site.start() is ZoneState.IDLE
    assert dict(site.state.standings)[Permissive.DOSE_BUDGET] is Standing.NOT_OK


def test_d12_a_dose_that_was_not_reached_is_said_and_aborted_never_counts():
    optics = Optics(e_max_uw_cm2=100.0, e_worst_uw_cm2=50.0)
    site = Site(optics=optics, dose_mj_cm2_min=1.0).emitting()
    site.wait(5)
    site.take(StopOrdered())
    site.wait(1)
    (record,) = site.of(WriteCycle)
    assert (record.outcome, record.stopped) == (CycleOutcome.ABORTED, StopReason.ORDERED)  # type: ignore[attr-defined]
    assert 0.15 < record.dose.lower_mj_cm2 < 0.25  # type: ignore[attr-defined]
    raised = [effect.alert for effect in site.of(RaiseZoneAlert)]  # type: ignore[attr-defined]
    assert raised == [AlertKind.ZONE_ABORTED, AlertKind.DOSE_SHORT, AlertKind.ZONE_LOCKOUT]


def test_d12_a_dose_that_was_reached_completes_the_cycle():
    optics = Optics(e_max_uw_cm2=100.0, e_worst_uw_cm2=50.0)
    site = Site(optics=optics, dose_mj_cm2_min=1.0).emitting()
    site.wait(35)
    (record,) = site.of(WriteCycle)
    assert record.outcome is CycleOutcome.COMPLETED  # type: ignore[attr-defined]
    assert record.dose.lower_mj_cm2 == pytest.approx(1.0, abs=0.03)  # type: ignore[attr-defined]
    assert not site.of(RaiseZoneAlert)


def test_limits_are_those_of_the_page():
    assert KINDS[UnitKind.UV254_OPEN].uv_mj_cm2 == 6.0
    assert KINDS[UnitKind.UV222].uv_mj_cm2 == 23.0
    assert (H2O2.limit("h2o2_ppm"), O3.limit("o3_ppm")) == (1.0, 0.1)
    assert CL2.limit("cl2_mg_m3") == pytest.approx(1.0)
    assert H2O2.limit("h2o2_mg_m3") == pytest.approx(1.39)
    assert O3.limit("o3_percent") is None


def test_no_kind_of_unit_sprays_people():
    """WHO: under no circumstances. The kinds are a closed list, and whatever is sprayed excludes people."""
    sprayed = {
        unit for unit in UnitKind if "fog" in unit.value or "mist" in unit.value or "spray" in unit.value
    }
    assert set(KINDS) == set(UnitKind)
    assert all(KINDS[unit].hazard is Hazard.EXCLUSION for unit in sprayed)
    assert all(kind.hazard is Hazard.EXCLUSION for kind in KINDS.values() if kind.gas is not None)
    with pytest.raises(ValueError, match="not a valid"):
        UnitKind("people_mist")
