"""The alert list, one alert and its history."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from cardea.contract.records import AlertKind, Severity
from cloud.ledger import tables as t
from cloud.ledger.reads.pieces import before, given, is_silent, maybe, page_of, same, with_place
from cloud.ledger.scope import Scope
from cloud.ledger.views import PAGE_MAX, AlertEventRow, AlertQuery, AlertRow, AlertView, Page

INHIBITED_KINDS = (AlertKind.DEVICE_OFFLINE, AlertKind.DEVICE_REFUSED)
"""What is said of devices goes unheard while their gateway is silent."""


_VIEWS: dict[AlertView, ColumnElement[bool] | None] = {
    AlertView.ATTENTION: or_(t.alerts.c.cleared_at.is_(None), t.alerts.c.acknowledged_at.is_(None)),
    AlertView.OPEN: t.alerts.c.cleared_at.is_(None),
    AlertView.UNACKNOWLEDGED: t.alerts.c.acknowledged_at.is_(None),
    AlertView.ALL: None,
}


def alerts(connection: Connection, scope: Scope, query: AlertQuery) -> Page[AlertRow]:
    """The alert list, newest evidence first."""
    a = t.alerts
    conditions = (
        _VIEWS[query.view],
        same(t.gateways.c.site, query.site),
        same(a.c.gateway, query.gateway),
        same(a.c.device, query.device),
        same(a.c.alert, query.alert),
        same(a.c.severity, query.severity),
        before(a.c.last_at, a.c.id, query.before),
    )
    listed = _alert_select(scope).where(*given(*conditions)).order_by(a.c.last_at.desc(), a.c.id.desc())
    return page_of(connection, listed, query.limit, _alert, lambda r: (r.last_at, r.id))


def alert(connection: Connection, scope: Scope, alert_id: int) -> AlertRow | None:
    """One alert, or ``None``."""
    if not 0 < alert_id < 2**63:
        return None
    row = connection.execute(_alert_select(scope).where(t.alerts.c.id == alert_id)).one_or_none()
    return None if row is None else _alert(row)


def alert_events(connection: Connection, scope: Scope, alert_id: int) -> tuple[AlertEventRow, ...]:
    """What happened to one alert, oldest first; the newest :data:`PAGE_MAX` of it."""
    a, e = t.alerts, t.alert_events
    query = (
        select(e.c.change, e.c.at, e.c.who, e.c.note, e.c.severity)
        .select_from(e.join(a, and_(a.c.gateway == e.c.gateway, a.c.fingerprint == e.c.fingerprint)))
        .where(a.c.id == alert_id, a.c.gateway.in_(scope.gateway_ids()))
        .order_by(e.c.n.desc())
        .limit(PAGE_MAX)
    )
    rows = reversed(connection.execute(query).all())
    return tuple(
        AlertEventRow(change=r.change, at=r.at, who=r.who, note=r.note, severity=maybe(Severity, r.severity))
        for r in rows
    )


def open_silences(connection: Connection) -> tuple[str, ...]:
    """The gateways that are known to be silent, whoever's they are: for the watch itself, not for people."""
    a = t.alerts.c
    query = select(a.gateway).where(a.alert == AlertKind.GATEWAY_SILENT.value, a.cleared_at.is_(None))
    return tuple(connection.execute(query).scalars())


def _alert_select(scope: Scope) -> Select[Any]:
    a = t.alerts
    place = with_place(a).join(t.sites, t.sites.c.id == t.gateways.c.site)
    inhibited = and_(a.c.alert.in_([kind.value for kind in INHIBITED_KINDS]), is_silent(a.c.gateway))
    return (
        select(
            a,
            t.gateways.c.site,
            t.sites.c.name.label("site_name"),
            t.portals.c.name.label("portal_name"),
            inhibited.label("inhibited"),
        )
        .select_from(place)
        .where(a.c.gateway.in_(scope.gateway_ids()))
    )


def _alert(r: Row[Any]) -> AlertRow:
    return AlertRow(
        id=r.id,
        site=r.site,
        site_name=r.site_name,
        gateway=r.gateway,
        fingerprint=r.fingerprint,
        alert=AlertKind(r.alert),
        severity=Severity(r.severity),
        portal=r.portal,
        portal_name=r.portal_name or r.portal,
        device=r.device,
        decision=r.decision,
        detail=r.detail,
        raised_at=r.raised_at,
        last_at=r.last_at,
        count=r.times,
        cleared_at=r.cleared_at,
        cleared_evidence=r.cleared_evidence,
        acknowledged_at=r.acknowledged_at,
        acknowledged_by=r.acknowledged_by,
        inhibited=r.inhibited,
    )
