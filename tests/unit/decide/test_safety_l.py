"""One test for each of SAFETY.md's L rules, by its number: the part that is pure.

What only processes and disks can show (L6, L10) is tested again with the portal's task and the supervisor.
"""

import typing
from dataclasses import replace

import msgspec
import pytest

from cardea.contract.orders import Action, StatusColour
from cardea.contract.policy import Degrade, FaceRequirement, Policy, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, CredentialKind, Mode, Outcome, ScreeningState, Severity, Side
from edge.decide import portal, proof
from edge.decide.decide import ITEMS, decide, releases, when_stalled
from edge.decide.decision import (
    ClearAlert,
    Effect,
    EndHold,
    HoldReleased,
    LogDrill,
    RaiseAlert,
    ReleaseDoor,
    ShowMessage,
)
from edge.decide.events import (
    Booted,
    CommitStalled,
    Decided,
    DrillStarted,
    EgressRequested,
    FireRead,
    InputsStale,
    LeafMoved,
    LockdownChanged,
    ManualReset,
    OccupancyRead,
    Tick,
)
from edge.decide.evidence import (
    NOT_FITTED,
    NOT_SEEN,
    Credential,
    Evidence,
    FaceCheck,
    FireInput,
    Fresh,
    Missing,
    Screening,
    Stale,
    Standing,
    Why,
)
from edge.decide.lint import CELLS, lock_misfits
from edge.decide.lock import HELD, TRANSITIONS, Fitting, Kept, Phase, PortalState, Signal
from edge.decide.outcomes import GOOD, POLICY

WIRED = Fitting(hardwired_fire_release=True, fire_fitted=True)
UNWIRED = Fitting(hardwired_fire_release=False, fire_fitted=True)
ENTER = Decided(decide(GOOD, POLICY, 1))


class Door:
    """A portal whose clock the test turns."""

    def __init__(self, fitting: Fitting = WIRED, kept: Kept = Kept.NOTHING) -> None:
        self.fitting = fitting
        self.now_s = 1000.0
        self.state, self.booted = portal.boot(kept, self.now_s, fitting)

    def take(self, event: portal.Event, after_s: float = 0.0) -> tuple[Effect, ...]:
        self.now_s += after_s
        self.state, effects = portal.step(self.state, event, self.now_s, self.fitting)
        return effects

    def healthy(self) -> "Door":
        self.take(FireRead(active=False))
        self.take(FireRead(active=False), 0.1)
        return self

    def alarmed(self) -> "Door":
        self.healthy().take(FireRead(active=True), 0.1)
        self.take(FireRead(active=True), 0.1)
        assert self.state.phase is Phase.FIRE
        return self

    def wait(self, s: float) -> tuple[Effect, ...]:
        """Time with healthy samples and ticks, as on site."""
        effects: tuple[Effect, ...] = ()
        while s > 0:
            effects += self.take(FireRead(active=False), min(1.0, s))
            s -= 1.0
        return effects


def kinds(effects):
    return [type(effect) for effect in effects]


def alerts(effects):
    return [effect.alert for effect in effects if isinstance(effect, RaiseAlert)]


def test_l01_cardea_never_works_against_the_hard_wired_release():
    """The wire opens without Cardea; a portal without one must have an input that tells of the fire."""
    door = Door(WIRED).healthy()
    door.take(InputsStale())
    assert door.state.phase is Phase.TROUBLE
    assert door.take(EgressRequested()) == (HoldReleased(),)
    unwired = {"fail_secure": False, "mechanical_free_egress": True, "hardwired_fire_release": False}
    assert tuple(lock_misfits(**unwired, fire_fitted=False))
    assert not tuple(lock_misfits(**unwired, fire_fitted=True))


