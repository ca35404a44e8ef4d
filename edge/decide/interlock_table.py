"""The table of the interlock: which signal leads from where to where (SAFETY.md, disinfection units).

Nothing leads into EMIT but WARN, nothing out of LOCKOUT but a clearing on site, and every state in which
something was or may be emitted answers every cause to stop with STOPPING.
"""

from collections.abc import Mapping
from enum import StrEnum

from cardea.contract.zones import StopReason, ZoneState


class Signal(StrEnum):
    """What can move a zone, distilled from readings, orders and time."""

    START = "start"
    READY = "ready"
    """Before the start everything holds, and the contactor has closed."""
    WARNED = "warned"
    """The warning has sounded for long enough, and the disk knows of the cycle."""
    TO_DWELL = "to_dwell"
    TO_AERATE = "to_aerate"
    TO_VERIFY = "to_verify"
    RISEN = "risen"
    """The gas is above half its limit again."""
    VERIFIED = "verified"
    HALTED = "halted"
    """The unit shows that it is off, or will not."""
    CLEARED = "cleared"
    CLEARED_GASSED = "cleared_gassed"
    """Cleared, but what was emitted is still in the air."""
    # causes to stop
    STOP = "stop"
    FIRE = "fire"
    ASTRAY = "astray"
    """The unit does not as it is told."""
    GONE = "gone"
    """The unit says nothing of itself."""
    LOST = "lost"
    """A permissive does not hold."""
    CAPPED = "capped"
    BLIND = "blind"
    """The gas sensor in the zone is dead."""
    OVERDUE = "overdue"
    """The release could not be shown in time."""


REASONS: Mapping[Signal, StopReason] = {
    Signal.STOP: StopReason.ORDERED,
    Signal.FIRE: StopReason.FIRE,
    Signal.ASTRAY: StopReason.READ_BACK,
    Signal.GONE: StopReason.UNIT_LOST,
    Signal.LOST: StopReason.PERMISSIVE_LOST,
    Signal.CAPPED: StopReason.CAP,
    Signal.BLIND: StopReason.GAS_SENSOR,
    Signal.OVERDUE: StopReason.NOT_VERIFIED,
}
"""The causes to stop, and what each is called in the record."""

RESTING = frozenset({ZoneState.IDLE, ZoneState.RELEASED})
HOT = (
    ZoneState.WARN,
    ZoneState.EMIT,
    ZoneState.DWELL,
    ZoneState.AERATE,
    ZoneState.VERIFY,
)
"""After a restart in one of these a zone is locked out (D5)."""

_STAYS = {(state, signal): state for state in ZoneState for signal in Signal}
_STOPS = {(state, cause): ZoneState.STOPPING for state in HOT for cause in REASONS}
_CALLED_OFF = {(ZoneState.PRECHECK, cause): ZoneState.IDLE for cause in REASONS}
"""Nothing was on yet: the order has failed, and nobody need come."""
_MOVES = {
    **{(state, Signal.START): ZoneState.PRECHECK for state in RESTING},
    # What nobody has asked for is cut off too (D6).
    **{(state, Signal.ASTRAY): ZoneState.STOPPING for state in RESTING},
    (ZoneState.PRECHECK, Signal.ASTRAY): ZoneState.STOPPING,
    (ZoneState.PRECHECK, Signal.READY): ZoneState.WARN,
    (ZoneState.WARN, Signal.WARNED): ZoneState.EMIT,
    (ZoneState.EMIT, Signal.TO_DWELL): ZoneState.DWELL,
    (ZoneState.EMIT, Signal.TO_AERATE): ZoneState.AERATE,
    (ZoneState.EMIT, Signal.TO_VERIFY): ZoneState.VERIFY,
    (ZoneState.DWELL, Signal.TO_AERATE): ZoneState.AERATE,
    (ZoneState.AERATE, Signal.TO_VERIFY): ZoneState.VERIFY,
    (ZoneState.VERIFY, Signal.RISEN): ZoneState.AERATE,
    (ZoneState.VERIFY, Signal.VERIFIED): ZoneState.RELEASED,
    (ZoneState.STOPPING, Signal.HALTED): ZoneState.LOCKOUT,
    (ZoneState.LOCKOUT, Signal.CLEARED): ZoneState.IDLE,
    (ZoneState.LOCKOUT, Signal.CLEARED_GASSED): ZoneState.AERATE,
}
TRANSITIONS: dict[tuple[ZoneState, Signal], ZoneState] = {**_STAYS, **_STOPS, **_CALLED_OFF, **_MOVES}
"""Complete: every state answers every signal."""
