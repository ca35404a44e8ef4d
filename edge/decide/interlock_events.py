"""What a zone's interlock hears (facts, past tense) and what it asks for (effects, imperative).

No effect addresses a door: the zone keeps people out as evidence of its portals, and has nothing to keep
anybody in with (SAFETY.md L2, D9).
"""

from dataclasses import dataclass
from enum import IntEnum

from cardea.contract.records import AlertKind, Severity
from cardea.contract.zones import CycleOutcome, StopReason
from edge.decide.dose import Dose


class Output(IntEnum):
    """The outputs of a unit; the value is the channel of ``LeaseOutput``."""

    EMITTER = 0
    CONTACTOR = 1
    """Upstream of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warrant:
    """On whose word a cycle runs."""

    cycle: str
    by: str
    confirmed_by: str | None = None
    utc: str = ""
    """When it was ordered, for the record; the machine does not read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What must outlive a restart: a cycle that may have emitted, or a lockout."""

    warrant: Warrant | None
    gassed: bool
    stopped: StopReason | None = None
    recorded: bool = False
    """Whether the cycle has been written down already."""


# --- facts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booted:
    """The gateway has started. ``known`` is whether the disk could be asked."""

    kept: Kept | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class StartOrdered:
    """A signed order, judged and not yet expired, asks for a cycle."""

    warrant: Warrant
    until_s: float
    """When the order expires, monotonic."""
    cycles_today: int = 0


@dataclass(frozen=True, slots=True)
class StopOrdered:
    """Anybody, from anywhere, asks to stop (D7)."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A person on site ends a lockout."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Noted:
    """The disk has the note that this cycle may emit."""

    cycle: str


@dataclass(frozen=True, slots=True)
class LeaseConfirmed:
    """The unit has carried out a renewal."""

    output: Output


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened but time, or an input was read."""


Event = Booted | StartOrdered | StopOrdered | Cleared | Noted | LeaseConfirmed | Tick

# --- effects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RenewLease:
    """Keep an output on for ``lease_s`` more at the most (D3)."""

    output: Output
    lease_s: float


@dataclass(frozen=True, slots=True)
class CutOutput:
    """Switch the emitter off, and say it again until the unit shows it."""


@dataclass(frozen=True, slots=True)
class OpenContactor:
    """Cut the power upstream of the emitter."""


@dataclass(frozen=True, slots=True)
class SoundWarning:
    """Have everybody leave."""


@dataclass(frozen=True, slots=True)
class RaiseZoneAlert:
    """Somebody must look."""

    alert: AlertKind
    severity: Severity
    reason: StopReason | None = None


@dataclass(frozen=True, slots=True)
class ClearZoneAlert:
    """The condition behind an alert has ended."""

    alert: AlertKind
    evidence: str


@dataclass(frozen=True, slots=True)
class WriteCycle:
    """Write down a cycle that has ended, once (D12)."""

    warrant: Warrant
    outcome: CycleOutcome
    stopped: StopReason | None
    dose: Dose


Effect = RenewLease | CutOutput | OpenContactor | SoundWarning | RaiseZoneAlert | ClearZoneAlert | WriteCycle
