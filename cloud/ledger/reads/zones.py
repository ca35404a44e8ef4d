"""Disinfection zones as they stand, and what became of one over time."""

import datetime as dt
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, func, select

from cardea.contract.orders import OrderResult
from cardea.contract.reasons import RefusalReason
from cardea.contract.time import ClockQuality
from cardea.contract.zones import Cycle, Hazard, Permissive, Standing, StopReason, ZoneState
from cloud.ledger import tables as t
from cloud.ledger.reads.pieces import before, by_time, given, is_silent, maybe, page_of, same
from cloud.ledger.scope import Scope
from cloud.ledger.views import Cursor, CycleOrderRow, CycleRow, Page, ZoneEventRow, ZoneRow

_CYCLE_ORDERS = frozenset({"start_cycle", "stop_cycle"})


def zones(
    connection: Connection, scope: Scope, site: str | None = None, gateway: str | None = None
) -> tuple[ZoneRow, ...]:
    """Every zone as its gateway last described it, by site, gateway and zone."""
    z, e = t.zones, t.zone_events
    begun = select(func.min(e.c.at)).where(
        e.c.gateway == z.c.gateway, e.c.cycle == z.c.cycle, e.c.zone == z.c.zone
    )
    query = (
        select(
            z,
            t.gateways.c.site,
            t.sites.c.name.label("site_name"),
            is_silent(z.c.gateway).label("gateway_silent"),
            begun.scalar_subquery().label("cycle_since"),
        )
        .select_from(
            z.join(t.gateways, t.gateways.c.id == z.c.gateway).join(
                t.sites, t.sites.c.id == t.gateways.c.site
            )
        )
        .where(
            *given(
                z.c.gateway.in_(scope.gateway_ids()),
                same(t.gateways.c.site, site),
                same(z.c.gateway, gateway),
            )
        )
        .order_by(t.gateways.c.site, z.c.gateway, z.c.zone)
    )
    return tuple(_zone(row) for row in connection.execute(query))


def zone_history(
    connection: Connection,
    scope: Scope,
    gateway: str,
    zone: str,
    cursor: Cursor | None = None,
    limit: int = 50,
) -> Page[ZoneEventRow]:
    """What a gateway said of one zone, newest first."""
    e = t.zone_events
    query = (
        select(e)
        .where(
            *given(
                e.c.gateway == gateway,
                e.c.zone == zone,
                e.c.gateway.in_(scope.gateway_ids()),
                before(e.c.at, e.c.n, cursor),
            )
        )
        .order_by(e.c.at.desc(), e.c.n.desc())
    )
    return page_of(connection, query, limit, _event, by_time)


def cycle_orders(
    connection: Connection, scope: Scope, since: dt.datetime
) -> dict[tuple[str, str], CycleOrderRow]:
    """The newest start or stop of each zone that was ordered after ``since``, by gateway and zone."""
    o, r = t.orders, t.receipts
    query = (
        select(o, r.c.result, r.c.refusal)
        .select_from(o.outerjoin(r, and_(r.c.order_id == o.c.id, r.c.gateway == o.c.gateway)))
        .where(o.c.gateway.in_(scope.gateway_ids()), o.c.issued_at >= since)
        .order_by(o.c.issued_at)
    )
    rows = (_cycle_order(row) for row in connection.execute(query) if row.action["do"] in _CYCLE_ORDERS)
    return {(row.gateway, row.zone): row for row in rows}


def _cycle_order(r: Row[Any]) -> CycleOrderRow:
    return CycleOrderRow(
        id=r.id,
        gateway=r.gateway,
        zone=r.action["zone"],
        do=r.action["do"],
        issued_at=r.issued_at,
        deadline_at=r.deadline_at,
        by=r.by,
        result=maybe(OrderResult, r.result),
        refusal=maybe(RefusalReason, r.refusal),
    )


def _zone(r: Row[Any]) -> ZoneRow:
    return ZoneRow(
        site=r.site,
        site_name=r.site_name,
        gateway=r.gateway,
        gateway_silent=r.gateway_silent,
        zone=r.zone,
        title=r.title,
        state=ZoneState(r.state),
        hazard=Hazard(r.hazard),
        monitor_only=r.monitor_only,
        two_people=r.two_people,
        since=r.since,
        unit=r.unit,
        permissives=_permissives(r.permissives),
        portals=tuple(r.portals),
        cycle=r.cycle,
        cycle_since=r.cycle_since,
        stopped=maybe(StopReason, r.stopped),
        last=_cycle(r.last),
        at=r.at,
    )


def _event(r: Row[Any]) -> ZoneEventRow:
    return ZoneEventRow(
        id=r.id,
        at=r.at,
        clock=ClockQuality(r.clock),
        received_at=r.received_at,
        state=ZoneState(r.state),
        monitor_only=r.monitor_only,
        since=r.since,
        permissives=_permissives(r.permissives),
        cycle=r.cycle,
        stopped=maybe(StopReason, r.stopped),
        last=_cycle(r.last),
    )


def _permissives(kept: dict[str, str]) -> dict[Permissive, Standing]:
    return {Permissive(name): Standing(standing) for name, standing in kept.items()}


def _cycle(kept: dict[str, object] | None) -> CycleRow | None:
    if kept is None:
        return None
    cycle = msgspec.convert(kept, Cycle)
    return CycleRow(
        id=cycle.id,
        started_at=cycle.started.utc.astimezone(dt.UTC),
        ended_at=cycle.ended.utc.astimezone(dt.UTC),
        outcome=cycle.outcome,
        stopped=cycle.stopped,
        emitted_s=cycle.emitted_s,
        dose_mj_cm2_min=cycle.dose_mj_cm2_min,
    )
