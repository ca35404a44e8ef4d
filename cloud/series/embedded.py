"""Time series in DuckDB inside the aggregator's process: each reading stored once, whatever dies when.

One thread writes, two read, one closes days; the event loop only hands over and waits.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import ParamSpec, TypeVar

import duckdb

from cardea.contract.ranges import Ranges
from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from cloud.ingest.catalogue import Catalogue
from cloud.ingest.group import LaneKey
from cloud.ingest.readings import Gathering
from cloud.ingest.rows import Poison
from cloud.series import archive
from cloud.series.day_writer import DayWriter
from cloud.series.days import Day, Span, forget_file
from cloud.series.history import Historian, question
from cloud.series.latest import latest_of
from cloud.series.store import HistoryUnavailable, Latest, Point, SeriesFailed

READERS = 2
INTERRUPT_S = 0.1
QUESTIONS_MAX = 64
"""Questions under way or waiting at the most; one more is refused."""

P = ParamSpec("P")
T = TypeVar("T")

_log = get_logger("series")


class EmbeddedStore:
    """A :class:`~cloud.series.store.SeriesStore` in a folder of its own."""

    def __init__(
        self, folder: Path, clock: Clock, *, retention_days: int = 400, memory_mb: int = 128, threads: int = 1
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._retention_days = retention_days
        self._writer = DayWriter(folder, memory_mb, threads)
        self._historian = Historian(self._writer)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="series-writer")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="series-reader")
        self._closing = ThreadPoolExecutor(1, thread_name_prefix="series-closer")
        self._questions = 0
        self._upkeep: asyncio.Future[None] | None = None
        self._close_days: asyncio.Task[None] | None = None
        self._closing_cursor: duckdb.DuckDBPyConnection | None = None
        self._archiving: Future[Span] | None = None
        self._failed: str | None = None
        self.catalogue = Catalogue()

    async def open(self) -> Mapping[LaneKey, Ranges]:
        """Open the newest day, or begin the first; see :class:`~cloud.series.store.SeriesStore`."""
        held = await self._write(self._writer.open, self._today(), self._clock.monotonic_s())
        self.catalogue = Catalogue(held.named)
        archive.sweep(self._folder)
        self._historian.closed = archive.closed_days(self._folder)
        self._close_what_is_over()
        return held.stored

    async def commit(self, gathering: Gathering) -> tuple[Poison, ...]:
        """Readings and ranges in one transaction; whether it was cancelled changes nothing of it."""
        if self._failed is not None:
            raise SeriesFailed(f"an earlier write failed: {self._failed}")
        before = self._writer.day
        try:
            if self._upkeep is not None:
                upkeep, self._upkeep = self._upkeep, None
                await upkeep
            await self._write(
                self._writer.commit,
                gathering.block(),
                self.catalogue.since(0),
                gathering.stored,
                self._today(),
                self._clock.monotonic_s(),
            )
        except SeriesFailed as error:
            self._failed = str(error)
            raise
        self._upkeep = asyncio.ensure_future(self._write(self._writer.upkeep, self._clock.monotonic_s()))
        if self._writer.day != before:
            self._close_what_is_over()
        return ()

    async def settle(self, gathering: Gathering, before: Mapping[LaneKey, Ranges]) -> None:
        """The commit has done it."""

    def latest(self, gateways: Collection[str], device: str | None = None) -> tuple[Latest, ...]:
        """From memory."""
        return latest_of(self.catalogue, self._writer.newest, gateways, device)

    async def history(
        self, gateway: str, series: str, since: dt.datetime, until: dt.datetime, points_max: int
    ) -> tuple[Point, ...]:
        """See :class:`~cloud.series.store.Readable`. Beyond a quarter of an hour stretches are whole minutes
        from the first whole minute on.
        """
        number = self.catalogue.find(gateway, series)
        if number is None or until <= since:
            return ()
        if self._questions >= QUESTIONS_MAX:
            raise HistoryUnavailable("too many questions at once; ask again")
        asked = question(number, since, until, points_max)
        self._questions += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._reading, self._historian.answer, asked)
        finally:
            self._questions -= 1

    async def close(self) -> None:
        """End after everything asked before; a day that is being closed is begun anew at the next start."""
        if self._close_days is not None:
            self._close_days.cancel()
        if self._upkeep is not None:
            await asyncio.gather(self._upkeep, return_exceptions=True)
        await self._end_reading()
        await self._write(self._writer.close, self._clock.monotonic_s())
        self._writing.shutdown(wait=False)

    async def _end_reading(self) -> None:
        """Until only the writer uses the file, which cannot be closed under a question.

        Questions end by themselves; the closing of a day is interrupted until it hears of it.
        """
        self._closing.shutdown(wait=False, cancel_futures=True)
        while self._archiving is not None and not self._archiving.done():
            assert self._closing_cursor is not None, "made before the closing began"
            self._closing_cursor.interrupt()
            await asyncio.to_thread(wait_for, [self._archiving], INTERRUPT_S)
        await asyncio.to_thread(self._reading.shutdown, cancel_futures=True)

    # --- Days that are over -----------------------------------------------------------------------

    def _close_what_is_over(self) -> None:
        if self._close_days is None or self._close_days.done():
            self._close_days = asyncio.create_task(self._close_all(), name="close-days")

    async def _close_all(self) -> None:
        """Close every day but the current one to Parquet, then let the oldest go."""
        try:
            while len(self._writer.days) > 1:
                await self._close(self._writer.days[0])
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._closing, archive.expire, self._folder, self._retention_days)
            self._historian.closed = archive.closed_days(self._folder)
        except (duckdb.Error, OSError, ValueError, SeriesFailed) as error:
            # the day is whole in its own file and is tried again at the next turn of the day or start
            _log.error("series_day_not_closed", why=str(error).partition("\n")[0])

    async def _close(self, day: Day) -> None:
        root = self._writer.root
        if root is None:
            return
        loop = asyncio.get_running_loop()
        self._closing_cursor = root.cursor()
        self._archiving = self._closing.submit(archive.close_day, self._closing_cursor, day)
        span = await asyncio.wrap_future(self._archiving)
        self._historian.closed = {**self._historian.closed, day: span}
        await self._write(self._writer.forget, day)
        await loop.run_in_executor(self._closing, forget_file, day)

    # --- Threads ----------------------------------------------------------------------------------

    def _today(self) -> dt.date:
        return self._clock.now().utc.date()

    async def _write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._writing, lambda: work(*args, **kwargs))
        return await asyncio.shield(running)
