"""The gateway's thermal positions: one task for each device, the newest frame only, one thread for all.

What a position reads goes to every portal that measures with the device, at that portal's own threshold. A
condition that keeps a position from measuring reaches the portals as "not screened", so that their degrade
policy decides (SAFETY.md L7), and staff as one alert until the position measures again.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from cardea.contract.records import AlertKind
from cardea.contract.screening import NotScreened
from cardea.runtime.logs import get_logger
from drivers.api import Driver, Observed, SpotMeasured, ThermalFrameCaptured
from edge.alerts import Alarm, Alerts
from edge.decide.evidence import Screening
from edge.gathering import PersonScreened
from edge.settings import Portal
from edge.thermometer_settings import Thermometer
from edge.thermometry_positions import manner_of, position_of
from models.thermal import spot, station
from models.thermal.reading import Reading
from models.thermal.station import Station, Step, blocked

Thermal = ThermalFrameCaptured | SpotMeasured
Report = Callable[[str, float], None]
"""A number of a series; never waits."""

WARMER_S = 60.0
"""By how much a sensor may exceed the time it is given to warm up."""
LASTING_S: Mapping[NotScreened, float] = {
    NotScreened.NO_REFERENCE: 0.0,
    NotScreened.UNCERTAINTY_UNKNOWN: 0.0,
    NotScreened.REFERENCE_DRIFTING: 0.0,
    NotScreened.REFERENCE_LOST: 10.0,
    NotScreened.FRAME_UNFIT: 10.0,
    NotScreened.FLAT_FIELD: 30.0,
    NotScreened.TOO_HOT: 60.0,
}
"""After so long a condition is worth somebody's way; warming up, when it takes longer than it is given."""
_FINE = (NotScreened.NOBODY_THERE, NotScreened.TOO_FAR)
_SEEN = (ThermalFrameCaptured, SpotMeasured)
_LOG = get_logger("thermometry")


class TakesScreenings(Protocol):
    """What thermometry needs of a portal."""

    def screened(self, screened: PersonScreened) -> None:
        """Somebody was looked at; never waits."""
        ...


@dataclass(frozen=True, slots=True)
class _User:
    """A portal that measures with a device."""

    task: TakesScreenings
    threshold_c: float
    compliant: bool


class Thermometry:
    """Runs the thermal positions."""

    def __init__(
        self,
        drivers: Mapping[str, Driver[Any]],
        thermometers: Mapping[str, Thermometer],
        portals: Mapping[str, Portal],
        tasks: Mapping[str, TakesScreenings],
        alerts: Alerts,
        report: Report,
    ) -> None:
        """``drivers`` by device: those that give frames or spots have a position, once anybody names them."""
        seeing = {name for name, driver in drivers.items() if set(_SEEN) & set(driver.events)}
        used = {name for portal in portals.values() for name in portal.ingress.thermometers}
        self._posts = {
            name: _Post(
                name, thermometers.get(name) or Thermometer(), _users(name, portals, tasks), alerts, report
            )
            for name in sorted(seeing & (used | set(thermometers)))
        }

    def take(self, device: str, event: Thermal) -> None:
        """Take a device's newest frame or spot in, in place of one that waits; never waits itself."""
        post = self._posts.get(device)
        if post is not None and not event.offline:
            post.put(event)

    async def run(self) -> None:
        """Measure, until cancelled."""
        if not self._posts:
            return
        worker = ThreadPoolExecutor(1, thread_name_prefix="thermometry")
        try:
            async with asyncio.TaskGroup() as group:
                for name, post in self._posts.items():
                    group.create_task(post.run(worker), name=f"thermometer {name}")
        finally:
            worker.shutdown(wait=False, cancel_futures=True)

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        return {name: post.picture() for name, post in self._posts.items()}


