"""Bytes of one line or of several connections, handed to every device that is attached to the link.

What a device does not fetch is bounded: beyond ``FRAMES_MAX`` it loses the newest bytes and is told so
(``Overrun``); its neighbours notice nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from drivers.api import DeviceLost, LinkKind

FRAMES_MAX = 256
"""Frames that wait for one device at the most."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection stands, or the line is open."""

    connection: int


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes came, cut as the operating system liked."""

    connection: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection has ended, or the line was lost."""

    connection: int
    why: str


@dataclass(frozen=True, slots=True)
class Overrun:
    """The device did not fetch in time; ``chunks`` of bytes were thrown away."""

    chunks: int


Frame = Opened | Received | Closed | Overrun
Write = Callable[[bytes], None]


class Attachment:
    """One device's ear on a link."""

    def __init__(self, link: "StreamLink", source: str) -> None:
        self._link = link
        self.source = source
        self._frames: deque[Frame] = deque()
        self._arrived = asyncio.Event()

    async def receive(self) -> Frame:
        """The next frame, whenever it comes."""
        while not self._frames:
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    def send(self, connection: int, data: bytes) -> None:
        """Write to the device; silently nothing when the connection has ended meanwhile."""
        self._link.send(connection, data)

    def offer(self, frame: Frame) -> None:
        """Take a frame in. Openings and closings always fit: there are few, and they must not be lost."""
        if isinstance(frame, Received) and len(self._frames) >= FRAMES_MAX:
            last = self._frames[-1]
            if isinstance(last, Overrun):
                self._frames[-1] = Overrun(last.chunks + 1)
                return
            frame = Overrun(1)
        self._frames.append(frame)
        self._arrived.set()


class StreamLink:
    """What TCP, serial and replay links have in common: connections on one side, devices on the other."""

    def __init__(self, name: str, kind: LinkKind) -> None:
        self.name = name
        self._kind = kind
        self._attached: list[Attachment] = []
        self._connections: dict[int, tuple[str, Write]] = {}
        self._opened_ever = 0

    @property
    def kind(self) -> LinkKind:
        """What sort of link this is."""
        return self._kind

    async def run(self) -> None:
        """Serve until cancelled; raises DeviceLost or DeviceMisconfigured."""
        raise NotImplementedError

    @contextmanager
    def attach(self, source: str = "") -> Generator[Attachment]:
        """Listen to the link; ``source`` = only connections from that address, "" = everything.

        A device that attaches late is first told of the connections that stand already.
        """
        attachment = Attachment(self, source)
        for connection, (origin, _) in self._connections.items():
            if source in {"", origin}:
                attachment.offer(Opened(connection))
        self._attached.append(attachment)
        try:
            yield attachment
        finally:
            self._attached.remove(attachment)

    def send(self, connection: int, data: bytes) -> None:
        """Write to a connection if it still stands."""
        if (standing := self._connections.get(connection)) is not None:
            standing[1](data)

    def opened(self, source: str, write: Write) -> int:
        """A connection came to stand; returns its number."""
        self._opened_ever += 1
        self._connections[self._opened_ever] = (source, write)
        self._tell(source, Opened(self._opened_ever))
        return self._opened_ever

    def received(self, connection: int, data: bytes) -> None:
        """Bytes came on a connection."""
        if (standing := self._connections.get(connection)) is not None:
            self._tell(standing[0], Received(connection, data))

    def closed(self, connection: int, why: str) -> None:
        """A connection has ended; saying so twice changes nothing."""
        if (standing := self._connections.pop(connection, None)) is not None:
            self._tell(standing[0], Closed(connection, why))

    @property
    def connections(self) -> int:
        """How many stand now."""
        return len(self._connections)

    def _tell(self, source: str, frame: Frame) -> None:
        for attachment in self._attached:
            if attachment.source in {"", source}:
                attachment.offer(frame)


class StreamProtocol(asyncio.Protocol):
    """asyncio's side of one connection of a :class:`StreamLink`."""

    def __init__(self, link: StreamLink) -> None:
        self._link = link
        self._connection = 0
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is one only in what it does
        self._transport = transport
        if self.lost.done():
            transport.abort()
            return
        peer: tuple[str, int] | None = transport.get_extra_info("peername")
        self._connection = self._link.opened(peer[0] if peer else "", transport.write)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._link.received(self._connection, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self.end(str(exc) if exc else "the other end closed the connection")

    def end(self, why: str) -> None:
        """Tell everybody once, and cut what still stands."""
        if not self.lost.done():
            self.lost.set_result(why)
        self._link.closed(self._connection, why)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

    async def until_lost(self) -> None:
        """Serve the connection; raises DeviceLost at its end."""
        try:
            why = await self.lost
        finally:
            self.end("the link was stopped")
        raise DeviceLost(f"link {self._link.name}: {why}")
