"""A position where people are measured: its picture, what it says, and asking to see people clear."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from cardea.contract.records import ScreeningState
from cardea.contract.scenes import Scene, Showing
from cardea.contract.screening import OF_PEOPLE
from cardea.runtime.screening_line import origin_of, sum_of
from cloud.console.picture import line_of
from cloud.console.reader import Reader
from cloud.console.scene_card import SceneCard
from cloud.console.style import SCREENINGS, UNFIT_LOOK, Look
from cloud.scene_seen import SceneSeen

Ask = Callable[[str, str], Awaitable[None]]
"""Gateway and device; opens the dialogue."""


class PositionCard:
    """One position."""

    def __init__(self, reader: Reader, seen: SceneSeen, gateway_name: str, ask: Ask | None) -> None:
        """``ask``: for those who may see people clear."""
        self._say = reader.say
        self._card = SceneCard(reader, seen, gateway_name, "position")
        with self._card.badges:
            self._people = ui.badge().mark("people")
        with self._card.below:
            self._line = ui.row().classes("items-center gap-2 no-wrap").mark("position-line")
            self._sum = ui.label().classes("cardea-sum text-caption").mark("position-sum")
            self._origin = ui.label().classes("cardea-quiet text-caption").mark("position-origin")
            self._button = ui.button(
                self._say.text("See people clear"),
                icon="visibility",
                on_click=None if ask is None else lambda: ask(seen.gateway, seen.scene.device),
            ).props("flat dense no-caps size=sm")
            self._button.set_visibility(ask is not None)

    def show(self, seen: SceneSeen, age_s: float, clear_s: float | None, *, live: bool) -> None:
        """Bring it up to date. ``clear_s``: for how long the reader may see people clear."""
        scene = seen.scene
        self._show_people(scene, clear_s)
        if self._card.show(seen, age_s, live=live):
            self._say_line(scene)
            terms = scene.readings[0].terms if scene.readings else None
            self._sum.set_text("" if terms is None else sum_of(self._say, terms))
            self._origin.set_text(self._about(scene) if terms is None else origin_of(self._say, terms))

    def _show_people(self, scene: Scene, clear_s: float | None) -> None:
        say = self._say
        if scene.showing is Showing.CLEAR and clear_s is not None:
            text, colour = say.text("Clear for {seconds} s", seconds=say.number(clear_s)), "deep-orange-9"
        elif clear_s is not None:
            text, colour = say.text("Waiting for the gateway"), "blue-grey-7"
        else:
            text, colour = say.text("People blurred"), "blue-grey-7"
        self._people.set_text(text)
        self._people.props(f"color={colour}")

    def _about(self, scene: Scene) -> str:
        unfit = _look(scene) is UNFIT_LOOK
        return self._say.text("The scale is not corrected: believe no degree of it") if unfit else ""

    def _say_line(self, scene: Scene) -> None:
        look, line = _look(scene), line_of(self._say, scene)
        self._line.clear()
        with self._line:
            ui.icon(look.icon, color=look.colour, size="sm")
            ui.label(line or self._say.text("Nobody is measured now")).classes("text-weight-medium")


def _look(scene: Scene) -> Look:
    if scene.readings and scene.readings[0].state is not ScreeningState.NOT_SCREENED:
        return SCREENINGS[scene.readings[0].state]
    reason = scene.readings[0].reason if scene.readings else scene.condition
    return (
        UNFIT_LOOK
        if reason is not None and reason not in OF_PEOPLE
        else SCREENINGS[ScreeningState.NOT_SCREENED]
    )
