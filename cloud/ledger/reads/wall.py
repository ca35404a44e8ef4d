"""Every site at a glance: a fixed number of queries, however many sites there are."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, case, func, select

from cardea.contract.records import AlertKind, DeviceState, Outcome, Severity, Side
from cardea.contract.zones import ZoneState
from cloud.ledger import tables as t
from cloud.ledger.reads.pieces import is_silent
from cloud.ledger.scope import Scope
from cloud.ledger.views import OpenAlert, WallSite, WallZone

_WORST_FIRST = tuple(Severity)


def entries_after(connection: Connection, n: int, since: dt.datetime) -> tuple[int, dict[str, int]]:
    """The newest row's number, and how many granted entries of each gateway came after row ``n``: of all
    gateways, for :class:`cloud.entries_today.EntriesToday`, not for people.
    """
    d = t.decisions.c
    last = connection.execute(select(func.max(d.n))).scalar() or n
    query = (
        select(d.gateway, func.count().label("counted"))
        .where(
            d.n > n,
            d.n <= last,
            d.at >= since,
            d.side == Side.INGRESS.value,
            d.outcome == Outcome.GRANT.value,
        )
        .group_by(d.gateway)
    )
    return last, {r.gateway: r.counted for r in connection.execute(query)}


def wall(connection: Connection, scope: Scope, entries: Mapping[str, int]) -> tuple[WallSite, ...]:
    """The sites in scope by name; ``entries`` are those of today by gateway."""
    alerts, zones = _alerts(connection, scope), _zones(connection, scope)
    gateways = {r.site: r for r in connection.execute(_gateways(scope))}
    devices = {r.site: r for r in connection.execute(_devices(scope))}
    entered: Counter[str] = Counter()
    for r in connection.execute(select(t.gateways).where(t.gateways.c.id.in_(scope.gateway_ids()))):
        entered[r.site] += entries.get(r.id, 0)
    sites = select(t.sites).where(scope.covers_site()).order_by(t.sites.c.name, t.sites.c.id)
    return tuple(
        WallSite(
            site=r.id,
            name=r.name,
            kind=r.kind,
            gateways=gateways[r.id].counted if r.id in gateways else 0,
            gateways_silent=gateways[r.id].silent if r.id in gateways else 0,
            heard_at=gateways[r.id].heard_at if r.id in gateways else None,
            worst=min(alerts[r.id], key=_badness, default=None),
            alerts_open=sum(alert.count for alert in alerts[r.id]),
            entries=entered[r.id],
            devices=devices[r.id].counted if r.id in devices else 0,
            devices_online=devices[r.id].online if r.id in devices else 0,
            zones=tuple(zones[r.id]),
        )
        for r in connection.execute(sites)
    )


def _badness(alert: OpenAlert) -> tuple[int, int, str]:
    return _WORST_FIRST.index(alert.severity), -alert.count, alert.alert.value


def _gateways(scope: Scope) -> Any:  # noqa: ANN401  # SQLAlchemy's Select of these columns
    g, p = t.gateways.c, t.presence.c
    return (
        select(
            g.site,
            func.count().label("counted"),
            func.sum(case((is_silent(g.id), 1), else_=0)).label("silent"),
            func.min(p.heard_at).label("heard_at"),  # of several the one that has been quiet for longest
        )
        .select_from(t.gateways.outerjoin(t.presence, p.gateway == g.id))
        .where(g.id.in_(scope.gateway_ids()))
        .group_by(g.site)
    )


def _devices(scope: Scope) -> Any:  # noqa: ANN401  # as above
    d, g = t.devices.c, t.gateways.c
    lives = and_(d.state == DeviceState.ONLINE.value, ~is_silent(d.gateway))
    return (
        select(g.site, func.count().label("counted"), func.sum(case((lives, 1), else_=0)).label("online"))
        .select_from(t.devices.join(t.gateways, g.id == d.gateway))
        .where(d.gateway.in_(scope.gateway_ids()))
        .group_by(g.site)
    )


def _alerts(connection: Connection, scope: Scope) -> defaultdict[str, list[OpenAlert]]:
    a, g = t.alerts.c, t.gateways.c
    query = (
        select(g.site, a.severity, a.alert, func.count().label("counted"))
        .select_from(t.alerts.join(t.gateways, g.id == a.gateway))
        .where(a.gateway.in_(scope.gateway_ids()), a.cleared_at.is_(None))
        .group_by(g.site, a.severity, a.alert)
    )
    found: defaultdict[str, list[OpenAlert]] = defaultdict(list)
    for r in connection.execute(query):
        alert = OpenAlert(alert=AlertKind(r.alert), severity=Severity(r.severity), count=r.counted)
        found[r.site].append(alert)
    return found


def _zones(connection: Connection, scope: Scope) -> defaultdict[str, list[WallZone]]:
    z, g = t.zones.c, t.gateways.c
    query = (
        select(g.site, z.gateway, z.zone, z.title, z.state, is_silent(z.gateway).label("silent"))
        .select_from(t.zones.join(t.gateways, g.id == z.gateway))
        .where(z.gateway.in_(scope.gateway_ids()))
        .order_by(z.gateway, z.zone)
    )
    found: defaultdict[str, list[WallZone]] = defaultdict(list)
    for r in connection.execute(query):
        zone = WallZone(
            gateway=r.gateway, zone=r.zone, title=r.title, state=ZoneState(r.state), gateway_silent=r.silent
        )
        found[r.site].append(zone)
    return found
