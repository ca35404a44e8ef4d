"""What leaf and vestibule add to a portal: forced, held, L8, and drills proven by the door position (L11)."""

from dataclasses import replace

from cardea.contract.records import AlertKind, Severity
from edge.decide.decision import ClearAlert, Effect, LogDrill, RaiseAlert
from edge.decide.events import DrillStarted, LeafMoved, OccupancyRead
from edge.decide.lock import SHUT, Fitting, PortalState, Signal, Step, drill_begun, move, outward

FORCED_GRACE_S = 1.0
"""A leaf that moves this soon after a release ended was released: devices time their own pulses."""
VESTIBULE_S_MAX = 60.0
"""L8."""
DRILL_S_MAX = 60.0
"""A release that no leaf shows within this time is logged as not proven (L11)."""

# --- the leaf -----------------------------------------------------------------------------------


def leaf_moved(state: PortalState, event: LeafMoved, fitting: Fitting) -> Step:
    """The door contact was read; a repeated reading says nothing new."""
    if event.open is state.leaf_open:
        return state, ()
    return _leaf_opened(state, fitting) if event.open else _leaf_closed(state)


def _leaf_opened(state: PortalState, fitting: Fitting) -> Step:
    effects: list[Effect] = []
    if _is_forced(state, fitting):
        effects.append(RaiseAlert(AlertKind.DOOR_FORCED, Severity.MAJOR))
    if state.drill_s is not None:
        effects.append(LogDrill(opened=True, after_s=state.at_s - state.drill_s))
    return replace(state, leaf_open=True, open_s=state.at_s, drill_s=None), tuple(effects)


def _is_forced(state: PortalState, fitting: Fitting) -> bool:
    """Seen to open although nothing had released it just before."""
    released = state.shut_s is not None and state.at_s < state.shut_s + FORCED_GRACE_S
    watched = state.leaf_open is False and fitting.exits_announced
    return watched and state.phase in SHUT and not released


def _leaf_closed(state: PortalState) -> Step:
    cleared = () if state.held is False else (ClearAlert(AlertKind.DOOR_HELD, "leaf_closed"),)
    return replace(state, leaf_open=False, open_s=None, held=False), cleared


def held_due_s(state: PortalState, fitting: Fitting) -> float | None:
    """When a leaf that nothing releases has stood open for too long."""
    if state.open_s is None or state.phase not in SHUT or state.held:
        return None
    return max(state.open_s, state.shut_s or state.open_s) + fitting.door_held_s_max


def held_due(state: PortalState, fitting: Fitting) -> Step:
    """Say once that the leaf is held; nothing forces it closed (L9)."""
    due_s = held_due_s(state, fitting)
    if due_s is None or state.at_s < due_s:
        return state, ()
    return replace(state, held=True), (RaiseAlert(AlertKind.DOOR_HELD, Severity.MINOR),)


# --- the vestibule (L8) -------------------------------------------------------------------------


def occupancy_read(state: PortalState, event: OccupancyRead, _fitting: Fitting) -> Step:
    """The vestibule was looked into; not knowing counts as somebody there."""
    if event.occupied is not False:
        since_s = state.at_s if state.occupied_s is None else state.occupied_s
        return replace(state, occupied_s=since_s), ()
    cleared: tuple[Effect, ...] = (ClearAlert(AlertKind.VESTIBULE_OCCUPIED, "vestibule_empty"),)
    known_clear = state.vestibule_alarmed is False
    return replace(state, occupied_s=None, vestibule_alarmed=False), () if known_clear else cleared


def vestibule_due_s(state: PortalState) -> float | None:
    """When whoever is inside must be let out, at the first time and whenever a release has run out."""
    answered = state.vestibule_alarmed and state.phase not in SHUT
    return None if state.occupied_s is None or answered else state.occupied_s + VESTIBULE_S_MAX


def vestibule_due(state: PortalState, fitting: Fitting) -> Step:
    """Let them out, and go on letting them out until the vestibule is empty."""
    due_s = vestibule_due_s(state)
    if due_s is None or state.at_s < due_s:
        return state, ()
    alarm = () if state.vestibule_alarmed else (RaiseAlert(AlertKind.VESTIBULE_OCCUPIED, Severity.MAJOR),)
    state, effects = move(replace(state, vestibule_alarmed=True), Signal.LEAVE, outward(fitting))
    return state, (*effects, *alarm)


# --- drills (L11) -------------------------------------------------------------------------------


def drill_started(state: PortalState, _event: DrillStarted, fitting: Fitting) -> Step:
    """One timed release outward; the leaf says whether it worked."""
    state, effects = move(state, Signal.LEAVE, outward(fitting))
    state, log = drill_begun(state)
    return state, (*effects, *log)


def drill_due(state: PortalState, _fitting: Fitting) -> Step:
    """No leaf has shown the release: not proven."""
    if state.drill_s is None or state.at_s < state.drill_s + DRILL_S_MAX:
        return state, ()
    return replace(state, drill_s=None), (LogDrill(opened=False, after_s=DRILL_S_MAX),)
