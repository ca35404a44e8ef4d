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
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from cardea.runtime.config import Settings
from cardea.runtime.logs import get_logger
from drivers.api import DeviceMisconfigured, LinkKind

HEAD_BYTES_MAX = 16 * 1024
"""Request line and headers of one request."""
_SHUTDOWN_S_MAX = 1

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

_NO_SUCH_KEY = PushReply(404)
_TRY_AGAIN = PushReply(503)
_TOO_LARGE = PushReply(413, headers={"connection": "close"})
_TOO_SLOW = PushReply(408, headers={"connection": "close"})


class _TooLarge(Exception):
    """The body is longer than the listener reads."""


class HttpListener:
    """The listener link: ``run`` serves, ``route`` gives a terminal its key."""

    def __init__(self, name: str, settings: HttpListenerSettings) -> None:
        self.name = name
        self._settings = settings
        self._handlers: dict[str, Handler] = {}
        self.bound = asyncio.Event()
        """Set while the port is open."""
        self.port: int | None = None
        """The port that is bound, while it is."""
        self.unknown_keys = 0
        self.too_large = 0
        self.too_slow = 0
        self.failed = 0

    @property
    def kind(self) -> LinkKind:
        """What sort of link this is."""
        return LinkKind.HTTP_LISTENER

    @property
    def host(self) -> str:
        """The address that terminals call."""
        return self._settings.bind

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

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            DeviceMisconfigured: the port is taken, or the address is not one of this machine.
        """
        settings = self._settings
        listening = self._bind()
        server = Server(self._config())
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[listening])
        self.port = listening.getsockname()[1]
        self.bound.set()
        _log.info("listening", link=self.name, bind=settings.bind, port=self.port)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.bound.clear()
            self.port = None
            await server.shutdown(sockets=[listening])

    def _bind(self) -> socket.socket:
        bind, port = self._settings.bind, self._settings.port
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

    def _config(self) -> Config:
        settings = self._settings

        class Connection(_Connection):
            head_s_max = settings.head_s_max
            connections_max = settings.connections_max

        return Config(
            self._serve,
            http=Connection,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=settings.idle_s_max,
            timeout_graceful_shutdown=_SHUTDOWN_S_MAX,
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            reply = await self._reply(request)
        except ClientDisconnect:
            return
        await Response(reply.body, reply.status, reply.headers)(scope, receive, send)

    async def _reply(self, request: Request) -> PushReply:
        key, _, path = request.url.path.lstrip("/").partition("/")
        handler = self._handlers.get(key)
        if handler is None:
            self.unknown_keys += 1
            return _NO_SUCH_KEY
        try:
            async with asyncio.timeout(self._settings.body_s_max):
                body = await self._body(request)
        except TimeoutError:
            self.too_slow += 1
            return _TOO_SLOW
        except _TooLarge:
            self.too_large += 1
            return _TOO_LARGE
        peer = request.client.host if request.client else ""
        query = request.url.query
        try:
            return await handler(PushRequest(request.method, path, query, request.headers, body, peer))
        except Exception:  # noqa: BLE001  # one device's fault must not reach its neighbours on the port
            self.failed += 1
            _log.exception("push_handler_failed", link=self.name, key=key)
            return _TRY_AGAIN

    async def _body(self, request: Request) -> bytes:
        """The body; one that is too long is read on for as much again, so that the refusal is heard."""
        limit = self._settings.body_bytes_max
        pieces: list[bytes] = []
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size <= limit:
                pieces.append(piece)
            else:
                pieces.clear()
            if size > 2 * limit:
                break
        if size > limit:
            raise _TooLarge
        return b"".join(pieces)


class _Connection(H11Protocol):
    """uvicorn's connection with two bounds more: how many there are, and how long a head may take."""

    head_s_max: ClassVar[float]
    connections_max: ClassVar[int]
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as in uvicorn itself
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            transport.abort()
            return
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        under_way = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]  # uvicorn sets None
        if under_way:
            self._stop_watching()
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self.head_s_max, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
