"""Pieces that the queries are made of."""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, select, tuple_

from cardea.contract.records import AlertKind
from cloud.ledger import tables as t
from cloud.ledger.scope import Scope
from cloud.ledger.views import PAGE_MAX, Cursor, Page

T = TypeVar("T")

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SILENCE = t.alerts.alias("silence")


def given(*conditions: ColumnElement[bool] | None) -> list[ColumnElement[bool]]:
    """The conditions that are there."""
    return [condition for condition in conditions if condition is not None]


def same(column: ColumnElement[Any], value: object | None) -> ColumnElement[bool] | None:
    """Equality, or nothing where nothing is asked."""
    return None if value is None else column == value


def before(
    at: ColumnElement[Any], n: ColumnElement[Any], cursor: Cursor | None
) -> ColumnElement[bool] | None:
    """What stands behind ``cursor`` in a list that is sorted newest first."""
    if cursor is None:
        return None
    return tuple_(at, n) < (_EPOCH + dt.timedelta(microseconds=cursor.at_us), cursor.n)


def is_silent(gateway: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a ``gateway_silent`` alert of this gateway is open."""
    s = _SILENCE.c
    return exists().where(
        s.gateway == gateway, s.alert == AlertKind.GATEWAY_SILENT.value, s.cleared_at.is_(None)
    )


def is_visible(connection: Connection, scope: Scope, gateway: str) -> bool:
    """Whether the gateway lies in scope."""
    query = select(t.gateways.c.id).where(
        t.gateways.c.id == gateway, t.gateways.c.id.in_(scope.gateway_ids())
    )
    return connection.execute(query).first() is not None


def visible_gateways(connection: Connection, scope: Scope) -> frozenset[str]:
    """The gateways that lie in scope."""
    query = select(t.gateways.c.id).where(t.gateways.c.id.in_(scope.gateway_ids()))
    return frozenset(connection.execute(query).scalars())


def with_place(table: Any) -> Any:  # noqa: ANN401  # SQLAlchemy's FromClause of a known shape
    """``table`` with its gateway and, where it is declared or known, its portal."""
    return table.join(t.gateways, t.gateways.c.id == table.c.gateway).outerjoin(
        t.portals, and_(t.portals.c.gateway == table.c.gateway, t.portals.c.portal == table.c.portal)
    )


def page_of(
    connection: Connection,
    query: Select[Any],
    limit: int,
    read: Callable[[Row[Any]], T],
    place: Callable[[Row[Any]], tuple[dt.datetime, int]],
) -> Page[T]:
    """One page of ``query``; ``read`` makes an item of a row, ``place`` says where it stands in the list."""
    wanted = max(1, min(limit, PAGE_MAX))
    found = connection.execute(query.limit(wanted + 1)).all()
    items = tuple(read(row) for row in found[:wanted])
    if len(found) <= wanted:
        return Page(items)
    at, n = place(found[wanted - 1])
    return Page(items, str(Cursor((at - _EPOCH) // dt.timedelta(microseconds=1), n)))


def by_time(row: Row[Any]) -> tuple[dt.datetime, int]:
    """The place of a row in a list that is sorted by the gateway's clock."""
    return row.at, row.n


def maybe(kind: Callable[[str], T], value: str | None) -> T | None:
    """``kind`` of a value that may be absent."""
    return None if value is None else kind(value)
