"""How the HTTP listener speaks HTTP: uvicorn on the running loop, without its signals, logs and exits."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from cardea.runtime.logs import get_logger
from drivers.links.http_listener import HttpListener, PushReply, PushRequest

HEAD_BYTES_MAX = 16 * 1024
"""Request line and headers of one request."""
_SHUTDOWN_S_MAX = 1

_NO_SUCH_KEY = PushReply(404)
_TRY_AGAIN = PushReply(503)
_TOO_LARGE = PushReply(413, headers={"connection": "close"})
_TOO_SLOW = PushReply(408, headers={"connection": "close"})


class _TooLarge(Exception):
    """The body is longer than the listener reads."""


_SILENT = logging.getLogger("http_listener.silent")
"""Instead of uvicorn's, which writes a line for every malformed request: they are counted."""
_SILENT.disabled = True
_log = get_logger("http_listener")


@asynccontextmanager
async def serving(link: HttpListener, listening: socket.socket) -> AsyncGenerator[None]:
    """Answer on ``listening`` for the length of the block; the socket is closed at its end."""
    server = Server(_config(link))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listening])
    try:
        yield
    finally:
        await server.shutdown(sockets=[listening])


def _config(link: HttpListener) -> Config:
    settings = link.settings

    class Connection(_Connection):
        its_link = link

    return Config(
        _Application(link),
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


class _Application:
    """The ASGI application of one listener."""

    def __init__(self, link: HttpListener) -> None:
        self._link = link

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            reply = await self._reply(request)
        except ClientDisconnect:
            return
        await Response(reply.body, reply.status, reply.headers)(scope, receive, send)

    async def _reply(self, request: Request) -> PushReply:
        key, _, path = request.url.path.lstrip("/").partition("/")
        handler = self._link.handler_of(key)
        if handler is None:
            self._link.unknown_keys += 1
            return _NO_SUCH_KEY
        try:
            async with asyncio.timeout(self._link.settings.body_s_max):
                body = await self._body(request)
        except TimeoutError:
            self._link.too_slow += 1
            return _TOO_SLOW
        except _TooLarge:
            self._link.too_large += 1
            return _TOO_LARGE
        peer = request.client.host if request.client else ""
        query = request.url.query
        try:
            return await handler(PushRequest(request.method, path, query, request.headers, body, peer))
        except Exception:  # noqa: BLE001  # one device's fault must not reach its neighbours on the port
            self._link.failed += 1
            _log.exception("push_handler_failed", link=self._link.name, key=key)
            return _TRY_AGAIN

    async def _body(self, request: Request) -> bytes:
        """The body; one that is too long is read on for as much again, so that the refusal is heard."""
        limit = self._link.settings.body_bytes_max
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

    its_link: ClassVar[HttpListener]
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as in uvicorn itself
        super().connection_made(transport)
        self.logger = _SILENT
        if len(self.connections) > self.its_link.settings.connections_max:
            transport.abort()
            return
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def send_400_response(self, msg: str) -> None:
        self.its_link.malformed += 1
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        under_way = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]  # uvicorn sets None
        if under_way:
            self._stop_watching()
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self.its_link.settings.head_s_max, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
