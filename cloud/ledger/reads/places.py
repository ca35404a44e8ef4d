"""Organisations, sites, gateways and portals in scope."""

from sqlalchemy import Connection, func, or_, select

from cloud.ledger import tables as t
from cloud.ledger.reads.pieces import given, is_silent, same
from cloud.ledger.scope import Scope
from cloud.ledger.views import GatewayRow, OrganisationRow, PortalRow, SiteRow


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
        .where(t.gateways.c.site == t.sites.c.id, is_silent(t.gateways.c.id))
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
            is_silent(t.gateways.c.id).label("silent"),
        )
        .select_from(t.gateways.outerjoin(t.presence, p.gateway == t.gateways.c.id))
        .where(*given(t.gateways.c.id.in_(scope.gateway_ids()), same(t.gateways.c.site, site)))
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
        .where(*given(p.gateway.in_(scope.gateway_ids()), same(t.gateways.c.site, site)))
        .order_by(t.gateways.c.site, p.gateway, p.portal)
    )
    return tuple(PortalRow(**row) for row in connection.execute(query).mappings())
