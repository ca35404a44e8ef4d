"""Thermal pictures: positions where people are measured, and scenes without people. Live or not at all."""

from nicegui import ui

from cardea.contract.scenes import Showing
from cloud.console.faces_dialog import FacesDialog
from cloud.console.live import Live
from cloud.console.position_card import PositionCard
from cloud.console.reader import Reader
from cloud.console.scene_card import SceneCard
from cloud.faces import ENTITLED
from cloud.ledger import reads
from cloud.scene_seen import SceneSeen
from cloud.scenes import STALE_S

PICTURES_MAX = 24
REST_S = 0.8
Key = tuple[str, str, bool]
"""Gateway, device, and whether people are measured there."""


class Thermal:
    """A card per device that shows a picture."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        self._positions: dict[Key, PositionCard] = {}
        self._scenes: dict[Key, SceneCard] = {}
        self._laid: tuple[Key, ...] | None = None

    async def build(self) -> None:
        """Lay the page out and fill it."""
        with ui.row().classes("items-center gap-2 no-wrap"):
            ui.icon("privacy_tip", size="sm").classes("cardea-quiet")
            ui.label(
                self._say.text(
                    "People are shown as coarse blocks, made at the gateway before anything leaves it. "
                    "No picture is kept."
                )
            ).classes("cardea-quiet")
        self._page = ui.column().classes("w-full gap-3")
        self._dialog = FacesDialog(self._reader)
        await self.refresh()
        Live(self._reader.house.aggregator.scenes, self.refresh, REST_S)

    async def refresh(self) -> None:
        """Show what there is now."""
        names = {row.id: row.name for row in await self._reader.read(reads.gateways, self._reader.site)}
        scenes = self._reader.house.aggregator.scenes
        user = self._reader.account.user
        found = {_key(seen): seen for seen in scenes.of(names, user)[:PICTURES_MAX]}
        if tuple(found) != self._laid:
            self._lay(found, names)
        for key, seen in found.items():
            age_s = scenes.age_s(seen)
            live = age_s <= STALE_S
            if key in self._positions:
                clear_s = scenes.clear.left_s(user, seen.gateway, seen.scene.device)
                self._positions[key].show(seen, age_s, clear_s, live=live)
            else:
                self._scenes[key].show(seen, age_s, live=live)

    def _lay(self, found: dict[Key, SceneSeen], names: dict[str, str]) -> None:
        say, reader = self._say, self._reader
        ask = self._dialog.ask if reader.account.scope.role in ENTITLED else None
        self._laid = tuple(found)
        self._page.clear()
        with self._page:
            self._positions, self._scenes = {}, {}
            with ui.row().classes("w-full gap-4 items-start"):
                for key, seen in sorted(found.items(), key=lambda one: not one[0][2]):
                    if key[2]:
                        self._positions[key] = PositionCard(reader, seen, names[key[0]], ask)
                    else:
                        self._scenes[key] = SceneCard(reader, seen, names[key[0]], "scene")
                        with self._scenes[key].badges:
                            ui.badge(say.text("Without people"), color="blue-grey-7")
            if not found:
                self._empty()

    def _empty(self) -> None:
        say = self._say
        with ui.card().classes("items-center q-pa-lg w-full"):
            ui.icon("image_not_supported", size="3rem").classes("cardea-quiet")
            ui.label(say.text("No thermal picture now")).classes("text-h6")
            ui.label(
                say.text(
                    "A gateway shows only what its configuration allows: scenes without people, and "
                    "positions with people blurred."
                )
            ).classes("cardea-quiet").style("max-width: 44rem; text-align: center")


def _key(seen: SceneSeen) -> Key:
    return seen.gateway, seen.scene.device, seen.scene.showing is not Showing.THINGS
