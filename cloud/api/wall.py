"""Every site at a glance: what the wall shows, for programs."""

import datetime as dt
from dataclasses import dataclass

from fastapi import APIRouter

from cloud.api.dependencies import Caller, FromClock, FromEntries, FromLedger, FromSeries, FromZone
from cloud.day import midnight_before
from cloud.ledger import reads
from cloud.ledger.views import WallSite
from cloud.thermometers import warmest

router = APIRouter(tags=["wall"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmest:
    """The warmest live surface temperature of a gateway, and where it was measured."""

    gateway: str
    device: str
    at: dt.datetime
    surface_temp_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """Sites by name, with today's entries; temperatures older than five minutes are not told."""

    since: dt.datetime
    sites: tuple[WallSite, ...]
    warmest: tuple[Warmest, ...]


@router.get("/wall")
async def wall(
    account: Caller,
    ledger: FromLedger,
    series: FromSeries,
    clock: FromClock,
    zone: FromZone,
    entries: FromEntries,
) -> Wall:
    """Worst open alert, entries since midnight, devices, zones and temperatures of every site."""
    now = clock.now().utc
    since = midnight_before(now, zone).astimezone(dt.UTC)
    sites = await ledger.read(reads.wall, account.scope, await entries.counts(ledger, since))
    gateways = await ledger.read(reads.visible_gateways, account.scope)
    found = warmest(series.latest(gateways), now)
    return Wall(
        since=since,
        sites=sites,
        warmest=tuple(
            Warmest(gateway=one.gateway, device=one.device, at=one.at, surface_temp_c=one.value_c)
            for one in found.values()
        ),
    )
