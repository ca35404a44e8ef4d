"""The rules of a passage, in the order of SAFETY.md (L3 and the default ingress policy).

Each rule looks at evidence and policy and either says something or leaves it to the next; the first that
speaks decides. What a cell of the table says is policy data, but no policy can make a refusal into a grant,
and nothing here can refuse somebody who is leaving.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from cardea.contract.orders import StatusColour
from cardea.contract.policy import AntiPassback, Degrade, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, CredentialKind, Mode, Outcome, ScreeningState, Severity, Side
from edge.decide.decision import RaiseAlert, Verdict
from edge.decide.evidence import (
    Credential,
    Evidence,
    FaceCheck,
    FireInput,
    Fresh,
    PassbackFinding,
    Screening,
    Stale,
    Standing,
    ZoneStatus,
)
from edge.decide.gaps import gaps, good_enough_lately, notes

Rule = Callable[[Evidence, PortalPolicy], Verdict | None]

_WITHOUT_GRANT: Mapping[Outcome, Outcome] = {
    Outcome.GRANT: Outcome.REFER,
    Outcome.DENY: Outcome.DENY,
    Outcome.RETEST: Outcome.RETEST,
    Outcome.REFER: Outcome.REFER,
}
"""The floor under every cell: a policy that slipped past its lint still grants nothing here."""

_WITHOUT_DENY: Mapping[Outcome, Outcome] = {**_WITHOUT_GRANT, Outcome.DENY: Outcome.REFER}
"""What an advisory reading may lead to."""


# --- what is above all policy -------------------------------------------------------------------


def history_opens_nothing(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """L12: what a device reports from its history opens no door; leaving is not refused even there."""
    if not evidence.backfilled:
        return None
    if evidence.side is Side.EGRESS:
        return Verdict(Outcome.GRANT, (Reason.EGRESS, Reason.BACKFILLED), Mode.BACKFILLED)
    return Verdict(Outcome.DENY, (Reason.BACKFILLED,), Mode.BACKFILLED)


def fire_opens(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """L3, L4: a fire alarm opens both ways, also when the last reading of it has grown old."""
    match evidence.fire:
        case Fresh(FireInput.ALARM) | Stale(FireInput.ALARM):
            leaving = (Reason.EGRESS,) if evidence.side is Side.EGRESS else ()
            return Verdict(Outcome.GRANT, (Reason.FIRE, *leaving))
        case _:
            return None


def leaving_is_free(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """L2: nothing below this rule is ever asked about somebody who leaves."""
    return Verdict(Outcome.GRANT, (Reason.EGRESS,)) if evidence.side is Side.EGRESS else None


def lockdown_closes_entry(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """L3: lockdown restricts entry, also when the last word on it has grown old."""
    match evidence.lockdown:
        case Fresh(True) | Stale(True):
            return Verdict(Outcome.DENY, (Reason.LOCKDOWN,))
        case _:
            return None


def zone_keeps_people_out(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """Nobody walks into a disinfection that runs; where a zone is required, its silence counts as one."""
    match evidence.zone:
        case Fresh(ZoneStatus.SAFE):
            return None
        case Fresh(ZoneStatus.BUSY) | Stale(ZoneStatus.BUSY):
            return Verdict(Outcome.DENY, (Reason.ZONE_BUSY,))
        case _ if policy.require_zone:
            return Verdict(Outcome.DENY, (Reason.ZONE_UNKNOWN,))
        case _:
            return None


# --- who it is ----------------------------------------------------------------------------------


def somebody_shows_nothing(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """A person is there and has presented nothing that is still young enough: ask for the pass."""
    if isinstance(evidence.credential, Fresh):
        return None
    return Verdict(Outcome.RETEST, (Reason.CREDENTIAL_MISSING,))


def _look(alert: AlertKind, reason: Reason) -> tuple[RaiseAlert, ...]:
    return (RaiseAlert(alert, Severity.MAJOR, reason),)


_STANDING: Mapping[Standing, tuple[Callable[[PortalPolicy], Outcome], Reason, tuple[RaiseAlert, ...]]] = {
    Standing.FORGED: (
        lambda policy: policy.on_unknown,
        Reason.CREDENTIAL_FORGED,
        _look(AlertKind.CREDENTIAL_FORGED, Reason.CREDENTIAL_FORGED),
    ),
    Standing.REVOKED: (
        lambda policy: policy.on_revoked,
        Reason.CREDENTIAL_REVOKED,
        _look(AlertKind.CREDENTIAL_REVOKED, Reason.CREDENTIAL_REVOKED),
    ),
    Standing.REPLAYED: (
        lambda policy: policy.on_replayed,
        Reason.CREDENTIAL_REPLAYED,
        _look(AlertKind.CREDENTIAL_REPLAYED, Reason.CREDENTIAL_REPLAYED),
    ),
    Standing.EXPIRED: (lambda policy: policy.on_expired, Reason.CREDENTIAL_EXPIRED, ()),
    Standing.NOT_YET_VALID: (lambda policy: policy.on_expired, Reason.CREDENTIAL_NOT_YET_VALID, ()),
    Standing.UNKNOWN: (lambda policy: policy.on_unknown, Reason.CREDENTIAL_UNKNOWN, ()),
}
"""Every standing but VALID, worst first: the policy cell that speaks of it, the reason, who must look."""


def standings(evidence: Evidence) -> frozenset[Standing]:
    """What the vault says of the credential and the verifier of the pass, as far as either says anything."""
    checked = (evidence.credential, evidence.pass_check)
    return frozenset(item.value.standing for item in checked if isinstance(item, (Fresh, Stale)))


def credential_must_be_valid(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """Unknown, expired, revoked, replayed and forged credentials open nothing."""
    found = standings(evidence)
    for standing, (cell, reason, alerts) in _STANDING.items():
        if standing in found:
            return Verdict(_WITHOUT_GRANT[cell(policy)], (reason,), alerts=alerts)
    return None


def schedule_must_allow(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """A credential outside its schedule."""
    match evidence.schedule:
        case Fresh(False) | Stale(False):
            return Verdict(_WITHOUT_GRANT[policy.on_out_of_schedule], (Reason.OUT_OF_SCHEDULE,))
        case _:
            return None


def nobody_enters_twice(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """Hard and timed anti-passback refuse; the soft one is only noted on the grant."""
    match evidence.passback:
        case Fresh(PassbackFinding.VIOLATED) | Stale(PassbackFinding.VIOLATED) if policy.anti_passback in (
            AntiPassback.HARD,
            AntiPassback.TIMED,
        ):
            return Verdict(_WITHOUT_GRANT[policy.on_anti_passback], (Reason.ANTI_PASSBACK,))
        case _:
            return None


def one_person_at_a_time(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """With two people in front of the portal no reading belongs to anybody for certain."""
    return Verdict(Outcome.REFER, (Reason.SECOND_PERSON,)) if evidence.second_person else None


def a_face_alone_opens_nothing(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """L13: a camera's 2D match needs the terminal's own liveness check or a second factor."""
    match evidence.credential:
        case Fresh(Credential(kind=CredentialKind.FACE, verified_by_terminal=False)):
            return Verdict(Outcome.RETEST, (Reason.FACE_ONLY,))
        case _:
            return None


# --- how they are -------------------------------------------------------------------------------


def red_sees_staff(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """Red stays red while its age grows; past its expiry the vault says that it is unknown."""
    match evidence.colour:
        case Fresh(StatusColour.RED) | Stale(StatusColour.RED):
            alert = RaiseAlert(AlertKind.STATUS_RED, Severity.MAJOR, Reason.STATUS_RED)
            return Verdict(_WITHOUT_GRANT[policy.on_red], (Reason.STATUS_RED,), alerts=(alert,))
        case _:
            return None


def yellow_sees_staff(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """As red, without the alert."""
    match evidence.colour:
        case Fresh(StatusColour.YELLOW) | Stale(StatusColour.YELLOW):
            return Verdict(_WITHOUT_GRANT[policy.on_yellow], (Reason.STATUS_YELLOW,))
        case _:
            return None


def elevated_stays_outside(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """An elevated screening sees staff. One that is old or of a NON-COMPLIANT thermometer never denies."""
    match evidence.screening:
        case Fresh(Screening(state=ScreeningState.ELEVATED, compliant=True)):
            return Verdict(_WITHOUT_GRANT[policy.on_elevated], (Reason.SCREENING_ELEVATED,))
        case Fresh(Screening(state=ScreeningState.ELEVATED)):
            reasons = (Reason.SCREENING_ELEVATED, Reason.SCREENING_ADVISORY)
            return Verdict(_WITHOUT_DENY[policy.on_elevated], reasons)
        case Stale(Screening(state=ScreeningState.ELEVATED)):
            reasons = (Reason.SCREENING_ELEVATED, Reason.SCREENING_STALE)
            return Verdict(_WITHOUT_DENY[policy.on_elevated], reasons)
        case _:
            return None


def unclear_is_measured_again(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """A reading between normal and elevated."""
    match evidence.screening:
        case Fresh(Screening(state=ScreeningState.RETEST, compliant=compliant)):
            advisory = () if compliant else (Reason.SCREENING_ADVISORY,)
            return Verdict(Outcome.RETEST, (Reason.SCREENING_RETEST, *advisory))
        case _:
            return None


_DEGRADED: Mapping[Degrade, tuple[Outcome, Reason]] = {
    Degrade.CACHED_FOR: (Outcome.REFER, Reason.DEGRADED_STAFF),
    Degrade.STAFF_CHECK: (Outcome.REFER, Reason.DEGRADED_STAFF),
    Degrade.CLOSED: (Outcome.DENY, Reason.DEGRADED_CLOSED),
}


def missing_evidence_degrades(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """L7: what the policy needs and nobody knows is never silently green; the degrade policy decides.

    Where it admits, the remaining rules are still asked, and the grant carries what was missing.
    """
    missing = gaps(evidence, policy)
    if not missing or policy.degrade is Degrade.ADMIT_AND_FLAG:
        return None
    if policy.degrade is Degrade.CACHED_FOR and good_enough_lately(evidence, policy):
        return None
    outcome, reason = _DEGRADED[policy.degrade]
    return Verdict(outcome, (reason, *missing), Mode.DEGRADED)


# --- what else stands against it ----------------------------------------------------------------


_FACES: Mapping[FaceCheck, tuple[Callable[[PortalPolicy], Outcome], Reason]] = {
    FaceCheck.CONTRADICTS: (lambda policy: policy.on_face_contradicts, Reason.FACE_CONTRADICTS),
    FaceCheck.NOT_LIVE: (lambda policy: policy.on_face_not_live, Reason.FACE_NOT_LIVE),
}
"""Findings that speak against somebody: the policy cell and the reason. None speaks for anybody (L13)."""


def face_must_not_contradict(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """The gateway's own look at the face says that this is somebody else, or nobody alive."""
    match evidence.face:
        case Fresh(found) | Stale(found) if found in _FACES:
            cell, reason = _FACES[found]
            return Verdict(_WITHOUT_GRANT[cell(policy)], (reason,), alerts=against(found))
        case _:
            return None


