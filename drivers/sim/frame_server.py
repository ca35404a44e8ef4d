"""What simulated camera servers have in common: a port, whoever is connected, and one frame after another.

A reader that is too slow misses whole frames, never a part of one.
"""

import asyncio
from typing import Self, cast

from cardea.runtime.clock import Clock

FRAMES_WAITING_MAX = 2
"""What a connection may have unread of us; beyond that its frames are dropped."""


class FrameServer:
    """One camera's server; ``port`` 0 = any free one."""

    def __init__(self, port: int, clock: Clock, frame_s: float) -> None:
        self.clock = clock
        self._asked_port = port
        self._frame_s = frame_s
        self._transports: set[asyncio.Transport] = set()
        self._met = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._streaming: asyncio.Task[None] | None = None
        self.dropped = 0
        """How often a frame was not sent because a reader was too slow."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Wire(self), "127.0.0.1", self._asked_port)
        self._streaming = loop.create_task(self._stream())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._streaming is not None
        self._streaming.cancel()
        await asyncio.wait([self._streaming])
        self._server.close()
        self.hang_up()
        await self._server.wait_closed()

    def next(self, now_s: float) -> bytes:
        """What is sent at ``now_s``: a frame, or what is left of one."""
        raise NotImplementedError

    async def met(self) -> None:
        """Until a gateway is connected."""
        await self._met.wait()

    def hang_up(self) -> None:
        """Cut all connections, as a camera that lost power."""
        for transport in tuple(self._transports):
            transport.abort()

    def joined(self, transport: asyncio.Transport) -> None:
        """A connection stands."""
        self._transports.add(transport)
        self._met.set()

    def left(self, transport: asyncio.Transport) -> None:
        """A connection has ended."""
        self._transports.discard(transport)
        if not self._transports:
            self._met.clear()

    async def _stream(self) -> None:
        due_s = self.clock.monotonic_s()
        while True:
            self._send(self.next(self.clock.monotonic_s()))
            now_s = self.clock.monotonic_s()
            due_s = max(due_s + self._frame_s, now_s - self._frame_s)
            await self.clock.sleep(max(0.0, due_s - now_s))

    def _send(self, frame: bytes) -> None:
        for transport in self._transports:
            if transport.get_write_buffer_size() > FRAMES_WAITING_MAX * len(frame):
                self.dropped += 1
            else:
                transport.write(frame)


class _Wire(asyncio.Protocol):
    def __init__(self, server: FrameServer) -> None:
        self._camera = server
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is one only in what it does
        self._transport = transport
        self._camera.joined(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # however it ended
        if self._transport is not None:
            self._camera.left(self._transport)
