"""A small HTTP/1.1 server for simulated devices: whole requests in, whole answers or open streams out."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

HEAD_BYTES_MAX = 16 * 1024
BODY_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whole. ``target`` is path and query as they stood."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; ``stream`` keeps the connection and is called with its transport."""

    status: int
    body: bytes = b""
    kind: str = "application/xml"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    stream: Callable[[asyncio.Transport], None] | None = None


Serve = Callable[[Asked], Answer]


class Exchange(asyncio.Protocol):
    """One connection."""

    def __init__(self, serve: Serve, connections: set["Exchange"]) -> None:
        self._serve = serve
        self._connections = connections
        self._buffer = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one only in what it does
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It went, for whatever reason."""
        del exc
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole now."""
        self._buffer += data
        while (asked := self._next()) is not None:
            self._answer(self._serve(asked))

    def _next(self) -> Asked | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_BYTES_MAX:
                self._close()
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = headers.get("content-length", "0")
        words = first.split(" ")
        if not size.isdigit() or int(size) > BODY_BYTES_MAX or len(words) != 3:
            self._close()
            return None
        whole = end + 4 + int(size)
        if len(self._buffer) < whole:
            return None
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        return Asked(words[0], words[1], headers, body)

    def _answer(self, answer: Answer) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        reason = HTTPStatus(answer.status).phrase
        lines = [f"HTTP/1.1 {answer.status} {reason}", f"Content-Type: {answer.kind}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += ["Connection: close"] if answer.stream else [f"Content-Length: {len(answer.body)}"]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode() + answer.body)
        if answer.stream:
            answer.stream(self.transport)

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class WebServer:
    """A port that serves; closing it cuts every connection."""

    def __init__(self, serve: Serve, host: str, port: int) -> None:
        self._serve = serve
        self._host = host
        self.port = port
        self._connections: set[Exchange] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen; port 0 becomes the real one and stays so over a reopening."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Exchange(self._serve, self._connections), self._host, self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut what stands."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections):
            if connection.transport is not None:
                connection.transport.abort()
