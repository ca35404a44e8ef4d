"""Thermal tiles: what each thermometer says now, its day, and its threshold where the gateway tells it.

A value that is not of now is never shown as one: the figure is a dash, and the old value stands below with
its age.
"""

import datetime as dt

from nicegui import ui

from cardea.contract.records import DeviceState
from cardea.runtime.phrases import phrase
from cloud.console.curves import Window, sparkline
from cloud.console.reader import Reader, device_address
from cloud.ledger.views import DeviceRow, GatewayRow
from cloud.series.store import HistoryUnavailable
from cloud.thermometers import Thermometer

TILES_MAX = 12
SPARK_H = 24
SPARK_POINTS = 144
SPARK_EVERY_S = 60.0


class ThermalTiles:
    """A row of tiles; built anew only when a thermometer comes or goes."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._tiles: dict[tuple[str, str], _Tile] = {}
        self._row = ui.row().classes("w-full gap-4 items-stretch")

    async def show(
        self, found: tuple[Thermometer, ...], devices: tuple[DeviceRow, ...], gateways: tuple[GatewayRow, ...]
    ) -> None:
        """Bring every tile up to date. Of several gateways each tile says whose it is."""
        names = {row.id: row.name for row in gateways} if len(gateways) > 1 else {}
        shown = {(one.gateway, one.device): one for one in found[:TILES_MAX]}
        known = {(row.gateway, row.device): row for row in devices}
        if shown.keys() != self._tiles.keys():
            self._row.clear()
            with self._row:
                self._tiles = {
                    key: _Tile(self._reader, one, names.get(one.gateway, "")) for key, one in shown.items()
                }
                if len(found) > TILES_MAX:
                    ui.link(self._reader.say.text("All devices"), "/devices").classes("self-center")
        self._row.set_visibility(bool(shown))
        for key, one in shown.items():
            await self._tiles[key].show(one, known.get(key))


class _Tile:
    """One thermometer."""

    def __init__(self, reader: Reader, one: Thermometer, gateway_name: str) -> None:
        self._reader = reader
        self._drawn_s: float | None = None
        with ui.card().classes("cardea-thermometer gap-1 q-py-sm").mark("thermometer"):
            with ui.row().classes("w-full items-center no-wrap gap-2"):
                ui.icon("thermostat", size="sm").classes("cardea-quiet")
                with ui.column().classes("gap-0").style("flex: 1 1 0; min-width: 0; line-height: 1.25"):
                    ui.link(one.device, device_address(one.gateway, one.device)).classes(
                        "text-body2 text-weight-medium ellipsis"
                    )
                    if gateway_name:
                        ui.label(gateway_name).classes("cardea-quiet text-caption ellipsis w-full")
                self._badge = ui.badge().props("outline")
            with ui.row().classes("w-full items-baseline no-wrap gap-2"):
                self._figure = ui.label().classes("cardea-figure").mark("temperature")
                self._word = ui.label().classes("text-caption text-weight-medium")
            self._below = ui.label().classes("cardea-quiet text-caption")
            self._spark = ui.html(sanitize=False).classes("cardea-spark")  # numbers of ours, no text
            self._about = ui.label().classes("cardea-quiet text-caption")

    async def show(self, one: Thermometer, device: DeviceRow | None) -> None:
        say, live = self._reader.say, self._is_live(one, device)
        value = say.temperature_c(one.value_c)
        self._figure.set_text(value if live else "–")
        self._badge.set_text(say.text("Live") if live else say.text("Stale"))
        self._badge.props(f"color={'green-8' if live else 'amber-10'}")
        warm = live and one.elevated_c is not None and one.value_c >= one.elevated_c
        for label in (self._figure, self._word):
            label.classes(add="text-red-9" if warm else "", remove="" if warm else "text-red-9")
        self._word.set_text(say.text("Elevated") if warm else "")
        ago = self._reader.ago(one.at)
        self._below.set_text(ago if live else self._why_stale(value, ago, device))
        await self._draw(one)

    def _is_live(self, one: Thermometer, device: DeviceRow | None) -> bool:
        speaks = device is None or (device.state is DeviceState.ONLINE and not device.gateway_silent)
        return speaks and one.is_live(self._reader.now())

    def _why_stale(self, value: str, ago: str, device: DeviceRow | None) -> str:
        say = self._reader.say
        if device is not None and device.gateway_silent:
            return say.text("Gateway silent; last {value}, {ago}", value=value, ago=ago)
        if device is not None and device.state is not DeviceState.ONLINE:
            state = say.text(phrase(device.state))
            return say.text("{state}; last {value}, {ago}", state=state, value=value, ago=ago)
        return say.text("Last {value}, {ago}", value=value, ago=ago)

    async def _draw(self, one: Thermometer) -> None:
        house, now_s = self._reader.house, self._reader.house.clock.monotonic_s()
        if self._drawn_s is not None and now_s - self._drawn_s < SPARK_EVERY_S:
            return
        self._drawn_s = now_s
        say, until = self._reader.say, self._reader.now()
        since = until - dt.timedelta(hours=SPARK_H)
        try:
            points = await house.series.history(one.gateway, one.series, since, until, SPARK_POINTS)
        except HistoryUnavailable as error:
            self._about.set_text(say.text("The trend is not available now"))
            self._about.tooltip(str(error))
            return
        window = Window(since, until, SPARK_POINTS)
        self._spark.set_content(sparkline(points, window, one.elevated_c))
        if one.elevated_c is None:
            self._about.set_text(say.text("Last 24 hours"))
        else:
            threshold = say.temperature_c(one.elevated_c)
            self._about.set_text(
                say.text("Last 24 hours; dashed: elevated from {threshold}", threshold=threshold)
            )
