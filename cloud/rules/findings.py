"""What a rule finds: a condition that stands, or the evidence that it has ended."""

import datetime as dt
from dataclasses import dataclass, field

from cardea.contract.batches import Lane
from cardea.contract.records import AlertKind, Severity


@dataclass(frozen=True, slots=True)
class Place:
    """The row a finding rests on. Places of one lane order findings; clocks do not."""

    lane: Lane
    epoch: str
    epoch_number: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """A condition that somebody must look at. (gateway, fingerprint) names the issue."""

    gateway: str
    fingerprint: str
    alert: AlertKind
    severity: Severity
    at: dt.datetime
    who: str
    """``gateway:<id>`` or ``rule:<name>``."""
    place: Place | None = None
    portal: str | None = None
    device: str | None = None
    decision: str | None = None
    detail: dict[str, str] = field(default_factory=dict[str, str])
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Evidence that the condition has ended."""

    gateway: str
    fingerprint: str
    at: dt.datetime
    who: str
    evidence: str
    place: Place | None = None


Finding = Raise | Clear


def fingerprint(alert: AlertKind, gateway: str, where: str | None = None, whom: str | None = None) -> str:
    """``alert/gateway/portal or device/subject``, the same for the same condition for ever."""
    return f"{alert.value}/{gateway}/{where or '-'}/{whom or '-'}"
