"""The sentence for every member of every enum that people see, and what a terminal shows.

Sentences here are message ids (English); ``Translator.text`` says them in the reader's language. What a
terminal shows is read by bystanders: it never says why somebody is sent to the staff.
"""

from collections.abc import Mapping
from enum import StrEnum

from cardea.contract.batches import Lane
from cardea.contract.orders import OrderResult, StatusColour
from cardea.contract.policy import AntiPassback, Degrade, FaceRequirement
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
)
from cardea.contract.screening import Correction, NotScreened
from cardea.contract.time import ClockQuality
from cardea.contract.zones import CycleOutcome, Hazard, Permissive, Standing, StopReason, ZoneState
from cardea.runtime.i18n import msg

_REASONS: Mapping[StrEnum, str] = {
    Reason.FIRE: msg("The fire alarm is on: the way is open"),
    Reason.FIRE_TROUBLE: msg("The fire alarm line is faulty"),
    Reason.EGRESS: msg("Leaving is always free"),
    Reason.LOCKDOWN: msg("Entry is closed by lockdown"),
    Reason.BACKFILLED: msg("Reported later by the device: opens nothing"),
    Reason.ZONE_BUSY: msg("The area behind this door is being disinfected"),
    Reason.ZONE_UNKNOWN: msg("It is not known whether the area behind this door is safe"),
    Reason.CREDENTIAL_MISSING: msg("No pass was presented"),
    Reason.CREDENTIAL_UNKNOWN: msg("The credential is not known here"),
    Reason.CREDENTIAL_EXPIRED: msg("The credential has expired"),
    Reason.CREDENTIAL_REVOKED: msg("The credential has been revoked"),
    Reason.CREDENTIAL_REPLAYED: msg("The pass has been used before"),
    Reason.CREDENTIAL_FORGED: msg("The pass is not genuine"),
    Reason.CREDENTIAL_NOT_YET_VALID: msg("The credential is not valid yet"),
    Reason.OUT_OF_SCHEDULE: msg("Entry is not allowed at this time"),
    Reason.SCHEDULE_UNKNOWN: msg("It is not known whether entry is allowed at this time"),
    Reason.ANTI_PASSBACK: msg("This person has already entered and not left"),
    Reason.TOO_MANY_TRIES: msg("Too many refused tries in a short time"),
    Reason.STATUS_RED: msg("The health status is red"),
    Reason.STATUS_YELLOW: msg("The health status is yellow"),
    Reason.SCREENING_ELEVATED: msg("The temperature is elevated"),
    Reason.SCREENING_RETEST: msg("The temperature must be measured again"),
    Reason.SCREENING_MISSING: msg("No temperature was measured"),
    Reason.SCREENING_STALE: msg("The temperature reading is too old"),
    Reason.SCREENING_ADVISORY: msg("The thermometer does not meet the standard: advice only"),
    Reason.FACE_CONTRADICTS: msg("The face does not match the credential"),
    Reason.FACE_NOT_LIVE: msg("The camera saw no living face, by a basic check"),
    Reason.FACE_TOO_CLOSE: msg("The face was too close to the camera"),
    Reason.FACE_UNCERTAIN: msg("The camera could not tell whose face it saw"),
    Reason.FACE_UNCHECKED: msg("The face was not checked by camera"),
    Reason.FACE_ONLY: msg("A face alone opens nothing here: a second proof is needed"),
    Reason.MASK_MISSING: msg("No mask is worn"),
    Reason.MASK_UNKNOWN: msg("It is not known whether a mask is worn"),
    Reason.CAPACITY_REACHED: msg("The building is full"),
    Reason.OCCUPANCY_UNKNOWN: msg("It is not known how many people are inside"),
    Reason.SECOND_PERSON: msg("A second person stepped in"),
    Reason.DEGRADED_ADMIT: msg("Admitted without a full check and marked for review"),
    Reason.DEGRADED_CACHED: msg("Admitted on an earlier check"),
    Reason.DEGRADED_STAFF: msg("A check is out of order: staff decide"),
    Reason.DEGRADED_CLOSED: msg("A check is out of order: entry is closed"),
    Reason.STORE_STALLED: msg("Storage is slow: decided first, recorded afterwards"),
    Reason.DECIDED_BY_TERMINAL: msg("The terminal decided by itself"),
    Reason.GRANTED: msg("All checks passed"),
}
_REFUSALS: Mapping[StrEnum, str] = {
    RefusalReason.BAD_SIGNATURE: msg("The signature is wrong"),
    RefusalReason.UNKNOWN_KEY: msg("Signed with a key that is not trusted here"),
    RefusalReason.WRONG_TARGET: msg("Meant for another gateway"),
    RefusalReason.EXPIRED: msg("The deadline has passed"),
    RefusalReason.REPLAYED: msg("This order was received before"),
    RefusalReason.RETAINED: msg("A stored message cannot be an order"),
    RefusalReason.UNDECODABLE: msg("The message cannot be read"),
    RefusalReason.UNSUPPORTED: msg("The device cannot do this"),
    RefusalReason.UNSAFE: msg("Refused because it would not be safe"),
    RefusalReason.OLDER_VERSION: msg("A newer version is already in force"),
    RefusalReason.UNREACHABLE: msg("The device does not answer"),
    RefusalReason.DEVICE_REFUSED: msg("The device refused"),
    RefusalReason.QUEUE_FULL: msg("Too much is waiting: try again"),
    RefusalReason.STORE_FAILED: msg("It could not be stored"),
    RefusalReason.DUPLICATE: msg("Already done"),
    RefusalReason.UNKNOWN_DEVICE: msg("There is no such device"),
    RefusalReason.NOT_ENTITLED: msg("The gateway's own configuration does not allow it"),
}
_ALERTS: Mapping[StrEnum, str] = {
    AlertKind.ELEVATED: msg("Elevated temperature"),
    AlertKind.DEVICE_OFFLINE: msg("Device offline"),
    AlertKind.DEVICE_REFUSED: msg("Device refuses our credentials"),
    AlertKind.DEVICE_MISCONFIGURED: msg("Device is not what the configuration says"),
    AlertKind.DEVICE_GARBAGE: msg("Device sends unreadable data"),
    AlertKind.GATEWAY_SILENT: msg("Gateway silent"),
    AlertKind.CREDENTIAL_REVOKED: msg("Revoked credential presented"),
    AlertKind.CREDENTIAL_REPLAYED: msg("Used pass presented again"),
    AlertKind.CREDENTIAL_FORGED: msg("Forged pass presented"),
    AlertKind.STATUS_RED: msg("Person with red status"),
    AlertKind.FIRE: msg("Fire alarm"),
    AlertKind.FIRE_TROUBLE: msg("Fire alarm line faulty"),
    AlertKind.DOOR_FORCED: msg("Door forced open"),
    AlertKind.DOOR_HELD: msg("Door held open too long"),
    AlertKind.VESTIBULE_OCCUPIED: msg("Somebody stays in the vestibule"),
    AlertKind.STORE_STALLED: msg("Gateway storage too slow"),
    AlertKind.STORE_FULL: msg("Gateway storage full"),
    AlertKind.CLOCK_UNSYNCHRONISED: msg("Gateway clock not synchronised"),
    AlertKind.CLONE: msg("Two gateways use the same identity"),
    AlertKind.TAMPER: msg("Device tampered with"),
    AlertKind.THERMOMETER_UNFIT: msg("Thermometer cannot be trusted now"),
    AlertKind.THERMOMETER_NORMALISED: msg("Thermometer bends its readings toward normal"),
    AlertKind.CHECK_UNAVAILABLE: msg("A check is unavailable: its model is missing or refused"),
    AlertKind.ZONE_LOCKOUT: msg("Disinfection zone locked out"),
    AlertKind.ZONE_ABORTED: msg("Disinfection aborted"),
    AlertKind.LAMP_WORN: msg("Disinfection lamp worn out"),
    AlertKind.DOSE_SHORT: msg("Disinfection dose not reached"),
    AlertKind.SCREENING_RATE: msg("Thermometer calls too many people elevated"),
    AlertKind.FACE_MISMATCH: msg("Face does not match the credential presented"),
    AlertKind.GALLERY_LARGE: msg("80,000 faces are enrolled: from 100,000 on they must be filed"),
    AlertKind.GALLERY_FILING: msg(
        "100,000 faces are enrolled: file with the authority within 30 working days"
    ),
}
_ZONE_STATES: Mapping[StrEnum, str] = {
    ZoneState.DISABLED: msg("Disabled"),
    ZoneState.IDLE: msg("Idle"),
    ZoneState.PRECHECK: msg("Checking before the start"),
    ZoneState.WARN: msg("Warning: leave the area"),
    ZoneState.EMIT: msg("Disinfecting"),
    ZoneState.DWELL: msg("Taking effect"),
    ZoneState.AERATE: msg("Airing"),
    ZoneState.VERIFY: msg("Verifying the release"),
    ZoneState.RELEASED: msg("Released"),
    ZoneState.STOPPING: msg("Stopping"),
    ZoneState.LOCKOUT: msg("Locked out"),
}
_HAZARDS: Mapping[StrEnum, str] = {
    Hazard.EXCLUSION: msg("Nobody may be there"),
    Hazard.DOSE_LIMITED: msg("Within a dose budget"),
    Hazard.ENCLOSED: msg("Enclosed"),
}
_PERMISSIVES: Mapping[StrEnum, str] = {
    Permissive.ESTOP: msg("Emergency stop released"),
    Permissive.DOORS: msg("Doors closed"),
    Permissive.OCCUPANCY: msg("Nobody in the area"),
    Permissive.FIRE: msg("No fire alarm"),
    Permissive.GAS: msg("Gas below the limit next door"),
    Permissive.WATCHDOG: msg("Unit's watchdog set"),
    Permissive.UNIT: msg("Unit does as commanded"),
    Permissive.ORDER: msg("Start ordered"),
    Permissive.ARM: msg("Armed on site"),
    Permissive.LEASE: msg("Output lease renewed"),
    Permissive.DOSE_METER: msg("Dose meter reading"),
    Permissive.DOSE_BUDGET: msg("Dose budget left"),
    Permissive.ENCLOSURE: msg("Enclosure closed"),
    Permissive.COMMISSIONED: msg("Commissioned"),
}
_STANDINGS: Mapping[StrEnum, str] = {
    Standing.OK: msg("Holds"),
    Standing.NOT_OK: msg("Does not hold"),
    Standing.STALE: msg("Too old"),
    Standing.MISSING: msg("Not known"),
    Standing.IMPLAUSIBLE: msg("Not believable"),
}
_STOP_REASONS: Mapping[StrEnum, str] = {
    StopReason.ORDERED: msg("Stopped by order"),
    StopReason.PERMISSIVE_LOST: msg("A condition was lost"),
    StopReason.FIRE: msg("Fire alarm"),
    StopReason.READ_BACK: msg("The unit did not do as commanded"),
    StopReason.UNIT_LOST: msg("The unit does not answer"),
    StopReason.CAP: msg("A hard limit was reached"),
    StopReason.RESTART: msg("The gateway restarted during a cycle"),
    StopReason.GAS_SENSOR: msg("The gas sensor failed"),
    StopReason.NOT_VERIFIED: msg("The release could not be verified"),
}
_CYCLE_OUTCOMES: Mapping[StrEnum, str] = {
    CycleOutcome.COMPLETED: msg("Completed"),
    CycleOutcome.ABORTED: msg("Aborted: does not count as disinfected"),
}
_OUTCOMES: Mapping[StrEnum, str] = {
    Outcome.GRANT: msg("Granted"),
    Outcome.DENY: msg("Denied"),
    Outcome.RETEST: msg("Measure again"),
    Outcome.REFER: msg("Sent to staff"),
}
_SEVERITIES: Mapping[StrEnum, str] = {
    Severity.CRITICAL: msg("Critical"),
    Severity.MAJOR: msg("Major"),
    Severity.MINOR: msg("Minor"),
    Severity.INFO: msg("Information"),
}
_DEVICE_STATES: Mapping[StrEnum, str] = {
    DeviceState.ONLINE: msg("Online"),
    DeviceState.OFFLINE: msg("Offline"),
    DeviceState.REFUSED: msg("Login refused"),
    DeviceState.MISCONFIGURED: msg("Misconfigured"),
}
_SCREENING_STATES: Mapping[StrEnum, str] = {
    ScreeningState.NORMAL: msg("Normal"),
    ScreeningState.RETEST: msg("To be measured again"),
    ScreeningState.ELEVATED: msg("Elevated"),
    ScreeningState.NOT_SCREENED: msg("Not screened"),
}
_NOT_SCREENED: Mapping[StrEnum, str] = {
    NotScreened.NO_REFERENCE: msg("Not screened: no reference source is set up"),
    NotScreened.REFERENCE_LOST: msg("Not screened: the reference source is not in view"),
    NotScreened.REFERENCE_DRIFTING: msg("Not screened: the sensor drifts too fast"),
    NotScreened.GAIN_UNFIT: msg("Not screened: the two reference sources disagree"),
    NotScreened.WARMING_UP: msg("Not screened: the sensor is warming up"),
    NotScreened.FLAT_FIELD: msg("Not screened: the sensor corrects itself"),
    NotScreened.FRAME_UNFIT: msg("Not screened: the picture cannot be used"),
    NotScreened.UNCERTAINTY_UNKNOWN: msg("Not screened: it is not known how exact this thermometer is"),
    NotScreened.TOO_HOT: msg("Not screened: something hotter than a person is in view"),
    NotScreened.NOBODY_THERE: msg("Not screened: nobody is there"),
    NotScreened.TOO_FAR: msg("Not screened: please come closer"),
    NotScreened.TOO_NEAR: msg("Not screened: please step back"),
    NotScreened.OVERLAPPING: msg("Not screened: one at a time, please"),
    NotScreened.FACE_UNSEEN: msg("Not screened: please look at the camera"),
    NotScreened.NOT_STEADY: msg("Not screened: please stand still"),
}
_CORRECTIONS: Mapping[StrEnum, str] = {
    Correction.NONE: msg("By the instrument's own calibration"),
    Correction.ONE_POINT: msg("Corrected by one reference source: an offset"),
    Correction.TWO_POINT: msg("Corrected by two reference sources: a gain and an offset"),
}
_CREDENTIAL_KINDS: Mapping[StrEnum, str] = {
    CredentialKind.FACE: msg("Face"),
    CredentialKind.CARD: msg("Card"),
    CredentialKind.QR: msg("QR pass"),
    CredentialKind.PIN: msg("PIN"),
}
_SIDES: Mapping[StrEnum, str] = {Side.INGRESS: msg("Entering"), Side.EGRESS: msg("Leaving")}
_MODES: Mapping[StrEnum, str] = {
    Mode.LIVE: msg("Live"),
    Mode.DEGRADED: msg("With a check out of order"),
    Mode.LATE: msg("Recorded late"),
    Mode.BACKFILLED: msg("Reported later"),
}
_AUTHORITIES: Mapping[StrEnum, str] = {
    Authority.GATEWAY: msg("The gateway decides"),
    Authority.TERMINAL: msg("The terminal decides"),
}
_ORDER_RESULTS: Mapping[StrEnum, str] = {
    OrderResult.EXECUTED: msg("Carried out"),
    OrderResult.REFUSED: msg("Refused"),
    OrderResult.EXPIRED: msg("Too late"),
}
_COLOURS: Mapping[StrEnum, str] = {
    StatusColour.GREEN: msg("Green"),
    StatusColour.YELLOW: msg("Yellow"),
    StatusColour.RED: msg("Red"),
}
_DEGRADES: Mapping[StrEnum, str] = {
    Degrade.ADMIT_AND_FLAG: msg("Admit and mark for review"),
    Degrade.CACHED_FOR: msg("Admit on an earlier check"),
    Degrade.STAFF_CHECK: msg("Staff check"),
    Degrade.CLOSED: msg("Entry closed"),
}
_ANTI_PASSBACKS: Mapping[StrEnum, str] = {
    AntiPassback.OFF: msg("Off"),
    AntiPassback.SOFT: msg("Report only"),
    AntiPassback.HARD: msg("Refuse entry"),
    AntiPassback.TIMED: msg("Refuse entry for a time"),
}
_FACE_REQUIREMENTS: Mapping[StrEnum, str] = {
    FaceRequirement.OFF: msg("Off"),
    FaceRequirement.ASKED: msg("Checked where it can be"),
    FaceRequirement.REQUIRED: msg("Required of whoever is enrolled"),
}
_CLOCK_QUALITIES: Mapping[StrEnum, str] = {
    ClockQuality.SYNCHRONISED: msg("Synchronised"),
    ClockQuality.HOLDOVER: msg("Free-running"),
    ClockQuality.UNSYNCHRONISED: msg("Not synchronised"),
}
_LANES: Mapping[StrEnum, str] = {
    Lane.ALERT: msg("Alerts"),
    Lane.RECORD: msg("Records"),
    Lane.TELEMETRY: msg("Telemetry"),
}

