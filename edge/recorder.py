"""Records on their way to the outbox: committed first where there is time, following where there is not.

A stalled, full or failed store never blocks a decision or an egress (SAFETY.md R6). The first commit that
does not come back in time marks the store as stalled; from then on nothing waits for it, and what happened
follows in order once it answers again.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cardea.contract.batches import Lane
from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.disk import StoreFailed, StoreFull
from cardea.runtime.logs import get_logger

FOLLOWING_MAX = 20_000
"""Bodies that wait in memory at the most; beyond it they are lost, counted and said."""
TAKEN_MAX = 200
FULL_S_MAX = 10.0
_LOG = get_logger("recorder")


class Appends(Protocol):
    """What the recorder needs of the outbox; both raise StoreFull or StoreFailed."""

    async def append(self, lane: Lane, *bodies: bytes) -> tuple[int, ...]:
        """Commit bodies."""
        ...

    async def append_composed(
        self, lane: Lane, compose: Callable[[sqlite3.Connection], Sequence[bytes]], rows: int = 1
    ) -> tuple[int, ...]:
        """Commit what ``compose`` gives inside the transaction."""
        ...


class Commit(StrEnum):
    """What became of a commit with a deadline."""

    DONE = "done"
    NOT_BEGUN = "not_begun"
    """The store is stalled, full, failed or not there: nothing was handed to it."""
    UNDER_WAY = "under_way"
    """Handed over and not back in time: it is committed as soon as the disk can."""


class Draft:
    """A body on its way to the disk, which may still be put right while its transaction has not begun."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._written = False
        self._guard = threading.Lock()
        self.durable: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether it came to be on the disk, once that is known."""

    def amend(self, body: bytes) -> bool:
        """Put another body in its place; False when the transaction has begun already."""
        with self._guard:
            if not self._written:
                self._body = body
            return not self._written

    def compose(self, _connection: sqlite3.Connection) -> Sequence[bytes]:
        """The body as it is now, on the disk's thread."""
        with self._guard:
            self._written = True
            return (self._body,)


@dataclass(slots=True)
class _Following:
    lane: Lane
    body: bytes
    done: "asyncio.Future[bool]" = field(repr=False)


class Recorder:
    """The one way into the outbox."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._backoff = Backoff(clock, entropy, base_s=0.2, s_max=FULL_S_MAX)
        self._store: Appends | None = None
        self._following: deque[_Following] = deque()
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[tuple[int, ...]]] = set()
        self._failure: StoreFailed | None = None
        self.full = False
        """The store had no room the last time."""
        self.stalled = False
        """A commit is overdue."""
        self.lost = 0
        """Bodies that found no place even in memory."""
        self.commit_s = 0.0
        """How long the last commit took."""

    def attach(self, store: Appends) -> None:
        """The outbox is open: what waited follows now."""
        self._store = store
        self._wake.set()

    @property
    def usable(self) -> bool:
        """Whether a commit can be expected to come back in time."""
        return self._store is not None and not (self.stalled or self.full or self._failure)

    @property
    def following(self) -> int:
        """Bodies that wait in memory."""
        return len(self._following)

    async def commit(self, lane: Lane, draft: Draft, *, within_s: float) -> Commit:
        """Commit ``draft``; returns within ``within_s`` and never raises."""
        if self._store is None or not self.usable:
            return Commit.NOT_BEGUN
        began_s = self._clock.monotonic_s()
        task = asyncio.ensure_future(self._store.append_composed(lane, draft.compose))
        self._under_way.add(task)
        task.add_done_callback(lambda done: self._came_back(done, draft))
        await asyncio.wait({task}, timeout=within_s)
        if not task.done():
            if not self.stalled:
                _LOG.warning("store_stalled", commit_s_max=within_s)
            self.stalled = True
            return Commit.UNDER_WAY
        self.commit_s = self._clock.monotonic_s() - began_s
        return Commit.DONE if not task.cancelled() and task.exception() is None else Commit.NOT_BEGUN

    def follow(self, lane: Lane, body: bytes) -> "asyncio.Future[bool]":
        """Commit ``body`` as soon as the store lets us; the future says whether that came to pass."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if len(self._following) >= FOLLOWING_MAX:
            if self.lost == 0:
                _LOG.error("records_lost", reason="the store is unusable and memory is full")
            self.lost += 1
            done.set_result(False)
            return done
        self._following.append(_Following(lane, body, done))
        self._wake.set()
        return done

    async def run(self) -> None:
        """Let what follows follow, until cancelled. Raises StoreFailed: the process must end (R1)."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._following and self._store is not None:
                await self._append_some(self._store)
            if self._failure is not None:
                raise self._failure

    async def drain(self, within_s: float) -> None:
        """Before the end: give what is on its way a last chance."""
        waiting = [*self._under_way, *(entry.done for entry in self._following)]
        if waiting and self._store is not None:
            await asyncio.wait(waiting, timeout=within_s)

    async def _append_some(self, store: Appends) -> None:
        lane = self._following[0].lane
        some = [entry for entry in list(self._following)[:TAKEN_MAX] if entry.lane is lane]
        try:
            await store.append(lane, *(entry.body for entry in some))
        except StoreFull:
            self._note_full()
            await self._backoff.wait()
            return
        self._backoff.reset()
        self.full = self.stalled = False
        taken = set(map(id, some))
        self._following = deque(entry for entry in self._following if id(entry) not in taken)
        for entry in some:
            if not entry.done.done():
                entry.done.set_result(True)

    def _came_back(self, task: "asyncio.Task[tuple[int, ...]]", draft: Draft) -> None:
        self._under_way.discard(task)
        error = StoreFailed("cancelled") if task.cancelled() else task.exception()
        draft.durable.set_result(error is None)
        if error is None:
            self.stalled = False
        elif isinstance(error, StoreFull):
            self._note_full()
        elif not task.cancelled():
            self._failure = error if isinstance(error, StoreFailed) else StoreFailed(repr(error))
        self._wake.set()

    def _note_full(self) -> None:
        if not self.full:
            _LOG.error("store_full", waiting=len(self._following))
        self.full = True
