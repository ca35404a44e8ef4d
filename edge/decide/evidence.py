"""Evidence: what is known of one approach, frozen. A rule cannot forget that an item may be old or absent."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from cardea.contract.orders import StatusColour
from cardea.contract.records import CredentialKind, Outcome, ScreeningState, Side, Subject
from cardea.contract.screening import NotScreened, ScreeningTerms

T_co = TypeVar("T_co", covariant=True)


class Why(StrEnum):
    """Why an item of evidence is missing."""

    NOT_FITTED = "not_fitted"
    NOT_SEEN = "not_seen"
    DEVICE_OFFLINE = "device_offline"
    CONTRADICTORY = "contradictory"
    UNAVAILABLE = "unavailable"
    NOT_ENROLLED = "not_enrolled"
    """Of this person there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Fresh(Generic[T_co]):
    """Known, and young enough to act on."""

    value: T_co
    age_s: float


@dataclass(frozen=True, slots=True)
class Stale(Generic[T_co]):
    """Known once; too old to act on as if it were so now."""

    value: T_co
    age_s: float


@dataclass(frozen=True, slots=True)
class Missing:
    """Not known."""

    why: Why


Item = Fresh[T_co] | Stale[T_co] | Missing
NOT_FITTED = Missing(Why.NOT_FITTED)
NOT_SEEN = Missing(Why.NOT_SEEN)


class Standing(StrEnum):
    """What the vault or the verifier says of a credential or pass."""

    VALID = "valid"
    UNKNOWN = "unknown"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLAYED = "replayed"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Credential:
    """A presented credential and whom it stands for.

    ``tries`` counts the refused tries before this one within the policy's window.
    """

    kind: CredentialKind
    standing: Standing
    subject: Subject | None = None
    tries: int = 0
    verified_by_terminal: bool = False
    """For faces: matched by the terminal with its own liveness check (SAFETY.md L13)."""


@dataclass(frozen=True, slots=True)
class PassCheck:
    """What the pass verifier says of a QR text."""

    standing: Standing
    pass_id: str | None = None


@dataclass(frozen=True, slots=True)
class Screening:
    """A thermal screening of this person."""

    state: ScreeningState
    surface_temp_c: float | None = None
    compliant: bool = True
    """A NON-COMPLIANT thermometer is advisory: retest or refer, never deny."""
    terms: ScreeningTerms | None = None
    """What the temperature is made of; ``None`` for a terminal's own number."""
    reason: NotScreened | None = None
    """Why there is no temperature."""


class FaceCheck(StrEnum):
    """The gateway's second opinion on the claimed identity."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNCERTAIN = "uncertain"
    NOT_LIVE = "not_live"
    """A picture or mask rather than a face; basic and uncertified."""
    TOO_CLOSE = "too_close"
    """The face fills the picture: nobody can tell before the person steps back."""


class FireInput(StrEnum):
    """The debounced fire-panel contact. TROUBLE = open loop, contradictory, stale or missing."""

    NORMAL = "normal"
    ALARM = "alarm"
    TROUBLE = "trouble"


class ZoneStatus(StrEnum):
    """What the zone behind a portal says."""

    SAFE = "safe"
    BUSY = "busy"


class PassbackFinding(StrEnum):
    """What the anti-passback memory says."""

    OK = "ok"
    VIOLATED = "violated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything known of one approach at the moment of the decision."""

    side: Side
    backfilled: bool = False
    second_person: bool = False
    retests: int = 0
    """How often this person has been asked to try again already, in a row."""
    terminal: Outcome | None = None
    """What a terminal with its own authority has done already."""
    credential: Item[Credential] = NOT_SEEN
    pass_check: Item[PassCheck] = NOT_FITTED
    screening: Item[Screening] = NOT_FITTED
    mask: Item[bool] = NOT_FITTED
    face: Item[FaceCheck] = NOT_FITTED
    colour: Item[StatusColour] = NOT_SEEN
    schedule: Item[bool] = NOT_FITTED
    """Whether the credential's schedule allows entry now."""
    passback: Item[PassbackFinding] = NOT_FITTED
    occupancy: Item[int] = NOT_FITTED
    zone: Item[ZoneStatus] = NOT_FITTED
    fire: Item[FireInput] = NOT_FITTED
    lockdown: Item[bool] = NOT_FITTED
    last_granted: Item[ScreeningState] = NOT_SEEN
    """This person's last grant in mode ``live``: the screening it rested on, and how long ago it was."""
