"""The exhaustive search of the portal machine, and that it would find what it looks for."""

from dataclasses import replace

import pytest

from cardea.contract.records import Mode, Side
from edge.decide import lock, portal, proof
from edge.decide.decision import ReleaseDoor
from edge.decide.events import Decided, EgressRequested, Event, FireRead, InputsStale, LockdownChanged
from edge.decide.evidence import FireInput
from edge.decide.lock import Act, Fitting, Kept, Phase, PortalState, Signal, Step

pytestmark = pytest.mark.search

WIRED = Fitting(hardwired_fire_release=True, fire_fitted=True)
UNWIRED = Fitting(hardwired_fire_release=False, fire_fitted=True)
UNFITTED = Fitting(hardwired_fire_release=True, fire_fitted=False)


@pytest.mark.parametrize(
    ("fitting", "alphabet", "states_min"),
    [
        pytest.param(WIRED, proof.LOCK, 1_500, id="lock, wired"),
        pytest.param(UNWIRED, proof.LOCK, 1_500, id="lock, unwired"),
        pytest.param(WIRED, proof.VESTIBULE, 1_500, id="vestibule, wired"),
        pytest.param(UNWIRED, proof.VESTIBULE, 1_500, id="vestibule, unwired"),
        pytest.param(UNFITTED, proof.LEAF, 1_000, id="leaf"),
        pytest.param(UNFITTED, proof.LOCK, 20, id="lock, no fire input"),
    ],
)
def test_no_reachable_state_breaks_a_law(fitting: Fitting, alphabet: tuple[Event, ...], states_min: int):
    found = proof.prove(fitting, alphabet)
    assert found.breach is None
    assert found.states >= states_min


def test_the_alphabets_cover_every_event_and_every_reading():
    alphabet = (*proof.LOCK, *proof.VESTIBULE, *proof.LEAF)
    missed = set(Event.__args__) - {type(event) for event in alphabet} - {portal.Booted, portal.Tick}
    assert not missed
    assert {event.active for event in alphabet if isinstance(event, FireRead)} == {True, False, None}


ROWS = [
    (WIRED, (Phase.LOCKED, Signal.LEAVE), (Phase.LOCKED, ()), "L2 egress is never blocked"),
    (WIRED, (Phase.TROUBLE, Signal.LEAVE), (Phase.TROUBLE, ()), "L2 egress is never blocked"),
    (WIRED, (Phase.LOCKED, Signal.ALARM), (Phase.LOCKED, ()), "L4 a latch holds"),
    (WIRED, (Phase.FIRE, Signal.SOUND), (Phase.LOCKED, (Act.END_HOLD,)), "L4 a latch holds"),
    (WIRED, (Phase.FIRE, Signal.FAULT), (Phase.TROUBLE, (Act.END_HOLD,)), "L4 a latch holds"),
    (WIRED, (Phase.RELEASED, Signal.FAULT), (Phase.TROUBLE, (Act.END_HOLD,)), "L4 only a reset"),
    (UNWIRED, (Phase.LOCKED, Signal.FAULT_UNWIRED), (Phase.TROUBLE, ()), "L4 trouble opens"),
    (UNWIRED, (Phase.TROUBLE_RELEASED, Signal.SOUND), (Phase.LOCKED, ()), "L6 every release is bounded"),
    (WIRED, (Phase.LOCKED, Signal.SOUND), (Phase.RELEASED, (Act.PULSE,)), "L4 a healthy input"),
    (WIRED, (Phase.FIRE, Signal.ADMIT), (Phase.FIRE, (Act.PULSE,)), "L6 no pulse into a hold"),
]


@pytest.mark.parametrize(("fitting", "key", "row", "law"), ROWS)
def test_a_planted_row_is_found(monkeypatch, fitting, key, row, law):
    monkeypatch.setitem(lock.TRANSITIONS, key, row)
    breach = proof.prove(fitting, proof.LOCK).breach
    assert breach is not None
    assert breach.law.startswith(law)
    assert breach.path


