"""The embedded store's reading side: a series over time, from minutes or, for short spans, from readings.

Runs in its own threads on cursors of its own and never waits for a commit. A moment that lies in several
files, because it came late, is added up over them.
"""

import datetime as dt
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from cloud.series import tables
from cloud.series.day_writer import DayWriter
from cloud.series.days import MINUTES, READINGS, Day, Span
from cloud.series.partials import MINUTE_MS, Partials, of_series
from cloud.series.store import HistoryUnavailable, Point

RAW_MS_MAX = 15 * 60_000
"""Up to this length a question is answered from single readings, beyond it from whole minutes."""
_UNIX = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ATTEMPTS = 3
"""A day may be closed, or go, between the plan and the question."""

_Stretch = tuple[int, float, float, float]
"""Count, sum, lowest, highest."""
_Row = tuple[int, int, float, float, float]
"""The number of a stretch, and what it holds."""


@dataclass(frozen=True, slots=True)
class Question:
    """One series over [origin, end), in stretches of ``step_ms``; moments in milliseconds since 1970."""

    series: int
    origin_ms: int
    end_ms: int
    step_ms: int

    @property
    def raw(self) -> bool:
        """Whether single readings answer it."""
        return self.step_ms % MINUTE_MS != 0


def question(series: int, since: dt.datetime, until: dt.datetime, points_max: int) -> Question:
    """How a span is divided: into whole minutes from its first whole minute on, unless it is short."""
    since_ms, until_ms = _ms(since), _ms(until)
    span_ms = until_ms - since_ms
    step_ms = max(1, -(-span_ms // points_max))
    if span_ms <= RAW_MS_MAX and step_ms < MINUTE_MS:
        return Question(series, since_ms, until_ms, step_ms)
    origin_ms = since_ms + -since_ms % MINUTE_MS
    step_ms = max(1, -(-(until_ms - origin_ms) // (points_max * MINUTE_MS))) * MINUTE_MS
    return Question(series, origin_ms, until_ms, step_ms)


class Historian:
    """Answers questions; ``closed`` are the days that lie in Parquet files."""

    def __init__(self, writer: DayWriter) -> None:
        self._writer = writer
        self._own = threading.local()
        self.closed: Mapping[Day, Span] = {}

    def answer(self, asked: Question) -> tuple[Point, ...]:
        """Blocks; runs in a reading thread.

        Raises:
            HistoryUnavailable: a file cannot be read.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return _points(asked, self._stretches(asked))
            except duckdb.Error as error:
                self._own.cursor = None  # it may still look for a day that has gone
                if attempt == _ATTEMPTS - 1:
                    why = str(error).partition("\n")[0]
                    raise HistoryUnavailable(f"the series store cannot be read: {why}") from error
        raise AssertionError("the last attempt returns or raises")

    def _stretches(self, asked: Question) -> dict[int, _Stretch]:
        cursor = self._cursor()
        found: dict[int, _Stretch] = {}
        *before, current = self._writer.days  # first: a day is closed before it is forgotten here
        closed = self.closed
        files = [
            str(day.closed / (READINGS if asked.raw else MINUTES))
            for day, span in closed.items()
            if span.overlaps(asked.origin_ms, asked.end_ms)
        ]
        if files:
            _add(found, self._ask_closed(cursor, asked, files))
        for day in before:
            if day not in closed:
                _add(found, self._ask(cursor, asked, day))
        _add(found, self._ask_current(cursor, asked, current))
        return found

    def _ask_current(self, cursor: duckdb.DuckDBPyConnection, asked: Question, day: Day) -> list[_Row]:
        """Minutes are either in the file or in memory: asked again when they moved meanwhile."""
        if asked.raw:
            return self._ask(cursor, asked, day)
        for _ in range(_ATTEMPTS):
            move = self._writer.moves
            rows = self._minutes_of(cursor, asked, day)
            if move == self._writer.moves and move % 2 == 0:
                return rows
        with self._writer.lock:
            return self._minutes_of(cursor, asked, day)

    def _minutes_of(self, cursor: duckdb.DuckDBPyConnection, asked: Question, day: Day) -> list[_Row]:
        in_memory = _in_memory(asked, of_series(self._writer.minutes.chunks, asked.series))
        return [*in_memory, *self._ask(cursor, asked, day)]

    def _ask(self, cursor: duckdb.DuckDBPyConnection, asked: Question, day: Day) -> list[_Row]:
        statement = tables.raw_stretches if asked.raw else tables.stretches
        return cursor.execute(statement(day.alias), _values(asked)).fetchall()

    def _ask_closed(
        self, cursor: duckdb.DuckDBPyConnection, asked: Question, files: Sequence[str]
    ) -> list[_Row]:
        statement = tables.CLOSED_RAW_STRETCHES if asked.raw else tables.CLOSED_STRETCHES
        return cursor.execute(statement, {**_values(asked), "files": list(files)}).fetchall()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """This thread's own."""
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._own, "cursor", None)
        if cursor is None:
            root = self._writer.root
            if root is None:
                raise HistoryUnavailable("the series store is closed")
            cursor = self._own.cursor = root.cursor()
        return cursor


def _values(asked: Question) -> dict[str, object]:
    values: dict[str, object] = {"origin": asked.origin_ms, "step": asked.step_ms, "series": asked.series}
    if asked.raw:
        return {**values, "end": asked.end_ms}
    first, last = _minutes(asked)
    return {**values, "first": first, "last": last}


def _minutes(asked: Question) -> tuple[int, int]:
    return asked.origin_ms // MINUTE_MS, -(-asked.end_ms // MINUTE_MS)


def _in_memory(asked: Question, parts: Iterable[Partials]) -> Iterable[_Row]:
    first, last = _minutes(asked)
    for part in parts:
        for minute, count, total, low, high in zip(
            part.minute.tolist(),
            part.count.tolist(),
            part.total.tolist(),
            part.low.tolist(),
            part.high.tolist(),
            strict=True,
        ):
            if first <= minute < last:
                yield (minute * MINUTE_MS - asked.origin_ms) // asked.step_ms, count, total, low, high


def _add(found: dict[int, _Stretch], rows: Iterable[_Row]) -> None:
    for stretch, count, total, low, high in rows:
        before = found.get(stretch)
        if before is None:
            found[stretch] = (int(count), total, low, high)
        else:
            found[stretch] = (
                before[0] + int(count),
                before[1] + total,
                min(before[2], low),
                max(before[3], high),
            )


def _points(asked: Question, stretches: Mapping[int, _Stretch]) -> tuple[Point, ...]:
    return tuple(
        Point(
            at=_UNIX + dt.timedelta(milliseconds=asked.origin_ms + stretch * asked.step_ms),
            mean=total / count,
            low=low,
            high=high,
            count=count,
        )
        for stretch, (count, total, low, high) in sorted(stretches.items())
    )


def _ms(moment: dt.datetime) -> int:
    return (moment - _UNIX) // dt.timedelta(milliseconds=1)
