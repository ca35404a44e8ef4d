"""What has arrived and is not in a group yet. A full one makes its feeder wait."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

BYTES_MAX = 32 * 1024 * 1024
ITEMS_MAX = 10_000


class Inbox(Generic[T]):
    """Items in order of arrival, bounded in number and bytes. One task takes, any number put."""

    def __init__(self, *, bytes_max: int = BYTES_MAX, items_max: int = ITEMS_MAX) -> None:
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._bytes_max = bytes_max
        self._items_max = items_max
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: T, size: int = 0) -> None:
        """Append; waits while the inbox is full. One item always fits, whatever its size."""
        while not self.put_now(item, size):
            self._taken.clear()
            await self._taken.wait()

    def put_now(self, item: T, size: int = 0) -> bool:
        """Append, unless the inbox is full; whether there was room."""
        if self._items and (len(self._items) >= self._items_max or self._bytes + size > self._bytes_max):
            return False
        self._items.append((item, size))
        self._bytes += size
        self._arrived.set()
        return True

    async def wait(self) -> None:
        """Returns once there is something to take."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()

    def take(self) -> T | None:
        """The oldest item; ``None`` when there is none."""
        if not self._items:
            return None
        item, size = self._items.popleft()
        self._bytes -= size
        self._taken.set()
        return item
