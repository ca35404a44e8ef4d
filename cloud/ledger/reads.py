"""Typed queries for API and console. Each runs on its own reading connection in a worker thread:
``await ledger.read(reads.entries, scope, EntryQuery(portal="lobby-a"))``.

Lists are sorted newest first by the gateways' clocks and paged by cursor. A row outside the scope is as if
it did not exist.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select, tuple_

from cardea.contract import ranges
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    AlertKind,
    Authority,
    CredentialKind,
    DeviceState,
    Mode,
    Outcome,
    ScreeningState,
    Severity,
    Side,
    Subject,
)
from cardea.contract.time import ClockQuality
from cloud.ledger import tables as t
from cloud.ledger.scope import Scope
from cloud.ledger.views import (
    PAGE_MAX,
    AlertEventRow,
    AlertQuery,
    AlertRow,
    AlertView,
    CountQuery,
    Cursor,
    DeviceRow,
    Entry,
    EntryQuery,
    EpochRow,
    GatewayRow,
    LaneRow,
    LatestRow,
    OrderRow,
    OrganisationRow,
    OutcomeCount,
    Page,
    Passage,
    PassageQuery,
    PortalRow,
    ReasonCount,
    SiteRow,
)

T = TypeVar("T")
Conditions = Sequence[ColumnElement[bool] | None]

INHIBITED_KINDS = (AlertKind.DEVICE_OFFLINE, AlertKind.DEVICE_REFUSED)
"""What is said of devices goes unheard while their gateway is silent."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SILENCE = t.alerts.alias("silence")


# --- Places -------------------------------------------------------------------------------------


def organisations(connection: Connection, scope: Scope) -> tuple[OrganisationRow, ...]:
    """The scope's own organisation and those of its sites."""
    owners = select(t.sites.c.organisation).where(scope.covers_site())
    query = (
        select(t.organisations)
        .where(or_(t.organisations.c.id == scope.organisation, t.organisations.c.id.in_(owners)))
        .order_by(t.organisations.c.name)
    )
    return tuple(OrganisationRow(id=r.id, name=r.name, kind=r.kind) for r in connection.execute(query))


def sites(connection: Connection, scope: Scope) -> tuple[SiteRow, ...]:
    """The sites in scope, by name."""
    gateways = select(func.count()).where(t.gateways.c.site == t.sites.c.id).scalar_subquery()
    silent = (
        select(func.count())
        .where(t.gateways.c.site == t.sites.c.id, _silent(t.gateways.c.id))
        .scalar_subquery()
    )
    alerts = (
        select(func.count())
        .select_from(t.alerts.join(t.gateways, t.alerts.c.gateway == t.gateways.c.id))
        .where(t.gateways.c.site == t.sites.c.id, t.alerts.c.cleared_at.is_(None))
        .scalar_subquery()
    )
    query = (
        select(
            t.sites, gateways.label("gateways"), silent.label("gateways_silent"), alerts.label("alerts_open")
        )
        .where(scope.covers_site())
        .order_by(t.sites.c.name, t.sites.c.id)
    )
    return tuple(SiteRow(**row) for row in connection.execute(query).mappings())


def gateways(connection: Connection, scope: Scope, site: str | None = None) -> tuple[GatewayRow, ...]:
    """The gateways in scope with their last presence."""
    p = t.presence.c
    query = (
        select(
            t.gateways,
            p.online,
            p.epoch,
            p.version,
            p.policy_version,
            p.pending,
            p.said_at,
            p.heard_at,
            _silent(t.gateways.c.id).label("silent"),
        )
        .select_from(t.gateways.outerjoin(t.presence, p.gateway == t.gateways.c.id))
        .where(*_given(t.gateways.c.id.in_(scope.gateway_ids()), _same(t.gateways.c.site, site)))
        .order_by(t.gateways.c.site, t.gateways.c.id)
    )
    return tuple(
        GatewayRow(
            id=r.id,
            name=r.name,
            site=r.site,
            online=r.online,
            silent=r.silent,
            epoch=r.epoch,
            version=r.version,
            policy_version=r.policy_version,
            pending=r.pending or {},
            said_at=r.said_at,
            heard_at=r.heard_at,
        )
        for r in connection.execute(query)
    )


