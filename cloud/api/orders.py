"""Orders to gateways, and the approval of an outbox that was fenced as a clone. For property managers."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from cardea.contract.orders import Action, ClearFire, ReleasePortal, SetLockdown
from cardea.runtime.bus import BusDown
from cloud.aggregator import UnknownEpoch
from cloud.api.dependencies import Caller, FromAggregator, FromLedger, Manager
from cloud.api.places import must_be_visible
from cloud.api.questions import Note
from cloud.ledger import reads
from cloud.ledger.views import OrderRow

router = APIRouter(tags=["orders"])
Portal = Annotated[str, Field(min_length=1, max_length=63, description="the portal's id")]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    portal: Portal


class Release(_Asked):
    """Let one person in, as with a key."""

    do: Literal["release_portal"]

    def action(self, _by: str) -> Action:
        """In the contract's words."""
        return ReleasePortal(self.portal)


class Lockdown(_Asked):
    """Close entry, or open it again; leaving is never affected."""

    do: Literal["set_lockdown"]
    on: bool

    def action(self, _by: str) -> Action:
        """In the contract's words."""
        return SetLockdown(self.portal, self.on)


class FireReset(_Asked):
    """The manual reset after a fire alarm; the gateway refuses it while the alarm is not surely over."""

    do: Literal["clear_fire"]

    def action(self, by: str) -> Action:
        """In the contract's words."""
        return ClearFire(self.portal, by)


Asked = Annotated[Release | Lockdown | FireReset, Field(discriminator="do")]


class Sent(BaseModel):
    """The order that was sent; what became of it stands in the list of orders."""

    id: str


@router.get("/gateways/{gateway}/orders")
async def orders(account: Caller, ledger: FromLedger, gateway: str) -> tuple[OrderRow, ...]:
    """The newest orders to a gateway, with their receipts."""
    await must_be_visible(account, ledger, gateway)
    return await ledger.read(reads.orders, account.scope, gateway)


@router.post("/gateways/{gateway}/orders", status_code=202)
async def send_order(
    account: Manager, ledger: FromLedger, aggregator: FromAggregator, gateway: str, body: Asked
) -> Sent:
    """Send a signed order that expires after 30 s. 503 when there is no connection to the broker."""
    await must_be_visible(account, ledger, gateway)
    try:
        order = await aggregator.intent.send_order(gateway, body.action(account.login), account.login)
    except BusDown as error:
        raise HTTPException(503, f"not sent for certain: {error}") from error
    return Sent(id=order.id)


@router.post("/gateways/{gateway}/epochs/{epoch}/approve", status_code=204)
async def approve_epoch(
    account: Manager, ledger: FromLedger, aggregator: FromAggregator, gateway: str, epoch: str, body: Note
) -> None:
    """Say that this outbox is the gateway: it may speak, the one before is retired."""
    await must_be_visible(account, ledger, gateway)
    try:
        await aggregator.approve_epoch(gateway, epoch, account.login, body.note)
    except UnknownEpoch as error:
        raise HTTPException(404, str(error)) from error
    except BusDown:
        return  # approved; the gateway learns it from its acknowledgements