def test_l02_no_policy_can_deny_egress():
    """Whatever is known of a person, whatever the policy: who leaves is let out. No key even speaks of it."""
    assert not [name for name in PortalPolicy.__struct_fields__ if "egress" in name or "exit" in name]
    closed = PortalPolicy(
        require_screening=True, require_mask=True, require_zone=True, capacity=1, degrade=Degrade.CLOSED
    )
    shut = msgspec.structs.replace(closed, **dict.fromkeys(CELLS, Outcome.DENY))
    worst = replace(
        GOOD,
        side=Side.EGRESS,
        second_person=True,
        retests=9,
        terminal=Outcome.DENY,
        credential=Fresh(Credential(CredentialKind.CARD, Standing.REVOKED, tries=9), 0.0),
        colour=Fresh(StatusColour.RED, 0.0),
        lockdown=Fresh(value=True, age_s=0.0),
    )
    for policy in (closed, shut):
        for evidence in (worst, Evidence(side=Side.EGRESS)):
            decision = decide(evidence, policy, 1)
            assert decision.outcome is Outcome.GRANT
            assert Reason.EGRESS in decision.reasons
            assert releases(decision)


def test_l02_no_state_of_the_machine_refuses_egress():
    for phase in Phase:
        state = PortalState(phase=phase, lockdown=True, store_stalled=True, until_s=9.0)
        after, effects = portal.step(state, EgressRequested(), 0.0, WIRED)
        opened = (ReleaseDoor(Side.EGRESS, WIRED.release_s),), (HoldReleased(),)
        assert effects in opened
        assert after.phase in {Phase.RELEASED, *HELD}


def test_l03_fire_before_egress_before_lockdown_before_deny_before_allow():
    everything = replace(
        GOOD,
        fire=Fresh(FireInput.ALARM, 0.0),
        side=Side.EGRESS,
        lockdown=Fresh(value=True, age_s=0.0),
        credential=Fresh(Credential(CredentialKind.CARD, Standing.REVOKED), 0.0),
    )
    said: list[Reason] = []
    for less in (
        everything,
        calm := replace(everything, fire=Missing(Why.NOT_FITTED)),
        inward := replace(calm, side=Side.INGRESS),
        unlocked := replace(inward, lockdown=Missing(Why.NOT_FITTED)),
        replace(unlocked, credential=GOOD.credential),
    ):
        said.append(decide(less, POLICY, 1).reasons[0])
    assert said == [
        Reason.FIRE,
        Reason.EGRESS,
        Reason.LOCKDOWN,
        Reason.CREDENTIAL_REVOKED,
        Reason.GRANTED,
    ]


def test_l03_lockdown_restricts_entry_only():
    door = Door().healthy()
    assert door.take(LockdownChanged(on=True)) == ()
    assert door.take(ENTER) == (ShowMessage(Outcome.DENY, Reason.LOCKDOWN),)
    assert kinds(door.take(EgressRequested())) == [ReleaseDoor]
    assert door.take(LockdownChanged(on=True)) == ()
    assert door.state.phase is Phase.RELEASED


def test_l04_two_agreeing_samples_release_at_once():
    door = Door().healthy()
    assert door.take(FireRead(active=True)) == ()
    effects = door.take(FireRead(active=True), 0.1)
    assert effects[0] == HoldReleased()
    assert alerts(effects) == [AlertKind.FIRE]


def test_l04_one_sample_that_nothing_contradicts_releases_within_500_ms():
    door = Door().healthy()
    door.take(FireRead(active=True), 1.0)
    due_s = portal.next_due_s(door.state, door.fitting)
    assert due_s is not None
    assert due_s - door.now_s < 0.5
    assert HoldReleased() in door.take(Tick(), due_s - door.now_s)


def test_l04_a_single_glitch_releases_nothing():
    door = Door().healthy()
    door.wait(2.0)
    door.take(FireRead(active=True), 0.1)
    assert not door.take(FireRead(active=False), 0.1)
    assert not door.wait(10.0)
    assert door.state.phase is Phase.LOCKED


def test_l04_latched_across_restart_until_a_manual_reset():
    door = Door().alarmed()
    assert portal.kept(door.state) is Kept.FIRE
    again = Door(kept=portal.kept(door.state))
    assert again.booted == (HoldReleased(),)
    again.healthy()
    again.wait(3600.0)
    assert again.state.phase is Phase.FIRE
    assert again.take(ManualReset()) == (EndHold(), ClearAlert(AlertKind.FIRE, "manual_reset"))
    assert portal.kept(again.state) is Kept.NOTHING


