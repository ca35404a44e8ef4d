"""Asking before disinfection is started or stopped from here."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from cardea.contract.zones import Hazard
from cardea.runtime.bus import BusDown
from cardea.runtime.i18n import msg
from cloud.console.reader import Reader
from cloud.disinfection import (
    START_VALID_S,
    Disinfection,
    NotOrdered,
    Refusal,
    SecondPerson,
)
from cloud.ledger.views import ZoneRow

_REFUSALS = {
    Refusal.NOT_A_MANAGER: msg("Only a property manager may start a disinfection"),
    Refusal.UNKNOWN_ZONE: msg("There is no such zone here"),
    Refusal.MONITOR_ONLY: msg("Without a commissioning record a zone is watched and never started"),
    Refusal.LOCKED_OUT: msg("The zone is locked out: the lockout is cleared on site"),
    Refusal.SECOND_PERSON_MISSING: msg("Chemicals and ozone need a second person"),
    Refusal.SECOND_PERSON_IS_FIRST: msg("The second person must be somebody else"),
    Refusal.SECOND_PERSON_REFUSED: msg("The second person's login is refused"),
}
_WARNINGS = {
    Hazard.EXCLUSION: msg("Nobody may be in the area. The gateway checks it and stops when anybody comes."),
    Hazard.DOSE_LIMITED: msg("People may be in the area only within the dose budget."),
    Hazard.ENCLOSED: msg("People may be near while the enclosure is closed."),
}


class ZoneDialogs:
    """The dialogues stand beside the cards, which come and go."""

    def __init__(self, reader: Reader, sent: Callable[[], Awaitable[None]]) -> None:
        self._reader = reader
        self._say = reader.say
        self._sent = sent
        house = reader.house
        self._orders = Disinfection(house.ledger, house.sessions, house.aggregator.intent)
        self._aside = ui.element()

    async def start(self, zone: ZoneRow) -> None:
        """Ask, and then order a cycle."""
        say = self._say
        self._aside.clear()
        with self._aside, ui.dialog(value=True) as dialog, ui.card().style("width: 32rem; max-width: 92vw"):
            ui.label(say.text("Start disinfection: {zone}", zone=zone.title)).classes("text-h6")
            ui.label(say.text(_WARNINGS[zone.hazard])).classes("text-weight-medium")
            ui.label(
                say.text(
                    "The order is valid for {seconds} s. Within that time the key switch on site must be "
                    "turned: without it nothing starts.",
                    seconds=say.number(START_VALID_S),
                )
            )
            second = self._second_person() if zone.two_people else None

            async def order() -> None:
                person = None if second is None else self._person(*second)
                if await self._try(self._orders.start(self._reader.account, zone.gateway, zone.zone, person)):
                    dialog.close()

            with ui.row():
                ui.button(say.text("Order the start"), icon="play_arrow", on_click=order).props("no-caps")
                ui.button(say.text("Cancel"), on_click=dialog.close).props("flat no-caps")

    async def stop(self, zone: ZoneRow) -> None:
        """A stop is never asked twice: it is the safe side."""
        await self._try(self._orders.stop(self._reader.account, zone.gateway, zone.zone))

    def _person(self, login: ui.input, password: ui.input) -> SecondPerson:
        """Guesses count against the login that they are made under, wherever its browser is."""
        address = f"console of {self._reader.account.login}"
        return SecondPerson(login.value or "", password.value or "", address)

    def _second_person(self) -> tuple[ui.input, ui.input]:
        say = self._say
        ui.label(say.text("Chemicals and ozone need a second person")).classes("text-weight-medium q-mt-sm")
        with ui.row().classes("w-full no-wrap"):
            login = ui.input(say.text("Second person's login")).props(
                "outlined dense autocomplete=off maxlength=128"
            )
            password = ui.input(say.text("Their password"), password=True).props(
                "outlined dense autocomplete=off maxlength=1024"
            )
        return login, password

    async def _try(self, ordering: Awaitable[object]) -> bool:
        say = self._say
        try:
            await ordering
        except NotOrdered as error:
            ui.notify(say.text(_REFUSALS[error.refusal]), type="negative")
            return False
        except BusDown:
            ui.notify(say.text("No connection to the broker: not sent for certain"), type="negative")
            return False
        ui.notify(say.text("Sent"), type="positive")
        self._reader.house.aggregator.feed.changed()  # every open page shows it
        await self._sent()
        return True
