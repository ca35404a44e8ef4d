"""Asking, with a reason, to see people in a position's picture clear for a while."""

from nicegui import ui

from cardea.contract.orders import OrderResult
from cardea.contract.reasons import RefusalReason
from cardea.runtime.bus import BusDown
from cardea.runtime.i18n import msg
from cardea.runtime.phrases import phrase
from cloud.console.reader import Reader
from cloud.faces import LEASE_S, REASON_CHARACTERS_MAX, Faces, FacesRefusal, NotAsked
from cloud.ledger import reads

ANSWER_S = 6.0
LOOK_S = 0.5
_REFUSALS = {
    FacesRefusal.NOT_ENTITLED: msg(
        "Only the building's own managers and facility staff may see people clear"
    ),
    FacesRefusal.NO_PICTURE: msg("There is no live picture of it now"),
    FacesRefusal.NO_REASON: msg("Say in a few words why"),
}


class FacesDialog:
    """Stands beside the cards, which come and go."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        house = reader.house
        self._faces = Faces(house.ledger, house.aggregator.intent, house.aggregator.scenes)
        self._aside = ui.element()

    async def ask(self, gateway: str, device: str) -> None:
        """Ask why, and then the gateway."""
        say = self._say
        self._aside.clear()
        with self._aside, ui.dialog(value=True) as dialog, ui.card().style("width: 32rem; max-width: 92vw"):
            ui.label(say.text("See people clear: {device}", device=device)).classes("text-h6")
            ui.label(
                say.text(
                    "For {seconds} s you alone see the picture with people clear. Your login and your reason "
                    "are written into the gateway's audit chain before it sends any. No picture is kept.",
                    seconds=say.number(LEASE_S),
                )
            )
            reason = (
                ui.input(say.text("Why is that needed? Name nobody."))
                .props(f"outlined dense autocomplete=off maxlength={REASON_CHARACTERS_MAX}")
                .classes("w-full")
            )

            async def order() -> None:
                order_id = await self._try(gateway, device, reason.value or "")
                if order_id is not None:
                    dialog.close()
                    await self._answered(gateway, order_id)

            with ui.row():
                ui.button(say.text("Show them"), icon="visibility", on_click=order).props("no-caps")
                ui.button(say.text("Cancel"), on_click=dialog.close).props("flat no-caps")

    async def _try(self, gateway: str, device: str, reason: str) -> str | None:
        try:
            return (await self._faces.ask(self._reader.account, gateway, device, reason)).id
        except NotAsked as error:
            ui.notify(self._say.text(_REFUSALS[error.refusal]), type="negative")
        except BusDown:
            ui.notify(self._say.text("No connection to the broker: not sent for certain"), type="negative")
        return None

    async def _answered(self, gateway: str, order_id: str) -> None:
        """What shows by itself needs no word; a refusal does."""
        for _ in range(round(ANSWER_S / LOOK_S)):
            await self._reader.house.clock.sleep(LOOK_S)
            orders = await self._reader.read(reads.orders, gateway)
            answered = next((row for row in orders if row.id == order_id and row.result is not None), None)
            if answered is not None:
                break
        else:
            ui.notify(self._say.text("The gateway has not answered yet"), type="warning")
            return
        if answered.refusal is not None:
            why = self._say.text(phrase(RefusalReason(answered.refusal)))
            ui.notify(self._say.text("Refused: {reason}", reason=why), type="negative")
        elif answered.result != OrderResult.EXECUTED.value:
            ui.notify(self._say.text(phrase(OrderResult.EXPIRED)), type="negative")
