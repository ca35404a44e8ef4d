"""A position where people are measured: its picture, what it says, and asking to see people clear."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from cardea.contract.records import ScreeningState
from cardea.contract.scenes import Scene, SceneReading, Showing
from cardea.contract.screening import OF_PEOPLE, NotScreened
from cardea.runtime.screening_line import origin_of, sum_of
from cloud.console.picture import line_of, reading_line
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
            self._lines = ui.column().classes("w-full gap-1")
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
            self._lines.clear()
            with self._lines:
                for reading in scene.readings:
                    self._say_reading(reading)
                if not scene.readings:
                    self._say_condition(scene)

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

    def _say_reading(self, reading: SceneReading) -> None:
        self._say_line(_look(reading.state, reading.reason), reading_line(self._say, reading))
        if reading.terms is not None:
            ui.label(sum_of(self._say, reading.terms)).classes("cardea-sum text-caption").mark("position-sum")
            ui.label(origin_of(self._say, reading.terms)).classes("cardea-quiet text-caption")

    def _say_condition(self, scene: Scene) -> None:
        look = _look(ScreeningState.NOT_SCREENED, scene.condition)
        self._say_line(look, line_of(self._say, scene) or self._say.text("Nobody is measured now"))
        if look is UNFIT_LOOK:
            about = self._say.text("The scale is not corrected: believe no degree of it")
            ui.label(about).classes("cardea-quiet text-caption").mark("position-scale")

    def _say_line(self, look: Look, line: str) -> None:
        with ui.row().classes("items-center gap-2 no-wrap"):
            ui.icon(look.icon, color=look.colour, size="sm")
            ui.label(line).classes("text-weight-medium").mark("position-line")


def _look(state: ScreeningState, reason: NotScreened | None) -> Look:
    return UNFIT_LOOK if reason is not None and reason not in OF_PEOPLE else SCREENINGS[state]
