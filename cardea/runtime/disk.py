"""SQLite files, each with the one thread that touches it. Handed in, so that a simulation can make it fail.

WAL with ``synchronous=FULL``: a commit that returned is on the disk (SAFETY.md, "Nothing lost").
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=16777216")

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

    async def empty_log(self) -> bool:
        """Leave nothing in the write-ahead log, where what was overwritten or deleted would stay readable.

        False while another process still reads what stands there; later writes then reuse it.

        Raises:
            StoreFull, StoreFailed: as for :meth:`run`.
        """
        ...

    async def close(self) -> None:
        """Close the file after everything asked before."""
        ...


class Reserve(Protocol):
    """Room on the disk that is set aside while there is plenty, and released when there is none."""

    @property
    def held(self) -> bool:
        """Whether the room is set aside."""
        ...

    def hold(self) -> None:
        """Set it aside, blocking; raises StoreFull unless the disk has at least as much again."""
        ...

    def release(self) -> None:
        """Give it back to the disk, blocking."""
        ...


class Disk(Protocol):
    """A directory in which databases live."""

    def open(self, name: str, schema: str) -> Database:
        """Open or make ``name``.sqlite; ``schema`` is run each time and must be idempotent.

        Raises:
            StoreFailed: the file cannot be used.
        """
        ...

    def reserve(self, name: str, size: int) -> Reserve:
        """The reserve called ``name``, of ``size`` bytes; held if the process before left it so."""
        ...


class SystemDisk:
    """Databases in a real directory, made with mode 0700 if it is not there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def open(self, name: str, schema: str) -> Database:
        """Open or make the file."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFailed(f"{self._directory}: {error.strerror}") from error
        return SqliteDatabase(self._directory / f"{name}.sqlite", schema)

    def reserve(self, name: str, size: int) -> Reserve:
        """A file of ``size`` bytes beside the databases."""
        return FileReserve(self._directory / f"{name}.reserve", size)


class FileReserve:
    """A file that only takes up room."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    @property
    def held(self) -> bool:
        """Whether the file is there and whole."""
        try:
            return self._path.stat().st_size >= self._size
        except OSError:
            return False

    def hold(self) -> None:
        """Have the file system allocate the file's blocks."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if shutil.disk_usage(self._path.parent).free < 2 * self._size:
                raise StoreFull(f"{self._path}: less than {2 * self._size} bytes free")
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            self.release()
            raise StoreFull(f"{self._path}: {error.strerror}") from error

    def release(self) -> None:
        """Delete the file."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


class SqliteDatabase:
    """A file, its connection and its thread."""

    def __init__(self, path: Path, schema: str) -> None:
        """Open or make ``path``; raises StoreFailed when it cannot be used."""
        try:
            self._connection = _connect(path, schema)
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreFailed(f"{path}: {error}") from error
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=path.stem)

    async def run(self, work: Work[T]) -> T:
        """One transaction on the file's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)

    async def empty_log(self) -> bool:
        """Into the file with it, and the log cut to nothing; waits for readers as long as for a lock."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._empty_log)

    async def close(self) -> None:
        """Close on the same thread, after all earlier work."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._connection.close)
        self._executor.shutdown(wait=False)

    def _empty_log(self) -> bool:
        try:
            busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.DatabaseError as error:
            raise _failure(error) from error
        return not busy

    def _transact(self, work: Work[T]) -> T:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            _roll_back(connection)
            raise _failure(error) from error
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
    try:
        path.chmod(0o600)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _failure(error: sqlite3.DatabaseError) -> StoreFull | StoreFailed:
    code = getattr(error, "sqlite_errorcode", None)  # there is none when sqlite3 itself raises
    return StoreFull(str(error)) if code == sqlite3.SQLITE_FULL else StoreFailed(str(error))


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise StoreFailed(str(error)) from error
