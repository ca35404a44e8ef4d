"""The portal machine beyond the L rules: orders, terminals, evidence, what it waits for."""

from dataclasses import replace

import pytest

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, Mode, Outcome, Severity, Side
from edge.decide import portal
from edge.decide.decide import decide
from edge.decide.decision import (
    ClearAlert,
    Decision,
    EndHold,
    HoldReleased,
    RaiseAlert,
    ReleaseDoor,
    ShowMessage,
)
from edge.decide.events import (
    ActuatorReturned,
    CommitRecovered,
    CommitStalled,
    Decided,
    EgressRequested,
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
from edge.decide.evidence import NOT_FITTED, NOT_SEEN, FireInput, Fresh
from edge.decide.leaf import FORCED_GRACE_S
from edge.decide.lock import RELEASE_S_MAX, Fitting, Kept, Phase, PortalState
from edge.decide.outcomes import GOOD, POLICY

WIRED = Fitting(hardwired_fire_release=True, fire_fitted=True)
UNFITTED = Fitting(hardwired_fire_release=True, fire_fitted=False)
ENTER = Decided(decide(GOOD, POLICY, 1))
SHUT_LEAF = PortalState(leaf_open=False, held=False)


def run(*events, fitting=UNFITTED, state=None, gap_s=0.0):
    """The state and all effects after ``events``, each ``gap_s`` after the one before."""
    state, effects = state or PortalState(), []
    for event in events:
        state, more = portal.step(state, event, state.at_s + gap_s, fitting)
        effects += more
    return state, effects


def wait(state, s, fitting=UNFITTED):
    return portal.step(state, Tick(), state.at_s + s, fitting)


def test_a_grant_releases_before_it_tells():
    state, effects = run(ENTER)
    assert state.phase is Phase.RELEASED
    assert effects == [ReleaseDoor(Side.INGRESS, 5.0), ShowMessage(Outcome.GRANT, Reason.GRANTED)]


def test_a_refusal_only_tells():
    deny = Decided(
        Decision(
            Outcome.DENY,
            (),
            Mode.LIVE,
            1,
            {},
            (ReleaseDoor(Side.INGRESS, 5.0), ShowMessage(Outcome.DENY, Reason.LOCKDOWN)),
        )
    )
    state, effects = run(deny)
    assert state.phase is Phase.LOCKED
    assert effects == [ShowMessage(Outcome.DENY, Reason.LOCKDOWN)]


def test_no_release_is_longer_than_the_longest():
    long = replace(ENTER.decision, effects=(ReleaseDoor(Side.INGRESS, 9999.0),))
    _, effects = run(Decided(long))
    assert effects == [ReleaseDoor(Side.INGRESS, RELEASE_S_MAX)]
    _, effects = run(EgressRequested(), fitting=replace(UNFITTED, release_s=9999.0))
    assert effects == [ReleaseDoor(Side.EGRESS, RELEASE_S_MAX)]


def test_a_second_release_lengthens_the_first():
    state, _ = run(ENTER)
    state, _ = portal.step(state, EgressRequested(), 3.0, replace(UNFITTED, release_s=1.0))
    assert state.until_s == 5.0
    state, _ = portal.step(state, ENTER, 4.0, UNFITTED)
    assert state.until_s == 9.0


def test_lockdown_keeps_the_alerts_of_a_barred_entry():
    red = RaiseAlert(AlertKind.STATUS_RED, Severity.MAJOR)
    grant = Decided(replace(ENTER.decision, effects=(*ENTER.decision.effects, red)))
    state, effects = run(LockdownChanged(on=True), grant)
    assert effects == [red, ShowMessage(Outcome.DENY, Reason.LOCKDOWN)]
    assert not portal.may_admit(state)
    assert run(ReleaseOrdered(), state=state)[1] == []


def test_an_ordered_release_lets_one_person_in():
    assert run(ReleaseOrdered())[1] == [ReleaseDoor(Side.INGRESS, 5.0)]


def test_a_held_portal_is_open_in_lockdown_too():
    state, _ = portal.boot(Kept.FIRE, 0.0, WIRED)
    state, effects = run(LockdownChanged(on=True), ENTER, state=state, fitting=WIRED)
    assert effects == [HoldReleased(), ShowMessage(Outcome.GRANT, Reason.GRANTED)]


def test_a_terminal_that_opens_by_itself_is_no_break_in():
    state, effects = run(TerminalOpened(), LeafMoved(open=True), state=SHUT_LEAF)
    assert effects == []
    assert state.phase is Phase.RELEASED


def test_a_returning_actuator_is_told_of_the_hold_and_of_nothing_else():
    held, _ = portal.boot(Kept.FIRE, 0.0, WIRED)
    assert run(ActuatorReturned(), state=held, fitting=WIRED)[1] == [HoldReleased()]
    assert run(ActuatorReturned())[1] == []
    assert run(ENTER, ActuatorReturned())[1] == list(run(ENTER)[1])


def test_a_locked_portal_can_be_reset_to_withdraw_a_forgotten_hold():
    fire = ClearAlert(AlertKind.FIRE, "manual_reset")
    assert run(ManualReset())[1] == [EndHold(), fire]
    leased, _ = run(ENTER)
    assert not portal.may_reset(leased, UNFITTED)
    assert run(ManualReset(), state=leased)[1] == []


def test_trouble_kept_from_a_portal_that_has_lost_its_fire_input_can_be_reset():
    state, _ = portal.boot(Kept.TROUBLE, 0.0, UNFITTED)
    state, effects = run(ManualReset(), state=state)
    assert effects == [EndHold()]
    assert state.phase is Phase.LOCKED


def test_readings_of_a_fire_input_that_is_not_fitted_mean_nothing():
    state, effects = run(FireRead(active=True), FireRead(active=True), InputsStale())
    assert (state.phase, effects) == (Phase.LOCKED, [])


def test_stalls_are_said_once_and_cleared_once():
    said = RaiseAlert(AlertKind.STORE_STALLED, Severity.MAJOR, Reason.STORE_STALLED)
    cleared = ClearAlert(AlertKind.STORE_STALLED, "commit_in_time")
    events = (CommitRecovered(), CommitRecovered(), CommitStalled(), CommitStalled(), CommitRecovered())
    assert run(*events)[1] == [cleared, said, cleared]


# --- evidence -----------------------------------------------------------------------------------


def test_fire_as_evidence():
    fresh, _ = portal.boot(Kept.NOTHING, 10.0, WIRED)
    assert portal.fire_seen(fresh, UNFITTED, 10.0) is NOT_FITTED
    assert portal.fire_seen(fresh, WIRED, 10.0) is NOT_SEEN
    sound, _ = run(FireRead(active=False), FireRead(active=False), fitting=WIRED, state=fresh)
    assert portal.fire_seen(sound, WIRED, 12.0) == Fresh(FireInput.NORMAL, 2.0)
    latched, _ = portal.boot(Kept.FIRE, 10.0, WIRED)
    assert portal.fire_seen(latched, UNFITTED, 11.0) == Fresh(FireInput.ALARM, 1.0)


def test_lockdown_as_evidence():
    assert portal.lockdown_seen(PortalState(), 5.0) is NOT_FITTED
    state, _ = run(LockdownChanged(on=True))
    assert portal.lockdown_seen(state, 5.0) == Fresh(value=True, age_s=5.0)


# --- the leaf -----------------------------------------------------------------------------------

FORCED = RaiseAlert(AlertKind.DOOR_FORCED, Severity.MAJOR)
HELD = RaiseAlert(AlertKind.DOOR_HELD, Severity.MINOR)
NOT_HELD = ClearAlert(AlertKind.DOOR_HELD, "leaf_closed")


def test_a_leaf_that_opens_without_release_is_forced():
    assert run(LeafMoved(open=True), LeafMoved(open=True), state=SHUT_LEAF)[1] == [FORCED]


@pytest.mark.parametrize(
    ("fitting", "state"),
    [
        (UNFITTED, PortalState()),
        (replace(UNFITTED, exits_announced=False), SHUT_LEAF),
        (UNFITTED, replace(SHUT_LEAF, phase=Phase.FIRE)),
        (UNFITTED, replace(SHUT_LEAF, shut_s=-FORCED_GRACE_S / 2)),
    ],
    ids=["first reading", "people may walk out unannounced", "fire", "just after a release"],
)
def test_an_opening_that_proves_no_force(fitting, state):
    assert FORCED not in run(LeafMoved(open=True), fitting=fitting, state=state)[1]


def test_a_leaf_held_open_is_said_once_and_cleared_when_it_closes():
    state, _ = run(ENTER, LeafMoved(open=True), state=SHUT_LEAF)
    assert portal.next_due_s(state, UNFITTED) == 5.0
    state, effects = wait(state, 5.0)
    assert effects == ()
    assert portal.next_due_s(state, UNFITTED) == 35.0
    state, effects = wait(state, 30.0)
    assert effects == (HELD,)
    assert portal.next_due_s(state, UNFITTED) is None
    state, effects = portal.step(state, LeafMoved(open=False), 40.0, UNFITTED)
    assert effects == (NOT_HELD,)
    assert run(LeafMoved(open=False), LeafMoved(open=True), state=state)[1] == [FORCED]


def test_the_first_closed_reading_after_a_start_clears_what_was_open_before_it():
    assert run(LeafMoved(open=False), LeafMoved(open=False))[1] == [NOT_HELD]


def test_a_leaf_found_open_after_a_start_is_held_in_time():
    state, _ = run(LeafMoved(open=True))
    assert wait(state, 30.0)[1] == (HELD,)


# --- the vestibule ------------------------------------------------------------------------------


def test_an_unknown_vestibule_counts_as_occupied_and_the_first_look_clears():
    empty = ClearAlert(AlertKind.VESTIBULE_OCCUPIED, "vestibule_empty")
    assert run(OccupancyRead(occupied=False), OccupancyRead(occupied=False))[1] == [empty]
    state, _ = run(OccupancyRead(occupied=None), OccupancyRead(occupied=True), gap_s=1.0)
    assert portal.next_due_s(state, UNFITTED) == 61.0


def test_a_vestibule_asks_again_when_the_release_has_run_out():
    state, _ = run(OccupancyRead(occupied=True))
    state, effects = wait(state, 60.0)
    assert effects[0] == ReleaseDoor(Side.EGRESS, 5.0)
    assert portal.next_due_s(state, UNFITTED) == 65.0
    state, effects = wait(state, 5.0)
    assert effects == (ReleaseDoor(Side.EGRESS, 5.0),)


def test_nothing_to_wait_for():
    assert portal.next_due_s(PortalState(), UNFITTED) is None
