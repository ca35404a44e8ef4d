"""Turns on a line that carries one request at a time: urgent ones first, and only so many wait."""

import asyncio
import heapq
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import IntEnum


class Urgency(IntEnum):
    """Who goes first; equals go in the order in which they came."""

    COMMAND = 0
    POLL = 1


class TooManyWait(Exception):
    """The line is so busy that the queue for it is full."""


class Turns:
    """A fair, bounded, two-class queue for one resource."""

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._came = 0
        self._taken = False

    @asynccontextmanager
    async def turn(self, urgency: Urgency) -> AsyncGenerator[None]:
        """Wait for the turn, and hold it for the length of the block.

        Raises:
            TooManyWait: ``waiting_max`` others wait already.
        """
        await self._take(urgency)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, urgency: Urgency) -> None:
        if not self._taken:
            self._taken = True
            return
        if len(self._waiting) >= self._waiting_max:
            raise TooManyWait
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._came += 1
        entry = (urgency, self._came, called)
        heapq.heappush(self._waiting, entry)
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():
                self._pass_on()
            elif entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            called = heapq.heappop(self._waiting)[2]
            if not called.done():  # cancelled in this very moment, it has not heard of it yet
                called.set_result(None)
                return
        self._taken = False
