"""Terminals that bend their readings toward normal: found by what they say of each hundred people.

While that stands a terminal only gives advice, and staff have an alert. It stands until a newer hundred
spreads as honest readings do, with a margin. A terminal that says itself that it makes "body
temperatures" of what it measures counts at once.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol

from cardea.contract.records import AlertKind
from drivers.api import TemperatureMeasured
from edge.alerts import Alarm
from models.thermal.decision.compensation import READINGS, believable, narrowness

AGAIN_S = 10.0
"""The same value this soon is the same measurement told again, as when a terminal asks and then reports."""


class Alerts(Protocol):
    """What is needed of the gateway's alerts."""

    def raise_(self, alarm: Alarm) -> None:
        """Say that somebody must look, unless that still stands."""
        ...

    def clear(self, alarm: Alarm, evidence: str) -> None:
        """It has ended, if it stood."""
        ...

    def stands(self, alarm: Alarm) -> bool:
        """Whether it has been raised and not cleared, also before a restart."""
        ...


@dataclass(slots=True)
class _Said:
    """What one terminal said last."""

    readings_c: list[float] = field(default_factory=list[float])
    """Fewer than ``READINGS``: as many are judged at once, and forgotten."""
    last: tuple[float, float] = (0.0, 0.0)
    """The last reading that counted, and when it was."""


class Compensation:
    """Watches all terminals that report temperatures; fewer than a hundred numbers are kept of each."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._said: dict[str, _Said] = {}

    def seen(self, device: str, event: TemperatureMeasured) -> TemperatureMeasured:
        """The event, marked as compensated while the terminal is known to bend what it measures."""
        if not event.offline and believable(event.value_c):
            self._weigh(device, event)
        if self._alerts.stands(_alarm(device)):
            return replace(event, vendor_compensated=True)
        return event

    def _weigh(self, device: str, event: TemperatureMeasured) -> None:
        said = self._said.setdefault(device, _Said())
        if event.vendor_compensated:
            said.readings_c.clear()
            self._alerts.raise_(_alarm(device, found="said by the device"))
            return
        last_c, last_s = said.last
        if event.value_c == last_c and event.at.mono_s - last_s < AGAIN_S:
            return
        said.last = event.value_c, event.at.mono_s
        said.readings_c.append(event.value_c)
        if len(said.readings_c) == READINGS:
            self._judge(device, said)

    def _judge(self, device: str, said: _Said) -> None:
        """Each hundred by itself: looked at after every reading, an honest terminal would fail some day."""
        found = narrowness(said.readings_c)
        said.readings_c.clear()
        if found.normalises and found.sd_c is not None:
            self._alerts.raise_(_alarm(device, found="readings too alike", sd_c=f"{found.sd_c:.3f}"))
        elif found.wide:
            self._alerts.clear(_alarm(device), f"{READINGS} newer readings spread as they should")


def _alarm(device: str, **detail: str) -> Alarm:
    return Alarm(alert=AlertKind.THERMOMETER_NORMALISED, device=device, detail=detail)
