"""Carrying out what the portal machine asks for, in order and without waiting."""

import asyncio
from collections.abc import Sequence

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, Outcome
from edge.alerts import Alarm
from edge.decide.decision import (
    ClearAlert,
    Effect,
    EndHold,
    HoldReleased,
    LogDrill,
    RaiseAlert,
    ReleaseDoor,
    ShowMessage,
)
from edge.portal.actuation import Actuation
from edge.portal.approaches import Case
from edge.portal.means import Means

PERSONAL = frozenset(
    {
        AlertKind.CREDENTIAL_REVOKED,
        AlertKind.CREDENTIAL_REPLAYED,
        AlertKind.CREDENTIAL_FORGED,
        AlertKind.STATUS_RED,
    }
)
"""Alerts about a person: two people are two issues."""


_SILENT = {
    True: ShowMessage(Outcome.GRANT, Reason.GRANTED),
    False: ShowMessage(Outcome.DENY, Reason.LOCKDOWN),
}
"""What a terminal that waits is told when the machine says nothing, by whether it opens."""


class Effects:
    """The hands of one portal."""

    def __init__(self, portal: str, actuation: Actuation, means: Means) -> None:
        self._portal = portal
        self._actuation = actuation
        self._means = means
        self._released: asyncio.Task[bool] | None = None

    def carry(self, effects: Sequence[Effect], case: Case | None) -> None:
        """Do all of it; ``case`` is the approach that was decided, if one was."""
        told = next((effect for effect in effects if isinstance(effect, ShowMessage)), None)
        opens = any(isinstance(effect, ReleaseDoor | HoldReleased) for effect in effects)
        for effect in effects:
            match effect:
                case ReleaseDoor(side=side, release_s=release_s):
                    self._released = self._actuation.release(side, release_s, case.asks if case else ())
                case HoldReleased():
                    self._actuation.hold(on=True)
                case EndHold():
                    self._actuation.hold(on=False)
                case RaiseAlert():
                    self.alarm(effect, case)
                case ClearAlert(alert=alert, evidence=evidence):
                    self._means.alerts.clear(Alarm(alert=alert, portal=self._portal), evidence)
                case LogDrill():
                    self._means.drilled(self._portal, effect)
                case ShowMessage():
                    pass
        if case is not None:
            self._tell(case, told or _SILENT[opens], shown=told is not None)

    def alarm(self, effect: RaiseAlert, case: Case | None) -> None:
        """Say that staff must look."""
        self._means.alerts.raise_(self._alarm(effect, case))

    def take_release(self) -> "asyncio.Task[bool] | None":
        """The timed release that was begun last, once; tells whether the device did it."""
        released, self._released = self._released, None
        return released

    def _tell(self, case: Case, told: ShowMessage, *, shown: bool) -> None:
        """Every terminal that asked is answered, whatever the machine made of the decision."""
        text = self._actuation.text(told.outcome, told.reason)
        for ask in case.asks:
            self._actuation.answer(ask, granted=told.outcome is Outcome.GRANT, text=text)
        if shown and not case.asks:
            self._actuation.show(case.device, text)

    def _alarm(self, effect: RaiseAlert, case: Case | None) -> Alarm:
        seen = case.approach.credential if case is not None else None
        subject = seen.value.subject if seen else None
        return Alarm(
            alert=effect.alert,
            portal=self._portal,
            device=case.device if case is not None else None,
            about=subject.value if subject and effect.alert in PERSONAL else None,
            severity=effect.severity,
            decision=case.approach.id if case is not None else None,
            detail={"reason": effect.reason.value} if effect.reason else {},
        )
