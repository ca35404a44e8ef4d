"""Rules on single rows: pure, each named after what it finds.

A rule that the edge's own alerts already cover has no place here: revoked, replayed and forged credentials
are raised at the portal that saw them, and their decisions raise nothing a second time.
"""

from collections.abc import Callable

from cardea.contract.reasons import Reason
from cardea.contract.records import (
    Alert,
    AlertCleared,
    AlertKind,
    AlertRaised,
    DecisionRecord,
    DeviceRecord,
    DeviceState,
    Severity,
)
from cloud.ingest.rows import Row
from cloud.rules.findings import Clear, Finding, Place, Raise, fingerprint


def said_by_the_edge(row: Row, body: Alert) -> Finding:
    """The gateway's own alerts, as they are."""
    who = f"gateway:{row.gateway}"
    if isinstance(body, AlertCleared):
        return Clear(
            gateway=row.gateway,
            fingerprint=body.fingerprint,
            at=body.at.utc,
            who=who,
            evidence=body.evidence,
            place=_place(row),
        )
    return Raise(
        gateway=row.gateway,
        fingerprint=body.fingerprint,
        alert=body.alert,
        severity=body.severity,
        at=body.at.utc,
        who=who,
        place=_place(row),
        portal=body.portal,
        device=body.device,
        decision=body.decision,
        detail=body.detail,
    )


def elevated(row: Row, body: DecisionRecord) -> Finding | None:
    """Somebody was screened as elevated. One issue per person and portal; strangers have one each."""
    if Reason.SCREENING_ELEVATED not in body.reasons:
        return None
    whom = body.id if body.subject is None else body.subject.value
    temperature = {} if body.surface_temp_c is None else {"surface_temp_c": f"{body.surface_temp_c:.2f}"}
    return Raise(
        gateway=row.gateway,
        fingerprint=fingerprint(AlertKind.ELEVATED, row.gateway, body.portal, whom),
        alert=AlertKind.ELEVATED,
        severity=Severity.MAJOR,
        at=body.at.utc,
        who="rule:elevated",
        place=_place(row),
        portal=body.portal,
        device=body.device,
        decision=body.id,
        detail={"outcome": body.outcome.value, **temperature},
    )


def device_offline(row: Row, body: DeviceRecord) -> Finding | None:
    """A device is offline until it is online again."""
    issue = fingerprint(AlertKind.DEVICE_OFFLINE, row.gateway, body.device)
    if body.state is DeviceState.ONLINE:
        return Clear(
            gateway=row.gateway,
            fingerprint=issue,
            at=body.at.utc,
            who="rule:device_offline",
            evidence=body.reason or "online",
            place=_place(row),
        )
    if body.state is not DeviceState.OFFLINE:
        return None
    return Raise(
        gateway=row.gateway,
        fingerprint=issue,
        alert=AlertKind.DEVICE_OFFLINE,
        severity=Severity.MAJOR,
        at=body.at.utc,
        who="rule:device_offline",
        place=_place(row),
        portal=body.portal,
        device=body.device,
        detail={"reason": body.reason} if body.reason else {},
    )


RULES: dict[type, tuple[Callable[[Row, object], Finding | None], ...]] = {
    AlertRaised: (said_by_the_edge,),
    AlertCleared: (said_by_the_edge,),
    DecisionRecord: (elevated,),
    DeviceRecord: (device_offline,),
}  # pyright: ignore[reportAssignmentType]  # each rule stands under the type it takes
"""The rules, by the type of row that each looks at."""


def findings(row: Row) -> tuple[Finding, ...]:
    """Everything that the rules find in one row."""
    found = (rule(row, row.body) for rule in RULES.get(type(row.body), ()))
    return tuple(finding for finding in found if finding is not None)


def _place(row: Row) -> Place:
    return Place(row.lane, row.epoch, row.epoch_number, row.seq)
