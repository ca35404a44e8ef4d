"""What comes down, carried out: orders at the portals and zones they name, statuses into the vault."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from cardea.contract.orders import (
    ApproveEpoch,
    ClearFire,
    Order,
    OrderResult,
    ReleasePortal,
    SetLockdown,
    ShowFaces,
    StartCycle,
    Statuses,
    StopCycle,
)
from cardea.contract.policy import Policy
from cardea.contract.reasons import RefusalReason
from edge.configuration.lint import misfits
from edge.configuration.settings import GatewaySettings
from edge.portal.credentials import CredentialDesk
from edge.portal.portal import PortalTask
from edge.vault import Applied
from edge.zone.zone import ZoneTask

Outcome = OrderResult | RefusalReason
Show = Callable[[str, ShowFaces], Awaitable[Outcome]]
"""Shows people clear for a while, under an order's id."""


class Orders:
    """The gateway's hand in what is ordered of it; ``portals`` and ``zones`` may be filled later."""

    def __init__(
        self,
        settings: GatewaySettings,
        desk: CredentialDesk,
        portals: Mapping[str, PortalTask],
        zones: Mapping[str, ZoneTask],
        show_faces: Show,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._portals = portals
        self._zones = zones
        self._show_faces = show_faces

    async def execute(self, order: Order) -> Outcome:
        """Carry an order out where it belongs."""
        action = order.action
        if isinstance(action, ApproveEpoch):
            return OrderResult.EXECUTED
        if isinstance(action, StartCycle | StopCycle):
            return self._at_zone(order, action)
        if isinstance(action, ShowFaces):
            return await self._show_faces(order.id, action)
        portal = self._portals.get(action.portal)
        if portal is None:
            return RefusalReason.WRONG_TARGET
        match action:
            case ReleasePortal():
                return await portal.release_once()
            case SetLockdown(on=on):
                return portal.order_lockdown(on=on)
            case ClearFire():
                return portal.clear_fire()

    def _at_zone(self, order: Order, action: StartCycle | StopCycle) -> Outcome:
        zone = self._zones.get(action.zone)
        if zone is None:
            return RefusalReason.WRONG_TARGET
        return zone.stop(action.by, "order") if isinstance(action, StopCycle) else zone.start(order, action)

    async def apply(self, statuses: Statuses) -> Applied:
        """Into the vault; without one nothing can be held, so a whole document is asked for later."""
        vault = self._desk.vault
        return Applied.BASE_MISSING if vault is None else await vault.apply(statuses)

    def faults(self, policy: Policy) -> Sequence[object]:
        """What is wrong with a policy for this gateway's portals."""
        portals = self._settings.portals
        unknown = [f"portals.{name}: no such portal" for name in policy.portals if name not in portals]
        wrong = [
            f"{name}.{key}: {value}: {advice}"
            for name, portal in portals.items()
            for key, value, advice in misfits(portal, policy.of(name), self._settings.devices)
        ]
        return [*unknown, *wrong]
