"""Zones on the overview: a line each."""

from nicegui import ui

from cardea.runtime.phrases import phrase
from cloud.console.reader import Reader, address_of
from cloud.console.style import CYCLES
from cloud.console.zone_card import chip, look_of, state_text
from cloud.ledger.views import ZoneRow

LINES_MAX = 6


def show_zones(reader: Reader, zones: list[ZoneRow]) -> None:
    """Fill the current element."""
    say, several = reader.say, len({zone.site for zone in zones}) > 1
    for zone in zones[:LINES_MAX]:
        with ui.row().classes("w-full items-center no-wrap gap-2").mark("zone-line"):
            with ui.column().classes("gap-0").style("flex: 1 1 0; min-width: 0"):
                ui.label(f"{zone.title} · {zone.site_name}" if several else zone.title).classes("text-body2")
                _last(reader, zone)
            chip(look_of(zone), state_text(say, zone)).style("flex: none")
    ui.link(say.text("All zones"), address_of("/zones", reader.site)).classes("text-caption")


def _last(reader: Reader, zone: ZoneRow) -> None:
    say = reader.say
    if zone.last is None:
        ui.label(say.text("No cycle yet")).classes("cardea-quiet text-caption")
        return
    look = CYCLES[zone.last.outcome]
    with ui.row().classes("items-start gap-1 no-wrap"):
        ui.icon(look.icon, color=look.colour, size="xs")
        outcome, ago = say.text(phrase(zone.last.outcome)), reader.ago(zone.last.ended_at)
        ui.label(say.text("{outcome}, {ago}", outcome=outcome, ago=ago)).classes("cardea-quiet text-caption")
