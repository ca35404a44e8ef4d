"""The overview: today's figures, the live entry feed, and what needs attention."""

import asyncio
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from cardea.contract.records import DeviceState, Outcome, Side
from cardea.runtime.i18n import msg
from cardea.runtime.phrases import phrase
from cloud.console.entry import EntryDialog
from cloud.console.live import Live
from cloud.console.reader import Reader, address_of, place_of
from cloud.console.style import OUTCOMES, SEVERITIES
from cloud.console.table import make_table, show_rows
from cloud.console.tiles import ThermalTiles
from cloud.console.zone_lines import show_zones
from cloud.console.zones import worst_first
from cloud.ledger import reads
from cloud.ledger.views import AlertQuery, AlertRow, AlertView, CountQuery, Entry, EntryQuery, ZoneRow
from cloud.thermometers import thermometers

FEED_ROWS = 40
ATTENTION_ROWS = 8
_OUTCOME_CELL = """<q-td :props="props"><q-chip dense square :color="props.row.colour" text-color="white"
 :icon="props.row.icon" :label="props.row.outcome" /></q-td>"""
_TEMPERATURE_CELL = """<q-td :props="props"><span :class="props.row.hot ? 'text-red-9 text-weight-bold' : ''">
{{ props.row.temperature }}</span></q-td>"""


