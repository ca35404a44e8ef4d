"""SQLite files, each with the one thread that touches it. Handed in, so that a simulation can make it fail.

WAL with ``synchronous=FULL``: a commit that returned is on the disk (SAFETY.md, "Nothing lost").
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class StoreFailed(Exception):
    """The disk failed under a write. The process must end: what a retry returns proves nothing (R1)."""


class StoreFull(Exception):
    """No room for the write. Nothing was written; what exists is intact."""


class Database(Protocol):
    """One open SQLite file."""

    async def run(self, work: Work[T]) -> T:
        """Do ``work`` in one transaction on the file's own thread; returns after the commit's fsync.

        Raises:
            StoreFull: no room; the transaction was rolled back.
            StoreFailed: an I/O error; nothing may be concluded about the file.
        """
        ...

    async def close(self) -> None:
        """Close the file after everything asked before."""
        ...


class Disk(Protocol):
    """A directory in which databases live."""

    def open(self, name: str, schema: str) -> Database:
        """Open or make ``name``.sqlite; ``schema`` is run each time and must be idempotent."""
        ...


class SystemDisk:
    """Databases in a real directory, made with mode 0700 if it is not there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def open(self, name: str, schema: str) -> Database:
        """Open or make the file."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SqliteDatabase(self._directory / f"{name}.sqlite", schema)


class SqliteDatabase:
    """A file, its connection and its thread."""

    def __init__(self, path: Path, schema: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=path.stem)
        try:
            self._connection = _connect(path, schema)
        except sqlite3.DatabaseError as error:
            raise StoreFailed(f"{path}: {error}") from error

    async def run(self, work: Work[T]) -> T:
        """One transaction on the file's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)

    async def close(self) -> None:
        """Close on the same thread, after all earlier work."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._connection.close)
        self._executor.shutdown(wait=False)

    def _transact(self, work: Work[T]) -> T:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            _roll_back(connection)
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StoreFull(str(error)) from error
            raise StoreFailed(str(error)) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
                _roll_back(connection)
                raise
            raise StoreFailed(str(error)) from error
        except BaseException:
            _roll_back(connection)
            raise
        return result


def _connect(path: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    path.chmod(0o600)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_size_limit=16777216")
    connection.executescript(schema)
    return connection


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
