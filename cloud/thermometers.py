"""Thermometers among the newest readings. Pure."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from cloud.series.store import Latest

SURFACE = "surface_temp_c"
ELEVATED = "elevated_c"
"""From which surface temperature on a device's portal calls somebody elevated, where the gateway says so."""
LIVE_S = 300.0
"""An older value is history, however warm it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermometer:
    """The newest surface temperature that a device has measured."""

    gateway: str
    device: str
    at: dt.datetime
    value_c: float
    elevated_c: float | None

    @property
    def series(self) -> str:
        """Where its history is."""
        return f"{self.device}/{SURFACE}"

    def is_live(self, now: dt.datetime) -> bool:
        """Whether the value may be shown as one of now; one from the future says nothing of now, either."""
        return abs((now - self.at).total_seconds()) <= LIVE_S


def parts_of(series: str) -> tuple[str, str]:
    """Device and metric of ``device/metric_unit``."""
    device, _, metric = series.rpartition("/")
    return device, metric


def thermometers(latest: Iterable[Latest]) -> tuple[Thermometer, ...]:
    """The devices that measure surface temperatures, by gateway and device."""
    values = {(reading.gateway, *parts_of(reading.series)): reading for reading in latest}
    found: list[Thermometer] = []
    for (gateway, device, metric), reading in sorted(values.items()):
        if metric == SURFACE:
            elevated = values.get((gateway, device, ELEVATED))
            found.append(
                Thermometer(
                    gateway=gateway,
                    device=device,
                    at=reading.at,
                    value_c=reading.value,
                    elevated_c=None if elevated is None else elevated.value,
                )
            )
    return tuple(found)


def warmest(latest: Iterable[Latest], now: dt.datetime) -> dict[str, Thermometer]:
    """The warmest live value of each gateway that has one."""
    found: dict[str, Thermometer] = {}
    for one in thermometers(latest):
        if one.is_live(now) and (one.gateway not in found or one.value_c > found[one.gateway].value_c):
            found[one.gateway] = one
    return found
