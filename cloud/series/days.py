"""The files of the embedded store: one for each day of arrival, or several of a very busy one, in the order
in which they were begun.

``000007-20261123.duckdb`` is written; ``000007-20261123/`` is closed: Parquet files sorted by series and
time, complete and on the disk before the folder had this name. Order is by number and never by a clock, so
a clock that jumps makes a file with a strange date and nothing worse.
"""

import datetime as dt
import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(\d{6,9})-(\d{8})")
SUFFIX = ".duckdb"
UNFINISHED = ".unfinished"
READINGS, MINUTES, SERIES, SPAN = "readings.parquet", "minutes.parquet", "series.parquet", "span.json"


@dataclass(frozen=True, slots=True, order=True)
class Day:
    """One day's files in ``folder``."""

    number: int
    date: dt.date
    folder: Path

    @property
    def name(self) -> str:
        """Without suffix."""
        return f"{self.number:06}-{self.date:%Y%m%d}"

    @property
    def alias(self) -> str:
        """As SQL calls it."""
        return f"day{self.number}"

    @property
    def file(self) -> Path:
        """While it is written."""
        return self.folder / f"{self.name}{SUFFIX}"

    @property
    def closed(self) -> Path:
        """The folder of its Parquet files."""
        return self.folder / self.name

    @property
    def unfinished(self) -> Path:
        """That folder while it is being made."""
        return self.folder / f"{self.name}{UNFINISHED}"


@dataclass(frozen=True, slots=True)
class Span:
    """When the readings of a file were taken, UTC in milliseconds; ``first`` > ``last``: there are none."""

    first_ms: int = 1
    last_ms: int = 0

    def overlaps(self, since_ms: int, until_ms: int) -> bool:
        """Whether there may be readings of [since, until)."""
        return self.first_ms <= self.last_ms and self.first_ms < until_ms and self.last_ms >= since_ms

    def wider(self, first_ms: int, last_ms: int) -> "Span":
        """With further readings."""
        if self.first_ms > self.last_ms:
            return Span(first_ms, last_ms)
        return Span(min(self.first_ms, first_ms), max(self.last_ms, last_ms))


def days_in(folder: Path) -> tuple[Day, ...]:
    """All days, oldest first; what else lies in the folder is left alone."""
    found: set[Day] = set()
    for path in folder.iterdir():
        stem = path.name.removesuffix(SUFFIX)
        match = _NAME.fullmatch(stem)
        if match is not None:
            try:
                date = dt.datetime.strptime(match[2], "%Y%m%d").replace(tzinfo=dt.UTC).date()
            except ValueError:
                continue
            found.add(Day(int(match[1]), date, folder))
    return tuple(sorted(found))


def next_day(days: Iterable[Day], folder: Path, date: dt.date) -> Day:
    """The day after all others."""
    return Day(max((day.number for day in days), default=0) + 1, date, folder)


def write_span(folder: Path, span: Span) -> None:
    """Keep a closed day's span beside its readings."""
    (folder / SPAN).write_text(json.dumps({"first_ms": span.first_ms, "last_ms": span.last_ms}) + "\n")


def read_span(folder: Path) -> Span:
    """The span of a closed day.

    Raises:
        ValueError: the file is missing or is not what it should be.
    """
    try:
        said = json.loads((folder / SPAN).read_bytes())
        return Span(int(said["first_ms"]), int(said["last_ms"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / SPAN}: {error}") from error


def finish(day: Day) -> None:
    """The unfinished folder becomes the day's, all of it on the disk first."""
    for path in day.unfinished.iterdir():
        sync(path)
    sync(day.unfinished)
    day.unfinished.rename(day.closed)
    sync(day.folder)


def forget_file(day: Day) -> None:
    """Remove the written form of a closed day."""
    for path in (day.file, day.file.with_name(f"{day.file.name}.wal")):
        path.unlink(missing_ok=True)
    sync(day.folder)


def remove(day: Day) -> None:
    """Remove a closed day: at once by name, then its files."""
    if day.closed.exists():
        day.closed.rename(day.unfinished)
    shutil.rmtree(day.unfinished, ignore_errors=True)


def sync(path: Path) -> None:
    """Have a file or folder on the disk; raises OSError."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def quoted(path: Path) -> str:
    """A path as SQL text, where no parameter may stand."""
    return "'" + str(path).replace("'", "''") + "'"
