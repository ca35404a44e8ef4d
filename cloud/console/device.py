"""One device: how it is, what it measures and measured, what became of it, and its alerts."""

import asyncio
import datetime as dt
from typing import Any, cast

from nicegui import ui

from cardea.runtime.i18n import msg
from cardea.runtime.phrases import phrase
from cloud.console.curves import Window, chart
from cloud.console.live import Live
from cloud.console.metrics import title_of, value_text
from cloud.console.reader import Reader
from cloud.console.style import DEVICES, SEVERITIES, UNKNOWN
from cloud.console.table import make_table, show_rows
from cloud.ledger import reads
from cloud.ledger.views import AlertQuery, AlertRow, AlertView, DeviceRow, GatewayRow
from cloud.series.store import HistoryUnavailable, Latest
from cloud.thermometers import ELEVATED, LIVE_S, SURFACE, parts_of

SERIES_MAX = 24
POINTS_MAX = 300
CHART_EVERY_S = 60.0
EVENTS = 20
ALERTS = 10
REST_S = 0.8
_RANGES = {1: msg("1 hour"), 24: msg("24 hours"), 168: msg("7 days"), 720: msg("30 days")}
"""Hours."""


class DevicePage:
    """Everything of one device; also of a gateway, which reports numbers of itself under its own name."""

    def __init__(self, reader: Reader, gateway: str, device: str) -> None:
        self._reader = reader
        self._say = reader.say
        self._gateway = gateway
        self._device = device
        self._hours = 24
        self._series: dict[str, _Series] = {}

    async def build(self) -> None:
        """Lay the page out and fill it."""
        say = self._say
        self._head = ui.card().classes("w-full gap-2")
        with ui.card().classes("w-full gap-2") as self._readings:
            with ui.row().classes("w-full items-center gap-4"):
                ui.label(say.text("Readings")).classes("text-subtitle1 text-weight-medium")
                ranges = {hours: say.text(title) for hours, title in _RANGES.items()}
                ui.toggle(ranges, value=self._hours, on_change=lambda event: self._choose(event.value)).props(
                    "dense no-caps"
                )
                ui.label(say.text("Line: mean. Band: lowest to highest.")).classes(
                    "cardea-quiet text-caption"
                )
            self._nothing = ui.label(say.text("It has reported no numbers")).classes("cardea-quiet")
            self._curves = (
                ui.grid()
                .classes("w-full gap-4")
                .style("grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr))")
            )
        with ui.row().classes("w-full gap-4 items-start"):
            with ui.card().style("flex: 1 1 26rem"):
                ui.label(say.text("State changes")).classes("text-subtitle1 text-weight-medium")
                self._events = make_table(say, _COLUMNS, sortable=False)
            with ui.card().style("flex: 1 1 22rem"):
                ui.label(say.text("Alerts")).classes("text-subtitle1 text-weight-medium")
                self._alerts = ui.column().classes("w-full gap-1")
        await self.refresh()
        Live(self._reader.house.aggregator.feed, self.refresh, REST_S)

    async def refresh(self) -> None:
        """Read everything anew and show it."""
        read = self._reader.read
        mine = AlertQuery(view=AlertView.ALL, gateway=self._gateway, device=self._device, limit=ALERTS)
        devices, gateways, events, alerts = await asyncio.gather(
            read(reads.devices),
            read(reads.gateways),
            read(reads.device_events, self._gateway, self._device, EVENTS),
            read(reads.alerts, mine),
        )
        gateway = next((row for row in gateways if row.id == self._gateway), None)
        device = next(
            (row for row in devices if (row.gateway, row.device) == (self._gateway, self._device)), None
        )
        latest = () if gateway is None else self._reader.house.series.latest([self._gateway], self._device)
        self._show_head(gateway, device)
        await self._show_series(latest)
        self._show_alerts(alerts.items)
        zone = self._reader.house.zone
        show_rows(
            self._events,
            [
                {
                    "id": str(n),
                    "time": self._say.moment(event.at, zone),
                    "state": self._say.text(phrase(event.state)),
                    "reason": event.reason,
                    "firmware": event.firmware or "",
                }
                for n, event in enumerate(events)
            ],
        )

    async def _choose(self, hours: int) -> None:
        self._hours = hours
        for series in self._series.values():
            series.drawn_s = None
        await self.refresh()

    def _show_head(self, gateway: GatewayRow | None, device: DeviceRow | None) -> None:
        say = self._say
        self._head.clear()
        with self._head:
            ui.label(self._device).classes("text-h6")
            if gateway is None:
                ui.label(say.text("There is no such device here"))
                return
            if device is None:
                ui.label(say.text("It reports numbers; its gateway says nothing else of it")).classes(
                    "cardea-quiet"
                )
                return
            look = UNKNOWN if device.gateway_silent else DEVICES[device.state]
            state = phrase(device.state)
            words = say.text("Unknown: gateway silent") if device.gateway_silent else say.text(state)
            with ui.row().classes("items-center gap-2"):
                ui.chip(words, icon=look.icon, color=look.colour, text_color="white").props("dense square")
                ui.label(device.reason).classes("cardea-quiet")
            skew = device.clock_skew_s
            facts = {
                say.text("Gateway"): gateway.name,
                say.text("Since"): say.moment(device.at, self._reader.house.zone),
                say.text("Driver"): device.driver,
                say.text("Portal"): device.portal or "–",
                say.text("Firmware"): device.firmware or "–",
                say.text("Clock skew"): "–"
                if skew is None
                else say.text("{seconds} s", seconds=say.number(skew, 1)),
                say.text("Unreadable messages"): say.number(device.rejects),
            }
            with ui.row().classes("gap-x-8 gap-y-1"):
                for name, value in facts.items():
                    with ui.column().classes("gap-0"):
                        ui.label(name).classes("cardea-quiet text-caption")
                        ui.label(value)

    async def _show_series(self, latest: tuple[Latest, ...]) -> None:
        """A threshold is a line in the curve that it belongs to, and no curve of its own."""
        elevated = next((one.value for one in latest if parts_of(one.series)[1] == ELEVATED), None)
        drawn = sorted((one for one in latest if parts_of(one.series)[1] != ELEVATED), key=_people_first)
        drawn = drawn[:SERIES_MAX]
        self._nothing.set_visibility(not drawn)
        if [one.series for one in drawn] != list(self._series):
            self._curves.clear()
            with self._curves:
                self._series = {one.series: _Series(self._reader, one) for one in drawn}
        for one in drawn:
            threshold = elevated if parts_of(one.series)[1] == SURFACE else None
            await self._series[one.series].show(one, self._hours, threshold)

    def _show_alerts(self, alerts: tuple[AlertRow, ...]) -> None:
        say = self._say
        self._alerts.clear()
        with self._alerts:
            if not alerts:
                ui.label(say.text("Nothing. All quiet.")).classes("cardea-quiet")
            for alert in alerts:
                look = SEVERITIES[alert.severity]
                with ui.row().classes("w-full items-center no-wrap gap-2"):
                    ui.icon(look.icon, color=look.colour, size="sm").tooltip(say.text(phrase(alert.severity)))
                    with ui.column().classes("gap-0 col-grow"):
                        ui.label(say.text(phrase(alert.alert))).classes("text-body2")
                        ui.label(say.moment(alert.last_at, self._reader.house.zone)).classes(
                            "cardea-quiet text-caption"
                        )
                    cleared = alert.cleared_at is not None
                    ui.badge(
                        say.text("Cleared") if cleared else say.text("Not cleared"),
                        color="green-8" if cleared else "red-8",
                    )


