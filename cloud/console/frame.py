"""What stands around every page: navigation, language, who is logged in, and the watch over the session."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from nicegui import ui

from cardea.runtime.i18n import OWN_NAME, Language, msg
from cloud.console.reader import Reader, address_of
from cloud.console.style import CSS

PAGES = {
    "/": msg("Overview"),
    "/zones": msg("Zones"),
    "/thermal": msg("Thermal"),
    "/devices": msg("Devices"),
    "/alerts": msg("Alerts"),
    "/wall": msg("Wall"),
}
SESSION_CHECK_S = 15.0
_LOG_OUT = "fetch('/logout', {method: 'POST'}).then(() => { location.href = '/login' })"


@contextmanager
def frame(reader: Reader, here: str) -> Generator[None]:
    """The page ``here`` goes inside."""
    say = reader.say
    ui.add_css(CSS)
    with ui.header().classes("cardea-header items-center gap-4 q-py-xs"):
        ui.label("Cardea").classes("cardea-brand")
        with ui.row().classes("cardea-nav gap-1"):
            for path, title in PAGES.items():
                ui.link(say.text(title), address_of(path, reader.site)).classes(
                    "here" if path == here else ""
                )
        if reader.site is not None:
            _limited_to(reader, here)
        ui.space()
        ui.label(str(reader.house.zone)).classes("text-caption").tooltip(
            say.text("Times are of this time zone")
        )
        _language(reader)
        ui.label(reader.account.login).classes("text-caption")
        ui.button(icon="logout", on_click=lambda: ui.run_javascript(_LOG_OUT)).props(
            f'flat round dense color=white aria-label="{say.text("Log out")}"'
        ).tooltip(say.text("Log out"))
    with bare_frame(reader):
        yield


@contextmanager
def bare_frame(reader: Reader) -> Generator[None]:
    """A page without navigation, for screens on walls, goes inside."""
    ui.timer(SESSION_CHECK_S, lambda: _watch_session(reader))
    with ui.column().classes("w-full gap-4"):
        yield


def _limited_to(reader: Reader, here: str) -> None:
    with ui.link(target=address_of(here)).classes("no-underline"):
        ui.chip(
            reader.site_name or reader.site or "", icon="filter_alt", color="amber-9", text_color="white"
        ).props("dense clickable icon-right=close").tooltip(
            reader.say.text("Only this site is shown: click for all")
        )


def _language(reader: Reader) -> None:
    def choose(language: Language) -> Callable[[], Awaitable[None]]:
        async def chosen() -> None:
            await reader.house.sessions.set_language(reader.account, language.value)
            ui.navigate.reload()

        return chosen

    with (
        ui.button(icon="translate").props("flat round dense color=white aria-label=Language/语言"),
        ui.menu(),
    ):
        for language, name in OWN_NAME.items():
            ui.menu_item(name, on_click=choose(language))


async def _watch_session(reader: Reader) -> None:
    """A page that stays open does not outlive its session."""
    if await reader.house.sessions.find(reader.token) is None:
        ui.navigate.to("/login")
