"""The gateway's thermal positions: one task for each device, the newest frame only, one thread for all.

What a position reads goes to every portal that measures with the device, at that portal's own threshold. A
condition that keeps a position from measuring reaches the portals as "not screened", so that their degrade
policy decides (SAFETY.md L7), and staff as one alert until the position measures again.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from drivers.api import Driver, SpotMeasured, ThermalFrameCaptured
from edge.alerts import Alerts
from edge.configuration.settings import Portal
from edge.thermal.condition import ConditionAlarm
from edge.thermal.post import Canthi, Post, Report, Show, TakesScreenings, Thermal, Told, User
from edge.thermal.screening_watch import ScreeningWatch
from edge.thermal.settings import Thermometer

_SEEN = (ThermalFrameCaptured, SpotMeasured)


def no_camera(_device: str, _frame: ThermalFrameCaptured) -> None:
    """No camera stands beside any device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What positions need of whoever runs them."""

    alerts: Alerts
    report: Report
    show: Show
    zone: dt.tzinfo = dt.UTC
    """The site's, where midnight ends what was usual."""
    canthi: Canthi = no_camera


class Thermometry:
    """Runs the thermal positions."""

    def __init__(
        self,
        drivers: Mapping[str, Driver[Any]],
        thermometers: Mapping[str, Thermometer],
        portals: Mapping[str, Portal],
        tasks: Mapping[str, TakesScreenings],
        needs: Needs,
    ) -> None:
        """``drivers`` by device: those that give frames or spots have a position, once anybody names them."""
        seeing = {name for name, driver in drivers.items() if set(_SEEN) & set(driver.events)}
        used = {name for portal in portals.values() for name in portal.ingress.thermometers}
        self._posts: dict[str, Post] = {}
        for name in sorted(seeing & (used | set(thermometers))):
            settings = thermometers.get(name) or Thermometer()
            told = Told(
                users=_users(name, portals, tasks),
                alarm=ConditionAlarm(name, settings.warm_up_s, needs.alerts),
                watch=ScreeningWatch(name, settings.screening_watch, needs.alerts, needs.zone),
                report=needs.report,
                show=needs.show,
                canthi=needs.canthi,
            )
            self._posts[name] = Post(name, settings, told)

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


def _users(
    device: str, portals: Mapping[str, Portal], tasks: Mapping[str, TakesScreenings]
) -> tuple[User, ...]:
    users = (
        User(tasks[name], portal.screening.elevated_c, portal.thermometer_compliant)
        for name, portal in portals.items()
        if device in portal.ingress.thermometers
    )
    return tuple(sorted(users, key=lambda user: user.threshold_c))
