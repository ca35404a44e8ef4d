"""Starting and stopping disinfection from afar: who may, and what is asked of the gateway (SAFETY.md D7).

A start is signed, expires within a minute, needs a manager, and for chemicals and ozone a second one with
their own password. It never suffices by itself: the key switch on site or the gateway's desk must agree,
and the gateway checks everything again. A stop needs nothing but a login that sees the zone.
"""

from dataclasses import dataclass
from enum import StrEnum

from cardea.contract.orders import Order, StartCycle, StopCycle
from cardea.contract.zones import ZoneState
from cloud.access.account import Account
from cloud.access.sessions import LoginRefused, Sessions
from cloud.intent import Intent
from cloud.ledger import Ledger, reads
from cloud.ledger.scope import Role
from cloud.ledger.views import ZoneRow

START_VALID_S = 45.0


class Refusal(StrEnum):
    """Why no order was sent."""

    NOT_A_MANAGER = "not_a_manager"
    UNKNOWN_ZONE = "unknown_zone"
    MONITOR_ONLY = "monitor_only"
    LOCKED_OUT = "locked_out"
    SECOND_PERSON_MISSING = "second_person_missing"
    SECOND_PERSON_IS_FIRST = "second_person_is_first"
    SECOND_PERSON_REFUSED = "second_person_refused"


class NotOrdered(Exception):
    """The order was not sent."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class SecondPerson:
    """Another manager, who stands by the start with their own password. ``address``: where they type it."""

    login: str
    password: str
    address: str


@dataclass(frozen=True, slots=True)
class Disinfection:
    """What people may order of zones."""

    ledger: Ledger
    sessions: Sessions
    intent: Intent

    async def start(
        self, account: Account, gateway: str, zone_id: str, second: SecondPerson | None = None
    ) -> Order:
        """Ask a gateway to start a cycle; its answer comes as a receipt.

        Raises:
            NotOrdered: as it says; nothing was sent.
            BusDown: not connected, nothing was sent; or the connection broke, and it may have been.
        """
        if account.scope.role is not Role.MANAGER:
            raise NotOrdered(Refusal.NOT_A_MANAGER)
        zone = await self._zone(account, gateway, zone_id)
        if zone.monitor_only:
            raise NotOrdered(Refusal.MONITOR_ONLY)
        if zone.state is ZoneState.LOCKOUT:
            raise NotOrdered(Refusal.LOCKED_OUT)
        confirmed_by = None
        if zone.two_people:
            confirmed_by = await self._confirmed(account, zone, second)
        action = StartCycle(zone.zone, account.login, confirmed_by)
        return await self.intent.send_order(gateway, action, account.login, START_VALID_S)

    async def stop(self, account: Account, gateway: str, zone_id: str) -> Order:
        """Ask a gateway to stop whatever runs in a zone; anybody who sees the zone may.

        Raises:
            NotOrdered: there is no such zone in sight.
            BusDown: not connected, nothing was sent; or the connection broke, and it may have been.
        """
        zone = await self._zone(account, gateway, zone_id)
        return await self.intent.send_order(gateway, StopCycle(zone.zone, account.login), account.login)

    async def _zone(self, account: Account, gateway: str, zone_id: str) -> ZoneRow:
        for zone in await self.ledger.read(reads.zones, account.scope, None, gateway):
            if zone.zone == zone_id:
                return zone
        raise NotOrdered(Refusal.UNKNOWN_ZONE)

    async def _confirmed(self, first: Account, zone: ZoneRow, second: SecondPerson | None) -> str:
        """The second person's login, once they have shown that it is theirs and that they may."""
        if second is None or not second.login:
            raise NotOrdered(Refusal.SECOND_PERSON_MISSING)
        if second.login == first.login:
            raise NotOrdered(Refusal.SECOND_PERSON_IS_FIRST)
        known = await self.sessions.vouch(second.login, second.password, second.address)
        if isinstance(known, LoginRefused) or known.scope.role is not Role.MANAGER:
            raise NotOrdered(Refusal.SECOND_PERSON_REFUSED)
        try:
            await self._zone(known, zone.gateway, zone.zone)
        except NotOrdered:
            raise NotOrdered(Refusal.SECOND_PERSON_REFUSED) from None
        return known.login
