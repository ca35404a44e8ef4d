"""Bringing a ledger to the schema of this version, and refusing one that is newer."""

from collections.abc import Callable

from sqlalchemy import Connection, func, inspect, select

from cardea.contract.time import Instant
from cloud.ledger.tables import METADATA, schema_version


class LedgerTooNew(Exception):
    """The ledger was written by a newer Cardea; one line saying so."""


def _create_all(connection: Connection) -> None:
    METADATA.create_all(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_all,)
"""Step ``n`` leads from schema version ``n`` to ``n + 1``; an empty store has version 0."""
SCHEMA = len(MIGRATIONS)


def migrate(connection: Connection, now: Instant) -> None:
    """Run the steps that are missing, in the caller's transaction.

    Raises:
        LedgerTooNew: the store's schema is newer than this program's.
    """
    found = version_of(connection)
    if found > SCHEMA:
        raise LedgerTooNew(
            f"the ledger has schema {found}, this Cardea knows {SCHEMA}: install the version that wrote it"
        )
    for number in range(found, SCHEMA):
        MIGRATIONS[number](connection)
        connection.execute(schema_version.insert().values(version=number + 1, at=now.utc))


def version_of(connection: Connection) -> int:
    """The schema version of a store; 0 when it is empty."""
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return connection.execute(select(func.max(schema_version.c.version))).scalar() or 0