def against(found: FaceCheck) -> tuple[RaiseAlert, ...]:
    """The alert of a finding that speaks against somebody, whether or not a decision still waits for it."""
    return _look(AlertKind.FACE_MISMATCH, _FACES[found][1]) if found in _FACES else ()


def too_close_steps_back(evidence: Evidence, _policy: PortalPolicy) -> Verdict | None:
    """A face that fills the picture: its person can be asked to step back."""
    match evidence.face:
        case Fresh(FaceCheck.TOO_CLOSE):
            return Verdict(Outcome.RETEST, (Reason.FACE_TOO_CLOSE,))
        case _:
            return None


def mask_must_be_worn(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """Where masks are required and none was seen."""
    match evidence.mask:
        case Fresh(False) | Stale(False) if policy.require_mask:
            return Verdict(_WITHOUT_GRANT[policy.on_mask_missing], (Reason.MASK_MISSING,))
        case _:
            return None


def capacity_must_not_be_exceeded(evidence: Evidence, policy: PortalPolicy) -> Verdict | None:
    """The place is as full as it may be."""
    match evidence.occupancy:
        case Fresh(inside) | Stale(inside) if policy.capacity is not None and inside >= policy.capacity:
            return Verdict(_WITHOUT_GRANT[policy.on_capacity], (Reason.CAPACITY_REACHED,))
        case _:
            return None


def otherwise_granted(evidence: Evidence, policy: PortalPolicy) -> Verdict:
    """Nothing stands against it; what was missing or merely noted is said with the grant."""
    missing = gaps(evidence, policy)
    remarks = notes(evidence, policy)
    if not missing:
        return Verdict(Outcome.GRANT, (Reason.GRANTED, *remarks))
    admitted = {
        Degrade.ADMIT_AND_FLAG: Reason.DEGRADED_ADMIT,
        Degrade.CACHED_FOR: Reason.DEGRADED_CACHED,
    }[policy.degrade]
    return Verdict(Outcome.GRANT, (admitted, *missing, *remarks), Mode.DEGRADED)


# --- the last try -------------------------------------------------------------------------------

REFUSED_TRIES: frozenset[Reason] = frozenset(
    {
        *(reason for _, reason, _ in _STANDING.values()),
        Reason.OUT_OF_SCHEDULE,
        Reason.ANTI_PASSBACK,
    }
)
"""Refusals that count as a try of this credential."""


def seen_by_staff_at_last(verdict: Verdict, evidence: Evidence, policy: PortalPolicy) -> Verdict:
    """Refusing or asking again without end helps nobody: the last allowed time is referred.

    ``tries_max`` refused tries of a credential within ``tries_window_s``, ``retests_max`` retests in a row.
    """
    if verdict.outcome in (Outcome.GRANT, Outcome.REFER):
        return verdict
    if verdict.reasons[0] in REFUSED_TRIES and _tries(evidence) + 1 >= policy.tries_max:
        return replace(verdict, outcome=Outcome.REFER, reasons=(*verdict.reasons, Reason.TOO_MANY_TRIES))
    if verdict.outcome is Outcome.RETEST and evidence.retests >= policy.retests_max:
        return replace(verdict, outcome=Outcome.REFER)
    return verdict


def _tries(evidence: Evidence) -> int:
    match evidence.credential:
        case Fresh(credential) | Stale(credential):
            return credential.tries
        case _:
            return 0


RULES: tuple[Rule, ...] = (
    history_opens_nothing,
    fire_opens,
    leaving_is_free,
    lockdown_closes_entry,
    zone_keeps_people_out,
    credential_must_be_valid,
    somebody_shows_nothing,
    schedule_must_allow,
    nobody_enters_twice,
    one_person_at_a_time,
    a_face_alone_opens_nothing,
    red_sees_staff,
    yellow_sees_staff,
    elevated_stays_outside,
    unclear_is_measured_again,
    missing_evidence_degrades,
    face_must_not_contradict,
    too_close_steps_back,
    mask_must_be_worn,
    capacity_must_not_be_exceeded,
)
"""In priority order (L3, then the rows of the default ingress policy)."""


def judge(evidence: Evidence, policy: PortalPolicy, rules: tuple[Rule, ...] = RULES) -> Verdict:
    """What the first rule that speaks says; a grant when none does."""
    spoken = (rule(evidence, policy) for rule in rules)
    verdict = next(filter(None, spoken), None) or otherwise_granted(evidence, policy)
    return seen_by_staff_at_last(verdict, evidence, policy)
