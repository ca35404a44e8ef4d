"""Decisions and the effects they ask for. Effects are imperative; the portal task carries them out."""

from dataclasses import dataclass

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, Mode, Outcome, Severity, Side


@dataclass(frozen=True, slots=True)
class ReleaseDoor:
    """Let a person through: a timed release, which ends by itself."""

    side: Side
    release_s: float


@dataclass(frozen=True, slots=True)
class HoldReleased:
    """Keep the portal released until a manual reset (fire, latched)."""


@dataclass(frozen=True, slots=True)
class EndHold:
    """End a held release after the manual reset."""


@dataclass(frozen=True, slots=True)
class ShowMessage:
    """Tell the person in front of the portal. ``reason`` names the sentence in the catalogue."""

    outcome: Outcome
    reason: Reason


@dataclass(frozen=True, slots=True)
class RaiseAlert:
    """Somebody must look."""

    alert: AlertKind
    severity: Severity
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class ClearAlert:
    """The condition behind an alert has ended, with the evidence for it."""

    alert: AlertKind
    evidence: str


@dataclass(frozen=True, slots=True)
class LogDrill:
    """Write down a release as the door position showed it, not as it was commanded (SAFETY.md L11)."""

    opened: bool
    """False: nobody saw the leaf open in time, so the release is not proven."""
    after_s: float


Effect = ReleaseDoor | HoldReleased | EndHold | ShowMessage | RaiseAlert | ClearAlert | LogDrill


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says. The first rule that says anything decides."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    mode: Mode = Mode.LIVE
    alerts: tuple[RaiseAlert, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decided approach, with everything that the record must say."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    mode: Mode
    policy_version: int
    input_age_s: dict[str, float | None]
    effects: tuple[Effect, ...]
