"""The alert list: acknowledged and cleared are two things; acknowledging needs a note for the next shift."""

from nicegui import ui

from cardea.runtime.i18n import msg
from cardea.runtime.phrases import phrase
from cloud.console.alert_detail import happened, lines
from cloud.console.live import Live
from cloud.console.reader import Reader, place_of
from cloud.console.style import SEVERITIES
from cloud.ledger import alerts, reads
from cloud.ledger.views import AlertQuery, AlertRow, AlertView

ROWS = 100
NOTE_CHARACTERS_MAX = 1000
_VIEWS = {
    AlertView.ATTENTION: msg("Needs attention"),
    AlertView.OPEN: msg("Not cleared"),
    AlertView.UNACKNOWLEDGED: msg("Not acknowledged"),
    AlertView.ALL: msg("All"),
}


class Alerts:
    """The list, and the dialogue in which one alert is read and acknowledged."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        self._view = AlertView.ATTENTION

    async def build(self) -> None:
        """Lay the page out and fill it."""
        views = {view: self._say.text(title) for view, title in _VIEWS.items()}
        with ui.card().classes("w-full"):
            ui.toggle(views, value=self._view, on_change=lambda event: self._choose(event.value)).props(
                "dense no-caps"
            )
            self._list = ui.column().classes("w-full gap-0")
        self._aside = ui.element()  # a dialogue in the list would go with the list at every refresh
        await self.refresh()
        Live(self._reader.house.aggregator.feed, self.refresh)

    async def refresh(self) -> None:
        """Read the list anew and show it."""
        query = AlertQuery(site=self._reader.site, view=self._view, limit=ROWS)
        page = await self._reader.read(reads.alerts, query)
        self._list.clear()
        with self._list:
            if not page.items:
                ui.label(self._say.text("Nothing. All quiet.")).classes("cardea-quiet q-pa-md")
            for alert in page.items:
                self._line(alert)
            if page.next is not None:
                ui.label(self._say.text("There are older ones; the API lists them all")).classes(
                    "cardea-quiet"
                )

    async def _choose(self, view: AlertView) -> None:
        self._view = view
        await self.refresh()

    def _line(self, alert: AlertRow) -> None:
        say, look = self._say, SEVERITIES[alert.severity]
        with (
            ui.row()
            .classes("w-full items-center no-wrap gap-3 q-py-xs")
            .style("border-top: 1px solid #e3e8ee")
        ):
            ui.icon(look.icon, color=look.colour, size="md").tooltip(say.text(phrase(alert.severity)))
            with ui.column().classes("gap-0 col-grow"):
                ui.label(say.text(phrase(alert.alert))).classes("text-body1")
                where = place_of(alert)
                ui.label(f"{alert.site_name} · {where}").classes("cardea-quiet text-caption")
            ui.label(say.moment(alert.last_at, self._reader.house.zone)).classes("text-caption")
            ui.label(say.plural("once", "{n} times", alert.count)).classes("cardea-quiet text-caption").style(
                "width: 5rem"
            )
            self._marks(alert)
            ui.button(say.text("Open"), on_click=lambda: self._open(alert)).props("flat dense no-caps")

    def _marks(self, alert: AlertRow) -> None:
        say = self._say
        with ui.row().classes("gap-1 justify-end").style("width: 17rem"):
            if alert.inhibited:
                ui.badge(say.text("Gateway silent"), color="blue-grey-5")
            cleared = alert.cleared_at is not None
            ui.badge(
                say.text("Cleared") if cleared else say.text("Not cleared"),
                color="green-8" if cleared else "red-8",
            )
            known = alert.acknowledged_at is not None
            ui.badge(
                say.text("Acknowledged") if known else say.text("Not acknowledged"),
                color="blue-grey-7" if known else "amber-9",
            )

    async def _open(self, alert: AlertRow) -> None:
        say = self._say
        events = await self._reader.read(reads.alert_events, alert.id)
        self._aside.clear()
        with self._aside, ui.dialog(value=True) as dialog, ui.card().style("width: 40rem; max-width: 90vw"):
            ui.label(say.text(phrase(alert.alert))).classes("text-h6")
            for label, value in lines(alert.detail, say):
                with ui.row().classes("gap-2 no-wrap items-baseline text-caption"):
                    ui.label(label).classes("text-grey-7")
                    ui.label(value)
            with ui.scroll_area().style("height: 14rem"):
                for event in events:
                    at = say.moment(event.at, self._reader.house.zone)
                    said = (at, happened(event.change, say), event.who, event.note)
                    ui.label(" · ".join(filter(None, said))).classes("text-caption")
            if alert.acknowledged_at is None:
                self._acknowledge(alert, dialog)
            else:
                ui.button(say.text("Close"), on_click=dialog.close).props("flat no-caps")

    def _acknowledge(self, alert: AlertRow, dialog: ui.dialog) -> None:
        say = self._say
        note = ui.textarea(say.text("What was done about it?")).classes("w-full")
        note.props(f"outlined autofocus maxlength={NOTE_CHARACTERS_MAX}")

        async def acknowledge() -> None:
            text = (note.value or "").strip()
            if not text:
                ui.notify(say.text("Write a note first: the next shift reads it"), type="warning")
                return
            house, account = self._reader.house, self._reader.account
            await house.ledger.write(
                alerts.acknowledge,
                account.scope,
                alert.id,
                account.login,
                text,
                self._reader.now(),
            )
            house.aggregator.feed.changed()  # every open page shows it
            dialog.close()
            await self.refresh()

        with ui.row():
            ui.button(say.text("Acknowledge"), on_click=acknowledge).props("no-caps")
            ui.button(say.text("Close"), on_click=dialog.close).props("flat no-caps")
