"""What a driver is: device events, device commands, links and the session that ties them together.

Third parties import this as ``cardea.driver``. Device events never reach the bus: they may hold names and
raw identifiers, which only the vault may turn into a subject.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from cardea.contract.orders import StatusColour
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import CredentialKind, Side
from cardea.contract.time import Instant
from cardea.runtime.clock import Clock, Entropy

# --- Device events: facts, past tense -----------------------------------------------------------


class BodySite(StrEnum):
    """Where a temperature was taken."""

    CANTHUS = "canthus"
    FOREHEAD = "forehead"
    FACE_MAX = "face_max"
    WRIST = "wrist"
    UNKNOWN = "unknown"


class InputKind(StrEnum):
    """What a dry contact or sensor stands for."""

    FIRE = "fire"
    REX = "rex"
    TAMPER = "tamper"
    OCCUPANCY = "occupancy"
    ESTOP = "estop"
    LOCKDOWN = "lockdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What every device event carries."""

    at: Instant
    """When the gateway read it."""
    device_utc: dt.datetime | None = None
    """When the device says it happened; ``None`` when it says nothing believable."""
    offline: bool = False
    """Read from the device's history afterwards: never opens a door (SAFETY.md L12)."""
    cursor: int | None = None
    """The device's own serial number of the event, for de-duplication and backfill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialPresented(Observed):
    """A person presented something. ``value`` is what the device read: employee number, card, pass text."""

    kind: CredentialKind
    value: str
    door: int = 1
    side: Side | None = None
    """What the terminal says of the direction; ``None`` leaves it to the portal's configuration."""
    ask: int | None = None
    """The terminal waits for a verdict under this number."""
    verified: bool = False
    """The terminal matched the credential by itself (for faces: with its own liveness check)."""
    granted: bool | None = None
    """The terminal has already decided: opened (True) or refused (False)."""
    mask: bool | None = None
    """Whether the terminal saw a mask; ``None`` when it does not say."""
    colour: StatusColour | None = None
    """The health status that the terminal itself was told of the person, where it asks for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureMeasured(Observed):
    """A surface temperature of a person, °C."""

    value_c: float
    body_site: BodySite = BodySite.UNKNOWN
    abnormal: bool | None = None
    """The device's own verdict."""
    vendor_compensated: bool | None = None
    """Whether the device has turned the reading into a "body temperature"; ``None`` = it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorMoved(Observed):
    """A door contact changed."""

    open: bool
    door: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChanged(Observed):
    """A contact was read. Sent on change and again at least once a second, so that silence is noticed.

    ``active`` is ``None`` when the reading contradicts itself or the loop is open.
    """

    kind: InputKind
    active: bool | None
    channel: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageObserved(Observed):
    """Somebody went through."""

    side: Side | None = None
    door: int = 1
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReported(Observed):
    """Numbers that a unit says of itself, by metric name with the unit last (``lamp_h``, ``tank_pct``)."""

    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceIdentified(Observed):
    """What a device says it is."""

    model: str = ""
    firmware: str = ""
    serial: str = ""
    clock_skew_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSeen(Observed):
    """The device showed that it lives, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Observed):
    """Bytes that no decoder understands: counted, shown, never raised. ``sample`` is cut to 120 bytes."""

    reason: str
    sample: bytes = b""


DeviceEvent = (
    CredentialPresented
    | TemperatureMeasured
    | DoorMoved
    | InputChanged
    | PassageObserved
    | UnitReported
    | DeviceIdentified
    | HeartbeatSeen
    | Reject
)

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

# --- Device commands: imperative ----------------------------------------------------------------


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

# --- What can go wrong with a device, named for what the supervisor does next -------------------


class DeviceLost(Exception):
    """The device does not answer: try again."""


class DeviceRefused(Exception):
    """The device does not accept our credentials: authenticate anew, slowly, and tell staff."""


class DeviceMisconfigured(Exception):
    """The device answers, but is not what the configuration says: give up and tell staff."""


# --- Decoding -----------------------------------------------------------------------------------


class Decoder(Protocol):
    """Bytes in, device events out; pure. Any bytes cut anywhere give the same events."""

    def feed(self, chunk: bytes, at: Instant) -> Sequence[DeviceEvent]:
        """Take the next bytes of the channel."""
        ...

    def finish(self, at: Instant) -> Sequence[DeviceEvent]:
        """The message or connection has ended; the decoder is as new afterwards."""
        ...


class CaptureSink(Protocol):
    """Where a session records what the device really sent."""

    def write(self, channel: str, chunk: bytes, at: Instant, *, end: bool = False) -> None:
        """Record ``chunk``; ``end`` marks the end of a message or connection."""
        ...


# --- Links --------------------------------------------------------------------------------------


class LinkKind(StrEnum):
    """What devices can share."""

    TCP = "tcp"
    SERIAL = "serial"
    HTTP_LISTENER = "http_listener"
    MODBUS = "modbus"


class Link(Protocol):
    """A listener, line or connection owned by the supervisor and handed to devices."""

    @property
    def kind(self) -> LinkKind:
        """What sort of link this is; the driver checks that it fits."""
        ...

    async def run(self) -> None:
        """Serve until cancelled; raises DeviceLost (the link broke) or DeviceMisconfigured."""
        ...


# --- The driver itself --------------------------------------------------------------------------


class DeviceSettings(BaseModel):
    """Base of every driver's settings: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=DeviceSettings)
Secrets = Callable[[str], str]
"""Secret by name; raises DeviceMisconfigured naming the missing one."""


class Cursor(Protocol):
    """A device's durable place in its own history."""

    async def load(self) -> int | None:
        """The last event number that was committed, if any."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceContext:
    """What the supervisor hands to a device."""

    device: str
    clock: Clock
    entropy: Entropy
    secrets: Secrets
    link: Link | None
    cursor: Cursor
    capture: CaptureSink | None = None


class Device(Protocol):
    """One device's session."""

    async def run(self, emit: Emit) -> None:
        """Until cancelled; raises DeviceLost, DeviceRefused or DeviceMisconfigured."""
        ...

    async def submit(self, command: Command) -> Receipt:
        """Do ``command``; idempotent by command id; never raises on what the device does."""
        ...


@dataclass(frozen=True, slots=True)
class Driver(Generic[S]):
    """A device family. The name in a configuration is the module path below ``drivers``."""

    settings: type[S]
    open: Callable[[S, DeviceContext], Device]
    decoders: Mapping[str, Callable[[S], Decoder]]
    """A fresh decoder for each channel of a capture (``stream``, ``push``, ``line`` …)."""
    link: LinkKind | None = None
    """The link that every device of the family needs; ``None``: none, or as ``link_for`` says."""
    events: tuple[type[Any], ...] = ()
    commands: tuple[type[Any], ...] = field(default=())
    example: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings that are valid, for documentation, conformance and ``cardea decode`` without a configuration;
    may be left out when the settings have a default for everything."""
    link_for: Callable[[S], LinkKind | None] | None = None
    """The link that a device with these settings needs, where that depends on them."""
