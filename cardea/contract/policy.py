"""Policy: what a portal asks of an ingress approach. Data, versioned and signed; never code.

No key here can speak of egress: what cannot be expressed cannot be ordered (SAFETY.md L2).
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from cardea.contract.records import Outcome
from cardea.contract.time import INTEGER_MAX

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Degrade(StrEnum):
    """What a portal does for ingress when evidence it needs is missing or stale (SAFETY.md L7)."""

    ADMIT_AND_FLAG = "admit_and_flag"
    CACHED_FOR = "cached_for"
    STAFF_CHECK = "staff_check"
    CLOSED = "closed"


class AntiPassback(StrEnum):
    """How strictly a second entry without an exit is taken."""

    OFF = "off"
    SOFT = "soft"
    HARD = "hard"
    TIMED = "timed"


class FaceRequirement(StrEnum):
    """What a portal asks of the gateway's own look at the face of somebody who has a template.

    Somebody without one (no consent, not enrolled yet) comes in by the other evidence in any case.
    """

    OFF = "off"
    """Nobody looks."""
    ASKED = "asked"
    """Waited for up to ``face_s_max`` where it is to be had; entry goes on without it, and says so."""
    REQUIRED = "required"
    """As asked; missing, it is a gap like others, and the degrade policy decides."""


class PortalPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One portal's ingress policy; the defaults are the table of SAFETY.md."""

    require_screening: bool = False
    require_mask: bool = False
    require_zone: bool = False
    face: FaceRequirement = FaceRequirement.ASKED
    anti_passback: AntiPassback = AntiPassback.OFF
    anti_passback_s: Seconds = 0.0
    capacity: Annotated[int, msgspec.Meta(ge=1)] | None = None

    on_unknown: Outcome = Outcome.DENY
    on_expired: Outcome = Outcome.DENY
    on_revoked: Outcome = Outcome.DENY
    on_replayed: Outcome = Outcome.DENY
    on_out_of_schedule: Outcome = Outcome.DENY
    on_anti_passback: Outcome = Outcome.DENY
    on_red: Outcome = Outcome.REFER
    on_yellow: Outcome = Outcome.REFER
    on_elevated: Outcome = Outcome.REFER
    on_mask_missing: Outcome = Outcome.RETEST
    on_face_contradicts: Outcome = Outcome.REFER
    on_face_not_live: Outcome = Outcome.REFER
    on_capacity: Outcome = Outcome.DENY

    degrade: Degrade = Degrade.STAFF_CHECK
    degrade_cached_h: Annotated[float, msgspec.Meta(gt=0, le=168)] = 12.0
    retests_max: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3
    tries_max: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    tries_window_s: Seconds = 300.0

    approach_s_max: Annotated[float, msgspec.Meta(gt=0, le=60)] = 8.0
    face_s_max: Annotated[float, msgspec.Meta(gt=0, le=10)] = 3.0
    """After the credential nobody waits longer for a face."""
    release_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 5.0
    door_held_s_max: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0
    screening_s_max: Annotated[float, msgspec.Meta(gt=0, le=60)] = 8.0
    """A reading older than this is stale."""
    inputs_s_max: Annotated[float, msgspec.Meta(gt=0, le=5)] = 5.0
    """A fire or request-to-exit input older than this is stale (SAFETY.md L4: 5 s at the most)."""
    commit_ms_max: Annotated[float, msgspec.Meta(gt=0, le=2000)] = 150.0


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policy of one gateway. ``portals`` overrides ``default`` whole, never key by key."""

    target: str
    version: Annotated[int, msgspec.Meta(ge=1, le=INTEGER_MAX)]
    default: PortalPolicy = PortalPolicy()
    portals: dict[str, PortalPolicy] = {}

    def of(self, portal: str) -> PortalPolicy:
        """The policy in force at ``portal``."""
        return self.portals.get(portal, self.default)