PHRASES: Mapping[type[StrEnum], Mapping[StrEnum, str]] = {
    Reason: _REASONS,
    RefusalReason: _REFUSALS,
    AlertKind: _ALERTS,
    ZoneState: _ZONE_STATES,
    Hazard: _HAZARDS,
    Permissive: _PERMISSIVES,
    Standing: _STANDINGS,
    StopReason: _STOP_REASONS,
    CycleOutcome: _CYCLE_OUTCOMES,
    Outcome: _OUTCOMES,
    Severity: _SEVERITIES,
    DeviceState: _DEVICE_STATES,
    ScreeningState: _SCREENING_STATES,
    NotScreened: _NOT_SCREENED,
    Correction: _CORRECTIONS,
    CredentialKind: _CREDENTIAL_KINDS,
    Side: _SIDES,
    Mode: _MODES,
    Authority: _AUTHORITIES,
    OrderResult: _ORDER_RESULTS,
    StatusColour: _COLOURS,
    Degrade: _DEGRADES,
    AntiPassback: _ANTI_PASSBACKS,
    FaceRequirement: _FACE_REQUIREMENTS,
    ClockQuality: _CLOCK_QUALITIES,
    Lane: _LANES,
}
"""Message ids by enum, then by member. Two tables deep because members of different enums that share a
value (``Reason.FIRE``, ``AlertKind.FIRE``) are equal as keys."""

