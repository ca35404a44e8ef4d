"""A thermal picture with its scale, its marks and its age."""

from nicegui import ui

from cardea.contract.scenes import MarkKind, Scene
from cardea.runtime.i18n import msg
from cloud.console.picture import GRADIENT, svg
from cloud.console.reader import Reader, device_address
from cloud.scene_seen import SceneSeen

_MARKS = {
    MarkKind.ROI: msg("Region that is measured"),
    MarkKind.REFERENCE: msg("Reference body"),
    MarkKind.SPOT: msg("Measured spot"),
}
_MARK_COLOURS = {MarkKind.ROI: "#0a7ea4", MarkKind.REFERENCE: "#1b7f2a", MarkKind.SPOT: "#37474f"}
_MARK_ICONS = {
    MarkKind.ROI: "crop_free",
    MarkKind.REFERENCE: "crop_free",
    MarkKind.SPOT: "radio_button_unchecked",
}


class SceneCard:
    """One picture; what more there is to say of it goes into ``below``."""

    def __init__(self, reader: Reader, seen: SceneSeen, gateway_name: str, marker: str) -> None:
        self._say = reader.say
        self._shown: Scene | None = None
        with ui.card().classes("cardea-scene gap-2").mark(marker):
            with ui.row().classes("w-full items-center no-wrap gap-2"):
                device = seen.scene.device
                ui.link(device, device_address(seen.gateway, device)).classes(
                    "text-subtitle1 text-weight-medium"
                )
                ui.label(gateway_name).classes("cardea-quiet text-caption")
                ui.space()
                self._age = ui.label().classes("cardea-quiet text-caption")
                self.badges = ui.row().classes("gap-2 no-wrap")
                with self.badges:
                    self._badge = ui.badge().mark(f"{marker}-age")
            self._picture = ui.html(sanitize=False).classes("w-full")  # picture.svg holds nothing of others
            self._scale()
            self._marks = ui.row().classes("gap-4")
            self.below = ui.column().classes("w-full gap-1")

    def show(self, seen: SceneSeen, age_s: float, *, live: bool) -> bool:
        """Bring it up to date; whether the picture is another one."""
        say, scene = self._say, seen.scene
        self._age.set_text(say.text("{length} ago", length=say.duration(age_s)))
        self._badge.set_text(say.text("Live") if live else say.text("Stale"))
        self._badge.props(f"color={'green-8' if live else 'amber-10'}")
        self._picture.style(f"opacity: {1.0 if live else 0.45}")
        if scene is self._shown:
            return False
        self._shown = scene
        self._picture.set_content(svg(say, scene))
        for label, temp_c in zip(self._ticks, _ticks(scene), strict=True):
            label.set_text(say.temperature_c(temp_c))
        self._marks.clear()
        with self._marks:
            for mark in scene.marks:
                with ui.row().classes("items-center gap-1 no-wrap"):
                    ui.icon(_MARK_ICONS[mark.kind], size="xs").style(f"color: {_MARK_COLOURS[mark.kind]}")
                    ui.label(say.text(_MARKS[mark.kind])).classes("text-caption")
                    measured = "–" if mark.temp_c is None else say.temperature_c(mark.temp_c)
                    ui.label(measured).classes("text-caption text-weight-medium")
        return True

    def _scale(self) -> None:
        with ui.column().classes("w-full gap-0"):
            ui.element().classes("w-full").style(
                f"height: .8rem; border-radius: .2rem; background: {GRADIENT}"
            )
            with ui.row().classes("w-full justify-between no-wrap"):
                self._ticks = [ui.label().classes("text-caption text-weight-medium") for _ in range(3)]


def _ticks(scene: Scene) -> tuple[float, float, float]:
    return scene.min_c, (scene.min_c + scene.max_c) / 2, scene.max_c
