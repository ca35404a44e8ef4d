"""Whether one check can be made: said once when it cannot be, and once when it can be again."""

from collections.abc import Sequence
from typing import Protocol

from cardea.contract.records import AlertKind, Severity
from cardea.runtime.logs import get_logger
from edge.alerts import Alarm

_LOG = get_logger("checks")


class Raises(Protocol):
    """What it needs of the alerts."""

    def raise_(self, alarm: Alarm) -> None:
        """Say that somebody must look."""
        ...

    def clear(self, alarm: Alarm, evidence: str) -> None:
        """The condition has ended."""
        ...


class Availability:
    """One check, at the cameras or portals that it serves. Minor: no door depends on a check alone."""

    def __init__(
        self, check: str, alerts: Raises, *, cameras: Sequence[str] = (), portals: Sequence[str] = ()
    ) -> None:
        self._check = check
        self._alerts = alerts
        self._cameras = tuple(cameras)
        self._portals = list(portals)
        self._known = False
        self.reason: str | None = None
        """Why it cannot be made; ``None`` while it can, and before anybody knows."""

    def lost(self, error: Exception) -> None:
        """It cannot be made."""
        reason = str(error) or type(error).__name__
        if reason != self.reason:
            _LOG.warning("check_unavailable", check=self._check, reason=reason)
        self.reason, self._known = reason, True
        for alarm in self._alarms():
            self._alerts.raise_(alarm)

    def back(self) -> None:
        """It can be made."""
        _LOG.info("check_available", check=self._check)
        self._settled(f"{self._check}: looked at again")
        self._known = True

    def not_needed(self) -> None:
        """Nobody asks for it any more: that it cannot be made is no concern of anybody's."""
        self._settled(f"{self._check}: asked for by nobody")
        self._known = False

    def concern(self, portal: str) -> None:
        """It matters at one more portal."""
        if portal in self._portals:
            return
        self._portals.append(portal)
        if self.reason is not None:
            self._alerts.raise_(self._alarm(portal=portal))
        elif self._known:
            self._alerts.clear(self._alarm(portal=portal), f"{self._check}: looked at again")

    def _settled(self, evidence: str) -> None:
        self.reason = None
        for alarm in self._alarms():
            self._alerts.clear(alarm, evidence)

    def _alarms(self) -> list[Alarm]:
        cameras = [self._alarm(device=camera) for camera in self._cameras]
        return cameras + [self._alarm(portal=portal) for portal in self._portals]

    def _alarm(self, *, device: str | None = None, portal: str | None = None) -> Alarm:
        return Alarm(
            alert=AlertKind.CHECK_UNAVAILABLE,
            portal=portal,
            device=device,
            about=self._check,
            severity=Severity.MINOR,
            detail={"check": self._check, "reason": self.reason or ""},
        )