@pytest.mark.parametrize("active", [True, None])
def test_l04_reset_is_refused_while_the_alarm_is_active_or_unknown(active):
    door = Door().alarmed()
    door.take(FireRead(active=active), 0.1)
    assert not portal.may_reset(door.state, door.fitting)
    assert not door.take(ManualReset())
    door.take(FireRead(active=active), 0.1)
    assert not portal.may_reset(door.state, door.fitting)
    assert EndHold() not in door.take(ManualReset())
    assert door.state.phase is Phase.FIRE


@pytest.mark.parametrize("fitting", [WIRED, UNWIRED])
def test_l04_stale_missing_open_or_contradictory_is_trouble(fitting):
    def stale(door: Door):
        return door.take(Tick(), 5.0)

    def missing(door: Door):
        return door.take(InputsStale())

    def open_loop(door: Door):
        return door.take(FireRead(active=None), 0.1) + door.take(FireRead(active=None), 0.1)

    def contradictory(door: Door):
        effects: tuple[Effect, ...] = ()
        for active in (True, False) * 3:
            effects += door.take(FireRead(active=active), 0.2)
        return effects

    for how in (stale, missing, open_loop, contradictory):
        door = Door(fitting).healthy()
        effects = how(door)
        assert alerts(effects) == [AlertKind.FIRE_TROUBLE], how
        assert (HoldReleased() in effects) is (fitting is UNWIRED), how
        assert door.state.phase is (Phase.TROUBLE if fitting is WIRED else Phase.TROUBLE_RELEASED), how


def test_l04_nothing_read_after_a_start_is_trouble_too():
    door = Door(UNWIRED)
    assert portal.next_due_s(door.state, UNWIRED) == door.now_s + 5.0
    assert HoldReleased() in door.take(Tick(), 5.0)


def test_l04_trouble_relocks_nothing_that_is_released():
    door = Door(WIRED).healthy()
    door.take(ENTER)
    assert HoldReleased() in door.take(InputsStale(), 0.1)
    assert door.take(Tick(), 60.0) == ()
    assert door.state.phase is Phase.TROUBLE_RELEASED
    fire = Door(WIRED).alarmed()
    assert EndHold() not in fire.take(InputsStale())
    assert fire.state.phase is Phase.FIRE


def test_l04_a_sound_loop_ends_trouble_after_two_samples():
    door = Door(UNWIRED).healthy()
    door.take(InputsStale())
    assert not door.take(FireRead(active=False), 0.1)
    assert door.take(FireRead(active=False), 0.1) == (
        EndHold(),
        ClearAlert(AlertKind.FIRE_TROUBLE, "fire_loop_sound"),
    )


@pytest.mark.parametrize("fitting", [WIRED, UNWIRED])
def test_l04_a_restart_with_a_healthy_input_releases_nothing(fitting):
    door = Door(fitting)
    assert door.booted == ()
    effects = door.wait(60.0)
    assert not {ReleaseDoor, HoldReleased, EndHold} & set(kinds(effects))


def test_l05_fail_secure_needs_mechanical_free_egress():
    rest = {"hardwired_fire_release": True, "fire_fitted": True}
    assert tuple(lock_misfits(fail_secure=True, mechanical_free_egress=False, **rest))
    assert not tuple(lock_misfits(fail_secure=True, mechanical_free_egress=True, **rest))
    assert not tuple(lock_misfits(fail_secure=False, mechanical_free_egress=False, **rest))


def test_l06_a_start_never_pulses_and_every_release_ends_by_itself():
    for kept in Kept:
        _, effects = portal.step(PortalState(), Booted(kept), 0.0, WIRED)
        assert set(kinds(effects)) <= {HoldReleased}
    door = Door().healthy()
    door.take(ENTER)
    assert door.wait(POLICY.release_s + 1.0) == ()
    assert door.state.phase is Phase.LOCKED


def test_l06_no_wrong_clock_and_no_stalled_disk_changes_egress():
    door = Door().healthy()
    assert alerts(door.take(CommitStalled())) == [AlertKind.STORE_STALLED]
    assert kinds(door.take(EgressRequested())) == [ReleaseDoor]
    until_s = door.state.until_s
    door.now_s -= 500.0
    assert door.take(Tick()) == ()
    assert door.state.until_s == until_s
    assert kinds(door.take(EgressRequested())) == [ReleaseDoor]
    door.now_s += 1e9
    assert door.take(EgressRequested())[0] in (HoldReleased(), ReleaseDoor(Side.EGRESS, 5.0))


