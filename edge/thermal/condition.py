"""What keeps a position from measuring, told to staff once it lasts and cleared when it measures again."""

from collections.abc import Mapping

from cardea.contract.records import AlertKind
from cardea.contract.screening import OF_PEOPLE, NotScreened
from edge.alerts import Alarm, Alerts

WARMER_S = 60.0
"""By how much a sensor may exceed the time it is given to warm up."""
LASTING_S: Mapping[NotScreened, float] = {
    NotScreened.NO_REFERENCE: 0.0,
    NotScreened.UNCERTAINTY_UNKNOWN: 0.0,
    NotScreened.GAIN_UNFIT: 10.0,
    NotScreened.REFERENCE_DRIFTING: 0.0,
    NotScreened.REFERENCE_LOST: 10.0,
    NotScreened.FRAME_UNFIT: 10.0,
    NotScreened.FLAT_FIELD: 30.0,
    NotScreened.TOO_HOT: 60.0,
}
"""After so long a condition is worth somebody's way; warming up, when it takes longer than it is given."""


class ConditionAlarm:
    """One position's alert."""

    def __init__(self, device: str, warm_up_s: float, alerts: Alerts) -> None:
        self._device = device
        self._warm_up_s = warm_up_s
        self._alerts = alerts

    def told(self, condition: NotScreened | None, lasts_s: float) -> None:
        """The condition now, and for how long it has stood."""
        if condition is None or condition in OF_PEOPLE:
            self._alerts.clear(self._alarm(None), "it measures again")
        elif lasts_s >= LASTING_S.get(condition, self._warm_up_s + WARMER_S):
            self._alerts.raise_(self._alarm(condition))

    def _alarm(self, reason: NotScreened | None) -> Alarm:
        detail = {} if reason is None else {"reason": reason.value}
        return Alarm(alert=AlertKind.THERMOMETER_UNFIT, device=self._device, detail=detail)
