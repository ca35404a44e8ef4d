"""The embedded store's writing side, all of it in one thread: commits, and what keeps the file in good order.

Rows and the ranges that say whose rows they are go into one transaction of one file, so a row is stored once
or not at all whatever dies when (SAFETY.md R1, R2, R4). Flushing minutes, sorting them and writing the log
back into the file come after the acknowledgement, between two commits.
"""

import contextlib
import datetime as dt
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np

from cardea.contract.batches import Lane
from cardea.contract.ranges import Ranges, merge
from cardea.contract.ranges import Span as SeqSpan
from cardea.runtime.logs import get_logger
from cloud.ingest.catalogue import Named
from cloud.ingest.group import LaneKey
from cloud.ingest.readings import Block
from cloud.series import tables
from cloud.series.columns import block_of, of_block, of_named, of_ranges
from cloud.series.days import SERIES, SUFFIX, Day, Span, days_in, next_day, quoted
from cloud.series.newest import Newest
from cloud.series.partials import NONE, OpenMinutes, of_columns
from cloud.series.store import SeriesDown, SeriesFailed, SeriesUnusable

FLUSH_S = 600.0
FLUSH_PARTS_MAX = 500_000
"""Parts of minutes kept in memory at the most, 20 MB; then they are flushed early."""
TIDY_FLUSHES = 6
"""Flushes after which the minutes are sorted by series: once an hour."""
CHECKPOINT_ROWS = 400_000
"""Rows after which the log is written back into the file: 10 MB."""
FILE_ROWS_MAX = 400_000_000
"""Readings of one file; beyond it the day goes on in another: DuckDB remembers about 0.1 MB of a million."""
_FULL = ("No space left", "File too large", "Disk quota", "OutOfMemory", "Out of Memory")
"""What a full disk, or a question that took all memory, is called: nothing was stored, and it may pass."""

_log = get_logger("series")


@dataclass(frozen=True, slots=True)
class Held:
    """What an opened store holds."""

    named: tuple[Named, ...]
    stored: Mapping[LaneKey, Ranges]


