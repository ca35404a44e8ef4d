"""What the ledger's queries ask for and give back: frozen, typed, with display names already joined."""

import datetime as dt
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from cardea.contract.orders import OrderResult
from cardea.contract.ranges import Ranges
from cardea.contract.reasons import Reason, RefusalReason
from cardea.contract.records import (
    AlertKind,
    Authority,
    CredentialKind,
    DeviceState,
    Mode,
    Outcome,
    ScreeningState,
    Severity,
    Side,
    Subject,
)
from cardea.contract.screening import NotScreened, ScreeningTerms
from cardea.contract.time import ClockQuality
from cardea.contract.zones import CycleOutcome, Hazard, Permissive, Standing, StopReason, ZoneState

T = TypeVar("T")

PAGE_MAX = 500
_CURSOR = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list that is sorted newest first: the last item of the page before."""

    at_us: int
    n: int

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """From :meth:`__str__`.

        Raises:
            ValueError: not a cursor.
        """
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:40]!r} is not a cursor")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.at_us}-{self.n}"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page; ``None`` when this was the last."""

    items: tuple[T, ...]
    next: str | None = None


# --- Places -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationRow:
    """An organisation in view: the scope's own, and those its sites belong to."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """A site with what stands open there."""

    id: str
    name: str
    kind: str
    organisation: str
    district: str | None
    gateways: int
    gateways_silent: int
    alerts_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRow:
    """A gateway and its last presence; all of presence is ``None`` before it was first heard."""

    id: str
    name: str
    site: str
    online: bool | None
    silent: bool
    """A ``gateway_silent`` alert is open."""
    epoch: str | None
    version: str | None
    policy_version: int | None
    pending: dict[str, int] = field(default_factory=dict[str, int])
    said_at: dt.datetime | None
    heard_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalRow:
    """A portal that has a display name or has been heard of."""

    site: str
    gateway: str
    portal: str
    name: str


# --- The entry feed -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryQuery:
    """Filters of the entry feed; ``None`` filters nothing. ``since`` is included, ``until`` is not."""

    site: str | None = None
    gateway: str | None = None
    portal: str | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    side: Side | None = None
    subject: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: Cursor | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One decided approach, and when somebody was then seen to go through."""

    id: str
    site: str
    site_name: str
    gateway: str
    portal: str
    portal_name: str
    at: dt.datetime
    clock: ClockQuality
    received_at: dt.datetime
    side: Side
    outcome: Outcome
    reasons: tuple[Reason, ...]
    policy_version: int
    mode: Mode
    authority: Authority
    device: str
    subject: Subject | None
    credential: CredentialKind | None
    screening: ScreeningState
    surface_temp_c: float | None
    input_age_s: dict[str, float | None]
    effects: tuple[str, ...]
    passed_at: dt.datetime | None
    screening_terms: ScreeningTerms | None
    """What ``surface_temp_c`` is made of; ``None`` for a terminal's own number."""
    not_screened: NotScreened | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageQuery:
    """Filters of observed passages, with and without a decision."""

    site: str | None = None
    gateway: str | None = None
    portal: str | None = None
    side: Side | None = None
    decision: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: Cursor | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Somebody went through; ``decision`` is the id of the entry it belongs to, if any."""

    id: str
    site: str
    gateway: str
    portal: str
    portal_name: str
    at: dt.datetime
    clock: ClockQuality
    received_at: dt.datetime
    side: Side
    device: str
    decision: str | None
    backfilled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CountQuery:
    """What to count."""

    site: str | None = None
    side: Side | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """How many decisions came out so at one portal."""

    site: str
    gateway: str
    portal: str
    portal_name: str
    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """How many decisions had this first reason."""

    outcome: Outcome
    reason: Reason
    count: int


# --- Devices ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """The newest of what a gateway said of a device. Believe it only while the gateway is not silent."""

    site: str
    gateway: str
    gateway_silent: bool
    device: str
    driver: str
    state: DeviceState
    reason: str
    portal: str | None
    firmware: str | None
    clock_skew_s: float | None
    rejects: int
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEventRow:
    """A device came, went, or changed what it says of itself."""

    at: dt.datetime
    state: DeviceState
    reason: str
    firmware: str | None
    rejects: int


# --- Zones --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRow:
    """A finished disinfection cycle; an aborted one never counts as disinfected (SAFETY.md D12)."""

    id: str
    started_at: dt.datetime
    ended_at: dt.datetime
    outcome: CycleOutcome
    stopped: StopReason | None
    emitted_s: float
    dose_mj_cm2_min: float | None
    """The lower bound: aged lamp, worst point (SAFETY.md D11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRow:
    """The newest of what a gateway said of a zone. Believe it only while the gateway is not silent."""

    site: str
    site_name: str
    gateway: str
    gateway_silent: bool
    zone: str
    title: str
    state: ZoneState
    hazard: Hazard
    monitor_only: bool
    two_people: bool
    """A start needs a second person (SAFETY.md D7)."""
    since: dt.datetime
    unit: str
    permissives: dict[Permissive, Standing]
    portals: tuple[str, ...]
    cycle: str | None
    cycle_since: dt.datetime | None
    """When the cycle under way was first reported."""
    stopped: StopReason | None
    last: CycleRow | None
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEventRow:
    """A zone changed its state, or a permissive did."""

    id: str
    at: dt.datetime
    clock: ClockQuality
    received_at: dt.datetime
    state: ZoneState
    monitor_only: bool
    since: dt.datetime
    permissives: dict[Permissive, Standing]
    cycle: str | None
    stopped: StopReason | None
    last: CycleRow | None


# --- Alerts -------------------------------------------------------------------------------------


class AlertView(StrEnum):
    """Which alerts: acknowledged and cleared are independent, and both end the need for attention."""

    ATTENTION = "attention"
    """Not cleared, or not acknowledged."""
    OPEN = "open"
    """Not cleared."""
    UNACKNOWLEDGED = "unacknowledged"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Filters of the alert list."""

    view: AlertView = AlertView.ATTENTION
    site: str | None = None
    gateway: str | None = None
    device: str | None = None
    alert: AlertKind | None = None
    severity: Severity | None = None
    before: Cursor | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One issue. ``inhibited``: its gateway is silent, so that this says nothing of its own."""

    id: int
    site: str
    site_name: str
    gateway: str
    fingerprint: str
    alert: AlertKind
    severity: Severity
    portal: str | None
    portal_name: str | None
    device: str | None
    decision: str | None
    detail: dict[str, str]
    raised_at: dt.datetime
    last_at: dt.datetime
    count: int
    cleared_at: dt.datetime | None
    cleared_evidence: str | None
    acknowledged_at: dt.datetime | None
    acknowledged_by: str | None
    inhibited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEventRow:
    """One change of an alert: who, when, and their note."""

    change: str
    at: dt.datetime
    who: str
    note: str
    severity: Severity | None


# --- The wall -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """How many alerts of one kind and severity are not cleared."""

    alert: AlertKind
    severity: Severity
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WallZone:
    """A disinfection zone's state, in one word."""

    gateway: str
    zone: str
    title: str
    state: ZoneState
    gateway_silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WallSite:
    """A site at a glance."""

    site: str
    name: str
    kind: str
    gateways: int
    gateways_silent: int
    heard_at: dt.datetime | None
    """When the gateway that has been quiet for longest was last heard."""
    worst: OpenAlert | None
    alerts_open: int
    entries: int
    devices: int
    devices_online: int
    zones: tuple[WallZone, ...]


# --- Accounting ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """What is stored of one lane of one epoch, what was evicted at the gateway, and what is still to come."""

    gateway: str
    lane: str
    epoch: str
    standing: str
    stored: Ranges
    evicted: Ranges
    missing: Ranges
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRow:
    """An outbox that has spoken under a gateway's name."""

    gateway: str
    epoch: str
    number: int
    standing: str
    first_heard_at: dt.datetime
    last_heard_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order that was sent, and its receipt once there is one."""

    id: str
    gateway: str
    action: dict[str, object]
    issued_at: dt.datetime
    deadline_at: dt.datetime
    by: str
    result: str | None
    refusal: str | None
    answered_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOrderRow:
    """A start or a stop that was ordered for a zone, and what the gateway answered."""

    id: str
    gateway: str
    zone: str
    do: str
    issued_at: dt.datetime
    deadline_at: dt.datetime
    by: str
    result: OrderResult | None
    refusal: RefusalReason | None
