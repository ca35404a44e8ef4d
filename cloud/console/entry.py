"""One entry in full: who decided what and why, and what its temperature is made of."""

from nicegui import ui

from cardea.runtime.i18n import msg
from cardea.runtime.phrases import phrase
from cardea.runtime.screening_line import explain, origin_of, sum_of
from cloud.console.reader import Reader
from cloud.console.style import OUTCOMES
from cloud.ledger import reads
from cloud.ledger.views import Entry

_FACTS = {
    "time": msg("Time"),
    "portal": msg("Portal"),
    "person": msg("Person (pseudonym)"),
    "credential": msg("Credential"),
    "side": msg("Direction"),
    "authority": msg("Decided by"),
    "mode": msg("Circumstances"),
    "policy": msg("Policy version"),
}


class EntryDialog:
    """Stands beside the feed, whose rows come and go."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        self._aside = ui.element()

    async def show(self, gateway: str, entry_id: str) -> None:
        """Open it; nothing happens when the reader may not see the entry."""
        entry = await self._reader.read(reads.entry, gateway, entry_id)
        if entry is None:
            return
        self._aside.clear()
        with (
            self._aside,
            ui.dialog(value=True) as dialog,
            ui.card().classes("gap-3").style("width: 40rem; max-width: 94vw").mark("entry"),
        ):
            self._outcome(entry)
            self._screening(entry)
            self._facts(entry)
            ui.button(self._say.text("Close"), on_click=dialog.close).props("flat no-caps").classes(
                "self-end"
            )

    def _outcome(self, entry: Entry) -> None:
        say, look = self._say, OUTCOMES[entry.outcome]
        with ui.row().classes("items-center gap-3"):
            ui.chip(
                say.text(phrase(entry.outcome)), icon=look.icon, color=look.colour, text_color="white"
            ).props("square")
            with ui.column().classes("gap-0"):
                for reason in entry.reasons:
                    ui.label(say.text(phrase(reason)))

    def _screening(self, entry: Entry) -> None:
        say, terms = self._say, entry.screening_terms
        with ui.column().classes("cardea-screening w-full gap-1"):
            ui.label(say.text("Temperature")).classes("cardea-quiet text-caption")
            ui.label(explain(say, entry.screening, entry.surface_temp_c, terms, entry.not_screened)).classes(
                "text-subtitle1 text-weight-medium"
            ).mark("screening-line")
            if terms is not None:
                ui.label(sum_of(say, terms)).classes("cardea-sum").mark("screening-sum")
                ui.label(origin_of(say, terms)).classes("cardea-quiet text-caption")
            elif entry.surface_temp_c is not None:
                ui.label(say.text("The device gave this number only, not what it is made of.")).classes(
                    "cardea-quiet text-caption"
                ).mark("screening-own")

    def _facts(self, entry: Entry) -> None:
        say = self._say
        facts = {
            "time": say.moment(entry.at, self._reader.house.zone),
            "portal": f"{entry.portal_name} · {entry.device}",
            "person": "–" if entry.subject is None else entry.subject.value[:8],
            "credential": "–" if entry.credential is None else say.text(phrase(entry.credential)),
            "side": say.text(phrase(entry.side)),
            "authority": say.text(phrase(entry.authority)),
            "mode": say.text(phrase(entry.mode)),
            "policy": say.number(entry.policy_version),
        }
        with ui.grid(columns="1fr 1fr").classes("w-full gap-x-6 gap-y-2"):
            for name, value in facts.items():
                with ui.column().classes("gap-0"):
                    ui.label(say.text(_FACTS[name])).classes("cardea-quiet text-caption")
                    ui.label(value)
