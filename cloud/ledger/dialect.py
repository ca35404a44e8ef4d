"""What differs between the stores: how to connect, and how to insert what may be there already."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, Insert, Table, create_engine, event, make_url, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
READERS_MAX = 8
_BUSY_S = 5.0


class UnknownStore(Exception):
    """No such kind of store, or its driver is not installed; one line saying what to do."""


def writer_engine(url: str, password: str | None = None) -> Engine:
    """An engine for the one writing connection: each commit is on the disk when it returns.

    Raises:
        UnknownStore: neither SQLite nor PostgreSQL, or the driver is missing.
    """
    engine = _engine(url, password, pool_size=1, max_overflow=0)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _for_the_owner_only)
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def reader_engine(url: str, password: str | None = None) -> Engine:
    """An engine for reading connections.

    Raises:
        UnknownStore: neither SQLite nor PostgreSQL, or the driver is missing.
    """
    engine = _engine(url, password, pool_size=READERS_MAX, max_overflow=0)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _read_only)
        event.listen(engine, "begin", _begin_deferred)
    return engine


def insert_new(dialect: str, table: Table, keys: Sequence[str]) -> Insert:
    """INSERT that leaves a row with the same ``keys`` as it is; any other conflict is an error."""
    return _INSERTS[dialect](table).on_conflict_do_nothing(index_elements=list(keys))


def insert_or_set(dialect: str, table: Table, newer: Sequence[str] = ()) -> Insert:
    """INSERT that overwrites the row with the same primary key; only if ``newer`` columns are greater, when
    given.
    """
    insert: Any = _INSERTS[dialect](table)
    keys = [column.name for column in table.primary_key]
    values = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys}
    return insert.on_conflict_do_update(
        index_elements=keys, set_=values, where=_greater(insert, table, newer) if newer else None
    )


def _greater(insert: Any, table: Table, newer: Sequence[str]) -> Any:  # noqa: ANN401  # both dialects' Insert
    said: list[Column[Any]] = [insert.excluded[name] for name in newer]
    return tuple_(*said) > tuple_(*[table.c[name] for name in newer])


def _engine(url: str, password: str | None, *, pool_size: int, max_overflow: int) -> Engine:
    address = make_url(url)
    if password is not None:
        address = address.set(password=password)
    if address.get_backend_name() not in _INSERTS:
        raise UnknownStore(f"{address.get_backend_name()} cannot hold a ledger: use sqlite or postgresql")
    options: dict[str, Any] = {}
    if address.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": _BUSY_S, "check_same_thread": False, "cached_statements": 256}
    try:
        return create_engine(address, pool_size=pool_size, max_overflow=max_overflow, **options)
    except ModuleNotFoundError as error:
        raise UnknownStore(f"the driver {error.name} of {address.drivername} is not installed") from error


def _for_the_owner_only(_dialect: object, _record: object, cargs: tuple[Any, ...], _kwargs: object) -> None:
    """SQLite gives its journals the mode of the file, so the file must have the right one first."""
    Path(cargs[0]).touch(mode=0o600)


def _durable(connection: DBAPIConnection, _record: object) -> None:
    """WAL with FULL: NORMAL loses acknowledged rows at a power cut (SAFETY.md, "Nothing lost")."""
    _pragmas(
        connection,
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
        "cache_size=-32768",
    )


def _read_only(connection: DBAPIConnection, _record: object) -> None:
    _pragmas(connection, "query_only=ON", "cache_size=-8192")


def _pragmas(connection: DBAPIConnection, *settings: str) -> None:
    assert isinstance(connection, sqlite3.Connection), "the dialect was asked before"
    connection.isolation_level = None  # transactions begin where we say so
    for setting in settings:
        connection.execute(f"PRAGMA {setting}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
