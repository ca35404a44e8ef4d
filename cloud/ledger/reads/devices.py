"""The device matrix and the newest readings."""

from sqlalchemy import Connection, select

from cardea.contract.records import DeviceState
from cloud.ledger import tables as t
from cloud.ledger.reads.pieces import given, is_silent, same
from cloud.ledger.scope import Scope
from cloud.ledger.views import PAGE_MAX, DeviceEventRow, DeviceRow


def devices(connection: Connection, scope: Scope, site: str | None = None) -> tuple[DeviceRow, ...]:
    """The device matrix, by site, gateway and device."""
    d = t.devices
    query = (
        select(d, t.gateways.c.site, is_silent(d.c.gateway).label("gateway_silent"))
        .select_from(d.join(t.gateways, t.gateways.c.id == d.c.gateway))
        .where(*given(d.c.gateway.in_(scope.gateway_ids()), same(t.gateways.c.site, site)))
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


def device_events(
    connection: Connection, scope: Scope, gateway: str, device: str, limit: int = 50
) -> tuple[DeviceEventRow, ...]:
    """What became of one device, newest first."""
    e = t.device_events.c
    query = (
        select(e.at, e.state, e.reason, e.firmware, e.rejects)
        .where(e.gateway == gateway, e.device == device, e.gateway.in_(scope.gateway_ids()))
        .order_by(e.n.desc())
        .limit(min(limit, PAGE_MAX))
    )
    return tuple(
        DeviceEventRow(
            at=r.at, state=DeviceState(r.state), reason=r.reason, firmware=r.firmware, rejects=r.rejects
        )
        for r in connection.execute(query)
    )