class _Post:
    """One device's position: a slot for its newest frame, and what the machine remembers."""

    def __init__(
        self, device: str, settings: Thermometer, users: tuple[_User, ...], alerts: Alerts, report: Report
    ) -> None:
        self._device = device
        self._settings = settings
        self._manner = manner_of(settings)
        self._position = position_of(settings)
        self._users = users
        self._alerts = alerts
        self._report = report
        self._newest: Thermal | None = None
        self._arrived = asyncio.Event()
        self._state = Station()
        self._last = Step()
        self._failing = False
        self._measured = self._dropped = 0

    def put(self, event: Thermal) -> None:
        """The newest counts."""
        self._dropped += self._newest is not None
        self._newest = event
        self._arrived.set()

    async def run(self, worker: ThreadPoolExecutor) -> None:
        """Look at one frame after another, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while self._newest is None:
                self._arrived.clear()
                await self._arrived.wait()
            event, self._newest = self._newest, None
            self._state, step = await loop.run_in_executor(worker, self._step, event)
            self._measured += 1
            self._tell(event, step)
            del event

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        condition, offset_c = self._last.condition, self._last.offset_c
        return {
            "condition": condition.value if condition is not None else None,
            "reference_offset_c": None if offset_c is None else round(offset_c, 2),
            "looked_at": self._measured,
            "dropped": self._dropped,
        }

    def _step(self, event: Thermal) -> tuple[Station, Step]:
        try:
            stepped = self._stepped(event)
        except Exception as error:  # noqa: BLE001  # a frame that fails a check must not end the gateway
            if not self._failing:
                _LOG.error("thermometry_failed", device=self._device, exc_info=error)
            self._failing = True
            state, reading = blocked(self._state, NotScreened.FRAME_UNFIT, event.at.mono_s)
            return state, Step(reading=reading, condition=NotScreened.FRAME_UNFIT)
        self._failing = False
        return stepped

    def _stepped(self, event: Thermal) -> tuple[Station, Step]:
        if isinstance(event, SpotMeasured):
            return spot.step(self._state, event, self._manner, self._settings.spot_uncertainty_c)
        if self._position is None:
            return self._state, Step()
        return station.step(self._state, event, self._position)

    def _tell(self, event: Thermal, step: Step) -> None:
        self._last = step
        self._watch(step.condition, event.at.mono_s)
        numbers = {
            "reference_offset_c": step.offset_c,
            "reference_spread_c": step.spread_c,
            "uncertainty_c": step.uncertainty_c,
        }
        if step.reading is not None:
            found = step.reading.measurement
            numbers["surface_temp_c"] = None if found is None else found.surface_temp_c
            self._hand_on(event, step.reading)
        for metric, value in numbers.items():
            if value is not None:
                self._report(f"{self._device}/{metric}", value)

    def _hand_on(self, event: Thermal, reading: Reading) -> None:
        """To each portal at its own threshold; the picture itself goes no further."""
        found = reading.measurement
        surface_temp_c = None if found is None else round(found.surface_temp_c, 3)
        for user in self._users:
            state = reading.state(user.threshold_c)
            user.task.screened(
                PersonScreened(
                    device=self._device,
                    event=Observed(at=event.at, device_utc=event.device_utc),
                    screening=Screening(state, surface_temp_c, user.compliant),
                    opens=reading.first,
                    presence=reading.presence,
                )
            )

    def _watch(self, condition: NotScreened | None, now_s: float) -> None:
        """Raise what lasts, once; clear it when the position measures again."""
        if condition is None or condition in _FINE:
            self._alerts.clear(self._alarm(None), "it measures again")
            return
        lasting_s = LASTING_S.get(condition, self._settings.warm_up_s + WARMER_S)
        if now_s - self._state.since_s >= lasting_s:
            self._alerts.raise_(self._alarm(condition))

    def _alarm(self, reason: NotScreened | None) -> Alarm:
        detail = {} if reason is None else {"reason": reason.value}
        return Alarm(alert=AlertKind.THERMOMETER_UNFIT, device=self._device, detail=detail)


def _users(
    device: str, portals: Mapping[str, Portal], tasks: Mapping[str, TakesScreenings]
) -> tuple[_User, ...]:
    return tuple(
        _User(tasks[name], portal.screening.elevated_c, portal.thermometer_compliant)
        for name, portal in portals.items()
        if device in portal.ingress.thermometers
    )
