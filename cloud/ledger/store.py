"""The ledger as the rest of the aggregator sees it: one writing thread, readers in worker threads."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from cardea.runtime.clock import Clock
from cloud.ingest.group import Group, Known
from cloud.ledger.dialect import READERS_MAX, reader_engine, writer_engine
from cloud.ledger.estate import declare
from cloud.ledger.failure import LedgerFailed, first_line
from cloud.ledger.migrations import migrate
from cloud.ledger.writer import Committed, Writer, load_known
from cloud.rules.findings import Finding
from cloud.settings import CloudSettings

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[Connection, P], T]


class Ledger:
    """An open ledger. After a failed write every further one fails: what a retry returns proves nothing."""

    def __init__(self, writing: Engine, reading: Engine) -> None:
        self._reading = reading
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ledger-writer")
        self._readers = ThreadPoolExecutor(READERS_MAX, thread_name_prefix="ledger-reader")
        self._writing = writing
        self._connection: Connection | None = None
        self._writer = Writer(writing)
        self._failure: str | None = None

    @classmethod
    async def open(cls, url: str, clock: Clock, *, password: str | None = None) -> "Ledger":
        """Open, or make, the ledger at an SQLAlchemy address and bring it to the current schema.

        Raises:
            UnknownStore: no such kind of store, or its driver is missing.
            LedgerTooNew: a newer Cardea wrote it.
            LedgerFailed: it cannot be opened.
        """
        ledger = cls(writer_engine(url, password), reader_engine(url, password))
        try:
            await ledger.write(migrate, clock.now())
        except BaseException:
            await ledger.close()
            raise
        return ledger

    async def declare(self, settings: CloudSettings) -> tuple[Known, dict[str, dt.datetime]]:
        """Bring in what the settings declare.

        Returns:
            What is stored of the declared gateways, and when each one's active epoch was last heard.
        """
        await self.write(declare, settings)
        return await self.read(load_known, tuple(settings.gateways))

    async def commit(self, group: Group, found: Sequence[Finding], received_at: dt.datetime) -> Committed:
        """Store a group with its stored ranges in one transaction; returns after the commit's fsync.

        A cancelled caller does not end the commit.

        Raises:
            LedgerFailed: nothing may be concluded; the process must end.
        """
        return await self._on_writer(self._commit, group, found, received_at)

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``work(connection, …)`` in one transaction of the writing thread; returns after its commit.

        Raises:
            IntegrityError: the work broke a constraint; it was rolled back.
            LedgerFailed: the store failed.
        """
        return await self._on_writer(self._transact, lambda connection: work(connection, *args, **kwargs))

    async def read(self, query: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``query(connection, …)`` on a reading connection in a worker thread.

        Raises:
            LedgerFailed: the store cannot be read.
        """

        def run() -> T:
            try:
                with self._reading.connect() as connection:
                    return query(connection, *args, **kwargs)
            except (SQLAlchemyError, sqlite3.Error, OSError) as error:
                raise LedgerFailed(first_line(error)) from error

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def close(self) -> None:
        """Close after everything asked before."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=False)
        self._readers.shutdown(wait=False)
        self._reading.dispose()

    async def _on_writer(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*args, **kwargs))
        return await asyncio.shield(running)

    # --- In the writing thread ----------------------------------------------------------------

    def _commit(self, group: Group, found: Sequence[Finding], received_at: dt.datetime) -> Committed:
        try:
            return self._writer.commit(self._open_connection(), group, found, received_at)
        except LedgerFailed as error:
            self._failure = str(error)
            raise

    def _transact(self, work: Callable[[Connection], T]) -> T:
        connection = self._open_connection()
        try:
            with connection.begin():
                return work(connection)
        except (IntegrityError, DataError):
            raise
        except (DBAPIError, sqlite3.Error, OSError) as error:
            self._failure = first_line(error)
            raise LedgerFailed(self._failure) from error

    def _open_connection(self) -> Connection:
        if self._failure is not None:
            raise LedgerFailed(f"an earlier write failed: {self._failure}")
        if self._connection is None:
            try:
                self._connection = self._writing.connect()
            except (SQLAlchemyError, sqlite3.Error, OSError) as error:
                self._failure = first_line(error)
                raise LedgerFailed(self._failure) from error
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._writing.dispose()
