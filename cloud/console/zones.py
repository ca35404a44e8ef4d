"""The zones page: every disinfection zone in sight, the worst first."""

import datetime as dt

from nicegui import ui

from cardea.contract.zones import ZoneState
from cloud.console.live import Live
from cloud.console.reader import Reader
from cloud.console.zone_card import RUNNING, Acts, ZoneCard
from cloud.console.zone_dialogs import ZoneDialogs
from cloud.ledger import reads
from cloud.ledger.views import ZoneRow

CARDS_MAX = 48
ORDERS_SHOWN = dt.timedelta(minutes=15)
"""Older orders say nothing of now; the list of orders keeps them all."""
REST_S = 0.8


def worst_first(zone: ZoneRow) -> tuple[int, str, str, str]:
    """Locked out, then unknown, then running, then the rest; by site, gateway and zone among equals."""
    urgency = 3
    if zone.state is ZoneState.LOCKOUT:
        urgency = 0
    elif zone.gateway_silent:
        urgency = 1
    elif zone.state in RUNNING:
        urgency = 2
    return urgency, zone.site_name, zone.gateway, zone.zone


class Zones:
    """A card per zone, each brought up to date in its place."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        self._cards: dict[tuple[str, str], ZoneCard] = {}
        self._order: list[tuple[str, str]] = []

    async def build(self) -> None:
        """Lay the page out and fill it."""
        self._row = ui.row().classes("w-full gap-4 items-stretch")
        self._more = ui.label(
            self._say.text("Only the most urgent zones are shown: choose a site on the wall for its own")
        ).classes("cardea-quiet")
        self._dialogs = ZoneDialogs(self._reader, self.refresh)
        await self.refresh()
        Live(self._reader.house.aggregator.feed, self.refresh, REST_S)

    async def refresh(self) -> None:
        """Read everything anew and show it."""
        found = await self._reader.read(reads.zones, self._reader.site)
        orders = await self._reader.read(reads.cycle_orders, self._reader.now() - ORDERS_SHOWN)
        zones = sorted(found, key=worst_first)[:CARDS_MAX]
        order = [(zone.gateway, zone.zone) for zone in zones]
        if order != self._order or not order:
            self._lay(order)
        self._more.set_visibility(len(found) > CARDS_MAX)
        for zone in zones:
            key = (zone.gateway, zone.zone)
            self._cards[key].show(zone, orders.get(key))

    def _lay(self, order: list[tuple[str, str]]) -> None:
        self._order = order
        self._row.clear()
        acts = Acts(self._dialogs.start, self._dialogs.stop)
        with self._row:
            self._cards = {key: ZoneCard(self._reader, acts) for key in order}
            if not order:
                _empty(self._reader)


def _empty(reader: Reader) -> None:
    say = reader.say
    with ui.card().classes("items-center q-pa-lg w-full"):
        ui.icon("sanitizer", size="3rem").classes("cardea-quiet")
        ui.label(say.text("No disinfection zones")).classes("text-h6")
        ui.label(say.text("A gateway reports its zones as soon as its configuration names one.")).classes(
            "cardea-quiet"
        )