class Overview:
    """The page's live parts, filled again whenever the ledger has something new."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        self._figures: dict[str, ui.label] = {}
        self._portal: str | None = None
        self._outcome: Outcome | None = None
        self._paused = False

    async def build(self) -> None:
        """Lay the page out and fill it."""
        say = self._say
        with ui.row().classes("w-full gap-4"):
            for key, title in _TILES.items():
                with ui.card().classes("cardea-tile gap-0"):
                    ui.label(say.text(title)).classes("cardea-quiet text-caption")
                    self._figures[key] = ui.label("–").classes("cardea-figure").mark(key)
        self._thermal = ThermalTiles(self._reader)
        with ui.row().classes("w-full gap-4 items-start no-wrap"):
            with ui.card().style("flex: 1 1 0; min-width: 0"):
                await self._build_feed()
            with ui.column().classes("gap-4").style("flex: 0 0 21rem"):
                with ui.card().classes("w-full"):
                    ui.label(say.text("Needs attention")).classes("text-subtitle1 text-weight-medium")
                    self._attention = ui.column().classes("w-full gap-1")
                with ui.card().classes("w-full") as self._disinfection:
                    ui.label(say.text("Disinfection")).classes("text-subtitle1 text-weight-medium")
                    self._zones = ui.column().classes("w-full gap-2")
        await self.refresh()
        Live(self._reader.house.aggregator.feed, self.refresh)

    async def _build_feed(self) -> None:
        say = self._say
        portals = await self._reader.read(reads.portals, self._reader.site)
        with ui.row().classes("w-full items-center gap-4"):
            ui.label(say.text("Entries, live")).classes("text-subtitle1 text-weight-medium")
            self._held = ui.chip(say.text("Held while you read"), icon="pause", color="amber-8").props(
                "dense"
            )
            ui.space()
            ui.select(
                {None: say.text("All portals"), **{p.portal: p.name for p in portals}},
                value=None,
                on_change=lambda event: self._filter(portal=event.value, outcome=self._outcome),
            ).props("dense outlined").classes("w-44")
            ui.select(
                {None: say.text("All outcomes"), **{o: say.text(phrase(o)) for o in Outcome}},
                value=None,
                on_change=lambda event: self._filter(portal=self._portal, outcome=event.value),
            ).props("dense outlined").classes("w-44")
        self._held.set_visibility(False)
        table = make_table(say, _COLUMNS, sortable=False).classes("cardea-feed")
        table.add_slot("body-cell-outcome", _OUTCOME_CELL)
        table.add_slot("body-cell-temperature", _TEMPERATURE_CELL)
        table.props["no-data-label"] = say.text("Nobody has come yet")
        table.on("mouseenter", self._hold)
        table.on("mouseleave", self._go_on)
        table.on(
            "rowClick",
            self._open,
            js_handler="(event, row) => emit({gateway: row.gateway, entry: row.entry})",
        )
        self._feed = table
        self._entry = EntryDialog(self._reader)

    async def refresh(self) -> None:
        """Read everything anew and show it."""
        read, site = self._reader.read, self._reader.site
        today = CountQuery(site=site, since=self._reader.today(), side=Side.INGRESS)
        feed = EntryQuery(site=site, portal=self._portal, outcome=self._outcome, limit=FEED_ROWS)
        attention = AlertQuery(site=site, view=AlertView.ATTENTION, limit=ATTENTION_ROWS)
        counts, entries, alerts, devices, zones, gateways = await asyncio.gather(
            read(reads.outcome_counts, today),
            read(reads.entries, feed),
            read(reads.alerts, attention),
            read(reads.devices, site),
            read(reads.zones, site),
            read(reads.gateways, site),
        )
        latest = self._reader.house.series.latest([row.id for row in gateways])
        await self._thermal.show(thermometers(latest), devices, gateways)
        self._show_zones(sorted(zones, key=worst_first))
        for outcome in Outcome:
            total = sum(row.count for row in counts if row.outcome is outcome)
            self._figures[outcome.value].set_text(self._say.number(total))
        online = sum(row.state is DeviceState.ONLINE and not row.gateway_silent for row in devices)
        self._figures["devices"].set_text(f"{self._say.number(online)} / {self._say.number(len(devices))}")
        self._show_attention(alerts.items)
        if not self._paused:
            show_rows(self._feed, [self._row(entry) for entry in entries.items])

    async def _filter(self, portal: str | None, outcome: Outcome | None) -> None:
        self._portal, self._outcome = portal, outcome
        await self.refresh()

    def _hold(self) -> None:
        self._paused = True
        self._held.set_visibility(True)

    async def _go_on(self) -> None:
        self._paused = False
        self._held.set_visibility(False)
        await self.refresh()

    async def _open(self, clicked: GenericEventArguments) -> None:
        await self._entry.show(str(clicked.args["gateway"]), str(clicked.args["entry"]))

    def _row(self, entry: Entry) -> dict[str, Any]:
        say, look = self._say, OUTCOMES[entry.outcome]
        temperature = "" if entry.surface_temp_c is None else say.temperature_c(entry.surface_temp_c)
        return {
            "id": f"{entry.gateway}/{entry.id}",
            "gateway": entry.gateway,
            "entry": entry.id,
            "time": say.time_of_day(entry.at, self._reader.house.zone),
            "portal": entry.portal_name,
            "outcome": say.text(phrase(entry.outcome)),
            "colour": look.colour,
            "icon": look.icon,
            "reason": say.text(phrase(entry.reasons[0])) if entry.reasons else "",
            "temperature": temperature,
            "hot": entry.screening.value in {"elevated", "retest"},
            "credential": "" if entry.credential is None else say.text(phrase(entry.credential)),
            "person": "" if entry.subject is None else entry.subject.value[:8],
            "passed": "✓" if entry.passed_at else "",
        }

    def _show_zones(self, zones: list[ZoneRow]) -> None:
        self._disinfection.set_visibility(bool(zones))
        self._zones.clear()
        with self._zones:
            show_zones(self._reader, zones)

    def _show_attention(self, alerts: tuple[AlertRow, ...]) -> None:
        self._attention.clear()
        with self._attention:
            if not alerts:
                ui.label(self._say.text("Nothing. All quiet.")).classes("cardea-quiet")
            for alert in alerts:
                look = SEVERITIES[alert.severity]
                with ui.row().classes("w-full items-center no-wrap gap-2"):
                    ui.icon(look.icon, color=look.colour, size="sm").tooltip(
                        self._say.text(phrase(alert.severity))
                    )
                    with ui.column().classes("gap-0 col-grow"):
                        ui.label(self._say.text(phrase(alert.alert))).classes("text-body2")
                        where = place_of(alert)
                        ui.label(f"{where} · {self._reader.ago(alert.last_at)}").classes(
                            "cardea-quiet text-caption"
                        )
                    if alert.count > 1:
                        ui.badge(f"×{alert.count}", color="blue-grey-6")
            ui.link(self._say.text("All alerts"), address_of("/alerts", self._reader.site)).classes(
                "text-caption"
            )


_TILES = {
    Outcome.GRANT.value: msg("Entered today"),
    Outcome.DENY.value: msg("Denied today"),
    Outcome.REFER.value: msg("Sent to staff today"),
    Outcome.RETEST.value: msg("Measured again today"),
    "devices": msg("Devices online"),
}
_COLUMNS = {
    "time": msg("Time"),
    "portal": msg("Portal"),
    "outcome": msg("Outcome"),
    "reason": msg("Reason"),
    "temperature": msg("Temperature"),
    "credential": msg("Credential"),
    "person": msg("Person (pseudonym)"),
    "passed": msg("Went through"),
}
