"""Durable lanes in one SQLite file: append returns after the fsync, a row goes only when stored elsewhere.

Telemetry gives way to everything else: it alone is evicted (leaving gap records), and on a full disk it is
refused first. For alerts and records some room is reserved, which is released when nothing else is left.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from cardea.contract import ranges
from cardea.contract.batches import BATCH_BYTES_MAX, ROWS_MAX, Ack, Lane
from cardea.contract.ranges import Ranges
from cardea.contract.time import wire_time
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.disk import Database, Disk, StoreFailed, StoreFull
from edge.outbox import lanes
from edge.outbox.group_commit import GroupCommit, StoreStalled
from edge.outbox.lanes import SEQ_MAX, Change, Counters, Limits, Row
from edge.outbox.room import Room
from edge.outbox.rows import RowRefused, require

NAME = "outbox"
TELEMETRY_WAITING_MAX = 2 * ROWS_MAX
"""Telemetry rows that may wait for the disk: a flood must not stand before a decision."""
RESERVE_BYTES = 16 * 1024 * 1024
RESERVE_S = 60.0
"""How often a released reserve is tried to be had again."""
FORGET_ROWS_MAX = 1000
FORGET_SPANS_MAX = 100
"""Rows and ranges of rows deleted in one transaction at the most."""

Compose = Callable[[sqlite3.Connection], Sequence[bytes]]
"""Makes the rows to append inside their transaction; may be called again after a rollback."""
Told = Callable[[Lane], None]
_Work = Callable[[sqlite3.Connection], tuple[Change, ...]]


class Outbox:
    """Three lanes; a row is known by (gateway, lane, epoch, seq), ``seq`` from 1 and never used twice."""

    def __init__(self, database: Database, room: Room, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._room = room
        self._clock = clock
        self._limits = limits
        self._commits = GroupCommit(database)
        self._counters: dict[Lane, Counters] = {}
        self._uncounted: Counter[tuple[Lane, str]] = Counter()
        self._counting: asyncio.Task[None] | None = None
        self._telemetry_waiting = 0
        self._listeners: list[Told] = []
        self.epoch = ""
        self.foreign_acks = 0
        """Acknowledgements ignored because they spoke of another epoch or of impossible ranges."""

    @classmethod
    async def open(cls, disk: Disk, clock: Clock, entropy: Entropy, limits: Limits | None = None) -> "Outbox":
        """Open or make the file. A full disk costs the reserve, not the start.

        Raises:
            StoreFailed: the file cannot be used.
        """
        loop = asyncio.get_running_loop()
        room = Room(disk.reserve(NAME, RESERVE_BYTES))
        try:
            database = await loop.run_in_executor(None, disk.open, NAME, lanes.SCHEMA)
        except StoreFailed:
            if not room.held:
                raise
            await room.release()
            database = await loop.run_in_executor(None, disk.open, NAME, lanes.SCHEMA)
        outbox = cls(database, room, clock, limits or Limits())
        await outbox._load(entropy.new_id())
        await room.hold()
        return outbox

    async def run(self) -> NoReturn:
        """Watch over the file until cancelled.

        Raises:
            StoreFailed: the disk failed under a write. The daemon must end (SAFETY.md R1).
        """
        while True:
            try:
                async with asyncio.timeout(RESERVE_S):
                    await self._commits.failure()
            except TimeoutError:
                await self._room.hold()

    async def close(self) -> None:
        """Close the file after everything that waits is written."""
        await self._commits.idle()
        await self._write_rejects()
        await self._database.close()

    @property
    def pending(self) -> Mapping[Lane, int]:
        """Rows that wait for an acknowledgement, by lane."""
        return {lane: counters.pending for lane, counters in self._counters.items()}

    @property
    def counters(self) -> Mapping[Lane, Counters]:
        """What became of everything, by lane."""
        return self._counters

    @property
    def reserved(self) -> bool:
        """Whether room for alerts and records is still set aside."""
        return self._room.held

    def listen(self, told: Told) -> None:
        """Have ``told`` called on the event loop after each commit that added rows to a lane."""
        self._listeners.append(told)

    async def append(self, lane: Lane, *bodies: bytes) -> tuple[int, ...]:
        """Commit rows, all or none, and return their numbers after the fsync.

        Giving up waiting does not withdraw them: they are committed as soon as the disk can.

        Raises:
            RowRefused: too many or too long rows, or not JSON (telemetry: not a reading).
            StoreFull: no room, or too much waits for the disk; said at once, nothing was written.
            StoreFailed: the disk failed; see :meth:`run`.
        """
        if not bodies:
            return ()
        return await self.append_composed(lane, lambda _: bodies, len(bodies))

    async def append_composed(self, lane: Lane, compose: Compose, rows: int = 1) -> tuple[int, ...]:
        """Like :meth:`append` for ``rows`` rows that ``compose`` makes inside the transaction."""

        def checked(connection: sqlite3.Connection) -> Sequence[bytes]:
            bodies = compose(connection)
            require(lane, bodies)
            return bodies

        try:
            if lane is Lane.TELEMETRY:
                added, *_ = await self._append_telemetry(checked, rows)
            else:
                added, *_ = await self._append_reserved(lane, checked, rows)
        except RowRefused as error:
            self._reject(lane, error.reason, rows)
            raise
        except StoreFull as error:
            self._reject(lane, "queue_full" if isinstance(error, StoreStalled) else "store_full", rows)
            raise
        return tuple(range(added.first, added.first + added.committed))

    async def take(
        self,
        lane: Lane,
        *,
        limit: int = ROWS_MAX,
        newest_first: bool = False,
        skip: Ranges = (),
        bytes_max: int = BATCH_BYTES_MAX,
    ) -> tuple[Row, ...]:
        """The newest or oldest unbroken run of pending rows outside ``skip``, ascending; nothing is deleted.

        One row if there is any; more only within ``limit`` rows and ``bytes_max`` bytes.
        """
        window = ranges.subtract(((1, SEQ_MAX),), skip)

        def read(connection: sqlite3.Connection) -> tuple[Row, ...]:
            return lanes.take(
                connection, lane, window, limit=limit, bytes_max=bytes_max, newest_first=newest_first
            )

        return await self._database.run(read)

    def recognises(self, ack: Ack) -> bool:
        """Whether ``ack`` speaks of this epoch, and of ranges that can be."""
        possible = all(1 <= first <= last <= SEQ_MAX for first, last in ack.ranges)
        return possible and ack.epoch == self.epoch

    async def forget(self, ack: Ack) -> int:
        """Delete exactly the rows that ``ack`` names (SAFETY.md R3); returns how many there were.

        An acknowledgement of another epoch, or of impossible ranges, is counted and changes nothing.
        """
        if not self.recognises(ack):
            self.foreign_acks += 1
            return 0
        spans = ranges.merge(ack.ranges)
        chunks = [spans[at : at + FORGET_SPANS_MAX] for at in range(0, len(spans), FORGET_SPANS_MAX)]
        return sum([await self._forget(ack.lane, chunk) for chunk in chunks])

    async def _load(self, fresh_epoch: str) -> None:
        def read(connection: sqlite3.Connection) -> tuple[str, dict[Lane, Counters]]:
            return lanes.epoch_of(connection, fresh_epoch), lanes.counters(connection)

        self.epoch, self._counters = await self._database.run(read)

    async def _append_telemetry(self, compose: Compose, rows: int) -> tuple[Change, ...]:
        if not self._room.held:
            raise StoreFull("what room is left is kept for alerts and records")
        if self._telemetry_waiting + rows > TELEMETRY_WAITING_MAX:
            raise StoreStalled(f"{self._telemetry_waiting} rows of telemetry wait for the disk")
        at = wire_time(self._clock.now())

        def append(connection: sqlite3.Connection) -> tuple[Change, ...]:
            added = lanes.append(connection, Lane.TELEMETRY, compose(connection))
            return (added, *lanes.evict_beyond(connection, self._limits, self.epoch, at))

        self._telemetry_waiting += rows
        try:
            return await self._commits.run(append, self._apply, rows)
        finally:
            self._telemetry_waiting -= rows

    async def _append_reserved(self, lane: Lane, compose: Compose, rows: int) -> tuple[Change, ...]:
        """Alerts and records: when the disk is full telemetry goes first, then the reserve."""
        at = wire_time(self._clock.now())

        def append(connection: sqlite3.Connection) -> tuple[Change, ...]:
            return (lanes.append(connection, lane, compose(connection)),)

        def append_instead_of_telemetry(connection: sqlite3.Connection) -> tuple[Change, ...]:
            evicted = lanes.evict(connection, self.epoch, at, "store_full", rows=lanes.EVICT_ROWS, size=0)
            return (*append(connection), *evicted)

        return await self._write(rows, append, append_instead_of_telemetry)

    async def _forget(self, lane: Lane, spans: Ranges) -> int:
        def forget(connection: sqlite3.Connection) -> tuple[Change, ...]:
            return (lanes.forget(connection, lane, spans, FORGET_ROWS_MAX),)

        weight = min(ranges.size(spans), FORGET_ROWS_MAX)
        total = 0
        while True:
            (change,) = await self._write(weight, forget)
            total += change.delivered
            if change.delivered < FORGET_ROWS_MAX:
                return total

    async def _write(self, weight: int, *attempts: _Work) -> tuple[Change, ...]:
        """Commit the first attempt that finds room; the reserve is released before the last is made again."""
        for attempt in attempts:
            try:
                return await self._commits.run(attempt, self._apply, weight)
            except StoreStalled:
                raise
            except StoreFull:
                continue
        if self._room.held:
            await self._room.release()
        return await self._commits.run(attempts[-1], self._apply, weight)

    def _apply(self, changes: tuple[Change, ...]) -> None:
        """Bring the numbers in memory to what was committed, and tell who listens."""
        for change in changes:
            self._counters[change.lane].add(change)
        for lane in dict.fromkeys(change.lane for change in changes if change.committed):
            for told in self._listeners:
                told(lane)
        if self._uncounted and self._counting is None:
            self._counting = asyncio.get_running_loop().create_task(self._write_rejects())

    def _reject(self, lane: Lane, reason: str, rows: int) -> None:
        counters = self._counters[lane]
        counters.received += rows
        counters.rejected[reason] += rows
        self._uncounted[lane, reason] += rows

    async def _write_rejects(self) -> None:
        """Make the numbers of refused rows durable; on a full disk they wait for the next commit."""
        counts, self._uncounted = self._uncounted, Counter()
        if not counts:
            return
        try:
            await self._commits.run(lambda connection: lanes.reject(connection, counts), lambda _: None)
        except (StoreFull, StoreFailed):
            self._uncounted.update(counts)
        finally:
            self._counting = None
