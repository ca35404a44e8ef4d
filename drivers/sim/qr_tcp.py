"""A simulated QR reader on TCP: waits for a gateway, or calls one that listens."""

import asyncio
from typing import Self, cast

from drivers.sim.scans import Replies, Wording


class QrTcpSim:
    """A reader with a port of its own (``port`` 0 = any free one)."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, wording: Wording = Wording()) -> None:  # noqa: B008  # frozen
        self._host = host
        self._asked_port = port
        self._wording = wording
        self._writers: set[asyncio.Transport] = set()
        self._met = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.replies = Replies()
        """What the gateway sent back (beeps)."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Wire(self), self._host, self._asked_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        await self._server.wait_closed()

    async def call(self, host: str, port: int) -> None:
        """Connect to a gateway that listens."""
        await asyncio.get_running_loop().create_connection(lambda: _Wire(self), host, port)

    async def met(self) -> None:
        """Until a gateway is connected."""
        await self._met.wait()

    def present(self, code: str) -> None:
        """A person holds a code before the reader."""
        self.send(self._wording.of(code))

    def send(self, data: bytes) -> None:
        """Raw bytes, for cuts and garbage."""
        for writer in self._writers:
            writer.write(data)

    def hang_up(self) -> None:
        """Cut all connections, as a reader that lost power."""
        for writer in tuple(self._writers):
            writer.abort()

    def joined(self, transport: asyncio.Transport) -> None:
        """A connection stands."""
        self._writers.add(transport)
        self._met.set()

    def left(self, transport: asyncio.Transport) -> None:
        """A connection has ended."""
        self._writers.discard(transport)
        if not self._writers:
            self._met.clear()


class _Wire(asyncio.Protocol):
    def __init__(self, sim: QrTcpSim) -> None:
        self._sim = sim
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is one only in what it does
        self._transport = transport
        self._sim.joined(transport)

    def data_received(self, data: bytes) -> None:
        self._sim.replies.add(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # however it ended
        if self._transport is not None:
            self._sim.left(self._transport)