@pytest.mark.parametrize("degrade", list(Degrade))
@pytest.mark.parametrize("screening", [Missing(Why.DEVICE_OFFLINE), NOT_SEEN])
def test_l07_a_dead_thermometer_is_never_silently_green(degrade, screening):
    policy = msgspec.structs.replace(POLICY, degrade=degrade)
    decision = decide(replace(GOOD, screening=screening), policy, 1)
    assert decision.mode is Mode.DEGRADED
    assert Reason.SCREENING_MISSING in decision.reasons
    assert (decision.outcome is Outcome.GRANT) is (degrade is Degrade.ADMIT_AND_FLAG)
    assert PortalPolicy().degrade is Degrade.STAFF_CHECK


def test_l08_an_occupied_vestibule_releases_outward_and_alarms_after_60_s():
    door = Door().healthy()
    door.take(OccupancyRead(occupied=True))
    assert kinds(door.take(EgressRequested())) == [ReleaseDoor]
    assert not alerts(door.wait(59.0))
    effects = door.wait(2.0)
    assert ReleaseDoor(Side.EGRESS, 5.0) in effects
    assert alerts(effects) == [AlertKind.VESTIBULE_OCCUPIED]
    later = door.wait(60.0)
    assert kinds(later).count(ReleaseDoor) >= 10
    assert not alerts(later)
    assert door.take(OccupancyRead(occupied=False)) == (
        ClearAlert(AlertKind.VESTIBULE_OCCUPIED, "vestibule_empty"),
    )
    assert not door.wait(120.0)


def test_l09_no_effect_can_close_a_leaf():
    """A leaf that is held open is only reported; the lock's hold is all that an effect can end."""
    assert set(typing.get_args(Effect)) == {
        ReleaseDoor,
        HoldReleased,
        EndHold,
        ShowMessage,
        RaiseAlert,
        ClearAlert,
        LogDrill,
    }
    door = Door().healthy()
    door.take(LeafMoved(open=False))
    door.take(ENTER)
    door.take(LeafMoved(open=True))
    effects = door.wait(60.0)
    assert effects == (RaiseAlert(AlertKind.DOOR_HELD, Severity.MINOR),)


def test_l10_a_decision_carries_policy_version_input_ages_and_mode():
    decision = decide(GOOD, POLICY, 42)
    assert decision.policy_version == 42
    assert decision.mode is Mode.LIVE
    assert set(decision.input_age_s) == set(ITEMS)
    leaving = Evidence(side=Side.EGRESS)
    late = when_stalled(decide(leaving, POLICY, 42), leaving, POLICY)
    assert late.mode is Mode.LATE
    assert releases(late)


def test_l11_a_drill_is_logged_from_the_door_position():
    door = Door().healthy()
    door.take(LeafMoved(open=False))
    effects = door.take(DrillStarted())
    assert kinds(effects) == [ReleaseDoor]
    assert LogDrill(opened=True, after_s=2.0) in door.take(LeafMoved(open=True), 2.0)
    assert not door.wait(100.0) or LogDrill not in kinds(door.wait(100.0))
    unseen = Door().alarmed()
    unproven = unseen.wait(61.0)
    assert LogDrill(opened=False, after_s=60.0) in unproven
    standing = Door().healthy()
    standing.take(LeafMoved(open=True))
    assert LogDrill(opened=True, after_s=0.0) in standing.take(DrillStarted())


def test_l12_history_never_opens_a_door():
    told = replace(GOOD, backfilled=True)
    for terminal in (None, *Outcome):
        decision = decide(replace(told, terminal=terminal), POLICY, 1)
        assert decision.mode is Mode.BACKFILLED
        assert Reason.BACKFILLED in decision.reasons
        assert not releases(decision)
    forged = replace(ENTER.decision, mode=Mode.BACKFILLED)
    door = Door().healthy()
    assert ReleaseDoor not in kinds(door.take(Decided(forged)))
    assert door.state.phase is Phase.LOCKED


