"""The entry feed, observed passages, and counts of both."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from cardea.contract.reasons import Reason
from cardea.contract.records import Authority, CredentialKind, Mode, Outcome, ScreeningState, Side, Subject
from cardea.contract.screening import NotScreened, ScreeningTerms
from cardea.contract.time import ClockQuality
from cloud.ledger import tables as t
from cloud.ledger.reads.pieces import before, by_time, given, maybe, page_of, same, with_place
from cloud.ledger.scope import Scope
from cloud.ledger.views import (
    CountQuery,
    Entry,
    EntryQuery,
    OutcomeCount,
    Page,
    Passage,
    PassageQuery,
    ReasonCount,
)


def entries(connection: Connection, scope: Scope, query: EntryQuery) -> Page[Entry]:
    """Decided approaches."""
    d = t.decisions
    conditions = (
        same(t.gateways.c.site, query.site),
        same(d.c.gateway, query.gateway),
        same(d.c.portal, query.portal),
        same(d.c.outcome, query.outcome),
        same(d.c.reason, query.reason),
        same(d.c.side, query.side),
        same(d.c.subject_value, query.subject),
        None if query.since is None else d.c.at >= query.since,
        None if query.until is None else d.c.at < query.until,
        before(d.c.at, d.c.n, query.before),
    )
    listed = _entry_select(scope).where(*given(*conditions)).order_by(d.c.at.desc(), d.c.n.desc())
    return page_of(connection, listed, query.limit, _entry, by_time)


def entry(connection: Connection, scope: Scope, gateway: str, entry_id: str) -> Entry | None:
    """One decided approach, or ``None``."""
    query = _entry_select(scope).where(t.decisions.c.gateway == gateway, t.decisions.c.id == entry_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _entry(row)


def passages(connection: Connection, scope: Scope, query: PassageQuery) -> Page[Passage]:
    """Observed passages."""
    p = t.passages
    conditions = (
        same(t.gateways.c.site, query.site),
        same(p.c.gateway, query.gateway),
        same(p.c.portal, query.portal),
        same(p.c.side, query.side),
        same(p.c.decision, query.decision),
        None if query.since is None else p.c.at >= query.since,
        None if query.until is None else p.c.at < query.until,
        before(p.c.at, p.c.n, query.before),
    )
    listed = (
        select(p, t.gateways.c.site, t.portals.c.name.label("portal_name"))
        .select_from(with_place(p))
        .where(*given(p.c.gateway.in_(scope.gateway_ids()), *conditions))
        .order_by(p.c.at.desc(), p.c.n.desc())
    )
    return page_of(connection, listed, query.limit, _passage, by_time)


def outcome_counts(connection: Connection, scope: Scope, query: CountQuery) -> tuple[OutcomeCount, ...]:
    """Decisions per portal and outcome."""
    d = t.decisions
    columns = (t.gateways.c.site, d.c.gateway, d.c.portal, t.portals.c.name, d.c.outcome)
    counted = (
        select(*columns, func.count().label("counted"))
        .select_from(with_place(d))
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
        .select_from(with_place(d))
        .where(*_counted(scope, query), d.c.reason != "")
        .group_by(d.c.outcome, d.c.reason)
        .order_by(func.count().desc(), d.c.outcome, d.c.reason)
    )
    return tuple(
        ReasonCount(outcome=Outcome(r.outcome), reason=Reason(r.reason), count=r.counted)
        for r in connection.execute(counted)
    )


def _counted(scope: Scope, query: CountQuery) -> list[ColumnElement[bool]]:
    d = t.decisions.c
    return given(
        d.gateway.in_(scope.gateway_ids()),
        same(t.gateways.c.site, query.site),
        same(d.side, query.side),
        None if query.since is None else d.at >= query.since,
        None if query.until is None else d.at < query.until,
    )


def _entry_select(scope: Scope) -> Select[Any]:
    d, p = t.decisions, t.passages
    passed = select(func.min(p.c.at)).where(p.c.gateway == d.c.gateway, p.c.decision == d.c.id)
    place = with_place(d).join(t.sites, t.sites.c.id == t.gateways.c.site)
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
        credential=maybe(CredentialKind, r.credential),
        screening=ScreeningState(r.screening),
        surface_temp_c=r.surface_temp_c,
        input_age_s=r.input_age_s,
        effects=tuple(r.effects),
        passed_at=r.passed_at,
        screening_terms=None
        if r.screening_terms is None
        else msgspec.convert(r.screening_terms, ScreeningTerms),
        not_screened=maybe(NotScreened, r.not_screened),
    )


def _subject(r: Row[Any]) -> Subject | None:
    if r.subject_value is None:
        return None
    return Subject(r.subject_domain, r.subject_key_id, r.subject_value)


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
