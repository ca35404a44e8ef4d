"""One HTTP port that many terminals call, each under its own first path segment.

Plain HTTP, because that is what terminals speak: bind it to the interface of the devices' own, isolated
network (SAFETY.md, item 16). The listener acknowledges nothing by itself: the reply is the handler's, and a
handler that fails makes a 503, so that the device sends again.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cardea.runtime.config import Settings
from cardea.runtime.logs import get_logger
from drivers.api import DeviceMisconfigured, LinkKind

_log = get_logger("http_listener")


def _of_one_interface(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("an IP address of this machine, such as 192.168.40.1") from None
    if address.is_unspecified:
        raise ValueError("the address of the one interface towards the devices, never of all interfaces")
    return str(address)


class HttpListenerSettings(Settings):
    """A port that terminals send their events to."""

    kind: Literal["http_listener"]
    bind: Annotated[str, AfterValidator(_of_one_interface)] = Field(
        description="own IP address towards the devices; their network should be isolated"
    )
    port: int = Field(ge=0, le=65535, description="TCP port; 0 = any free port")
    body_bytes_max: int = Field(
        default=4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="longest body that is read, bytes"
    )
    head_s_max: float = Field(
        default=10.0, gt=0, le=60, description="a request's headers must be here by then, s"
    )
    body_s_max: float = Field(default=20.0, gt=0, le=120, description="a request's body likewise, s")
    idle_s_max: int = Field(default=75, ge=1, le=600, description="longest silence on a kept connection, s")
    connections_max: int = Field(default=256, ge=1, le=4096, description="connections at a time")


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What a terminal sent. ``path`` is what follows the key, without a leading slash."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: str


@dataclass(frozen=True, slots=True)
class PushReply:
    """What the terminal is told."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[PushRequest], Awaitable[PushReply]]


class HttpListener:
    """The listener link: ``run`` serves, ``route`` gives a terminal its key."""

    def __init__(self, name: str, settings: HttpListenerSettings) -> None:
        self.name = name
        self.settings = settings
        self._handlers: dict[str, Handler] = {}
        self.bound = asyncio.Event()
        """Set while the port is open."""
        self.port: int | None = None
        """The port that is bound, while it is."""
        self.unknown_keys = 0
        self.too_large = 0
        self.too_slow = 0
        self.malformed = 0
        self.failed = 0

    @property
    def kind(self) -> LinkKind:
        """What sort of link this is."""
        return LinkKind.HTTP_LISTENER

    @property
    def host(self) -> str:
        """The address that terminals call."""
        return self.settings.bind

    @contextmanager
    def route(self, key: str, handler: Handler) -> Generator[None]:
        """Send requests for ``/{key}/…`` to ``handler`` for the length of the block.

        Raises:
            DeviceMisconfigured: another device has the key.
        """
        if key in self._handlers:
            raise DeviceMisconfigured(f"link {self.name}: two devices want the key {key!r}")
        self._handlers[key] = handler
        try:
            yield
        finally:
            del self._handlers[key]

    def handler_of(self, key: str) -> Handler | None:
        """Who has this key now."""
        return self._handlers.get(key)

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            DeviceMisconfigured: the port is taken, or the address is not one of this machine.
        """
        from drivers.links.http_serving import serving  # uvicorn, which only a live listener needs

        listening = self._bind()
        async with serving(self, listening):
            self.port = listening.getsockname()[1]
            self.bound.set()
            _log.info("listening", link=self.name, bind=self.settings.bind, port=self.port)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.bound.clear()
                self.port = None

    def _bind(self) -> socket.socket:
        bind, port = self.settings.bind, self.settings.port
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        try:
            return socket.create_server((bind, port), family=family, backlog=128)
        except OSError as error:
            why = {
                errno.EADDRINUSE: "another program has this port; choose another one",
                errno.EADDRNOTAVAIL: "this is no address of this machine",
                errno.EACCES: "ports below 1024 need a right that the gateway does not have; choose another",
            }.get(error.errno or 0, error.strerror or str(error))
            raise DeviceMisconfigured(f"link {self.name}: cannot listen on {bind}:{port}: {why}") from error
