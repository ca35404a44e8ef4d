"""Reason codes: why a decision, an order or a device came out as it did.

One closed vocabulary for gateway, ledger and console, so that a reason can be counted and translated.
Every code has a sentence in each message catalogue (``cardea.runtime.i18n``).
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why; in the order in which the default ingress policy asks (SAFETY.md)."""

    FIRE = "fire"
    FIRE_TROUBLE = "fire_trouble"
    EGRESS = "egress"
    LOCKDOWN = "lockdown"
    BACKFILLED = "backfilled"
    ZONE_BUSY = "zone_busy"
    ZONE_UNKNOWN = "zone_unknown"

    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_UNKNOWN = "credential_unknown"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_REVOKED = "credential_revoked"
    CREDENTIAL_REPLAYED = "credential_replayed"
    CREDENTIAL_FORGED = "credential_forged"
    CREDENTIAL_NOT_YET_VALID = "credential_not_yet_valid"
    OUT_OF_SCHEDULE = "out_of_schedule"
    SCHEDULE_UNKNOWN = "schedule_unknown"
    ANTI_PASSBACK = "anti_passback"
    TOO_MANY_TRIES = "too_many_tries"

    STATUS_RED = "status_red"
    STATUS_YELLOW = "status_yellow"

    SCREENING_ELEVATED = "screening_elevated"
    SCREENING_RETEST = "screening_retest"
    SCREENING_MISSING = "screening_missing"
    SCREENING_STALE = "screening_stale"
    SCREENING_ADVISORY = "screening_advisory"

    FACE_CONTRADICTS = "face_contradicts"
    FACE_NOT_LIVE = "face_not_live"
    FACE_TOO_CLOSE = "face_too_close"
    FACE_UNCERTAIN = "face_uncertain"
    FACE_UNCHECKED = "face_unchecked"
    FACE_ONLY = "face_only"
    MASK_MISSING = "mask_missing"
    MASK_UNKNOWN = "mask_unknown"
    CAPACITY_REACHED = "capacity_reached"
    OCCUPANCY_UNKNOWN = "occupancy_unknown"
    SECOND_PERSON = "second_person"

    DEGRADED_ADMIT = "degraded_admit"
    DEGRADED_CACHED = "degraded_cached"
    DEGRADED_STAFF = "degraded_staff"
    DEGRADED_CLOSED = "degraded_closed"
    STORE_STALLED = "store_stalled"

    DECIDED_BY_TERMINAL = "decided_by_terminal"
    GRANTED = "granted"


class RefusalReason(StrEnum):
    """Why a gateway or a device did not do as ordered or asked."""

    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    WRONG_TARGET = "wrong_target"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    RETAINED = "retained"
    UNDECODABLE = "undecodable"
    UNSUPPORTED = "unsupported"
    UNSAFE = "unsafe"
    OLDER_VERSION = "older_version"
    UNREACHABLE = "unreachable"
    DEVICE_REFUSED = "device_refused"
    QUEUE_FULL = "queue_full"
    STORE_FAILED = "store_failed"
    DUPLICATE = "duplicate"
    UNKNOWN_DEVICE = "unknown_device"
    NOT_ENTITLED = "not_entitled"
    """The gateway's own configuration does not allow it to anybody."""
