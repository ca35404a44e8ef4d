"""The rows that a portal writes: decisions and passages, free of names and raw identifiers."""

from cardea.contract.records import (
    Authority,
    CredentialKind,
    DecisionRecord,
    PassageRecord,
    ScreeningState,
    Side,
)
from cardea.contract.time import Instant, WireTime, wire_time
from drivers.api import Observed
from edge.decide.decision import Decision, ReleaseDoor
from edge.decide.evidence import Evidence, Fresh, Screening, Stale
from edge.portal.approaches import Case
from edge.portal.passages import Grant


def decision_record(
    portal: str, case: Case, evidence: Evidence, decision: Decision, now: Instant
) -> DecisionRecord:
    """The row of one decided approach."""
    seen = case.approach.credential
    screening = _screening(evidence)
    return DecisionRecord(
        id=case.approach.id,
        at=_when(case.event, now),
        portal=portal,
        side=evidence.side,
        outcome=decision.outcome,
        reasons=decision.reasons,
        policy_version=decision.policy_version,
        mode=decision.mode,
        authority=Authority.GATEWAY if evidence.terminal is None else Authority.TERMINAL,
        device=case.device,
        subject=seen.value.subject if seen else None,
        credential=seen.value.kind if seen else None,
        screening=screening.state if screening else ScreeningState.NOT_SCREENED,
        surface_temp_c=screening.surface_temp_c if screening else None,
        input_age_s=decision.input_age_s,
        effects=tuple(type(effect).__name__ for effect in decision.effects),
        screening_terms=screening.terms if screening else None,
        not_screened=screening.reason if screening else None,
    )


def exit_record(record_id: str, portal: str, device: str, decision: Decision, now: Instant) -> DecisionRecord:
    """The row of a request to exit: nobody is asked who leaves."""
    return DecisionRecord(
        id=record_id,
        at=wire_time(now),
        portal=portal,
        side=Side.EGRESS,
        outcome=decision.outcome,
        reasons=decision.reasons,
        policy_version=decision.policy_version,
        mode=decision.mode,
        authority=Authority.GATEWAY,
        device=device,
        effects=(ReleaseDoor.__name__,),
    )


def passage_record(
    record_id: str, portal: str, device: str, event: Observed, side: Side, grant: Grant | None, now: Instant
) -> PassageRecord:
    """The row of somebody seen to go through."""
    return PassageRecord(
        id=record_id,
        at=_when(event, now),
        portal=portal,
        side=side,
        device=device,
        decision=grant.decision if grant else None,
        backfilled=event.offline,
    )


def credential_kind(case: Case) -> CredentialKind | None:
    """What was presented, for the log."""
    return case.approach.credential.value.kind if case.approach.credential else None


def _when(event: Observed, now: Instant) -> WireTime:
    """History happened when the device says it did."""
    if event.offline and event.device_utc is not None:
        return WireTime(event.device_utc, now.quality)
    return wire_time(now)


def _screening(evidence: Evidence) -> Screening | None:
    match evidence.screening:
        case Fresh(screening) | Stale(screening):
            return screening
        case _:
            return None
