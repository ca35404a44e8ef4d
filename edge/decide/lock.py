"""The lock of a portal: its phases, what can move it, and the table that says how (SAFETY.md L3, L4, L6).

The only relock the table knows is ``END_HOLD``: at a manual reset, or when a faulty fire loop is sound.
A timed release ends by itself, on the device. No row keeps anybody from leaving (L2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from cardea.contract.records import AlertKind, Side
from edge.decide.decision import ClearAlert, Effect, EndHold, HoldReleased, LogDrill, ReleaseDoor
from edge.decide.fire import NOTHING_READ, FireLoop

RELEASE_S_MAX = 30.0
"""No timed release is longer, whoever asks."""


class Phase(StrEnum):
    """What the lock does."""

    LOCKED = "locked"
    RELEASED = "released"
    """For a time; ends by itself."""
    FIRE = "fire"
    """Held released, latched until the manual reset."""
    TROUBLE = "trouble"
    """The fire loop is faulty; locked, and the hard-wired release (L1) stands."""
    TROUBLE_RELEASED = "trouble_released"
    """The fire loop is faulty; held released until it is sound again."""


HELD = frozenset({Phase.FIRE, Phase.TROUBLE_RELEASED})
SHUT = frozenset({Phase.LOCKED, Phase.TROUBLE})


class Kept(StrEnum):
    """What must outlive a restart."""

    NOTHING = "nothing"
    FIRE = "fire"
    TROUBLE = "trouble"


# --- state --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What the portal is built of, and the times its policy sets."""

    hardwired_fire_release: bool
    fire_fitted: bool
    exits_announced: bool = True
    """Whether everybody who leaves is announced (request-to-exit, reader). Where people can walk out
    unannounced, an opening without release proves no force."""
    release_s: float = 5.0
    door_held_s_max: float = 30.0
    inputs_s_max: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalState:
    """Everything the machine remembers. Times are monotonic seconds; ``None`` = not so."""

    at_s: float = 0.0
    phase: Phase = Phase.LOCKED
    until_s: float | None = None
    """End of a timed release."""
    shut_s: float | None = None
    """When the last release ended."""
    loop: FireLoop = NOTHING_READ
    lockdown: bool = False
    lockdown_s: float | None = None
    leaf_open: bool | None = None
    open_s: float | None = None
    """Since when the leaf has stood open without a release."""
    held: bool | None = None
    """Whether the leaf is known to be held open; ``None`` until it has been seen closed."""
    occupied_s: float | None = None
    """Since when the vestibule may hold somebody."""
    vestibule_alarmed: bool | None = None
    drill_s: float | None = None
    """Since when a release waits to be proven by the leaf."""
    store_stalled: bool | None = None


Step = tuple[PortalState, tuple[Effect, ...]]

# --- the table ----------------------------------------------------------------------------------


class Signal(StrEnum):
    """What can move the lock, distilled from events and time."""

    ADMIT = "admit"
    LEAVE = "leave"
    OPENED = "opened"
    """A terminal has opened by itself."""
    RAN_OUT = "ran_out"
    """A timed release has ended."""
    ALARM = "alarm"
    FAULT = "fault"
    """The fire loop is faulty; the hard-wired release stands."""
    FAULT_UNWIRED = "fault_unwired"
    """The fire loop is faulty, and nothing but software would release."""
    SOUND = "sound"
    RESET = "reset"
    RETURNED = "returned"
    """The actuator answers again."""


class Act(StrEnum):
    """What a transition does to the lock."""

    PULSE = "pulse"
    HOLD = "hold"
    END_HOLD = "end_hold"
    END_FIRE = "end_fire"


Row = tuple[Phase, tuple[Act, ...]]