def test_l13_a_camera_only_face_never_opens_a_door():
    face = Credential(CredentialKind.FACE, Standing.VALID, verified_by_terminal=False)
    for retests in range(5):
        seen = replace(GOOD, credential=Fresh(face, 0.0), retests=retests)
        decision = decide(seen, POLICY, 1)
        assert decision.reasons == (Reason.FACE_ONLY,)
        assert decision.outcome is (Outcome.RETEST if retests < 3 else Outcome.REFER)
    alive = replace(face, verified_by_terminal=True)
    assert releases(decide(replace(GOOD, credential=Fresh(alive, 0.0)), POLICY, 1))


@pytest.mark.parametrize("asks", FaceRequirement)
@pytest.mark.parametrize(
    "credential", [NOT_SEEN, *(Fresh(Credential(CredentialKind.CARD, one), 0.0) for one in Standing)]
)
@pytest.mark.parametrize("screening", [NOT_SEEN, *(Fresh(Screening(one), 0.0) for one in ScreeningState)])
def test_l13_a_face_that_agrees_opens_nothing_that_stays_shut_without_it(asks, credential, screening):
    """An agreeing face takes away that it was missing, where it is required, and nothing else."""
    policy = PortalPolicy(require_screening=True, face=asks)
    evidence = replace(GOOD, credential=credential, screening=screening)
    with_face = decide(replace(evidence, face=Fresh(FaceCheck.AGREES, 0.0)), policy, 1)
    for without in (NOT_FITTED, Missing(Why.NOT_ENROLLED), Missing(Why.UNAVAILABLE), NOT_SEEN):
        required = policy.face is FaceRequirement.REQUIRED and without != Missing(Why.NOT_ENROLLED)
        before = decide(replace(evidence, face=without), policy, 1)
        assert releases(before) == (releases(with_face) and not required)
        if releases(with_face):
            assert not required or before.reasons == (Reason.DEGRADED_STAFF, Reason.FACE_UNCHECKED)
    if NOT_SEEN in (screening, credential) or credential.value.standing is not Standing.VALID:
        assert not releases(with_face)


@pytest.mark.parametrize("found", FaceCheck)
def test_l13_a_camera_only_face_opens_nothing_whatever_the_second_opinion_says(found):
    face = Credential(CredentialKind.FACE, Standing.VALID, verified_by_terminal=False)
    for asks in FaceRequirement:
        seen = replace(GOOD, credential=Fresh(face, 0.0), face=Fresh(found, 0.0))
        assert not releases(decide(seen, PortalPolicy(face=asks), 1))


@pytest.mark.parametrize("degrade", Degrade)
@pytest.mark.parametrize("why", Why)
def test_item_21_who_has_no_template_needs_no_face(degrade, why):
    policy = PortalPolicy(face=FaceRequirement.REQUIRED, degrade=degrade)
    decision = decide(replace(GOOD, face=Missing(why)), policy, 1)
    if why is Why.NOT_ENROLLED:
        assert (decision.outcome, decision.reasons) == (Outcome.GRANT, (Reason.GRANTED,))
    else:
        assert Reason.FACE_UNCHECKED in decision.reasons
        assert decision.mode is Mode.DEGRADED, "missing evidence is never silently green"


def test_the_table_of_the_lock_is_complete():
    assert set(TRANSITIONS) == {(phase, signal) for phase in Phase for signal in Signal}
    assert len(proof.LAWS) == 14


def test_no_order_and_no_policy_of_the_wire_can_speak_of_egress():
    structs = (PortalPolicy, Policy, *typing.get_args(Action))
    names = {name for struct in structs for name in struct.__struct_fields__}
    assert not [name for name in names if "egress" in name or "leave" in name or "exit" in name]
    unknown = b'{"target":"x","version":2,"default":{"on_egress":"deny"}}'
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(unknown, type=Policy)


def test_colour_red_is_referred_fresh_or_stale():
    for colour in (Fresh(StatusColour.RED, 0.0), Stale(StatusColour.RED, 9e5)):
        decision = decide(replace(GOOD, colour=colour), POLICY, 1)
        assert decision.outcome is Outcome.REFER
        assert alerts(decision.effects) == [AlertKind.STATUS_RED]


def test_a_screening_that_is_not_known_is_not_normal():
    assert ScreeningState.NOT_SCREENED is not ScreeningState.NORMAL
    assert decide(replace(GOOD, screening=NOT_SEEN), POLICY, 1).outcome is Outcome.REFER
