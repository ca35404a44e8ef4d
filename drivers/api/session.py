"""What ties a driver together: settings, decoders, links, its session, and how a session fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from cardea.contract.time import Instant
from cardea.runtime.clock import Clock, Entropy
from drivers.api.commands import Command, Emit, Receipt
from drivers.api.events import DeviceEvent

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
    VIDEO = "video"
    UDP = "udp"
    I2C = "i2c"


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
