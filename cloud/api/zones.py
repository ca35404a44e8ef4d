"""Disinfection zones: how they stand, what became of them; start (managers) and stop (everybody)."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from cardea.contract.orders import Order
from cardea.runtime.bus import BusDown
from cloud.api.dependencies import Caller, FromDisinfection, FromLedger, Manager
from cloud.api.orders import Sent
from cloud.api.places import must_be_visible
from cloud.api.questions import Credentials, HistoryQuestion
from cloud.disinfection import NotOrdered, Refusal, SecondPerson
from cloud.ledger import reads
from cloud.ledger.views import Page, ZoneEventRow, ZoneRow

router = APIRouter(tags=["zones"])

_REFUSALS = {
    Refusal.NOT_A_MANAGER: (403, "only a property manager may do this"),
    Refusal.UNKNOWN_ZONE: (404, "no such zone here"),
    Refusal.MONITOR_ONLY: (409, "the zone is watched only: it has no commissioning record"),
    Refusal.LOCKED_OUT: (409, "the zone is locked out; the lockout is cleared on site"),
    Refusal.SECOND_PERSON_MISSING: (409, "chemicals and ozone need a second person: `second`"),
    Refusal.SECOND_PERSON_IS_FIRST: (409, "the second person must be somebody else"),
    Refusal.SECOND_PERSON_REFUSED: (403, "the second person's login is refused"),
}


class Start(BaseModel):
    """A start; ``second`` is another manager with their own password, for chemicals and ozone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    second: Annotated[Credentials | None, Field(description="the second person")] = None


@router.get("/zones")
async def zones(account: Caller, ledger: FromLedger, site: str | None = None) -> tuple[ZoneRow, ...]:
    """Zones with their permissives and last cycles; believe a row only while its gateway is not silent."""
    return await ledger.read(reads.zones, account.scope, site)


@router.get("/zones/{gateway}/{zone}/history")
async def zone_history(
    account: Caller,
    ledger: FromLedger,
    gateway: str,
    zone: str,
    question: Annotated[HistoryQuestion, Query()],
) -> Page[ZoneEventRow]:
    """What a gateway said of one zone, newest first; `next` leads to the page after."""
    await must_be_visible(account, ledger, gateway)
    return await ledger.read(
        reads.zone_history, account.scope, gateway, zone, question.cursor, question.limit
    )


@router.post("/zones/{gateway}/{zone}/start", status_code=202)
async def start(
    request: Request,
    account: Manager,
    disinfection: FromDisinfection,
    gateway: str,
    zone: str,
    body: Start,
) -> Sent:
    """Order a cycle. It starts only when the key switch on site agrees, within a minute."""
    address = request.client.host if request.client else ""
    second = body.second and SecondPerson(body.second.login, body.second.password, address)
    try:
        return _sent(await disinfection.start(account, gateway, zone, second))
    except (NotOrdered, BusDown) as error:
        raise _answer(error) from error


@router.post("/zones/{gateway}/{zone}/stop", status_code=202)
async def stop(account: Caller, disinfection: FromDisinfection, gateway: str, zone: str) -> Sent:
    """Stop whatever runs there; every login that sees the zone may."""
    try:
        return _sent(await disinfection.stop(account, gateway, zone))
    except (NotOrdered, BusDown) as error:
        raise _answer(error) from error


def _sent(order: Order) -> Sent:
    return Sent(id=order.id)


def _answer(error: NotOrdered | BusDown) -> HTTPException:
    if isinstance(error, BusDown):
        return HTTPException(503, f"not sent for certain: {error}")
    return HTTPException(*_REFUSALS[error.refusal])
