"""A terminal's push client: one event at a time to the configured host, again until it hears 200."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass

from cardea.runtime.clock import Clock

WAITING_MAX = 4096
ANSWER_S_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Host:
    """A line of ``httpHosts``."""

    address: str
    port: int
    url: str
    heartbeat_s: float


@dataclass(frozen=True, slots=True)
class Message:
    """One HTTP body to push."""

    kind: str
    body: bytes


class Pusher:
    """Sends in order over one kept connection."""

    def __init__(self, clock: Clock, resend_s: float) -> None:
        self._clock = clock
        self._resend_s = resend_s
        self._waiting: deque[Message] = deque(maxlen=WAITING_MAX)
        self._more = asyncio.Event()
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.host: Host | None = None
        self.delivered = 0
        self.refused = 0
        """Answers other than 200."""
        self.statuses: deque[int] = deque(maxlen=64)
        self.heard = asyncio.Event()
        """Set at every answer; whoever waits clears it first."""
        self.cut_next_at: int | None = None
        """Break the next message off after so many bytes, once."""

    @property
    def waiting(self) -> int:
        """Messages that are not delivered yet."""
        return len(self._waiting)

    def push(self, message: Message) -> None:
        """Queue a message; without a host it is gone, as on a real terminal."""
        if self.host is not None:
            self._waiting.append(message)
            self._more.set()

    def forget(self) -> None:
        """Lose the host and all that waits."""
        self.host = None
        self._waiting.clear()
        self._disconnect()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                while not self._waiting:
                    self._more.clear()
                    await self._more.wait()
                message = self._waiting[0]
                if not await self._deliver(message):
                    await self._clock.sleep(self._resend_s)
                elif self._waiting and self._waiting[0] is message:
                    self._waiting.popleft()
        finally:
            self._disconnect()

    async def _deliver(self, message: Message) -> bool:
        host = self.host
        if host is None:
            return True
        head = (
            f"POST {host.url} HTTP/1.1\r\nHost: {host.address}:{host.port}\r\n"
            f"Content-Type: {message.kind}\r\nContent-Length: {len(message.body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                status = await self._exchange(host, head.encode() + message.body)
        except (OSError, TimeoutError, ValueError, IndexError, asyncio.IncompleteReadError):
            self._disconnect()
            return False
        self.statuses.append(status)
        self.heard.set()
        if status == 200:
            self.delivered += 1
        else:
            self.refused += 1
        return status == 200

    async def _exchange(self, host: Host, request: bytes) -> int:
        if self._connection is None:
            self._connection = await asyncio.open_connection(host.address, host.port)
        reader, writer = self._connection
        if (cut := self.cut_next_at) is not None:
            self.cut_next_at = None
            writer.write(request[:cut])
            await writer.drain()
            raise ConnectionError("cut off on purpose")
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection") == "close":
            self._disconnect()
        return int(head.split(" ", 2)[1])

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._connection[1].transport.abort()
            self._connection = None
