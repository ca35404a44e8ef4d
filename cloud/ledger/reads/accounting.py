"""What is stored, evicted and missing; epochs and orders."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, and_, func, select

from cardea.contract import ranges
from cardea.contract.batches import Lane
from cloud.ledger import tables as t
from cloud.ledger.reads.pieces import is_visible
from cloud.ledger.scope import Scope
from cloud.ledger.views import PAGE_MAX, EpochRow, LaneRow, OrderRow

_NOTHING: Mapping[str, ranges.Ranges] = MappingProxyType({})


def lanes(
    connection: Connection, scope: Scope, gateway: str, telemetry: Mapping[str, ranges.Ranges] = _NOTHING
) -> tuple[LaneRow, ...]:
    """What is stored, evicted, missing and quarantined of every lane of one gateway.

    ``telemetry``: what the series store holds of each epoch, which is no business of the ledger's.
    """
    if not is_visible(connection, scope, gateway):
        return ()
    s, g, q = t.stored_ranges.c, t.gaps.c, t.quarantine.c
    standing = {r.epoch: r.standing for r in _epoch_rows(connection, gateway)}
    stored: dict[tuple[str, str], list[ranges.Span]] = {}
    for row in connection.execute(select(s.lane, s.epoch, s.first, s.last).where(s.gateway == gateway)):
        stored.setdefault((row.lane, row.epoch), []).append((row.first, row.last))
    for epoch, held in telemetry.items():
        stored[Lane.TELEMETRY.value, epoch] = list(held)
    evicted: dict[tuple[str, str], list[ranges.Span]] = {}
    for row in connection.execute(select(g.lane, g.gap_epoch, g.first, g.last).where(g.gateway == gateway)):
        if row.first <= row.last:
            evicted.setdefault((row.lane, row.gap_epoch), []).append((row.first, row.last))
    poison = select(q.lane, q.epoch, func.count().label("counted")).where(q.gateway == gateway)
    quarantined = {(r.lane, r.epoch): r.counted for r in connection.execute(poison.group_by(q.lane, q.epoch))}
    return tuple(
        _lane(gateway, key, standing, stored[key], evicted.get(key, ()), quarantined.get(key, 0))
        for key in sorted(stored)
    )


def epochs(connection: Connection, scope: Scope, gateway: str) -> tuple[EpochRow, ...]:
    """The outboxes that have spoken as this gateway, oldest first."""
    return _epoch_rows(connection, gateway) if is_visible(connection, scope, gateway) else ()


def orders(connection: Connection, scope: Scope, gateway: str, limit: int = 50) -> tuple[OrderRow, ...]:
    """The newest orders to one gateway with their receipts."""
    o, r = t.orders, t.receipts
    query = (
        select(o, r.c.result, r.c.refusal, r.c.at.label("answered_at"))
        .select_from(o.outerjoin(r, and_(r.c.order_id == o.c.id, r.c.gateway == o.c.gateway)))
        .where(o.c.gateway == gateway, o.c.gateway.in_(scope.gateway_ids()))
        .order_by(o.c.issued_at.desc(), o.c.id)
        .limit(min(limit, PAGE_MAX))
    )
    return tuple(OrderRow(**row) for row in connection.execute(query).mappings())


def _epoch_rows(connection: Connection, gateway: str) -> tuple[EpochRow, ...]:
    query = select(t.epochs).where(t.epochs.c.gateway == gateway).order_by(t.epochs.c.number)
    return tuple(EpochRow(**row) for row in connection.execute(query).mappings())


def _lane(
    gateway: str,
    key: tuple[str, str],
    standing: dict[str, str],
    stored: Sequence[ranges.Span],
    evicted: Sequence[ranges.Span],
    quarantined: int,
) -> LaneRow:
    lane, epoch = key
    held = ranges.merge(stored)
    gone = ranges.subtract(ranges.merge(evicted), held)
    missing = ranges.subtract(((1, held[-1][1]),), ranges.merge(held, gone))
    return LaneRow(
        gateway=gateway,
        lane=lane,
        epoch=epoch,
        standing=standing.get(epoch, ""),
        stored=held,
        evicted=gone,
        missing=missing,
        quarantined=quarantined,
    )
