"""Orders, receipts, presence and desired documents: what goes between the cloud or the desk and a gateway."""

from enum import StrEnum
from typing import Annotated

import msgspec

from cardea.contract.reasons import RefusalReason
from cardea.contract.records import Count, Subject
from cardea.contract.time import Utc, WireTime, check_utc

Version = Count


class OrderResult(StrEnum):
    """What became of an order."""

    EXECUTED = "executed"
    REFUSED = "refused"
    EXPIRED = "expired"


class ReleasePortal(msgspec.Struct, frozen=True, tag_field="do", tag="release_portal"):
    """Open a portal once for ingress, as staff would with a key."""

    portal: str


class SetLockdown(msgspec.Struct, frozen=True, tag_field="do", tag="set_lockdown"):
    """Restrict ingress at a portal, or lift that. Egress is never affected (SAFETY.md L3)."""

    portal: str
    on: bool


class ClearFire(msgspec.Struct, frozen=True, tag_field="do", tag="clear_fire"):
    """The manual reset of a latched fire release (SAFETY.md L4)."""

    portal: str
    by: str


class ApproveEpoch(msgspec.Struct, frozen=True, tag_field="do", tag="approve_epoch"):
    """Tell a gateway that its new outbox epoch has been approved."""

    epoch: str


class StartCycle(msgspec.Struct, frozen=True, tag_field="do", tag="start_cycle"):
    """Disinfect a zone; it starts only when an arm input on site or the gateway's desk agrees (D7)."""

    zone: str
    by: str
    confirmed_by: str | None = None
    """The second person that chemical and ozone starts need."""


class StopCycle(msgspec.Struct, frozen=True, tag_field="do", tag="stop_cycle"):
    """Stop whatever runs in a zone."""

    zone: str
    by: str


SHOW_FACES_S_MAX = 60.0


class ShowFaces(msgspec.Struct, frozen=True, tag_field="do", tag="show_faces"):
    """Send a position's picture clear as well, for a while; only where the gateway's own configuration
    entitles staff to it, and only once the asking stands in its audit chain (docs/decisions/0015).
    """

    device: str
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Why, in the words of the person who asks."""
    lease_s: Annotated[float, msgspec.Meta(ge=1.0, le=SHOW_FACES_S_MAX)]


Action = ReleasePortal | SetLockdown | ClearFire | ApproveEpoch | StartCycle | StopCycle | ShowFaces


class Order(msgspec.Struct, frozen=True):
    """Signed intent, inside a :class:`cardea.contract.signed.Envelope`. Never retained."""

    id: str
    target: str
    nonce: str
    issued: Utc
    deadline: Utc
    action: Action

    def __post_init__(self) -> None:
        """UTC only."""
        check_utc(self.issued, self.deadline)


class Receipt(msgspec.Struct, frozen=True):
    """The answer to an order."""

    order: str
    result: OrderResult
    at: WireTime
    refusal: RefusalReason | None = None


class Presence(msgspec.Struct, frozen=True):
    """The retained ``state`` of a gateway, and its last will with ``online`` false."""

    gateway: str
    online: bool
    epoch: str
    version: str
    at: WireTime
    pending: dict[str, Count] = {}
    """Rows that wait in the outbox, by lane."""
    policy_version: Version = 0


class StatusColour(StrEnum):
    """A person's health status; unknown is the absence of one."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Status(msgspec.Struct, frozen=True):
    """One person's colour with its expiry; past it the colour is unknown, never red."""

    subject: Subject
    colour: StatusColour
    expires: Utc

    def __post_init__(self) -> None:
        """UTC only."""
        check_utc(self.expires)


class Statuses(msgspec.Struct, frozen=True):
    """Desired statuses: the delta that leads from version ``base`` to ``version``; base 0 replaces all."""

    target: str
    version: Version
    base: Version
    set: tuple[Status, ...] = ()
    remove: tuple[str, ...] = ()
    """Subject values whose colour is taken back."""
    revoke: tuple[str, ...] = ()
    """Pass ids (``cti``, hex) that are revoked."""
