"""Bringing a ledger to the schema of this version, and refusing one that is newer."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, func, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from cardea.contract.time import Instant
from cloud.ledger.dialect import reader_engine
from cloud.ledger.failure import LedgerFailed, first_line
from cloud.ledger.tables import METADATA, decisions, schema_version, zone_events, zones


class LedgerTooNew(Exception):
    """The ledger was written by a newer Cardea; one line saying so."""


def inspect_ledger(url: str, password: str | None = None) -> int:
    """The schema version of the ledger at ``url``, without changing it; 0 when there is none yet. Blocks.

    Raises:
        UnknownStore: no such kind of store, or its driver is missing.
        LedgerTooNew: a newer Cardea wrote it.
        LedgerFailed: it cannot be read.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        return 0
    engine = reader_engine(url, password)
    try:
        with engine.connect() as connection:
            return _known_version(connection)
    except SQLAlchemyError as error:
        raise LedgerFailed(f"{address.render_as_string()}: {first_line(error)}") from error
    finally:
        engine.dispose()


def _create_all(connection: Connection) -> None:
    METADATA.create_all(connection)


def _add_zones(connection: Connection) -> None:
    METADATA.create_all(connection, tables=[zone_events, zones])


def _drop_latest(connection: Connection) -> None:
    """The newest readings live in the series store."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS latest")


def _add_screening_terms(connection: Connection) -> None:
    """Decisions say what their temperature is made of. A store that was made new just now has the columns."""
    there = {column["name"] for column in inspect(connection).get_columns(decisions.name)}
    for column in (decisions.c.screening_terms, decisions.c.not_screened):
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {decisions.name} ADD COLUMN {column.name} {kind}")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _create_all,
    _add_zones,
    _drop_latest,
    _add_screening_terms,
)
"""Step ``n`` leads from schema version ``n`` to ``n + 1``; an empty store has version 0."""
SCHEMA = len(MIGRATIONS)


def migrate(connection: Connection, now: Instant) -> None:
    """Run the steps that are missing, in the caller's transaction.

    Raises:
        LedgerTooNew: the store's schema is newer than this program's.
    """
    found = _known_version(connection)
    for number in range(found, SCHEMA):
        MIGRATIONS[number](connection)
        connection.execute(schema_version.insert().values(version=number + 1, at=now.utc))


def _known_version(connection: Connection) -> int:
    found = version_of(connection)
    if found > SCHEMA:
        raise LedgerTooNew(
            f"the ledger has schema {found}, this Cardea knows {SCHEMA}: install the version that wrote it"
        )
    return found


def version_of(connection: Connection) -> int:
    """The schema version of a store; 0 when it is empty."""
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return connection.execute(select(func.max(schema_version.c.version))).scalar() or 0
