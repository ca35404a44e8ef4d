"""Thermal pictures of scenes without people: cabinets, boilers, test scenes. Live or not at all."""

from nicegui import ui

from cardea.contract.scenes import MarkKind, Scene
from cardea.runtime.i18n import msg
from cloud.console.live import Live
from cloud.console.picture import GRADIENT, svg
from cloud.console.reader import Reader, device_address
from cloud.ledger import reads
from cloud.scene_seen import SceneSeen
from cloud.scenes import STALE_S

PICTURES_MAX = 24
REST_S = 0.8
_MARKS = {MarkKind.ROI: msg("Region that is measured"), MarkKind.REFERENCE: msg("Reference body")}
_MARK_COLOURS = {MarkKind.ROI: "#0a7ea4", MarkKind.REFERENCE: "#1b7f2a"}


class Thermal:
    """A card per device that shows a scene."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        self._cards: dict[tuple[str, str], _SceneCard] = {}
        self._laid = False

    async def build(self) -> None:
        """Lay the page out and fill it."""
        with ui.row().classes("items-center gap-2"):
            ui.icon("privacy_tip", size="sm").classes("cardea-quiet")
            ui.label(
                self._say.text(
                    "Pictures of people are never sent: shown are scenes without people, and none is kept."
                )
            ).classes("cardea-quiet")
        self._row = ui.row().classes("w-full gap-4 items-start")
        await self.refresh()
        Live(self._reader.house.aggregator.scenes, self.refresh, REST_S)

    async def refresh(self) -> None:
        """Show what there is now."""
        names = {row.id: row.name for row in await self._reader.read(reads.gateways, self._reader.site)}
        scenes = self._reader.house.aggregator.scenes
        found = {(seen.gateway, seen.scene.device): seen for seen in scenes.of(names)[:PICTURES_MAX]}
        if found.keys() != self._cards.keys() or not self._laid:
            self._lay(found, names)
        for key, seen in found.items():
            self._cards[key].show(seen, scenes.age_s(seen))

    def _lay(self, found: dict[tuple[str, str], SceneSeen], names: dict[str, str]) -> None:
        self._laid = True
        self._row.clear()
        with self._row:
            self._cards = {key: _SceneCard(self._reader, seen, names[key[0]]) for key, seen in found.items()}
            if not found:
                self._empty()

    def _empty(self) -> None:
        say = self._say
        with ui.card().classes("items-center q-pa-lg w-full"):
            ui.icon("image_not_supported", size="3rem").classes("cardea-quiet")
            ui.label(say.text("No thermal picture now")).classes("text-h6")
            ui.label(
                say.text(
                    "A gateway shows only devices that its configuration names as scenes and that no door "
                    "and no zone uses: a face is recognisable in a thermal picture, too."
                )
            ).classes("cardea-quiet").style("max-width: 44rem; text-align: center")


class _SceneCard:
    """One picture with its scale, its marks and its age."""

    def __init__(self, reader: Reader, seen: SceneSeen, gateway_name: str) -> None:
        self._reader = reader
        self._say = reader.say
        self._shown: Scene | None = None
        with ui.card().classes("cardea-scene gap-2").mark("scene"):
            with ui.row().classes("w-full items-center no-wrap gap-2"):
                device = seen.scene.device
                ui.link(device, device_address(seen.gateway, device)).classes(
                    "text-subtitle1 text-weight-medium"
                )
                ui.label(gateway_name).classes("cardea-quiet text-caption")
                ui.space()
                self._age = ui.label().classes("cardea-quiet text-caption")
                self._badge = ui.badge().mark("scene-age")
            self._picture = ui.html(sanitize=False).classes("w-full")  # picture.svg holds nothing of others
            with ui.row().classes("w-full items-center no-wrap gap-2"):
                self._low = ui.label().classes("text-weight-medium")
                ui.element().classes("col-grow").style(
                    f"height: .8rem; border-radius: .2rem; background: {GRADIENT}"
                )
                self._high = ui.label().classes("text-weight-medium")
            self._marks = ui.row().classes("gap-4")

    def show(self, seen: SceneSeen, age_s: float) -> None:
        say, scene, live = self._say, seen.scene, age_s <= STALE_S
        self._age.set_text(say.text("{length} ago", length=say.duration(age_s)))
        self._badge.set_text(say.text("Live") if live else say.text("Stale"))
        self._badge.props(f"color={'green-8' if live else 'amber-10'}")
        self._picture.style(f"opacity: {1.0 if live else 0.45}")
        if scene is self._shown:
            return
        self._shown = scene
        self._picture.set_content(svg(say, scene))
        self._low.set_text(say.temperature_c(scene.min_c))
        self._high.set_text(say.temperature_c(scene.max_c))
        self._marks.clear()
        with self._marks:
            for mark in scene.marks:
                with ui.row().classes("items-center gap-1 no-wrap"):
                    ui.icon("crop_free", size="xs").style(f"color: {_MARK_COLOURS[mark.kind]}")
                    ui.label(say.text(_MARKS[mark.kind])).classes("text-caption")
                    measured = "–" if mark.temp_c is None else say.temperature_c(mark.temp_c)
                    ui.label(measured).classes("text-caption text-weight-medium")
