"""Rules on gateways as a whole: silence and clones."""

import datetime as dt

from cardea.contract.records import AlertKind, Severity
from cloud.rules.findings import Clear, Finding, Raise, fingerprint

SILENCE = "rule:gateway_silent"
CLONE = "rule:clone"


def gateway_silent(gateway: str, at: dt.datetime, silent_s: float, silent_s_max: float) -> Finding:
    """Silent for longer than allowed, or heard again. One that took its leave is silent at once."""
    issue = fingerprint(AlertKind.GATEWAY_SILENT, gateway)
    if silent_s < silent_s_max:
        return Clear(gateway=gateway, fingerprint=issue, at=at, who=SILENCE, evidence="heard again")
    return Raise(
        gateway=gateway,
        fingerprint=issue,
        alert=AlertKind.GATEWAY_SILENT,
        severity=Severity.CRITICAL,
        at=at,
        who=SILENCE,
        detail={} if silent_s == float("inf") else {"silent_s": f"{silent_s:.0f}"},
    )


def clone(gateway: str, epoch: str, at: dt.datetime) -> Raise:
    """A second outbox speaks under a gateway's name."""
    return Raise(
        gateway=gateway,
        fingerprint=fingerprint(AlertKind.CLONE, gateway, epoch),
        alert=AlertKind.CLONE,
        severity=Severity.CRITICAL,
        at=at,
        who=CLONE,
        detail={"epoch": epoch},
    )


def clone_approved(gateway: str, epoch: str, at: dt.datetime, by: str, note: str) -> Clear:
    """A person says that the new outbox is the gateway."""
    return Clear(
        gateway=gateway,
        fingerprint=fingerprint(AlertKind.CLONE, gateway, epoch),
        at=at,
        who=by,
        evidence=note,
    )
