"""Device commands, imperative, what became of them, and what became of an event."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cardea.contract.reasons import RefusalReason
from drivers.api.events import DeviceEvent

# --- What became of an event --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is committed (or, where nothing need be, taken in)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The event was not taken: the queue is full or the store failed. Do not acknowledge it."""

    reason: RefusalReason


Emit = Callable[[DeviceEvent], Awaitable[Accepted | Refused]]
"""Hand an event on; returns after the durable commit."""

# --- Device commands ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """Pulse a door open for ``release_s``; the pulse ends on the device by itself."""

    id: str
    door: int
    release_s: float


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """Answer a terminal that waits under ``ask``; it opens by itself when ``granted``."""

    id: str
    ask: int
    granted: bool
    text: str


@dataclass(frozen=True, slots=True)
class ShowText:
    """Show a line to the person in front of the device."""

    id: str
    text: str
    show_s: float = 3.0


@dataclass(frozen=True, slots=True)
class HoldOpen:
    """Keep a door released (fire) or end that. Ending is only ever ordered by a manual reset."""

    id: str
    door: int
    on: bool


@dataclass(frozen=True, slots=True)
class LeaseOutput:
    """Switch an output on for ``lease_s`` at the most (SAFETY.md D3); ``lease_s`` 0 switches it off."""

    id: str
    channel: int
    lease_s: float


Command = OpenDoor | AnswerCheck | ShowText | HoldOpen | LeaseOutput


@dataclass(frozen=True, slots=True)
class Executed:
    """The device confirmed the command."""


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """The device did not do it, and why."""

    reason: RefusalReason
    detail: str = ""


Receipt = Executed | NotExecuted