class DayWriter:
    """Writes the current day's file. ``lock`` is held while minutes move from memory into the file."""

    def __init__(self, folder: Path, memory_mb: int, threads: int) -> None:
        self._folder = folder
        self._options: dict[str, Any] = {
            "memory_limit": f"{memory_mb}MB",
            "threads": str(threads),
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        self.lock = threading.Lock()
        self.moves = 0
        """Odd while minutes move from memory into the file; a reader that sees it change asks again."""
        self.newest = Newest()
        self.minutes = OpenMinutes()
        self.span = Span()
        self.days: tuple[Day, ...] = ()
        """Days that are attached, oldest first; the last one is written."""
        self.root: duckdb.DuckDBPyConnection | None = None
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._stored: dict[LaneKey, Ranges] = {}
        self._named: int = 0
        self._batch = 0
        self._flushed_batch = 0
        self._flushed_s = 0.0
        self._flushes = 0
        self._unwritten = 0
        self._rows = 0
        self._uncounted: list[Block] = []

    @property
    def day(self) -> Day:
        """The day that is written."""
        return self.days[-1]

    def open(self, date: dt.date, now_s: float) -> Held:
        """Open the newest day, or begin the first.

        Raises:
            SeriesUnusable: as it says.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root = duckdb.connect(":memory:", config=self._options)
            self.root.execute("SET wal_autocheckpoint = '1TB'")  # at our own time, see upkeep()
            self._cursor = self.root.cursor()
        except (OSError, duckdb.Error) as error:
            raise SeriesUnusable(f"{self._folder}: {_first_line(error)}") from error
        self._flushed_s = now_s
        known = days_in(self._folder)
        for day in [day for day in reversed(known) if day.file.exists()]:
            self._attach(day)
        if not self.days:
            self._begin(next_day(known, self._folder, date), self._carried(known))
        return self._load()

    def commit(
        self,
        block: Block,
        named: Sequence[Named],
        stored: Mapping[LaneKey, Ranges],
        date: dt.date,
        now_s: float,
    ) -> None:
        """Store readings and ranges; returns after the commit's fsync. ``named``: the whole catalogue.

        Raises:
            SeriesDown: nothing was stored; the disk is full.
            SeriesFailed: nothing may be concluded.
        """
        try:
            if date != self.day.date or self._rows >= FILE_ROWS_MAX:
                self._roll(date, now_s)
            self._write(block, named[self._named :], stored)
        except duckdb.Error as error:
            self._give_up(error)
        self._batch += 1
        self._named = len(named)
        self._stored.update(stored)
        self._unwritten += len(block)
        self._rows += len(block)
        if len(block):
            self.span = self.span.wider(int(block.t_ms.min()), int(block.t_ms.max()))
            self.newest.take(block)
            self._uncounted.append(block)

    def upkeep(self, now_s: float) -> None:
        """Between two commits: flush, sort and write back what is due.

        Raises:
            SeriesDown, SeriesFailed: as :meth:`commit`.
        """
        self._count()
        try:
            if len(self.minutes) >= FLUSH_PARTS_MAX or now_s - self._flushed_s >= FLUSH_S:
                self._flush(now_s)
                if self._flushes >= TIDY_FLUSHES:
                    self._transact(*((statement, ()) for statement in tables.TIDY))
                    self._flushes = 0
            if self._unwritten >= CHECKPOINT_ROWS:
                self._write_back()
        except duckdb.Error as error:
            self._give_up(error)

    def close(self, now_s: float) -> None:
        """Flush and close; what is not flushed is found again at the next start."""
        if self._cursor is not None and self.days:
            with contextlib.suppress(duckdb.Error):
                self._flush(now_s)
                self._write_back()
        if self.root is not None:
            self.root.close()
            self.root = self._cursor = None

    def forget(self, day: Day) -> None:
        """A day has been closed to Parquet: nobody needs its file."""
        self._run(f"DETACH {day.alias}")
        self.days = tuple(other for other in self.days if other != day)

    # --- Opening ----------------------------------------------------------------------------------

    def _attach(self, day: Day) -> None:
        """The newest one must be in order; an older one that is not is left out, for a person to look at."""
        try:
            self._run(f"ATTACH {quoted(day.file)} AS {day.alias}")
            self._run(f"USE {day.alias}")
            begun = self._run(tables.BEGUN, (day.alias,)).fetchone()
            if begun is None:  # died before its first transaction
                self._run("USE memory")
                self._run(f"DETACH {day.alias}")
                day.file.unlink()
                return
            row = self._run("SELECT format FROM progress").fetchone()
        except (duckdb.Error, OSError) as error:
            if not self.days:
                raise SeriesUnusable(_unusable(day, error)) from error
            _log.error("series_day_damaged", file=str(day.file), why=_first_line(error))
            return
        if row is None or row[0] != tables.FORMAT:
            raise SeriesUnusable(f"{day.file}: written by another version of Cardea; install that one")
        self.days = (day, *self.days)

    def _begin(self, day: Day, named: Sequence[Named]) -> None:
        """Make the file of a new day, with what the days before it know."""
        newest = self.newest.block()
        self._run(f"ATTACH {quoted(day.file)} AS {day.alias} ({tables.LAYOUT})")
        self._run(f"USE {day.alias}")
        self._register("named", of_named(0, named))
        self._register("newest_rows", of_block(newest))
        self._register("spans", of_ranges(self._stored))
        self._transact(
            *((statement, ()) for statement in tables.CREATE),
            ("INSERT INTO series SELECT number, gateway, name FROM named", ()),
            ("INSERT INTO newest SELECT series, t_ms, value FROM newest_rows", ()),
            (tables.KEEP_RANGES, (0,)),
            ("INSERT INTO progress VALUES (?, 0, 1, 0)", (tables.FORMAT,)),
        )
        self._batch = self._flushed_batch = self._flushes = 0
        self._named = len(named)
        self._rows = 0
        self.days = (*self.days, day)
        self.span = Span()
        self.minutes = OpenMinutes()

    def _carried(self, known: Sequence[Day]) -> tuple[Named, ...]:
        """The series of the newest closed day, when there is no file to carry them on from."""
        for day in reversed(known):
            file = day.closed / SERIES
            if file.exists():
                rows = self._run("SELECT gateway, name FROM read_parquet(?) ORDER BY number", (str(file),))
                return tuple(rows.fetchall())
        return ()

    def _load(self) -> Held:
        try:
            return self._read_all()
        except duckdb.Error as error:
            raise SeriesUnusable(_unusable(self.day, error)) from error

    def _read_all(self) -> Held:
        self._run(f"USE {self.day.alias}")
        named = tuple(self._run("SELECT gateway, name FROM series ORDER BY number").fetchall())
        spans: dict[LaneKey, list[SeqSpan]] = {}
        for gateway, epoch, first, last in self._run(tables.RANGES).fetchall():
            spans.setdefault((gateway, Lane.TELEMETRY, epoch), []).append((first, last))
        self._stored = {key: merge(parts) for key, parts in spans.items()}
        self._named = len(named)
        ((self._rows,),) = self._run("SELECT count(*) FROM readings").fetchall()
        (progress,) = self._run("SELECT batch, first_ms, last_ms FROM progress").fetchall()
        self._flushed_batch, *moments = progress
        self._batch, self.span = self._flushed_batch, Span(*moments)
        self.newest.take(block_of(self._columns("SELECT series, t_ms, value FROM newest")))
        tail = (self._flushed_batch,)
        (last,) = self._run(tables.TAIL_SPAN, tail).fetchall()
        ((journalled,),) = self._run("SELECT max(batch) FROM ranges").fetchall()
        self._batch = max(self._batch, journalled or 0, last[0] or 0)
        if last[0] is not None:
            self.span = self.span.wider(last[1], last[2])
            self.newest.take(block_of(self._columns(tables.TAIL_NEWEST, tail)))
            c = self._columns(tables.TAIL_MINUTES, tail)
            parts = of_columns(c["series"], c["minute"], c["count"], c["total"], c["low"], c["high"])
            self.minutes = OpenMinutes(parts)
        return Held(named, self._stored)

    # --- Writing ----------------------------------------------------------------------------------

    def _write(self, block: Block, new: Sequence[Named], stored: Mapping[LaneKey, Ranges]) -> None:
        statements: list[tuple[str, tuple[object, ...]]] = []
        if new:
            self._register("named", of_named(self._named, new))
            statements.append(("INSERT INTO series SELECT number, gateway, name FROM named", ()))
        if len(block):
            self._register("rows", of_block(block))
            insert = "INSERT INTO readings SELECT series, t_ms, value, ? FROM rows"
            statements.append((insert, (self._batch + 1,)))
        if stored:
            self._register("spans", of_ranges(stored))
            statements.append((tables.KEEP_RANGES, (self._batch + 1,)))
        if statements:
            self._transact(*statements)

    def _flush(self, now_s: float) -> None:
        """Minutes and newest readings into the file, up to this batch."""
        self._count()
        parts = self.minutes.all()
        columns = {
            "series": parts.series,
            "minute": parts.minute,
            "count": parts.count,
            "total": parts.total,
            "low": parts.low,
            "high": parts.high,
        }
        self._register("parts", columns)
        self._register("newest_rows", of_block(self.newest.block()))
        self._register("spans", of_ranges(self._stored))
        with self.lock, self._moving():
            self._transact(
                ("INSERT INTO fresh SELECT series, minute, count, total, low, high FROM parts", ()),
                ("DELETE FROM ranges", ()),
                (tables.KEEP_RANGES, (self._batch,)),
                ("DELETE FROM newest", ()),
                ("INSERT INTO newest SELECT series, t_ms, value FROM newest_rows", ()),
                (
                    "UPDATE progress SET batch = ?, first_ms = ?, last_ms = ?",
                    (self._batch, self.span.first_ms, self.span.last_ms),
                ),
            )
            self.minutes.chunks = (NONE,)
        self._flushed_batch, self._flushed_s = self._batch, now_s
        self._flushes += 1

    @contextlib.contextmanager
    def _moving(self) -> Generator[None]:
        self.moves += 1
        try:
            yield
        finally:
            self.moves += 1

    def _count(self) -> None:
        """Readings into their minutes; after the acknowledgement, since adding up large chunks takes long."""
        for block in self._uncounted:
            self.minutes.add(block)
        self._uncounted.clear()

    def _write_back(self) -> None:
        """The log into the file; put off while a reader is in its way."""
        with contextlib.suppress(duckdb.TransactionException):
            self._run(f"CHECKPOINT {self.day.alias}")
            self._unwritten = 0

    def _roll(self, date: dt.date, now_s: float) -> None:
        """Begin the next day's file; the day before stays attached until it has been closed to Parquet."""
        self._flush(now_s)
        self._write_back()
        named = self._run("SELECT gateway, name FROM series ORDER BY number").fetchall()
        self._begin(next_day(days_in(self._folder), self._folder, date), named)
        _log.info("series_day_begun", file=self.day.file.name)

    def _transact(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        self._run("BEGIN")
        try:
            for statement, values in statements:
                self._run(statement, values)
            self._run("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a failed COMMIT has ended it
                self._run("ROLLBACK")
            raise

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> duckdb.DuckDBPyConnection:
        assert self._cursor is not None, "opened first"
        return self._cursor.execute(statement, values)

    def _columns(self, statement: str, values: tuple[object, ...] = ()) -> dict[str, Any]:
        found: dict[str, Any] = cast("Any", self._run(statement, values)).fetchnumpy()
        return {name: np.asarray(column) for name, column in found.items()}  # plain ones, never masked

    def _register(self, name: str, columns: Mapping[str, Any]) -> None:
        assert self._cursor is not None, "opened first"
        self._cursor.register(name, columns)

    def _give_up(self, error: duckdb.Error) -> None:
        text = _first_line(error)
        if isinstance(error, duckdb.OutOfMemoryException) or any(word in text for word in _FULL):
            raise SeriesDown(text) from error
        raise SeriesFailed(f"{self.day.file}: {text}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _unusable(day: Day, error: Exception) -> str:
    why = _first_line(error)
    if "lock" in why:
        return f"{day.file}: another process has it open; one aggregator at a time"
    return (
        f"{day.file}: damaged ({why}); restore it, or move it away with its {SUFFIX}.wal to begin anew:"
        " readings that it alone holds are then lost"
    )