def portals(connection: Connection, scope: Scope, site: str | None = None) -> tuple[PortalRow, ...]:
    """Every portal that is declared or has decided something."""
    p = t.portals.c
    query = (
        select(t.gateways.c.site, p.gateway, p.portal, p.name)
        .select_from(t.portals.join(t.gateways, t.gateways.c.id == p.gateway))
        .where(*_given(p.gateway.in_(scope.gateway_ids()), _same(t.gateways.c.site, site)))
        .order_by(t.gateways.c.site, p.gateway, p.portal)
    )
    return tuple(PortalRow(**row) for row in connection.execute(query).mappings())


# --- The entry feed -----------------------------------------------------------------------------


def entries(connection: Connection, scope: Scope, query: EntryQuery) -> Page[Entry]:
    """Decided approaches."""
    d = t.decisions
    conditions = (
        _same(t.gateways.c.site, query.site),
        _same(d.c.gateway, query.gateway),
        _same(d.c.portal, query.portal),
        _same(d.c.outcome, query.outcome),
        _same(d.c.reason, query.reason),
        _same(d.c.side, query.side),
        _same(d.c.subject_value, query.subject),
        None if query.since is None else d.c.at >= query.since,
        None if query.until is None else d.c.at < query.until,
        _before(d.c.at, d.c.n, query.before),
    )
    listed = _entry_select(scope).where(*_given(*conditions)).order_by(d.c.at.desc(), d.c.n.desc())
    return _page(connection, listed, query.limit, _entry, _by_time)


def entry(connection: Connection, scope: Scope, gateway: str, entry_id: str) -> Entry | None:
    """One decided approach, or ``None``."""
    query = _entry_select(scope).where(t.decisions.c.gateway == gateway, t.decisions.c.id == entry_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _entry(row)


def passages(connection: Connection, scope: Scope, query: PassageQuery) -> Page[Passage]:
    """Observed passages."""
    p = t.passages
    conditions = (
        _same(t.gateways.c.site, query.site),
        _same(p.c.gateway, query.gateway),
        _same(p.c.portal, query.portal),
        _same(p.c.side, query.side),
        _same(p.c.decision, query.decision),
        None if query.since is None else p.c.at >= query.since,
        None if query.until is None else p.c.at < query.until,
        _before(p.c.at, p.c.n, query.before),
    )
    listed = (
        select(p, t.gateways.c.site, t.portals.c.name.label("portal_name"))
        .select_from(_with_place(p))
        .where(*_given(p.c.gateway.in_(scope.gateway_ids()), *conditions))
        .order_by(p.c.at.desc(), p.c.n.desc())
    )
    return _page(connection, listed, query.limit, _passage, _by_time)


def outcome_counts(connection: Connection, scope: Scope, query: CountQuery) -> tuple[OutcomeCount, ...]:
    """Decisions per portal and outcome."""
    d = t.decisions
    columns = (t.gateways.c.site, d.c.gateway, d.c.portal, t.portals.c.name, d.c.outcome)
    counted = (
        select(*columns, func.count().label("counted"))
        .select_from(_with_place(d))
        .where(*_counted(scope, query))
        .group_by(*columns)
        .order_by(*columns[:3], d.c.outcome)
    )
    return tuple(
        OutcomeCount(
            site=r.site,
            gateway=r.gateway,
            portal=r.portal,
            portal_name=r.name or r.portal,
            outcome=Outcome(r.outcome),
            count=r.counted,
        )
        for r in connection.execute(counted)
    )


def reason_counts(connection: Connection, scope: Scope, query: CountQuery) -> tuple[ReasonCount, ...]:
    """Decisions per outcome and first reason, most frequent first."""
    d = t.decisions
    counted = (
        select(d.c.outcome, d.c.reason, func.count().label("counted"))
        .select_from(_with_place(d))
        .where(*_counted(scope, query), d.c.reason != "")
        .group_by(d.c.outcome, d.c.reason)
        .order_by(func.count().desc(), d.c.outcome, d.c.reason)
    )
    return tuple(
        ReasonCount(outcome=Outcome(r.outcome), reason=Reason(r.reason), count=r.counted)
        for r in connection.execute(counted)
    )


# --- Devices ------------------------------------------------------------------------------------


def devices(connection: Connection, scope: Scope, site: str | None = None) -> tuple[DeviceRow, ...]:
    """The device matrix, by site, gateway and device."""
    d = t.devices
    query = (
        select(d, t.gateways.c.site, _silent(d.c.gateway).label("gateway_silent"))
        .select_from(d.join(t.gateways, t.gateways.c.id == d.c.gateway))
        .where(*_given(d.c.gateway.in_(scope.gateway_ids()), _same(t.gateways.c.site, site)))
        .order_by(t.gateways.c.site, d.c.gateway, d.c.device)
    )
    return tuple(
        DeviceRow(
            site=r.site,
            gateway=r.gateway,
            gateway_silent=r.gateway_silent,
            device=r.device,
            driver=r.driver,
            state=DeviceState(r.state),
            reason=r.reason,
            portal=r.portal,
            firmware=r.firmware,
            clock_skew_s=r.clock_skew_s,
            rejects=r.rejects,
            at=r.at,
        )
        for r in connection.execute(query)
    )


def latest(connection: Connection, scope: Scope, gateway: str | None = None) -> tuple[LatestRow, ...]:
    """The newest reading of every series."""
    c = t.latest.c
    query = (
        select(c.gateway, c.series, c.at, c.value)
        .where(*_given(c.gateway.in_(scope.gateway_ids()), _same(c.gateway, gateway)))
        .order_by(c.gateway, c.series)
    )
    return tuple(LatestRow(**row) for row in connection.execute(query).mappings())


# --- Alerts -------------------------------------------------------------------------------------


def alerts(connection: Connection, scope: Scope, query: AlertQuery) -> Page[AlertRow]:
    """The alert list, newest evidence first."""
    a = t.alerts
    conditions = (
        _VIEWS[query.view],
        _same(t.gateways.c.site, query.site),
        _same(a.c.gateway, query.gateway),
        _same(a.c.alert, query.alert),
        _same(a.c.severity, query.severity),
        _before(a.c.last_at, a.c.id, query.before),
    )
    listed = _alert_select(scope).where(*_given(*conditions)).order_by(a.c.last_at.desc(), a.c.id.desc())
    return _page(connection, listed, query.limit, _alert, lambda r: (r.last_at, r.id))


def alert(connection: Connection, scope: Scope, alert_id: int) -> AlertRow | None:
    """One alert, or ``None``."""
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
        AlertEventRow(change=r.change, at=r.at, who=r.who, note=r.note, severity=_maybe(Severity, r.severity))
        for r in rows
    )


