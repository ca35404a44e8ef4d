"""Each rule by itself, and all of them over every combination of evidence."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import msgspec
import pytest

from cardea.contract.orders import StatusColour
from cardea.contract.policy import AntiPassback, Degrade, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, CredentialKind, Mode, Outcome, ScreeningState, Side, Subject
from edge.decide.decide import decide, releases
from edge.decide.decision import Decision, RaiseAlert
from edge.decide.evidence import (
    NOT_FITTED,
    NOT_SEEN,
    Credential,
    Evidence,
    FaceCheck,
    FireInput,
    Fresh,
    Missing,
    PassbackFinding,
    PassCheck,
    Screening,
    Stale,
    Standing,
    Why,
    ZoneStatus,
)
from edge.decide.gaps import good_enough_lately
from edge.decide.lint import CELLS
from edge.decide.outcomes import GOOD
from edge.decide.rules import (
    RULES,
    history_opens_nothing,
    judge,
    leaving_is_free,
    lockdown_closes_entry,
)

SCREENED = PortalPolicy(require_screening=True)
LOOSE = msgspec.structs.replace(
    SCREENED, degrade=Degrade.ADMIT_AND_FLAG, **dict.fromkeys(CELLS, Outcome.GRANT)
)
"""What the lint refuses; the rules hold even so."""
HARSH = msgspec.structs.replace(
    SCREENED,
    require_mask=True,
    require_zone=True,
    capacity=1,
    anti_passback=AntiPassback.HARD,
    degrade=Degrade.CLOSED,
    **dict.fromkeys(CELLS, Outcome.DENY),
)
POLICIES = (SCREENED, LOOSE, HARSH)
SOMEBODY = Subject("site", "1", "ab")


def card(standing: Standing = Standing.VALID, tries: int = 0) -> Credential:
    return Credential(CredentialKind.CARD, standing, SOMEBODY, tries)


def at(value):
    return Fresh(value, 0.5)


CAMERA = Credential(CredentialKind.FACE, Standing.VALID, SOMEBODY)


def everything() -> Iterator[Evidence]:
    """Every combination of what can be known, fresh, stale or missing."""
    credentials = (NOT_SEEN, *(at(card(standing)) for standing in Standing), at(CAMERA), Stale(card(), 60))
    screenings = (NOT_SEEN, *(at(Screening(state)) for state in ScreeningState))
    screenings += (
        Stale(Screening(ScreeningState.ELEVATED), 60),
        at(Screening(ScreeningState.ELEVATED, compliant=False)),
    )
    colours = (NOT_SEEN, *(at(colour) for colour in StatusColour), Stale(StatusColour.RED, 60))
    unknown = Missing(Why.UNAVAILABLE)
    fires = (NOT_FITTED, unknown, *(at(fire) for fire in FireInput), Stale(FireInput.ALARM, 60))
    switches = (NOT_FITTED, at(True), at(False), Stale(True, 60))
    for side, backfilled, second, credential, screening, colour, fire, lockdown in product(
        Side, (False, True), (False, True), credentials, screenings, colours, fires, switches
    ):
        yield Evidence(
            side=side,
            backfilled=backfilled,
            second_person=second,
            credential=credential,
            screening=screening,
            colour=colour,
            fire=fire,
            lockdown=lockdown,
        )


def _fires(evidence: Evidence) -> bool:
    return isinstance(evidence.fire, (Fresh, Stale)) and evidence.fire.value is FireInput.ALARM


def _locked_down(evidence: Evidence) -> bool:
    return isinstance(evidence.lockdown, (Fresh, Stale)) and evidence.lockdown.value


def _unfit(evidence: Evidence) -> bool:
    """Somebody whom nothing but a fire may let in."""
    credential = evidence.credential
    unproven = not isinstance(credential, Fresh) or credential.value.standing is not Standing.VALID
    camera = isinstance(credential, Fresh) and credential.value is CAMERA
    red = isinstance(evidence.colour, (Fresh, Stale)) and evidence.colour.value is StatusColour.RED
    screened = evidence.screening
    warm = not isinstance(screened, Missing) and screened.value.state is ScreeningState.ELEVATED
    return unproven or red or warm or evidence.second_person or camera


def _egress_is_granted(evidence: Evidence, decision: Decision) -> bool:
    free = decision.outcome is Outcome.GRANT and Reason.EGRESS in decision.reasons
    return evidence.side is Side.INGRESS or free


def _egress_is_released(evidence: Evidence, decision: Decision) -> bool:
    return evidence.side is Side.INGRESS or evidence.backfilled or releases(decision)


def _history_opens_nothing(evidence: Evidence, decision: Decision) -> bool:
    return not evidence.backfilled or (not releases(decision) and decision.mode is Mode.BACKFILLED)


def _fire_opens(evidence: Evidence, decision: Decision) -> bool:
    return evidence.backfilled or not _fires(evidence) or decision.outcome is Outcome.GRANT


def _lockdown_bars(evidence: Evidence, decision: Decision) -> bool:
    barred = evidence.side is Side.INGRESS and _locked_down(evidence) and not _fires(evidence)
    return not barred or decision.outcome is Outcome.DENY


def _the_unfit_stay_outside(evidence: Evidence, decision: Decision) -> bool:
    barred = evidence.side is Side.INGRESS and _unfit(evidence) and not _fires(evidence)
    return not barred or not releases(decision)


def _advice_never_denies(evidence: Evidence, decision: Decision) -> bool:
    advisory = isinstance(evidence.screening, Fresh) and not evidence.screening.value.compliant
    about_it = Reason.SCREENING_ELEVATED in decision.reasons
    return not (advisory and about_it) or decision.outcome is not Outcome.DENY


LAWS: tuple[Callable[[Evidence, Decision], bool], ...] = (
    _egress_is_granted,
    _egress_is_released,
    _history_opens_nothing,
    _fire_opens,
    _lockdown_bars,
    _the_unfit_stay_outside,
    _advice_never_denies,
)


def broken(policy: PortalPolicy, rules=RULES) -> set[str]:
    found = set()
    for evidence in everything():
        decision = decide(evidence, policy, 1, rules)
        found |= {law.__name__ for law in LAWS if not law(evidence, decision)}
    return found


@pytest.mark.search
@pytest.mark.parametrize("policy", POLICIES, ids=["default", "loose", "harsh"])
def test_no_evidence_and_no_policy_breaks_a_law(policy):
    assert not broken(policy)


def _swapped(first, second):
    order = list(RULES)
    i, j = order.index(first), order.index(second)
    order[i], order[j] = order[j], order[i]
    return tuple(order)


@pytest.mark.search
@pytest.mark.parametrize(
    ("rules", "law"),
    [
        (_swapped(leaving_is_free, lockdown_closes_entry), "_egress_is_granted"),
        (tuple(rule for rule in RULES if rule is not history_opens_nothing), "_history_opens_nothing"),
        *(
            (tuple(rule for rule in RULES if rule.__name__ != name), law)
            for name, law in (
                ("fire_opens", "_fire_opens"),
                ("lockdown_closes_entry", "_lockdown_bars"),
                ("a_face_alone_opens_nothing", "_the_unfit_stay_outside"),
                ("red_sees_staff", "_the_unfit_stay_outside"),
                ("elevated_stays_outside", "_the_unfit_stay_outside"),
                ("one_person_at_a_time", "_the_unfit_stay_outside"),
                ("credential_must_be_valid", "_the_unfit_stay_outside"),
                ("somebody_shows_nothing", "_the_unfit_stay_outside"),
            )
        ),
    ],
)
def test_a_swapped_or_lost_rule_is_found(rules, law):
    assert law in broken(LOOSE, rules)


# --- single rules -------------------------------------------------------------------------------


def verdict(policy: PortalPolicy = SCREENED, **known):
    return judge(replace(GOOD, **known), policy)


def test_a_good_approach_is_granted():
    found = verdict()
    assert (found.outcome, found.reasons, found.mode) == (Outcome.GRANT, (Reason.GRANTED,), Mode.LIVE)


def test_a_bad_pass_is_worse_than_a_good_card():
    found = verdict(pass_check=at(PassCheck(Standing.FORGED)))
    assert found.reasons == (Reason.CREDENTIAL_FORGED,)
    assert [alert.alert for alert in found.alerts] == [AlertKind.CREDENTIAL_FORGED]


def test_of_two_objections_the_worse_is_said():
    found = verdict(credential=at(card(Standing.REVOKED)), pass_check=at(PassCheck(Standing.EXPIRED)))
    assert found.reasons == (Reason.CREDENTIAL_REVOKED,)


@pytest.mark.parametrize(
    ("standing", "alert"),
    [
        (Standing.REVOKED, AlertKind.CREDENTIAL_REVOKED),
        (Standing.REPLAYED, AlertKind.CREDENTIAL_REPLAYED),
        (Standing.FORGED, AlertKind.CREDENTIAL_FORGED),
    ],
)
def test_revoked_replayed_and_forged_also_alert(standing, alert):
    decision = decide(replace(GOOD, credential=at(card(standing))), SCREENED, 1)
    assert decision.outcome is Outcome.DENY
    assert alert in [effect.alert for effect in decision.effects if isinstance(effect, RaiseAlert)]


@pytest.mark.parametrize(
    ("tries", "outcome"), [(0, Outcome.DENY), (1, Outcome.DENY), (2, Outcome.REFER), (9, Outcome.REFER)]
)
def test_the_third_refused_try_is_referred(tries, outcome):
    found = verdict(credential=at(card(Standing.UNKNOWN, tries)))
    assert found.outcome is outcome
    assert (Reason.TOO_MANY_TRIES in found.reasons) is (outcome is Outcome.REFER)


def test_tries_do_not_refer_what_is_no_refused_try():
    found = verdict(credential=at(card(tries=5)), lockdown=at(True))
    assert (found.outcome, found.reasons) == (Outcome.DENY, (Reason.LOCKDOWN,))


def test_a_bad_pass_without_credential_counts_its_first_try():
    found = verdict(credential=NOT_SEEN, pass_check=at(PassCheck(Standing.FORGED)))
    assert found.outcome is Outcome.DENY


@pytest.mark.parametrize("cell", CELLS)
def test_no_cell_can_grant(cell):
    """And each cell is heard where it says something else."""
    arrange = {
        "on_unknown": {"credential": at(card(Standing.UNKNOWN))},
        "on_expired": {"credential": at(card(Standing.EXPIRED))},
        "on_revoked": {"credential": at(card(Standing.REVOKED))},
        "on_replayed": {"credential": at(card(Standing.REPLAYED))},
        "on_out_of_schedule": {"schedule": Stale(False, 9)},
        "on_anti_passback": {"passback": at(PassbackFinding.VIOLATED)},
        "on_red": {"colour": at(StatusColour.RED)},
        "on_yellow": {"colour": Stale(StatusColour.YELLOW, 9)},
        "on_elevated": {"screening": at(Screening(ScreeningState.ELEVATED))},
        "on_mask_missing": {"mask": at(False)},
        "on_face_contradicts": {"face": at(FaceCheck.CONTRADICTS)},
        "on_face_not_live": {"face": at(FaceCheck.NOT_LIVE)},
        "on_capacity": {"occupancy": at(5)},
    }[cell]
    base = PortalPolicy(require_mask=True, capacity=5, anti_passback=AntiPassback.HARD)
    known = {"mask": at(True), "occupancy": at(1), **arrange}
    for said, meant in (
        (Outcome.GRANT, Outcome.REFER),
        (Outcome.DENY, Outcome.DENY),
        (Outcome.REFER, Outcome.REFER),
        (Outcome.RETEST, Outcome.RETEST),
    ):
        assert verdict(msgspec.structs.replace(base, **{cell: said}), **known).outcome is meant


@pytest.mark.parametrize(
    ("retests", "outcome"), [(0, Outcome.RETEST), (2, Outcome.RETEST), (3, Outcome.REFER)]
)
def test_after_three_retests_staff(retests, outcome):
    screening = at(Screening(ScreeningState.RETEST))
    assert verdict(screening=screening, retests=retests).outcome is outcome


def test_a_retest_by_a_noncompliant_thermometer_says_so():
    found = verdict(screening=at(Screening(ScreeningState.RETEST, compliant=False)))
    assert found.reasons == (Reason.SCREENING_RETEST, Reason.SCREENING_ADVISORY)


def test_a_normal_reading_of_a_noncompliant_thermometer_is_noted_where_it_is_relied_on():
    screening = at(Screening(ScreeningState.NORMAL, compliant=False))
    assert verdict(screening=screening).reasons == (Reason.GRANTED, Reason.SCREENING_ADVISORY)
    assert verdict(PortalPolicy(), screening=screening).reasons == (Reason.GRANTED,)


@pytest.mark.parametrize("compliant", [True, False])
def test_an_old_elevated_reading_is_not_forgotten_but_cannot_deny(compliant):
    policy = msgspec.structs.replace(SCREENED, on_elevated=Outcome.DENY, degrade=Degrade.ADMIT_AND_FLAG)
    found = verdict(policy, screening=Stale(Screening(ScreeningState.ELEVATED, compliant=compliant), 60))
    assert found.outcome is Outcome.REFER
    assert Reason.SCREENING_STALE in found.reasons


@pytest.mark.parametrize(
    ("zone", "required", "reason"),
    [
        (at(ZoneStatus.SAFE), True, Reason.GRANTED),
        (at(ZoneStatus.BUSY), False, Reason.ZONE_BUSY),
        (Stale(ZoneStatus.BUSY, 60), False, Reason.ZONE_BUSY),
        (Stale(ZoneStatus.SAFE, 60), True, Reason.ZONE_UNKNOWN),
        (NOT_FITTED, True, Reason.ZONE_UNKNOWN),
        (NOT_FITTED, False, Reason.GRANTED),
    ],
)
def test_the_zone_behind(zone, required, reason):
    assert verdict(PortalPolicy(require_zone=required), zone=zone).reasons == (reason,)


@pytest.mark.parametrize(
    ("mode", "outcome", "reasons"),
    [
        (AntiPassback.OFF, Outcome.GRANT, (Reason.GRANTED,)),
        (AntiPassback.SOFT, Outcome.GRANT, (Reason.GRANTED, Reason.ANTI_PASSBACK)),
        (AntiPassback.HARD, Outcome.DENY, (Reason.ANTI_PASSBACK,)),
        (AntiPassback.TIMED, Outcome.DENY, (Reason.ANTI_PASSBACK,)),
    ],
)
def test_anti_passback_by_mode(mode, outcome, reasons):
    found = verdict(PortalPolicy(anti_passback=mode), passback=at(PassbackFinding.VIOLATED))
    assert (found.outcome, found.reasons) == (outcome, reasons)
    kept = verdict(PortalPolicy(anti_passback=mode), passback=at(PassbackFinding.OK))
    assert kept.reasons == (Reason.GRANTED,)


@pytest.mark.parametrize(
    ("policy", "known", "reason"),
    [
        (SCREENED, {"screening": Missing(Why.DEVICE_OFFLINE)}, Reason.SCREENING_MISSING),
        (SCREENED, {"screening": at(Screening(ScreeningState.NOT_SCREENED))}, Reason.SCREENING_MISSING),
        (SCREENED, {"screening": Stale(Screening(ScreeningState.NORMAL), 9)}, Reason.SCREENING_STALE),
        (PortalPolicy(require_mask=True), {}, Reason.MASK_UNKNOWN),
        (PortalPolicy(require_mask=True), {"mask": Stale(True, 9)}, Reason.MASK_UNKNOWN),
        (PortalPolicy(), {"schedule": Missing(Why.UNAVAILABLE)}, Reason.SCHEDULE_UNKNOWN),
        (PortalPolicy(), {"schedule": Stale(True, 9)}, Reason.SCHEDULE_UNKNOWN),
        (PortalPolicy(capacity=9), {}, Reason.OCCUPANCY_UNKNOWN),
        (PortalPolicy(capacity=9), {"occupancy": Stale(1, 9)}, Reason.OCCUPANCY_UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    ("degrade", "outcome", "said"),
    [
        (Degrade.ADMIT_AND_FLAG, Outcome.GRANT, Reason.DEGRADED_ADMIT),
        (Degrade.CACHED_FOR, Outcome.REFER, Reason.DEGRADED_STAFF),
        (Degrade.STAFF_CHECK, Outcome.REFER, Reason.DEGRADED_STAFF),
        (Degrade.CLOSED, Outcome.DENY, Reason.DEGRADED_CLOSED),
    ],
)
def test_what_is_not_known_degrades(policy, known, reason, degrade, outcome, said):
    found = verdict(msgspec.structs.replace(policy, degrade=degrade), **known)
    assert (found.outcome, found.reasons, found.mode) == (outcome, (said, reason), Mode.DEGRADED)


def test_a_degraded_admission_is_still_asked_the_rest():
    policy = PortalPolicy(require_screening=True, degrade=Degrade.ADMIT_AND_FLAG)
    found = verdict(policy, screening=NOT_SEEN, face=at(FaceCheck.CONTRADICTS))
    assert (found.outcome, found.reasons) == (Outcome.REFER, (Reason.FACE_CONTRADICTS,))


HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("last", "policy", "good"),
    [
        (Stale(ScreeningState.NORMAL, 11.9 * HOUR_S), SCREENED, True),
        (Fresh(ScreeningState.NORMAL, 0.0), SCREENED, True),
        (Stale(ScreeningState.NORMAL, 12 * HOUR_S), SCREENED, False),
        (Stale(ScreeningState.NORMAL, -1.0), SCREENED, False),
        (Stale(ScreeningState.NOT_SCREENED, HOUR_S), SCREENED, False),
        (Stale(ScreeningState.NOT_SCREENED, HOUR_S), PortalPolicy(), True),
        (NOT_SEEN, SCREENED, False),
    ],
)
def test_cached_for_needs_a_good_decision_that_is_young_enough(last, policy, good):
    assert good_enough_lately(replace(GOOD, last_granted=last), policy) is good
    cached = msgspec.structs.replace(policy, require_screening=True, degrade=Degrade.CACHED_FOR)
    if policy is SCREENED:
        found = verdict(cached, screening=NOT_SEEN, last_granted=last)
        assert found.outcome is (Outcome.GRANT if good else Outcome.REFER)
        assert found.reasons[0] is (Reason.DEGRADED_CACHED if good else Reason.DEGRADED_STAFF)


@pytest.mark.parametrize(
    ("fire", "noted"),
    [
        (NOT_FITTED, False),
        (at(FireInput.NORMAL), False),
        (at(FireInput.TROUBLE), True),
        (Stale(FireInput.NORMAL, 9), True),
        (NOT_SEEN, True),
    ],
)
def test_a_faulty_fire_loop_is_noted_beside_a_grant(fire, noted):
    assert (Reason.FIRE_TROUBLE in verdict(fire=fire).reasons) is noted


def test_below_capacity_is_no_reason():
    assert verdict(PortalPolicy(capacity=5), occupancy=at(4)).reasons == (Reason.GRANTED,)


def test_a_mask_that_nobody_requires_is_not_missed():
    assert verdict(mask=at(False)).reasons == (Reason.GRANTED,)
