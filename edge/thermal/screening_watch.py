"""What watches one thermometer's screenings: a second look at "normal", and how many are called elevated.

Reference and threshold come first (``models.thermal``). Here somebody who is unlike the last people is
measured again though called normal, and staff are told once the share of elevated people has left its target,
as it does when a sensor drifts, somebody moves the blackbody or a door is left open in winter.
"""

import datetime as dt
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from cardea.contract.records import AlertKind, ScreeningState
from cardea.contract.screening import NotScreened
from edge.alerts import Alarm, Alerts
from edge.thermal.settings import ScreeningWatchSettings
from models.thermal.decision.alarm_rate import AlarmRate, chart
from models.thermal.decision.baseline import Baseline, second_line
from models.thermal.reading import Reading

DRIFTED = frozenset({NotScreened.REFERENCE_DRIFTING, NotScreened.GAIN_UNFIT})
"""What was usual before says nothing of what comes after."""
BESIDE_MAX = 16
"""So many people may stand there at once."""
MOVED_C = 0.3
"""Nor after a flat-field correction that moved the sensor's error by more. A smaller move lies within what
people differ by, and some sensors correct themselves every few minutes: none would ever have a baseline."""


@dataclass(slots=True)
class _Person:
    """Who stands there now."""

    presence: int
    day: dt.date
    surface_temp_c: float | None = None
    """The latest; ``None`` once the baseline that it belongs to is gone."""
    elevated: bool = False
    """Called so at any time of the stay."""


class ScreeningWatch:
    """One for each thermometer. Never waits, never raises."""

    def __init__(
        self, device: str, settings: ScreeningWatchSettings, alerts: Alerts, zone: dt.tzinfo = dt.UTC
    ) -> None:
        """``zone``: where midnight ends a day's baseline."""
        self._device = device
        self._target = settings.target_rate
        self._alerts = alerts
        self._zone = zone
        self._chart = chart(settings.target_rate, settings.detectable_rate, settings.false_alarm_people)
        self._baseline = Baseline(people=settings.baseline_people)
        self._rate = AlarmRate()
        if alerts.stands(self._alarm()):
            self._rate = AlarmRate(level=self._chart.limit, off_target=True)
        self._person: _Person | None = None
        self._counted: deque[int] = deque(maxlen=BESIDE_MAX)
        self._offset_c: float | None = None
        self._corrected = False

    def looked(self, condition: NotScreened | None, offset_c: float | None) -> None:
        """After every frame: what keeps the position from measuring, and its sensor's error where known."""
        if condition in DRIFTED:
            self._reset()
        self._corrected |= condition is NotScreened.FLAT_FIELD
        if offset_c is None or condition is NotScreened.FLAT_FIELD:
            return
        if self._corrected and not (self._offset_c is not None and abs(offset_c - self._offset_c) <= MOVED_C):
            self._reset()
        self._corrected, self._offset_c = False, offset_c

    def judged(
        self, reading: Reading, states: Sequence[ScreeningState], at: dt.datetime
    ) -> tuple[ScreeningState, ...]:
        """The states to act on, one for each of ``states``: those of a reading at each portal's threshold.

        ``at``: when it was read, aware. A stay counts as one person, once somebody else has come.
        """
        found, day = reading.measurement, at.astimezone(self._zone).date()
        if found is None:
            return tuple(states)
        if reading.presence not in self._counted:
            self._take(
                reading.presence, found.surface_temp_c, day, elevated=ScreeningState.ELEVATED in states
            )
        usual = self._baseline.compared(found.surface_temp_c, day)
        return tuple(second_line(state, usual) for state in states)

    @property
    def usual_c(self) -> float | None:
        """The middle of the last people's temperatures; ``None`` before the first."""
        return self._baseline.median_c

    def picture(self) -> dict[str, object]:
        """For ``cardea edge status``."""
        middle_c = self._baseline.median_c
        return {
            "baseline_people": len(self._baseline.recent_c),
            "baseline_c": None if middle_c is None else round(middle_c, 2),
            "alarm_level": round(self._rate.level / self._chart.limit, 2),
        }

    def _take(self, presence: int, surface_temp_c: float, day: dt.date, *, elevated: bool) -> None:
        if self._person is None or presence != self._person.presence:
            self._settle()
            self._person = _Person(presence, day)
        self._person.surface_temp_c = surface_temp_c
        self._person.elevated |= elevated

    def _settle(self) -> None:
        """Count whoever has left; who stands beside somebody is counted once, too."""
        person = self._person
        if person is None:
            return
        self._counted.append(person.presence)
        if person.surface_temp_c is not None:
            self._baseline = self._baseline.met(person.surface_temp_c, person.day)
        before, self._rate = self._rate, self._rate.met(self._chart, alarmed=person.elevated)
        if self._rate.off_target:
            self._alerts.raise_(self._alarm())
        elif before.off_target:
            self._alerts.clear(self._alarm(), "elevated readings are as rare as they should be again")

    def _reset(self) -> None:
        self._baseline = self._baseline.reset()
        if self._person is not None:
            self._person.surface_temp_c = None

    def _alarm(self) -> Alarm:
        detail = {
            "elevated": str(self._rate.alarms),
            "people": str(self._rate.people),
            "target_rate": f"{self._target:g}",
        }
        return Alarm(alert=AlertKind.SCREENING_RATE, device=self._device, detail=detail)