def _fault_ends_lease_quietly(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    """The loop's fault leaves a running lease to its end."""
    after, effects = portal.step(state, event, now_s, fitting)
    leased = state.phase is Phase.RELEASED and after.phase is Phase.TROUBLE_RELEASED
    if isinstance(event, InputsStale) and leased:
        return replace(after, phase=Phase.TROUBLE), ()
    return after, effects


def _lockdown_before_egress(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    """L3 in the wrong order."""
    if state.lockdown and isinstance(event, EgressRequested):
        return state, ()
    return portal.step(state, event, now_s, fitting)


def _lockdown_relocks(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    after, effects = portal.step(state, event, now_s, fitting)
    if isinstance(event, LockdownChanged) and after.phase is Phase.RELEASED:
        return replace(after, phase=Phase.LOCKED, until_s=None), effects
    return after, effects


def _allow_before_lockdown(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    if isinstance(event, Decided) and state.lockdown:
        after, effects = portal.step(replace(state, lockdown=False), event, now_s, fitting)
        return replace(after, lockdown=True), effects
    return portal.step(state, event, now_s, fitting)


def _history_is_live(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    if isinstance(event, Decided):
        event = Decided(replace(event.decision, mode=Mode.LIVE))
    return portal.step(state, event, now_s, fitting)


def _alarm_is_missed(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    after, effects = portal.step(state, event, now_s, fitting)
    if after.loop.settled is FireInput.ALARM:
        return state, ()
    return after, effects


def _release_without_end(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
    after, effects = portal.step(state, event, now_s, fitting)
    endless = ReleaseDoor(Side.EGRESS, 3600.0)
    return after, tuple(endless if isinstance(effect, ReleaseDoor) else effect for effect in effects)


@pytest.mark.parametrize(
    ("machine", "law"),
    [
        (_fault_ends_lease_quietly, "L4 nothing released is relocked"),
        (_lockdown_before_egress, "L3 lockdown never touches egress"),
        (_lockdown_relocks, "L3 lockdown does nothing by itself"),
        (_allow_before_lockdown, "L3 lockdown bars entry"),
        (_history_is_live, "L12 history opens nothing"),
        (_alarm_is_missed, "L4 an alarm opens in time"),
        (_release_without_end, "L6 every release is bounded"),
    ],
)
def test_a_planted_machine_is_found(machine, law):
    breach = proof.prove(WIRED, proof.LOCK, machine).breach
    assert breach is not None
    assert breach.law.startswith(law)


def test_a_lockdown_that_changes_how_people_leave_is_found():
    def shorter(state: PortalState, event: Event, now_s: float, fitting: Fitting) -> Step:
        release_s = 0.1 if state.lockdown else fitting.release_s
        return portal.step(state, event, now_s, replace(fitting, release_s=release_s))

    breach = proof.prove(WIRED, proof.LOCK, shorter).breach
    assert breach is not None
    assert breach.law == "L3 lockdown never touches egress"


@pytest.mark.parametrize(
    ("kept", "row"),
    [
        (Kept.NOTHING, (Phase.RELEASED, (ReleaseDoor(Side.INGRESS, 0.5),))),
        (Kept.FIRE, (Phase.FIRE, ())),
    ],
)
def test_a_planted_boot_is_found(monkeypatch, kept, row):
    monkeypatch.setattr(portal, "BOOT", {**lock.BOOT, kept: row})
    breach = proof.prove(WIRED, proof.LOCK).breach
    assert breach is not None
    assert breach.law == "L6 a start pulses nothing"


def test_an_abstraction_with_a_hole_is_said(monkeypatch):
    monkeypatch.setattr(proof, "STATES_MAX", 10)
    with pytest.raises(RuntimeError, match="more than 10 states"):
        proof.prove(WIRED, proof.LOCK)