_PLEASE_COME_IN = msg("Please come in")
_SEE_STAFF = msg("Please see the staff")
_STAND_STILL = msg("Please stand still for your temperature")
_WAIT = msg("Please wait")

AT_TERMINAL: Mapping[Outcome, str] = {
    Outcome.GRANT: _PLEASE_COME_IN,
    Outcome.DENY: msg("No entry"),
    Outcome.RETEST: msg("Please try again"),
    Outcome.REFER: _SEE_STAFF,
}
"""What a terminal shows when the reason adds nothing that bystanders may read."""

AT_TERMINAL_FOR: Mapping[tuple[Outcome, Reason], str] = {
    (Outcome.GRANT, Reason.FIRE): msg("Fire alarm: leave the building"),
    (Outcome.GRANT, Reason.EGRESS): msg("Goodbye"),
    (Outcome.DENY, Reason.LOCKDOWN): msg("Entry is closed"),
    (Outcome.DENY, Reason.ZONE_BUSY): msg("Disinfection: do not enter"),
    (Outcome.DENY, Reason.ZONE_UNKNOWN): msg("Do not enter"),
    (Outcome.DENY, Reason.CREDENTIAL_MISSING): msg("Present your pass"),
    (Outcome.RETEST, Reason.CREDENTIAL_MISSING): msg("Present your pass"),
    (Outcome.DENY, Reason.CREDENTIAL_UNKNOWN): msg("Not registered"),
    (Outcome.DENY, Reason.CREDENTIAL_EXPIRED): msg("Pass expired"),
    (Outcome.DENY, Reason.CREDENTIAL_REVOKED): msg("Pass not valid"),
    (Outcome.DENY, Reason.CREDENTIAL_REPLAYED): msg("Pass already used"),
    (Outcome.DENY, Reason.CREDENTIAL_FORGED): msg("Pass not valid"),
    (Outcome.DENY, Reason.CREDENTIAL_NOT_YET_VALID): msg("Pass not valid yet"),
    (Outcome.DENY, Reason.OUT_OF_SCHEDULE): msg("Not at this time"),
    (Outcome.DENY, Reason.ANTI_PASSBACK): msg("Already inside"),
    (Outcome.DENY, Reason.CAPACITY_REACHED): msg("The building is full: please wait"),
    (Outcome.DENY, Reason.SECOND_PERSON): msg("One at a time, please"),
    (Outcome.RETEST, Reason.SECOND_PERSON): msg("One at a time, please"),
    (Outcome.DENY, Reason.DEGRADED_CLOSED): msg("Out of order: use another gate"),
    (Outcome.RETEST, Reason.SCREENING_RETEST): _STAND_STILL,
    (Outcome.RETEST, Reason.SCREENING_MISSING): _STAND_STILL,
    (Outcome.RETEST, Reason.SCREENING_STALE): _STAND_STILL,
    (Outcome.RETEST, Reason.SCREENING_ELEVATED): _STAND_STILL,
    (Outcome.RETEST, Reason.MASK_MISSING): msg("Please wear a mask"),
    (Outcome.DENY, Reason.MASK_MISSING): msg("Please wear a mask"),
    (Outcome.RETEST, Reason.FACE_TOO_CLOSE): msg("Step back and look at the camera"),
    (Outcome.RETEST, Reason.FACE_ONLY): msg("Present your card or pass as well"),
    (Outcome.RETEST, Reason.ZONE_BUSY): _WAIT,
}
"""What a terminal shows when the reason helps the person and harms nobody."""


def phrase(member: StrEnum) -> str:
    """The message id for a member of one of the enums in :data:`PHRASES`.

    Raises:
        KeyError: nobody has written a sentence for that enum.
    """
    return PHRASES[type(member)][member]


def terminal_phrase(outcome: Outcome, reason: Reason) -> str:
    """The message id of the short line which a terminal shows."""
    return AT_TERMINAL_FOR.get((outcome, reason), AT_TERMINAL[outcome])
