"""The wall of towers: for a screen that nobody touches, and a way in for those who do."""

from nicegui import ui

from cardea.contract.records import Severity
from cloud.console.live import Live
from cloud.console.reader import Reader
from cloud.console.style import CSS, WALL_CSS
from cloud.console.wall_tile import badness, tile
from cloud.ledger import reads
from cloud.ledger.views import WallSite
from cloud.thermometers import Thermometer, warmest

REST_S = 4.0


class Wall:
    """One element per site, whose content is put in only when it has changed."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._say = reader.say
        self._tiles: dict[str, ui.html] = {}

    async def build(self) -> None:
        """Lay the page out and fill it."""
        say = self._say
        ui.add_css(CSS)
        ui.add_css(WALL_CSS)
        with ui.row().classes("wall-top w-full items-center gap-6"):
            with ui.link(target="/"):
                ui.icon("arrow_back", size="sm").tooltip(say.text("Overview"))
            self._sites = _figure(say.text("Sites"))
            self._critical = _figure(say.text("Critical"))
            self._silent = _figure(say.text("Gateways silent"))
            self._entries = _figure(say.text("Entered today"))
            ui.space()
            self._time = ui.label().classes("figure")
        self._wall = ui.element().classes("wall")
        await self.refresh()
        Live(self._reader.house.aggregator.feed, self.refresh, REST_S)

    async def refresh(self) -> None:
        """Read everything anew and show it."""
        say, now, house = self._say, self._reader.now(), self._reader.house
        entries = await house.entries.counts(house.ledger, self._reader.today())
        sites = await self._reader.read(reads.wall, entries)
        gateways = {row.id: row.site for row in await self._reader.read(reads.gateways)}
        warm = _by_site(warmest(house.series.latest(gateways), now), gateways)
        sites = tuple(sorted(sites, key=badness))
        order = [site.site for site in sites]
        if order != list(self._tiles) or not order:
            self._lay(order)
        for site in sites:
            self._tiles[site.site].set_content(tile(say, site, warm.get(site.site), now))
        self._show_sums(sites)
        self._time.set_text(say.moment(now, house.zone))

    def _lay(self, order: list[str]) -> None:
        self._wall.clear()
        with self._wall:
            # our own HTML, in which wall_tile escapes what others have named
            self._tiles = {site: ui.html(sanitize=False).classes("wall-tile") for site in order}
            if not order:
                ui.label(self._say.text("No site is yours to see"))

    def _show_sums(self, sites: tuple[WallSite, ...]) -> None:
        critical = [site for site in sites if site.worst and site.worst.severity is Severity.CRITICAL]
        for label, sum_ in (
            (self._sites, len(sites)),
            (self._critical, len(critical)),
            (self._silent, sum(site.gateways_silent for site in sites)),
            (self._entries, sum(site.entries for site in sites)),
        ):
            label.set_text(self._say.number(sum_))


def _figure(title: str) -> ui.label:
    with ui.row().classes("items-baseline gap-2 no-wrap"):
        ui.label(title)
        return ui.label().classes("figure text-h6")


def _by_site(found: dict[str, Thermometer], gateways: dict[str, str]) -> dict[str, Thermometer]:
    """The warmest of each site, from the warmest of each of its gateways."""
    warm: dict[str, Thermometer] = {}
    for one in found.values():
        site = gateways[one.gateway]
        if site not in warm or one.value_c > warm[site].value_c:
            warm[site] = one
    return warm
