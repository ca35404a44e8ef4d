"""Which thermal devices only give advice, because nobody has shown that their position complies.

What such a device measures may lead to another measurement or to staff, never to a refusal (SAFETY.md, the
default ingress policy).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from cardea.runtime.clock import Clock
from edge.portal.gathering import PersonScreened
from edge.thermal.compliance import Live, judged
from edge.thermal.position_figures import Around
from edge.thermal.settings import Thermometer
from models.thermal.condition.selftest import Report, Verdict

LIVE_S_MAX = 900.0
"""What measured the room and has been silent for longer no longer does."""


class Compliances:
    """The positions of one gateway, judged anew whenever somebody asks."""

    def __init__(
        self, thermometers: Mapping[str, Thermometer], drivers: Mapping[str, str], clock: Clock
    ) -> None:
        """``drivers``: name of the driver of each device."""
        self._positions = {
            name: (thermometer, thermometer.position)
            for name, thermometer in thermometers.items()
            if thermometer.position is not None
        }
        self._drivers = drivers
        self._clock = clock
        sites = [position.site for _, position in self._positions.values()]
        self._series = {name for site in sites for name in (site.room_series, site.humidity_series) if name}
        self._numbers: dict[str, tuple[float, float]] = {}
        """By series: when, and what it said."""

    def note(self, series: str, value: float) -> None:
        """A number was measured; only those that a position names are kept."""
        if series in self._series:
            self._numbers[series] = self._clock.monotonic_s(), value

    def report(self, device: str) -> Report | None:
        """The clauses as they stand now; ``None`` for a device whose position nobody has described."""
        found = self._positions.get(device)
        if found is None:
            return None
        thermometer, position = found
        around = Around(
            today=self._clock.now().utc.date(),
            driver=self._drivers.get(device, ""),
            thermometer=thermometer,
        )
        site = position.site
        live = Live(room_c=self._now(site.room_series), humidity_pct=self._now(site.humidity_series))
        return judged(position, around, live)

    def shown(self, device: str) -> bool:
        """Whether the device has been shown to comply."""
        report = self.report(device)
        return report is not None and report.verdict is Verdict.COMPLIANT

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``: each position's verdict and the clauses that it does not meet."""
        reports = {device: self.report(device) for device in self._positions}
        return {
            device: {
                "verdict": report.verdict.value,
                "failing": [finding.clause.figure.value for finding in report.failing],
            }
            for device, report in reports.items()
            if report is not None
        }

    def _now(self, series: str | None) -> float | None:
        if series is None or series not in self._numbers:
            return None
        at_s, value = self._numbers[series]
        return value if self._clock.monotonic_s() - at_s < LIVE_S_MAX else None


class TakesScreenings(Protocol):
    """A portal, as far as it takes screenings."""

    def screened(self, screened: PersonScreened) -> None:
        """Somebody was looked at; never waits."""
        ...


class Advised:
    """A portal to which devices without a shown compliance can only give advice."""

    def __init__(self, portal: TakesScreenings, compliances: Compliances) -> None:
        self._portal = portal
        self._compliances = compliances

    def screened(self, screened: PersonScreened) -> None:
        """The portal's own flag is one condition, the position's answer the other: both must hold."""
        if screened.screening.compliant and not self._compliances.shown(screened.device):
            screened = replace(screened, screening=replace(screened.screening, compliant=False))
        self._portal.screened(screened)
