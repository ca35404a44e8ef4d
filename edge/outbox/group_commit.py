"""Many writes, one fsync: writes asked for while a commit runs share the next one, and nothing lingers."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from cardea.runtime.disk import Database, StoreFailed, StoreFull

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]
"""Statements inside a transaction that others may share; may be run again after a rollback."""
Then = Callable[[T], None]
"""Told on the event loop once the commit is durable, whether or not anybody still waits."""

WEIGHT_MAX = 1000
"""Rows in one shared transaction at the most, so that none is long."""
WAITING_MAX = 20_000
"""Rows that may wait for the disk; more are refused aloud."""


class StoreStalled(StoreFull):
    """Too much waits for the disk, which may well have room. Nothing was written."""


@dataclass(slots=True)
class _Asked(Generic[T]):
    write: Write[T]
    then: Then[T]
    weight: int
    answer: "asyncio.Future[T]"


class GroupCommit:
    """The writes of one database, in the order in which they were asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Asked[Any]] = deque()
        self._weight = 0
        self._committing: asyncio.Task[None] | None = None
        self._failure: StoreFailed | None = None
        self._failed = asyncio.Event()

    async def run(self, write: Write[T], then: Then[T], weight: int = 1) -> T:
        """Do ``write``; returns after the fsync of the commit that holds it.

        Giving up waiting does not withdraw the write. A write that raises fails alone.

        Raises:
            StoreFull: no room on the disk; nothing was written.
            StoreStalled: too much waits for the disk; nothing was written.
            StoreFailed: the disk failed, now or before. Nothing is tried again (SAFETY.md R1).
        """
        self._raise_if_failed()
        if self._weight + weight > WAITING_MAX:
            raise StoreStalled(f"{self._weight} rows wait for the disk")
        loop = asyncio.get_running_loop()
        asked = _Asked(write, then, weight, loop.create_future())
        self._waiting.append(asked)
        self._weight += weight
        if self._committing is None:
            self._committing = loop.create_task(self._commit_all())
        return await asked.answer

    async def failure(self) -> NoReturn:
        """Wait until the disk fails; raises StoreFailed."""
        await self._failed.wait()
        self._raise_if_failed()
        raise AssertionError("the failure is set before the event")

    async def idle(self) -> None:
        """Wait until nothing is being written."""
        while self._committing is not None:
            await asyncio.wait([self._committing])

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                await self._commit(self._next_group())
        finally:
            self._committing = None

    def _next_group(self) -> Sequence[_Asked[Any]]:
        group = [self._waiting.popleft()]
        weight = group[0].weight
        while self._waiting and weight + self._waiting[0].weight <= WEIGHT_MAX:
            weight += self._waiting[0].weight
            group.append(self._waiting.popleft())
        self._weight -= weight
        return group

    async def _commit(self, group: Sequence[_Asked[Any]]) -> None:
        def work(connection: sqlite3.Connection) -> list[Any]:
            return [asked.write(connection) for asked in group]

        try:
            results = await self._database.run(work)
        except StoreFailed as error:
            self._fail(error, group)
        except Exception as error:  # noqa: BLE001  # whatever a write raises belongs to the one who asked for it
            await self._part(error, group)
        else:
            for asked, result in zip(group, results, strict=True):
                asked.then(result)
                if not asked.answer.done():
                    asked.answer.set_result(result)

    async def _part(self, error: Exception, group: Sequence[_Asked[Any]]) -> None:
        """Everything was rolled back; each write of the group by itself finds the one that failed."""
        if len(group) > 1:
            for asked in group:
                await self._commit([asked])
        elif not group[0].answer.done():
            group[0].answer.set_exception(error)

    def _fail(self, error: StoreFailed, group: Sequence[_Asked[Any]]) -> None:
        self._failure = self._failure or error
        self._failed.set()
        for asked in (*group, *self._waiting):
            if not asked.answer.done():
                asked.answer.set_exception(StoreFailed(*error.args))
        self._waiting.clear()
        self._weight = 0

    def _raise_if_failed(self) -> None:
        if self._failure is not None:
            raise StoreFailed(*self._failure.args)
