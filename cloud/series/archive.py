"""Closing a day: its file becomes Parquet, sorted by series and time, and old days go.

Killed at any moment it begins anew at the next start: the folder has its name only when it is complete and on
the disk, and the file goes only after that.
"""

import datetime as dt
import shutil
from pathlib import Path

import duckdb

from cardea.runtime.logs import get_logger
from cloud.series import tables
from cloud.series.days import UNFINISHED, Day, Span, days_in, finish, quoted, read_span, remove, write_span

_log = get_logger("series")
_PARQUET = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"


def closed_days(folder: Path) -> dict[Day, Span]:
    """The days in Parquet, oldest first; one whose span cannot be read is left out, aloud."""
    found: dict[Day, Span] = {}
    for day in days_in(folder):
        if day.closed.is_dir():
            try:
                found[day] = read_span(day.closed)
            except ValueError as error:
                _log.error("series_day_damaged", why=str(error))
    return found


def sweep(folder: Path) -> None:
    """Remove what a process left unfinished."""
    for path in folder.glob(f"*{UNFINISHED}"):
        shutil.rmtree(path, ignore_errors=True)


def close_day(cursor: duckdb.DuckDBPyConnection, day: Day) -> Span:
    """Write an attached day's Parquet files; returns when they are complete and on the disk. Takes long.

    Raises:
        duckdb.Error, OSError: it could not be; the day's file is as it was.
    """
    if day.closed.is_dir():  # died between the two steps
        return read_span(day.closed)
    shutil.rmtree(day.unfinished, ignore_errors=True)
    day.unfinished.mkdir(mode=0o700)
    cursor.execute(f"USE {day.alias}")
    for name, query in tables.EXPORT.items():
        file = day.unfinished / f"{name}.parquet"
        cursor.execute(f"COPY ({query}) TO {quoted(file)} ({_PARQUET})")
    ((first_ms, last_ms),) = cursor.execute("SELECT min(t_ms), max(t_ms) FROM readings").fetchall()
    span = Span() if first_ms is None else Span(first_ms, last_ms)
    write_span(day.unfinished, span)
    finish(day)
    _log.info("series_day_closed", day=day.name)
    return span


def expire(folder: Path, keep: int) -> tuple[Day, ...]:
    """Remove all closed files but those of the newest ``keep`` days; by their order, never by a clock."""
    dates: set[dt.date] = set()
    gone: list[Day] = []
    for day in reversed(closed_days(folder)):
        dates.add(day.date)
        if len(dates) > keep:
            gone.append(day)
    for day in gone:
        remove(day)
        _log.info("series_day_removed", day=day.name)
    return tuple(gone)