def open_silences(connection: Connection) -> tuple[str, ...]:
    """The gateways that are known to be silent, whoever's they are: for the watch itself, not for people."""
    a = t.alerts.c
    query = select(a.gateway).where(a.alert == AlertKind.GATEWAY_SILENT.value, a.cleared_at.is_(None))
    return tuple(connection.execute(query).scalars())


# --- Accounting ---------------------------------------------------------------------------------


def lanes(connection: Connection, scope: Scope, gateway: str) -> tuple[LaneRow, ...]:
    """What is stored, evicted, missing and quarantined of every lane of one gateway."""
    if not _visible(connection, scope, gateway):
        return ()
    s, g, q = t.stored_ranges.c, t.gaps.c, t.quarantine.c
    standing = {r.epoch: r.standing for r in _epoch_rows(connection, gateway)}
    stored: dict[tuple[str, str], list[ranges.Span]] = {}
    for row in connection.execute(select(s.lane, s.epoch, s.first, s.last).where(s.gateway == gateway)):
        stored.setdefault((row.lane, row.epoch), []).append((row.first, row.last))
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
    return _epoch_rows(connection, gateway) if _visible(connection, scope, gateway) else ()


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


# --- Pieces of queries --------------------------------------------------------------------------


def _given(*conditions: ColumnElement[bool] | None) -> list[ColumnElement[bool]]:
    return [condition for condition in conditions if condition is not None]


def _same(column: ColumnElement[Any], value: object | None) -> ColumnElement[bool] | None:
    return None if value is None else column == value


def _before(
    at: ColumnElement[Any], n: ColumnElement[Any], cursor: Cursor | None
) -> ColumnElement[bool] | None:
    if cursor is None:
        return None
    return tuple_(at, n) < (_EPOCH + dt.timedelta(microseconds=cursor.at_us), cursor.n)


def _silent(gateway: ColumnElement[Any]) -> ColumnElement[bool]:
    s = _SILENCE.c
    return exists().where(
        s.gateway == gateway, s.alert == AlertKind.GATEWAY_SILENT.value, s.cleared_at.is_(None)
    )


def _visible(connection: Connection, scope: Scope, gateway: str) -> bool:
    query = select(t.gateways.c.id).where(
        t.gateways.c.id == gateway, t.gateways.c.id.in_(scope.gateway_ids())
    )
    return connection.execute(query).first() is not None


