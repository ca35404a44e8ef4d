"""What a portal hears: facts for the portal machine, past tense. Device events become these in its task."""

from dataclasses import dataclass

from edge.decide.decision import Decision
from edge.decide.lock import Kept


@dataclass(frozen=True, slots=True)
class Booted:
    """The gateway has started; ``kept`` is what the disk says was in force."""

    kept: Kept = Kept.NOTHING


@dataclass(frozen=True, slots=True)
class Decided:
    """An approach was decided; its effects come out as far as the portal's state allows."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class EgressRequested:
    """The request-to-exit button or sensor."""


@dataclass(frozen=True, slots=True)
class ReleaseOrdered:
    """Staff ordered a single release for entry."""


@dataclass(frozen=True, slots=True)
class TerminalOpened:
    """A terminal with its own authority has opened by itself."""


@dataclass(frozen=True, slots=True)
class FireRead:
    """A sample of the fire contact; ``None`` = open loop or contradictory."""

    active: bool | None


@dataclass(frozen=True, slots=True)
class InputsStale:
    """The device behind the fire contact went away."""


@dataclass(frozen=True, slots=True)
class LockdownChanged:
    """Lockdown of the ingress side."""

    on: bool


@dataclass(frozen=True, slots=True)
class LeafMoved:
    """A sample of the door contact."""

    open: bool


@dataclass(frozen=True, slots=True)
class OccupancyRead:
    """A sample of the vestibule's occupancy sensor; ``None`` (unknown) counts as occupied."""

    occupied: bool | None


@dataclass(frozen=True, slots=True)
class ManualReset:
    """A person with the key asks to end a latched fire release; refused unless :func:`may_reset`."""


@dataclass(frozen=True, slots=True)
class DrillStarted:
    """Somebody tests the release: one timed release outward, proven by the leaf."""


@dataclass(frozen=True, slots=True)
class CommitStalled:
    """A record could not be committed in time."""


@dataclass(frozen=True, slots=True)
class CommitRecovered:
    """Records are committed in time again."""


@dataclass(frozen=True, slots=True)
class ActuatorReturned:
    """The device that moves the lock answers again; it may have forgotten what it was told."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened but time."""


Event = (
    Booted
    | Decided
    | EgressRequested
    | ReleaseOrdered
    | TerminalOpened
    | FireRead
    | InputsStale
    | LockdownChanged
    | LeafMoved
    | OccupancyRead
    | ManualReset
    | DrillStarted
    | CommitStalled
    | CommitRecovered
    | ActuatorReturned
    | Tick
)
