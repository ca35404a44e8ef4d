"""What has arrived on a bus and nobody has read yet: bounded in messages and bytes, drops counted."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from cardea.runtime.bus import BusDown, Message

MESSAGES_MAX = 1000
BYTES_MAX = 64 * 1024 * 1024


@dataclass(slots=True)
class Tally:
    """What went over a bus since the process started."""

    published: int = 0
    refused: int = 0
    """Publishes that the broker answered with an error."""
    received: int = 0
    dropped: int = 0
    """Messages that arrived while the inbox was full; acknowledged ranges make their senders send again."""


class Inbox:
    """One session's arrivals, in order. When full, what arrives is dropped and counted, never what waits."""

    def __init__(self, tally: Tally, *, messages_max: int = MESSAGES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._tally = tally
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._ended: BusDown | None = None
        self._over = asyncio.Event()

    @property
    def ended(self) -> BusDown | None:
        """Why nothing more will arrive, once that is so."""
        return self._ended

    def put(self, message: Message) -> None:
        """Take a message in, or drop it when there is no room."""
        self._tally.received += 1
        size = len(message.payload)
        if len(self._waiting) >= self._messages_max or self._bytes + size > self._bytes_max:
            self._tally.dropped += 1
            return
        self._waiting.append(message)
        self._bytes += size
        self._changed.set()

    def end(self, why: BusDown) -> None:
        """Nothing more arrives; the first reason given stays."""
        self._ended = self._ended or why
        self._changed.set()
        self._over.set()

    async def wait_ended(self) -> None:
        """Returns when nothing more will arrive."""
        await self._over.wait()

    async def messages(self) -> AsyncIterator[Message]:
        """What waits and what arrives, then BusDown."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._bytes -= len(message.payload)
                yield message
            if self._ended is not None:
                raise type(self._ended)(*self._ended.args)
            self._changed.clear()
            await self._changed.wait()