def _with_place(table: Any) -> Any:  # noqa: ANN401  # SQLAlchemy's FromClause of a known shape
    return table.join(t.gateways, t.gateways.c.id == table.c.gateway).outerjoin(
        t.portals, and_(t.portals.c.gateway == table.c.gateway, t.portals.c.portal == table.c.portal)
    )


def _counted(scope: Scope, query: CountQuery) -> list[ColumnElement[bool]]:
    d = t.decisions.c
    return _given(
        d.gateway.in_(scope.gateway_ids()),
        _same(t.gateways.c.site, query.site),
        _same(d.side, query.side),
        None if query.since is None else d.at >= query.since,
        None if query.until is None else d.at < query.until,
    )


def _page(
    connection: Connection,
    query: Select[Any],
    limit: int,
    read: Callable[[Row[Any]], T],
    place: Callable[[Row[Any]], tuple[dt.datetime, int]],
) -> Page[T]:
    wanted = max(1, min(limit, PAGE_MAX))
    found = connection.execute(query.limit(wanted + 1)).all()
    items = tuple(read(row) for row in found[:wanted])
    if len(found) <= wanted:
        return Page(items)
    at, n = place(found[wanted - 1])
    return Page(items, str(Cursor((at - _EPOCH) // dt.timedelta(microseconds=1), n)))


def _by_time(row: Row[Any]) -> tuple[dt.datetime, int]:
    return row.at, row.n


def _entry_select(scope: Scope) -> Select[Any]:
    d, p = t.decisions, t.passages
    passed = select(func.min(p.c.at)).where(p.c.gateway == d.c.gateway, p.c.decision == d.c.id)
    place = _with_place(d).join(t.sites, t.sites.c.id == t.gateways.c.site)
    return (
        select(
            d,
            t.gateways.c.site,
            t.sites.c.name.label("site_name"),
            t.portals.c.name.label("portal_name"),
            passed.scalar_subquery().label("passed_at"),
        )
        .select_from(place)
        .where(d.c.gateway.in_(scope.gateway_ids()))
    )


def _entry(r: Row[Any]) -> Entry:
    return Entry(
        id=r.id,
        site=r.site,
        site_name=r.site_name,
        gateway=r.gateway,
        portal=r.portal,
        portal_name=r.portal_name or r.portal,
        at=r.at,
        clock=ClockQuality(r.clock),
        received_at=r.received_at,
        side=Side(r.side),
        outcome=Outcome(r.outcome),
        reasons=tuple(Reason(reason) for reason in r.reasons),
        policy_version=r.policy_version,
        mode=Mode(r.mode),
        authority=Authority(r.authority),
        device=r.device,
        subject=_subject(r),
        credential=_maybe(CredentialKind, r.credential),
        screening=ScreeningState(r.screening),
        surface_temp_c=r.surface_temp_c,
        input_age_s=r.input_age_s,
        effects=tuple(r.effects),
        passed_at=r.passed_at,
    )


def _subject(r: Row[Any]) -> Subject | None:
    if r.subject_value is None:
        return None
    return Subject(r.subject_domain, r.subject_key_id, r.subject_value)


def _maybe(kind: Callable[[str], T], value: str | None) -> T | None:
    return None if value is None else kind(value)


def _passage(r: Row[Any]) -> Passage:
    return Passage(
        id=r.id,
        site=r.site,
        gateway=r.gateway,
        portal=r.portal,
        portal_name=r.portal_name or r.portal,
        at=r.at,
        clock=ClockQuality(r.clock),
        received_at=r.received_at,
        side=Side(r.side),
        device=r.device,
        decision=r.decision,
        backfilled=r.backfilled,
    )


_VIEWS: dict[AlertView, ColumnElement[bool] | None] = {
    AlertView.ATTENTION: or_(t.alerts.c.cleared_at.is_(None), t.alerts.c.acknowledged_at.is_(None)),
    AlertView.OPEN: t.alerts.c.cleared_at.is_(None),
    AlertView.UNACKNOWLEDGED: t.alerts.c.acknowledged_at.is_(None),
    AlertView.ALL: None,
}


def _alert_select(scope: Scope) -> Select[Any]:
    a = t.alerts
    place = _with_place(a).join(t.sites, t.sites.c.id == t.gateways.c.site)
    inhibited = and_(a.c.alert.in_([kind.value for kind in INHIBITED_KINDS]), _silent(a.c.gateway))
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
