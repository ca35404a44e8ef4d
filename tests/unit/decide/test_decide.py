"""Decisions: effects, ages, terminals with their own authority, a store that stalls."""

from dataclasses import replace

import msgspec
import pytest

from cardea.contract.orders import StatusColour
from cardea.contract.policy import Degrade, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, Mode, Outcome, ScreeningState, Severity, Side
from edge.decide.decide import ITEMS, decide, releases, when_stalled
from edge.decide.decision import RaiseAlert, ReleaseDoor, ShowMessage
from edge.decide.evidence import NOT_SEEN, Evidence, FireInput, Fresh, Stale
from edge.decide.outcomes import GOOD, POLICY

RED = replace(GOOD, colour=Stale(StatusColour.RED, 100.0))
RED_ALERT = RaiseAlert(AlertKind.STATUS_RED, Severity.MAJOR, Reason.STATUS_RED)


def test_a_grant_releases_and_says_so():
    decision = decide(GOOD, POLICY, 7)
    assert decision.effects == (
        ReleaseDoor(Side.INGRESS, POLICY.release_s),
        ShowMessage(Outcome.GRANT, Reason.GRANTED),
    )
    assert decision.policy_version == 7


def test_a_refusal_says_so_and_releases_nothing():
    decision = decide(RED, POLICY, 1)
    assert decision.effects == (RED_ALERT, ShowMessage(Outcome.REFER, Reason.STATUS_RED))
    assert not releases(decision)


def test_every_item_has_an_age_or_none():
    aged = replace(GOOD, fire=Fresh(FireInput.NORMAL, 0.12345))
    ages = decide(aged, POLICY, 1).input_age_s
    assert set(ages) == set(ITEMS)
    assert ages["fire"] == 0.123
    assert ages["credential"] == 0.5
    assert ages["face"] is None


@pytest.mark.parametrize("done", [Outcome.GRANT, Outcome.DENY])
def test_what_a_terminal_did_by_itself_is_recorded_and_checked(done):
    decision = decide(replace(RED, terminal=done), POLICY, 1)
    assert decision.outcome is done
    assert decision.reasons == (Reason.DECIDED_BY_TERMINAL, Reason.STATUS_RED)
    assert decision.effects == (RED_ALERT,)


def test_a_terminal_that_lets_somebody_out_is_believed():
    decision = decide(Evidence(side=Side.EGRESS, terminal=Outcome.GRANT), POLICY, 1)
    assert decision.reasons == (Reason.DECIDED_BY_TERMINAL, Reason.EGRESS)
    assert decision.effects == ()


def test_a_terminal_cannot_keep_somebody_in():
    decision = decide(Evidence(side=Side.EGRESS, terminal=Outcome.DENY), POLICY, 1)
    assert decision.outcome is Outcome.GRANT
    assert decision.reasons == (Reason.EGRESS,)
    assert releases(decision)


def test_history_of_a_terminal_is_what_the_terminal_did():
    decision = decide(replace(RED, terminal=Outcome.GRANT, backfilled=True), POLICY, 1)
    assert decision.outcome is Outcome.GRANT
    assert decision.mode is Mode.BACKFILLED
    assert decision.reasons == (Reason.DECIDED_BY_TERMINAL, Reason.BACKFILLED)
    assert decision.effects == ()


@pytest.mark.parametrize(
    ("degrade", "last", "outcome", "reasons"),
    [
        (Degrade.ADMIT_AND_FLAG, NOT_SEEN, Outcome.GRANT, (Reason.DEGRADED_ADMIT, Reason.STORE_STALLED)),
        (Degrade.STAFF_CHECK, NOT_SEEN, Outcome.REFER, (Reason.DEGRADED_STAFF, Reason.STORE_STALLED)),
        (Degrade.CLOSED, NOT_SEEN, Outcome.DENY, (Reason.DEGRADED_CLOSED, Reason.STORE_STALLED)),
        (Degrade.CACHED_FOR, NOT_SEEN, Outcome.REFER, (Reason.DEGRADED_STAFF, Reason.STORE_STALLED)),
        (
            Degrade.CACHED_FOR,
            Stale(ScreeningState.NORMAL, 60.0),
            Outcome.GRANT,
            (Reason.DEGRADED_CACHED, Reason.STORE_STALLED),
        ),
    ],
)
def test_a_stalled_store_leaves_entry_to_the_degrade_policy(degrade, last, outcome, reasons):
    policy = msgspec.structs.replace(POLICY, degrade=degrade)
    evidence = replace(GOOD, last_granted=last)
    late = when_stalled(decide(evidence, policy, 1), evidence, policy)
    assert (late.outcome, late.reasons, late.mode) == (outcome, reasons, Mode.LATE)
    assert releases(late) is (outcome is Outcome.GRANT)
    assert ShowMessage(outcome, reasons[0]) in late.effects


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(side=Side.EGRESS),
        replace(GOOD, fire=Fresh(FireInput.ALARM, 0.0)),
        RED,
        replace(GOOD, terminal=Outcome.GRANT),
    ],
    ids=["leaving", "fire", "refused", "terminal"],
)
def test_a_stalled_store_changes_nothing_else(evidence):
    policy = PortalPolicy(degrade=Degrade.CLOSED)
    decision = decide(evidence, policy, 1)
    late = when_stalled(decision, evidence, policy)
    assert (late.outcome, late.effects) == (decision.outcome, decision.effects)
    assert late.reasons == (*decision.reasons, Reason.STORE_STALLED)
    assert late.mode is Mode.LATE