def _people_first(one: Latest) -> tuple[bool, str]:
    return parts_of(one.series)[1] != SURFACE, one.series


class _Series:
    """One series: the newest value, and a curve that is drawn once a minute."""

    def __init__(self, reader: Reader, one: Latest) -> None:
        self._reader = reader
        self._metric = parts_of(one.series)[1]
        self.drawn_s: float | None = None
        with ui.column().classes("gap-0 w-full").style("min-width: 0").mark("series"):
            with ui.row().classes("w-full items-baseline gap-2"):
                ui.label(title_of(reader.say, self._metric)).classes("text-weight-medium")
                self._value = ui.label().classes("text-subtitle1 text-weight-bold")
                self._age = ui.label().classes("cardea-quiet text-caption")
            self._trouble = ui.label().classes("cardea-quiet text-caption")
            self._chart = ui.echart({}).classes("cardea-chart")
        self._trouble.set_visibility(False)

    async def show(self, one: Latest, hours: int, threshold: float | None) -> None:
        say, now = self._reader.say, self._reader.now()
        self._value.set_text(value_text(say, self._metric, one.value))
        old = abs((now - one.at).total_seconds()) > LIVE_S
        self._value.classes(add="text-grey-6" if old else "", remove="" if old else "text-grey-6")
        ago = self._reader.ago(one.at)
        self._age.set_text(say.text("Stale: {ago}", ago=ago) if old else ago)
        await self._draw(one, hours, now, threshold)

    async def _draw(self, one: Latest, hours: int, until: dt.datetime, threshold: float | None) -> None:
        house, now_s = self._reader.house, self._reader.house.clock.monotonic_s()
        if self.drawn_s is not None and now_s - self.drawn_s < CHART_EVERY_S:
            return
        self.drawn_s = now_s
        since = until - dt.timedelta(hours=hours)
        try:
            points = await house.series.history(one.gateway, one.series, since, until, POINTS_MAX)
        except HistoryUnavailable as error:
            self._trouble.set_text(str(error))
            self._trouble.set_visibility(True)
            return
        self._trouble.set_visibility(False)
        options = chart(points, Window(since, until, POINTS_MAX), house.zone, threshold)
        shown = cast("dict[str, Any]", self._chart.options)  # pyright: ignore[reportUnknownMemberType]  # its stub leaves the types open
        shown.clear()
        shown.update(options)
        self._chart.update()


_COLUMNS = {
    "time": msg("Time"),
    "state": msg("State"),
    "reason": msg("Reason"),
    "firmware": msg("Firmware"),
}
