"""The life of an alert, as one transition table (SAFETY.md, "The clear-to-zero ledger").

Acknowledged and cleared are independent: a person does the one, evidence the other. Recurrence reopens,
worsening reopens what was acknowledged. Evidence older than what is known changes nothing but the count.
"""

from enum import StrEnum

from cardea.contract.records import Severity


class Phase(StrEnum):
    """Where an alert stands."""

    NEW = "new"
    """Not known yet."""
    OPEN = "open"
    OPEN_ACKNOWLEDGED = "open_acknowledged"
    CLEARED = "cleared"
    """Over, but nobody has looked."""
    CLEARED_ACKNOWLEDGED = "cleared_acknowledged"


class Input(StrEnum):
    """What can happen to an alert."""

    RAISE = "raise"
    RAISE_WORSE = "raise_worse"
    RAISE_LATE = "raise_late"
    """Raised by a row that stands before one that is known already."""
    CLEAR = "clear"
    CLEAR_LATE = "clear_late"
    ACKNOWLEDGE = "acknowledge"
    WITHDRAW = "withdraw"
    """Take an acknowledgement back."""
    NOTE = "note"


class Change(StrEnum):
    """What an alert's history calls it."""

    RAISED = "raised"
    REPEATED = "repeated"
    WORSENED = "worsened"
    REOPENED = "reopened"
    CLEARED = "cleared"
    SUPERSEDED = "superseded"
    """Older evidence that arrived late."""
    ACKNOWLEDGED = "acknowledged"
    WITHDRAWN = "withdrawn"
    NOTED = "noted"


_P, _I, _C = Phase, Input, Change

TRANSITIONS: dict[tuple[Phase, Input], tuple[Phase, Change]] = {
    (_P.NEW, _I.RAISE): (_P.OPEN, _C.RAISED),
    (_P.NEW, _I.RAISE_LATE): (_P.CLEARED, _C.RAISED),
    (_P.NEW, _I.CLEAR): (_P.NEW, _C.CLEARED),
    (_P.NEW, _I.CLEAR_LATE): (_P.NEW, _C.SUPERSEDED),
    (_P.OPEN, _I.RAISE): (_P.OPEN, _C.REPEATED),
    (_P.OPEN, _I.RAISE_WORSE): (_P.OPEN, _C.WORSENED),
    (_P.OPEN, _I.RAISE_LATE): (_P.OPEN, _C.SUPERSEDED),
    (_P.OPEN, _I.CLEAR): (_P.CLEARED, _C.CLEARED),
    (_P.OPEN, _I.CLEAR_LATE): (_P.OPEN, _C.SUPERSEDED),
    (_P.OPEN, _I.ACKNOWLEDGE): (_P.OPEN_ACKNOWLEDGED, _C.ACKNOWLEDGED),
    (_P.OPEN, _I.WITHDRAW): (_P.OPEN, _C.NOTED),
    (_P.OPEN, _I.NOTE): (_P.OPEN, _C.NOTED),
    (_P.OPEN_ACKNOWLEDGED, _I.RAISE): (_P.OPEN_ACKNOWLEDGED, _C.REPEATED),
    (_P.OPEN_ACKNOWLEDGED, _I.RAISE_WORSE): (_P.OPEN, _C.WORSENED),
    (_P.OPEN_ACKNOWLEDGED, _I.RAISE_LATE): (_P.OPEN_ACKNOWLEDGED, _C.SUPERSEDED),
    (_P.OPEN_ACKNOWLEDGED, _I.CLEAR): (_P.CLEARED_ACKNOWLEDGED, _C.CLEARED),
    (_P.OPEN_ACKNOWLEDGED, _I.CLEAR_LATE): (_P.OPEN_ACKNOWLEDGED, _C.SUPERSEDED),
    (_P.OPEN_ACKNOWLEDGED, _I.ACKNOWLEDGE): (_P.OPEN_ACKNOWLEDGED, _C.NOTED),
    (_P.OPEN_ACKNOWLEDGED, _I.WITHDRAW): (_P.OPEN, _C.WITHDRAWN),
    (_P.OPEN_ACKNOWLEDGED, _I.NOTE): (_P.OPEN_ACKNOWLEDGED, _C.NOTED),
    (_P.CLEARED, _I.RAISE): (_P.OPEN, _C.REOPENED),
    (_P.CLEARED, _I.RAISE_WORSE): (_P.OPEN, _C.REOPENED),
    (_P.CLEARED, _I.RAISE_LATE): (_P.CLEARED, _C.SUPERSEDED),
    (_P.CLEARED, _I.CLEAR): (_P.CLEARED, _C.CLEARED),
    (_P.CLEARED, _I.CLEAR_LATE): (_P.CLEARED, _C.SUPERSEDED),
    (_P.CLEARED, _I.ACKNOWLEDGE): (_P.CLEARED_ACKNOWLEDGED, _C.ACKNOWLEDGED),
    (_P.CLEARED, _I.WITHDRAW): (_P.CLEARED, _C.NOTED),
    (_P.CLEARED, _I.NOTE): (_P.CLEARED, _C.NOTED),
    (_P.CLEARED_ACKNOWLEDGED, _I.RAISE): (_P.OPEN, _C.REOPENED),
    (_P.CLEARED_ACKNOWLEDGED, _I.RAISE_WORSE): (_P.OPEN, _C.REOPENED),
    (_P.CLEARED_ACKNOWLEDGED, _I.RAISE_LATE): (_P.CLEARED_ACKNOWLEDGED, _C.SUPERSEDED),
    (_P.CLEARED_ACKNOWLEDGED, _I.CLEAR): (_P.CLEARED_ACKNOWLEDGED, _C.CLEARED),
    (_P.CLEARED_ACKNOWLEDGED, _I.CLEAR_LATE): (_P.CLEARED_ACKNOWLEDGED, _C.SUPERSEDED),
    (_P.CLEARED_ACKNOWLEDGED, _I.ACKNOWLEDGE): (_P.CLEARED_ACKNOWLEDGED, _C.NOTED),
    (_P.CLEARED_ACKNOWLEDGED, _I.WITHDRAW): (_P.CLEARED, _C.WITHDRAWN),
    (_P.CLEARED_ACKNOWLEDGED, _I.NOTE): (_P.CLEARED_ACKNOWLEDGED, _C.NOTED),
}
"""Every input in every phase, but for what cannot be: people act only on alerts that there are, and what is
new cannot get worse.
"""

_RANK = {Severity.INFO: 0, Severity.MINOR: 1, Severity.MAJOR: 2, Severity.CRITICAL: 3}


def worse(severity: Severity, than: Severity) -> bool:
    """Whether somebody must look sooner."""
    return _RANK[severity] > _RANK[than]


def phase_of(*, cleared: bool, acknowledged: bool) -> Phase:
    """The phase of a known alert."""
    return _PHASES[cleared, acknowledged]


_PHASES = {
    (False, False): Phase.OPEN,
    (False, True): Phase.OPEN_ACKNOWLEDGED,
    (True, False): Phase.CLEARED,
    (True, True): Phase.CLEARED_ACKNOWLEDGED,
}
