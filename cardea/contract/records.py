"""Records: what a gateway commits and sends. Rows of the ``record`` and ``alert`` lanes.

Frozen, tagged by ``kind``, free of names, pictures and raw identifiers (SAFETY.md, items 20 and 24).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from cardea.contract.reasons import Reason, RefusalReason
from cardea.contract.screening import NotScreened, ScreeningTerms
from cardea.contract.time import INTEGER_MAX, WireTime
from cardea.contract.zones import ZoneRecord

Count = Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)]


class Side(StrEnum):
    """The direction of an approach to a portal."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Outcome(StrEnum):
    """What a decision says."""

    GRANT = "grant"
    DENY = "deny"
    RETEST = "retest"
    REFER = "refer"


class Authority(StrEnum):
    """Who moves the leaf: the gateway after its own decision, or a terminal by itself."""

    GATEWAY = "gateway"
    TERMINAL = "terminal"


class Mode(StrEnum):
    """Under which circumstances a decision was made."""

    LIVE = "live"
    DEGRADED = "degraded"
    LATE = "late"
    BACKFILLED = "backfilled"


class CredentialKind(StrEnum):
    """What a person presents."""

    FACE = "face"
    CARD = "card"
    QR = "qr"
    PIN = "pin"


class ScreeningState(StrEnum):
    """The three states of a thermal screening, and the honest fourth."""

    NORMAL = "normal"
    RETEST = "retest"
    ELEVATED = "elevated"
    NOT_SCREENED = "not_screened"


class Severity(StrEnum):
    """How soon somebody must look."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"


class AlertKind(StrEnum):
    """What an alert is about; one sentence each in the message catalogues."""

    ELEVATED = "elevated"
    DEVICE_OFFLINE = "device_offline"
    DEVICE_REFUSED = "device_refused"
    DEVICE_MISCONFIGURED = "device_misconfigured"
    DEVICE_GARBAGE = "device_garbage"
    GATEWAY_SILENT = "gateway_silent"
    CREDENTIAL_REVOKED = "credential_revoked"
    CREDENTIAL_REPLAYED = "credential_replayed"
    CREDENTIAL_FORGED = "credential_forged"
    STATUS_RED = "status_red"
    FIRE = "fire"
    FIRE_TROUBLE = "fire_trouble"
    DOOR_FORCED = "door_forced"
    DOOR_HELD = "door_held"
    VESTIBULE_OCCUPIED = "vestibule_occupied"
    STORE_STALLED = "store_stalled"
    STORE_FULL = "store_full"
    CLOCK_UNSYNCHRONISED = "clock_unsynchronised"
    CLONE = "clone"
    TAMPER = "tamper"
    THERMOMETER_UNFIT = "thermometer_unfit"
    THERMOMETER_NORMALISED = "thermometer_normalised"
    CHECK_UNAVAILABLE = "check_unavailable"
    ZONE_LOCKOUT = "zone_lockout"
    ZONE_ABORTED = "zone_aborted"
    LAMP_WORN = "lamp_worn"
    DOSE_SHORT = "dose_short"
    SCREENING_RATE = "screening_rate"
    """More people are called elevated than a sound thermometer would."""
    FACE_MISMATCH = "face_mismatch"
    """The face before the camera is not that of the credential's holder, or is no living one."""
    GALLERY_LARGE = "gallery_large"
    """80,000 face templates or more."""
    GALLERY_FILING = "gallery_filing"
    """100,000 face templates or more: they must be filed with the authority (SAFETY.md, item 22)."""


class DeviceState(StrEnum):
    """What the supervisor knows of a device."""

    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Subject:
    """A person outside the vault: ``value`` = hex HMAC-SHA256(key of the linkage domain, person id).

    A dataclass, which the API's own schema understands as well as the wire's.
    """

    domain: str
    key_id: str
    value: str


class DecisionRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="decision"):
    """One decided approach. ``id`` is the approach's id and stays the same to the ledger row."""

    id: str
    at: WireTime
    portal: str
    side: Side
    outcome: Outcome
    reasons: tuple[Reason, ...]
    policy_version: Count
    mode: Mode
    authority: Authority
    device: str
    subject: Subject | None = None
    credential: CredentialKind | None = None
    screening: ScreeningState = ScreeningState.NOT_SCREENED
    surface_temp_c: float | None = None
    input_age_s: dict[str, float | None] = {}
    """Age of every item of evidence at the decision; null where the item was missing."""
    effects: tuple[str, ...] = ()
    screening_terms: ScreeningTerms | None = None
    """What ``surface_temp_c`` is made of; ``None`` where a terminal gave nothing but its own number."""
    not_screened: NotScreened | None = None
    """Why there is no temperature, where a thermometer said so."""


class PassageRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="passage"):
    """Somebody went through, as a sensor or terminal observed it."""

    id: str
    at: WireTime
    portal: str
    side: Side
    device: str
    decision: str | None = None
    backfilled: bool = False


class DeviceRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="device"):
    """A device came, went, or changed what it says of itself."""

    id: str
    at: WireTime
    device: str
    driver: str
    state: DeviceState
    reason: str = ""
    portal: str | None = None
    firmware: str | None = None
    clock_skew_s: float | None = None
    rejects: Count = 0


class AuditRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="audit"):
    """One link of a gateway's hash chain (``cardea.contract.chain``)."""

    id: str
    at: WireTime
    index: Count
    event: str
    actor: str
    detail: dict[str, str]
    prev: str
    hash: str


class GapRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="gap"):
    """Rows ``first..last`` of a lane that were evicted; only telemetry may be (SAFETY.md R5)."""

    id: str
    at: WireTime
    lane: str
    epoch: str
    first: Count
    last: Count
    reason: str


class ReceiptRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="receipt"):
    """What became of an order; the durable twin of the prompt ``receipt`` message."""

    id: str
    at: WireTime
    order: str
    result: str
    refusal: RefusalReason | None = None


class AlertRaised(msgspec.Struct, frozen=True, tag_field="kind", tag="alert_raised"):
    """A condition that somebody must look at. The same fingerprint is the same issue."""

    id: str
    at: WireTime
    fingerprint: str
    alert: AlertKind
    severity: Severity
    portal: str | None = None
    device: str | None = None
    decision: str | None = None
    detail: dict[str, str] = {}


class AlertCleared(msgspec.Struct, frozen=True, tag_field="kind", tag="alert_cleared"):
    """Evidence that the condition behind ``fingerprint`` has ended."""

    id: str
    at: WireTime
    fingerprint: str
    evidence: str


class Reading(msgspec.Struct, frozen=True):
    """One number of one series; never re-stamped. Row of the ``telemetry`` lane, sent in columns."""

    series: str
    """``device/metric_unit``, e.g. ``gate-1/surface_temp_c``."""
    t_ms: Count
    """UTC, milliseconds since 1970."""
    value: float


Record = DecisionRecord | PassageRecord | DeviceRecord | AuditRecord | GapRecord | ReceiptRecord | ZoneRecord
Alert = AlertRaised | AlertCleared