TRANSITIONS: dict[tuple[Phase, Signal], Row] = {
    (Phase.LOCKED, Signal.ADMIT): (Phase.RELEASED, (Act.PULSE,)),
    (Phase.LOCKED, Signal.LEAVE): (Phase.RELEASED, (Act.PULSE,)),
    (Phase.LOCKED, Signal.OPENED): (Phase.RELEASED, ()),
    (Phase.LOCKED, Signal.RAN_OUT): (Phase.LOCKED, ()),
    (Phase.LOCKED, Signal.ALARM): (Phase.FIRE, (Act.HOLD,)),
    (Phase.LOCKED, Signal.FAULT): (Phase.TROUBLE, ()),
    (Phase.LOCKED, Signal.FAULT_UNWIRED): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.LOCKED, Signal.SOUND): (Phase.LOCKED, ()),
    (Phase.LOCKED, Signal.RESET): (Phase.LOCKED, (Act.END_HOLD, Act.END_FIRE)),
    (Phase.LOCKED, Signal.RETURNED): (Phase.LOCKED, ()),
    (Phase.RELEASED, Signal.ADMIT): (Phase.RELEASED, (Act.PULSE,)),
    (Phase.RELEASED, Signal.LEAVE): (Phase.RELEASED, (Act.PULSE,)),
    (Phase.RELEASED, Signal.OPENED): (Phase.RELEASED, ()),
    (Phase.RELEASED, Signal.RAN_OUT): (Phase.LOCKED, ()),
    (Phase.RELEASED, Signal.ALARM): (Phase.FIRE, (Act.HOLD,)),
    (Phase.RELEASED, Signal.FAULT): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.RELEASED, Signal.FAULT_UNWIRED): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.RELEASED, Signal.SOUND): (Phase.RELEASED, ()),
    (Phase.RELEASED, Signal.RESET): (Phase.RELEASED, ()),
    (Phase.RELEASED, Signal.RETURNED): (Phase.RELEASED, ()),
    # Latched: nothing but the reset leads out. A pulse might end in a relock, so the hold is said again.
    (Phase.FIRE, Signal.ADMIT): (Phase.FIRE, (Act.HOLD,)),
    (Phase.FIRE, Signal.LEAVE): (Phase.FIRE, (Act.HOLD,)),
    (Phase.FIRE, Signal.OPENED): (Phase.FIRE, (Act.HOLD,)),
    (Phase.FIRE, Signal.RAN_OUT): (Phase.FIRE, ()),
    (Phase.FIRE, Signal.ALARM): (Phase.FIRE, (Act.HOLD,)),
    (Phase.FIRE, Signal.FAULT): (Phase.FIRE, (Act.HOLD,)),
    (Phase.FIRE, Signal.FAULT_UNWIRED): (Phase.FIRE, (Act.HOLD,)),
    (Phase.FIRE, Signal.SOUND): (Phase.FIRE, ()),
    (Phase.FIRE, Signal.RESET): (Phase.LOCKED, (Act.END_HOLD, Act.END_FIRE)),
    (Phase.FIRE, Signal.RETURNED): (Phase.FIRE, (Act.HOLD,)),
    # Nothing that is released while the loop is faulty is locked again before it is sound.
    (Phase.TROUBLE, Signal.ADMIT): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE, Signal.LEAVE): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE, Signal.OPENED): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE, Signal.RAN_OUT): (Phase.TROUBLE, ()),
    (Phase.TROUBLE, Signal.ALARM): (Phase.FIRE, (Act.HOLD,)),
    (Phase.TROUBLE, Signal.FAULT): (Phase.TROUBLE, ()),
    (Phase.TROUBLE, Signal.FAULT_UNWIRED): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE, Signal.SOUND): (Phase.LOCKED, ()),
    (Phase.TROUBLE, Signal.RESET): (Phase.LOCKED, (Act.END_HOLD,)),
    (Phase.TROUBLE, Signal.RETURNED): (Phase.TROUBLE, ()),
    (Phase.TROUBLE_RELEASED, Signal.ADMIT): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.LEAVE): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.OPENED): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.RAN_OUT): (Phase.TROUBLE_RELEASED, ()),
    (Phase.TROUBLE_RELEASED, Signal.ALARM): (Phase.FIRE, (Act.HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.FAULT): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.FAULT_UNWIRED): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.SOUND): (Phase.LOCKED, (Act.END_HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.RESET): (Phase.LOCKED, (Act.END_HOLD,)),
    (Phase.TROUBLE_RELEASED, Signal.RETURNED): (Phase.TROUBLE_RELEASED, (Act.HOLD,)),
}
"""Complete: every phase answers every signal."""

BOOT: Mapping[Kept, tuple[Phase, tuple[Effect, ...]]] = {
    Kept.NOTHING: (Phase.LOCKED, ()),
    Kept.FIRE: (Phase.FIRE, (HoldReleased(),)),
    Kept.TROUBLE: (Phase.TROUBLE_RELEASED, (HoldReleased(),)),
}
"""What a start makes of what the disk kept: a hold goes on, and nothing is ever pulsed or relocked."""

_EFFECT_OF: Mapping[Act, Callable[[ReleaseDoor], Effect]] = {
    Act.PULSE: lambda asked: asked,
    Act.HOLD: lambda _asked: HoldReleased(),
    Act.END_HOLD: lambda _asked: EndHold(),
    Act.END_FIRE: lambda _asked: ClearAlert(AlertKind.FIRE, "manual_reset"),
}


def move(state: PortalState, signal: Signal, asked: ReleaseDoor) -> Step:
    """Look the signal up in the table and keep the times of releases."""
    phase, acts = TRANSITIONS[state.phase, signal]
    after = replace(
        state,
        phase=phase,
        until_s=_until_s(state, signal, asked) if phase is Phase.RELEASED else None,
        shut_s=state.at_s if phase in SHUT and state.phase not in SHUT else state.shut_s,
    )
    effects = tuple(_EFFECT_OF[act](asked) for act in acts)
    if phase is Phase.FIRE and state.phase is not Phase.FIRE:
        after, log = drill_begun(after)
        effects = (*effects, *log)
    return after, effects


def _until_s(state: PortalState, signal: Signal, asked: ReleaseDoor) -> float | None:
    if signal not in (Signal.ADMIT, Signal.LEAVE, Signal.OPENED):
        return state.until_s
    return max(state.until_s or 0.0, state.at_s + asked.release_s)


def outward(fitting: Fitting) -> ReleaseDoor:
    """A timed release for somebody leaving."""
    return ReleaseDoor(Side.EGRESS, min(fitting.release_s, RELEASE_S_MAX))


def inward(fitting: Fitting) -> ReleaseDoor:
    """A timed release for somebody entering."""
    return ReleaseDoor(Side.INGRESS, min(fitting.release_s, RELEASE_S_MAX))


def drill_begun(state: PortalState) -> Step:
    """From here on the leaf must prove the release (L11)."""
    if state.leaf_open:
        return state, (LogDrill(opened=True, after_s=0.0),)
    return replace(state, drill_s=state.at_s), ()
