"""Organisations, sites, gateways, portals."""

from fastapi import APIRouter, HTTPException

from cloud.api.dependencies import Caller, FromAggregator, FromLedger
from cloud.ledger import reads
from cloud.ledger.views import EpochRow, GatewayRow, LaneRow, OrganisationRow, PortalRow, SiteRow

router = APIRouter(tags=["places"])


@router.get("/organisations")
async def organisations(account: Caller, ledger: FromLedger) -> tuple[OrganisationRow, ...]:
    """Your organisation, and those whose sites you may see."""
    return await ledger.read(reads.organisations, account.scope)


@router.get("/sites")
async def sites(account: Caller, ledger: FromLedger) -> tuple[SiteRow, ...]:
    """Sites with their gateways and open alerts."""
    return await ledger.read(reads.sites, account.scope)


@router.get("/gateways")
async def gateways(account: Caller, ledger: FromLedger, site: str | None = None) -> tuple[GatewayRow, ...]:
    """Gateways with their last presence."""
    return await ledger.read(reads.gateways, account.scope, site)


@router.get("/gateways/{gateway}/lanes")
async def lanes(
    account: Caller, ledger: FromLedger, aggregator: FromAggregator, gateway: str
) -> tuple[LaneRow, ...]:
    """What is stored, evicted, missing and quarantined of every lane of one gateway."""
    await must_be_visible(account, ledger, gateway)
    return await ledger.read(reads.lanes, account.scope, gateway, aggregator.telemetry.stored(gateway))


@router.get("/gateways/{gateway}/epochs")
async def epochs(account: Caller, ledger: FromLedger, gateway: str) -> tuple[EpochRow, ...]:
    """The outboxes that have spoken under this gateway's name."""
    await must_be_visible(account, ledger, gateway)
    return await ledger.read(reads.epochs, account.scope, gateway)


@router.get("/portals")
async def portals(account: Caller, ledger: FromLedger, site: str | None = None) -> tuple[PortalRow, ...]:
    """Portals that are declared or have been heard of."""
    return await ledger.read(reads.portals, account.scope, site)


async def must_be_visible(account: Caller, ledger: FromLedger, gateway: str) -> None:
    """Somebody else's gateway is as if it did not exist."""
    visible = await ledger.read(reads.gateways, account.scope)
    if all(row.id != gateway for row in visible):
        raise HTTPException(404, f"no gateway {gateway!r} here")
