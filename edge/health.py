"""The gateway's own health: a few numbers as telemetry, and the whole picture in a status file."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cardea.contract.records import AlertKind, DeviceState, Severity
from cardea.contract.time import ClockQuality
from cardea.runtime.clock import Clock
from edge.alerts import Alarm, Alerts
from edge.recorder import Recorder
from edge.telemetry import EVERY, ByException, Telemetry

PERIOD_S = 1.0
STATUS_S = 2.0
UNSYNCHRONISED_S = 60.0
"""NTP needs a while after boot; a clock that is still unkept then is worth an alert."""
STATUS_FILE = "status.json"
_PAGE = os.sysconf("SC_PAGESIZE")

RULES: Mapping[str, ByException] = {
    "loop_lag_ms": ByException(deadband=5.0, interval_s_min=5.0),
    "commit_ms": ByException(deadband=2.0, interval_s_min=5.0),
    "rss_mb": ByException(deadband=2.0, interval_s_min=10.0),
    "outbox_rows": ByException(deadband=50.0, interval_s_min=5.0),
    "following_rows": ByException(interval_s_min=2.0),
    "devices_online": ByException(interval_s_min=2.0),
    "alerts_open": ByException(interval_s_min=2.0),
    "clock_quality": ByException(interval_s_min=2.0, heartbeat_s=300.0),
    "surface_temp_c": EVERY,
    # Disinfection units tell of themselves three times a second.
    "irradiance_uw_cm2": ByException(deadband=2.0, interval_s_min=2.0),
    "lamp_h": ByException(deadband=0.1, interval_s_min=60.0, heartbeat_s=600.0),
    "lamp_life_h": ByException(interval_s_min=60.0, heartbeat_s=3600.0),
    "lamp_life_pct": ByException(deadband=0.5, interval_s_min=60.0, heartbeat_s=600.0),
    "watchdog": ByException(heartbeat_s=600.0),
    "output_on": ByException(heartbeat_s=300.0),
    "contactor_on": ByException(heartbeat_s=300.0),
    "temperature_c": ByException(deadband=0.5, interval_s_min=10.0, heartbeat_s=300.0),
    "reference_offset_c": ByException(deadband=0.05, interval_s_min=5.0),
    "reference_spread_c": ByException(deadband=0.1, interval_s_min=5.0),
    "uncertainty_c": ByException(deadband=0.02, interval_s_min=5.0),
    "faces": ByException(interval_s_min=2.0, heartbeat_s=300.0),
}
"""Health numbers of the gateway (series ``<gateway>/<metric>``) and how devices' metrics are thinned out."""

_QUALITY = {ClockQuality.UNSYNCHRONISED: 0.0, ClockQuality.HOLDOVER: 1.0, ClockQuality.SYNCHRONISED: 2.0}


class Health:
    """Looks at the gateway once a second."""

    def __init__(
        self,
        gateway: str,
        clock: Clock,
        recorder: Recorder,
        alerts: Alerts,
        telemetry: Telemetry,
        numbers: Callable[[], Mapping[str, float]],
        settings: Mapping[str, float],
    ) -> None:
        """``numbers`` by metric of the gateway; ``settings``: series that others draw beside the readings."""
        self._gateway = gateway
        self._clock = clock
        self._recorder = recorder
        self._alerts = alerts
        self._telemetry = telemetry
        self._numbers = numbers
        self._settings = settings
        self._unkept_s: float | None = None
        self.loop_lag_s = 0.0
        """How late the last look was: what everything on the loop had to wait."""

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            due_s = self._clock.monotonic_s() + PERIOD_S
            await self._clock.sleep(PERIOD_S)
            self.loop_lag_s = max(0.0, self._clock.monotonic_s() - due_s)
            self._look()

    def _look(self) -> None:
        quality = self._clock.now().quality
        readings = {
            "loop_lag_ms": self.loop_lag_s * 1000,
            "commit_ms": self._recorder.commit_s * 1000,
            "rss_mb": rss_mb(),
            "following_rows": float(self._recorder.following),
            "alerts_open": float(self._alerts.open),
            "clock_quality": _QUALITY[quality],
            **self._numbers(),
        }
        for metric, value in readings.items():
            self._telemetry.report(f"{self._gateway}/{metric}", value)
        for series, value in self._settings.items():
            self._telemetry.report(series, value)
        self._look_at_store()
        self._look_at_clock(quality)

    def _look_at_store(self) -> None:
        full = Alarm(alert=AlertKind.STORE_FULL, severity=Severity.CRITICAL)
        if self._recorder.full:
            self._alerts.raise_(full)
        else:
            self._alerts.clear(full, "there is room again")

    def _look_at_clock(self, quality: ClockQuality) -> None:
        now_s = self._clock.monotonic_s()
        alarm = Alarm(alert=AlertKind.CLOCK_UNSYNCHRONISED, severity=Severity.MINOR)
        if quality is not ClockQuality.UNSYNCHRONISED:
            self._unkept_s = None
            self._alerts.clear(alarm, "UTC is kept")
            return
        self._unkept_s = now_s if self._unkept_s is None else self._unkept_s
        if now_s - self._unkept_s >= UNSYNCHRONISED_S:
            self._alerts.raise_(alarm)


class StatusFile:
    """The whole picture, put in place whole every ``STATUS_S``, for ``cardea edge status``."""

    def __init__(self, path: Path, clock: Clock, picture: Callable[[], Mapping[str, Any]]) -> None:
        self._path = path
        self._clock = clock
        self._picture = picture

    async def run(self) -> None:
        """Write, until cancelled; then take the file away. A disk that cannot take it disturbs nothing."""
        try:
            while True:
                text = json.dumps(self._picture(), ensure_ascii=False, default=str)
                await asyncio.get_running_loop().run_in_executor(None, self._write, text)
                await self._clock.sleep(STATUS_S)
        finally:
            self._remove()

    def _write(self, text: str) -> None:
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            beside.write_text(text)
            beside.chmod(0o640)
            beside.replace(self._path)
        except OSError:
            return

    def _remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return


def rss_mb() -> float:
    """Resident memory of this process, MB; 0 where the kernel does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * _PAGE / 1e6


def online(states: Mapping[str, DeviceState | None]) -> int:
    """How many devices are online."""
    return sum(state is DeviceState.ONLINE for state in states.values())
