"""Seeing people in a position's picture clear, for a while: who may, and what is asked of the gateway.

The building's own managers and facility staff may, with a reason in their own words; the district may not.
The gateway obeys only where its own configuration says so, and writes the asking into its audit chain before
anything clear leaves it (docs/decisions/0015).
"""

from dataclasses import dataclass
from enum import StrEnum

from cardea.contract.orders import Order, ShowFaces
from cloud.access.account import Account
from cloud.intent import Intent
from cloud.ledger import Ledger, reads
from cloud.ledger.scope import Role
from cloud.scenes import STALE_S, Scenes

ENTITLED = frozenset({Role.MANAGER, Role.FACILITY})
LEASE_S = 30.0
REASON_CHARACTERS_MIN, REASON_CHARACTERS_MAX = 4, 200


class FacesRefusal(StrEnum):
    """Why no order was sent."""

    NOT_ENTITLED = "not_entitled"
    NO_PICTURE = "no_picture"
    NO_REASON = "no_reason"


class NotAsked(Exception):
    """The order was not sent."""

    def __init__(self, refusal: FacesRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Faces:
    """What people may ask of positions."""

    ledger: Ledger
    intent: Intent
    scenes: Scenes

    async def ask(
        self, account: Account, gateway: str, device: str, reason: str, lease_s: float = LEASE_S
    ) -> Order:
        """Ask a gateway to show a position clear to this account; its answer comes as a receipt.

        Raises:
            NotAsked: as it says; nothing was sent.
            ValueError: the time is not within what an order may ask for.
            BusDown: not connected, nothing was sent; or the connection broke, and it may have been.
        """
        if account.scope.role not in ENTITLED:
            raise NotAsked(FacesRefusal.NOT_ENTITLED)
        visible = {row.id for row in await self.ledger.read(reads.gateways, account.scope, None)}
        seen = self.scenes.position(gateway, device) if gateway in visible else None
        if seen is None or self.scenes.age_s(seen) > STALE_S:
            raise NotAsked(FacesRefusal.NO_PICTURE)
        words = " ".join(reason.split())
        if not (REASON_CHARACTERS_MIN <= len(words) <= REASON_CHARACTERS_MAX and words.isprintable()):
            raise NotAsked(FacesRefusal.NO_REASON)
        action = ShowFaces(device, by=account.login, reason=words, lease_s=lease_s)
        order = await self.intent.send_order(gateway, action, account.login)
        self.scenes.grant(order, gateway, device, account.user, lease_s)
        return order
