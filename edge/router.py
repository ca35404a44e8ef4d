"""From devices to the portals that use them, and into the telemetry what is a number and nothing else."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from cardea.contract.records import DeviceState
from drivers.api import (
    Accepted,
    DeviceEvent,
    PictureCaptured,
    Refused,
    SpotMeasured,
    TemperatureMeasured,
    ThermalFrameCaptured,
    UnitReported,
)
from edge.configuration.settings import Portal
from edge.configuration.topology import uses

Verdict = Accepted | Refused
Report = Callable[[str, float], None]
"""A number of a series; never waits."""
Look = Callable[[str, PictureCaptured], None]
"""A picture to be looked at; never waits."""
Watch = Callable[[str, TemperatureMeasured], TemperatureMeasured]
"""A terminal's temperature on its way: the same, or marked as one that only gives advice."""
Measure = Callable[[str, ThermalFrameCaptured | SpotMeasured], None]
"""A thermal frame or spot to be measured; never waits."""


class Takes(Protocol):
    """What the router needs of a portal."""

    async def take(self, device: str, event: DeviceEvent) -> Verdict:
        """Take a device's event in."""
        ...

    def device_changed(self, device: str, state: DeviceState) -> None:
        """A device came or went."""
        ...


class WatchesDevices(Takes, Protocol):
    """What the router needs of a zone."""

    @property
    def devices(self) -> frozenset[str]:
        """The devices whose events it wants."""
        ...


class Router:
    """Knows which portals and zones use which device."""

    def __init__(
        self,
        portals: Mapping[str, Portal],
        tasks: Mapping[str, Takes],
        report: Report,
        look: Look,
        measure: Measure,
        zones: Sequence[WatchesDevices] = (),
        watch: Watch = lambda _device, event: event,
    ) -> None:
        self._users: dict[str, list[Takes]] = {}
        for name, portal in portals.items():
            for device in dict.fromkeys(use.device for use in uses(portal)):
                self._users.setdefault(device, []).append(tasks[name])
        for zone in zones:
            for device in zone.devices:
                self._users.setdefault(device, []).append(zone)
        self._report = report
        self._look = look
        self._measure = measure
        self._watch = watch

    async def take(self, device: str, event: DeviceEvent) -> Verdict:
        """Hand an event to every portal that uses the device; refused when one of them refuses."""
        if isinstance(event, PictureCaptured):
            self._look(device, event)
            return Accepted()
        if isinstance(event, ThermalFrameCaptured | SpotMeasured):
            self._measure(device, event)
            return Accepted()
        if isinstance(event, TemperatureMeasured):
            event = self._watch(device, event)
        self._numbers(device, event)
        users = self._users.get(device, ())
        if len(users) == 1:
            return await users[0].take(device, event)
        verdicts = await asyncio.gather(*(user.take(device, event) for user in users))
        return next((verdict for verdict in verdicts if isinstance(verdict, Refused)), Accepted())

    def device_changed(self, device: str, state: DeviceState) -> None:
        """Tell the portals that use the device."""
        for user in self._users.get(device, ()):
            user.device_changed(device, state)

    def _numbers(self, device: str, event: DeviceEvent) -> None:
        match event:
            case TemperatureMeasured(value_c=value_c, offline=False):
                self._report(f"{device}/surface_temp_c", value_c)
            case UnitReported(values=values, offline=False):
                for metric, value in values.items():
                    self._report(f"{device}/{metric}", value)
            case _:
                pass
