"""Zones, thermal pictures, device pages and the wall in a real browser, over a ledger that is filled for it.

With CARDEA_PICTURES set, pictures of the pages are saved into the folder that it names.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from cardea.contract.reasons import RefusalReason
from cardea.contract.records import AlertKind, ScreeningState
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from cardea.contract.zones import CycleOutcome, ZoneState
from cardea.runtime.i18n import OWN_NAME, Language, Translator, translator
from cardea.runtime.phrases import phrase
from cardea.runtime.screening_line import explain, sum_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
CHROMIUM = "/usr/bin/chromium"
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCALES = {Language.EN: "en-GB", Language.ZH_CN: "zh-CN"}
PICTURE_CHANGED = """before =>
    document.querySelector('.cardea-scene svg image').getAttribute('href') !== before"""
SECOND_PASSWORD = "a password for tests"
expect.set_options(timeout=20_000)


@dataclass(frozen=True)
class Served:
    """A console that serves, and its administrator's password."""

    url: str
    password: str


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).with_name("seeded_console.py")
    folder = tmp_path_factory.mktemp("seeded")
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(script), str(folder), str(port)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("ready "):
                break
        assert said and said[-1].startswith("ready "), "".join(said)  # noqa: PT018  # one condition
        yield Served(f"http://127.0.0.1:{port}", said[-1].split()[1])
        process.send_signal(signal.SIGTERM)
        process.stdout.read()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield launched
        launched.close()


class Watch:
    """What a browser's pages complain of, and whom they ask."""

    def __init__(self, context: BrowserContext) -> None:
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        context.on("console", self._said)
        context.on("weberror", lambda failed: self.errors.append(str(failed.error)))
        context.on("request", lambda asked: self._asked(asked.url))
        context.on("page", lambda page: page.on("websocket", lambda wire: self._asked(wire.url)))

    def _said(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.errors.append(f"{said.text} at {said.location}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"}:
            self.hosts.add(f"{parts.hostname}:{parts.port}")


@dataclass(frozen=True)
class Visit:
    """A manager's browser in one language."""

    page: Page
    watch: Watch
    say: Translator
    served: Served

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.served.url}{path}")
        return self.page

    def keep_picture(self, name: str) -> None:
        folder = os.environ.get("CARDEA_PICTURES")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.mouse.move(5, 400)
            self.page.screenshot(path=str(Path(folder) / f"{name}-{self.say.language.value}.png"))


@pytest.fixture(scope="module", params=list(LOCALES), ids=lambda language: language.value)
def visit(browser, served, request) -> Iterator[Visit]:
    context = browser.new_context(locale=LOCALES[request.param], viewport={"width": 1440, "height": 900})
    watch = Watch(context)
    page = context.new_page()
    page.goto(f"{served.url}/login")
    page.fill("#login", "admin")
    page.fill("#password", served.password)
    page.click("button[type=submit]")
    expect(page).to_have_url(f"{served.url}/")
    say = translator(request.param)
    page.get_by_role("button", name="Language/语言").click()
    with page.expect_navigation():  # it is loaded anew, also in the language that it had
        page.get_by_text(OWN_NAME[request.param]).click()
    expect(page.get_by_text(say.text("Entries, live"))).to_be_visible()
    yield Visit(page, watch, say, served)
    context.close()


def test_thermal_tiles_show_live_and_stale_values_and_trends(visit):
    page, say = visit.go("/"), visit.say
    tiles = page.locator(".cardea-thermometer")
    expect(tiles).to_have_count(7)
    warm = tiles.filter(has_text="gate-2")
    expect(warm).to_contain_text(re.compile(r"3[78]\.\d\s*°C"))
    expect(warm).to_contain_text(say.text("Elevated"))
    expect(warm.locator("svg line[stroke-dasharray]")).to_have_count(1)
    old = tiles.filter(has_text="gate-3")
    expect(old).to_contain_text(say.text("Stale"))
    expect(old.locator(".cardea-figure")).to_have_text("–")
    assert tiles.first.locator("svg polyline").count() >= 1
    expect(page.locator(".q-card", has_text=say.text("All zones"))).to_contain_text("Server room")
    visit.keep_picture("overview")


def test_zone_cards_tell_their_state_and_an_aborted_cycle_is_red(visit):
    page, say = visit.go("/zones"), visit.say
    cards = page.locator(".cardea-zone")
    expect(cards).to_have_count(9)
    locked = cards.filter(has_text="Server room")
    expect(locked).to_contain_text(say.text(phrase(ZoneState.LOCKOUT)))
    expect(locked.locator(".cardea-lockout")).to_be_visible()
    aborted = locked.locator(".q-chip", has_text=say.text(phrase(CycleOutcome.ABORTED)))
    colour = aborted.evaluate("chip => getComputedStyle(chip).backgroundColor")
    red, green, _ = map(int, re.findall(r"\d+", colour)[:3])
    assert red > 2 * green, f"an aborted cycle is shown in {colour}"
    expect(locked.get_by_role("button", name=say.text("Start"), exact=True)).to_be_disabled()
    visit.keep_picture("zones")


def test_a_start_is_asked_for_twice_and_the_gateways_refusal_is_shown(visit):
    page, say = visit.go("/zones"), visit.say
    card = page.locator(".cardea-zone").filter(has_text="Washroom").filter(has_text="tower-1")
    card.get_by_role("button", name=say.text("Start"), exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Washroom")
    visit.keep_picture("zone-start")
    dialog.get_by_role("button", name=say.text("Order the start")).click()
    refused = say.text("Refused: {reason}", reason=say.text(phrase(RefusalReason.UNSAFE)))
    expect(card).to_contain_text(refused)


def test_chemicals_need_a_second_person(visit):
    page, say = visit.go("/zones"), visit.say
    card = page.locator(".cardea-zone").filter(has_text="Entrance tunnel")
    card.get_by_role("button", name=say.text("Start"), exact=True).click()
    dialog = page.get_by_role("dialog")
    visit.keep_picture("zone-second-person")
    dialog.get_by_role("button", name=say.text("Order the start")).click()
    needed = say.text("Chemicals and ozone need a second person")
    expect(page.get_by_role("alert").filter(has_text=needed).first).to_be_visible()
    dialog.get_by_label(say.text("Second person's login")).fill("second")
    dialog.get_by_label(say.text("Their password")).fill(SECOND_PASSWORD)
    dialog.get_by_role("button", name=say.text("Order the start")).click()
    expect(dialog).to_be_hidden()


def test_thermal_pictures_are_shown_with_scale_and_marks(visit):
    page, say = visit.go("/thermal"), visit.say
    scenes = page.locator(".cardea-scene").filter(has_text="cabinet-1")
    expect(scenes).to_have_count(2)
    first = scenes.first
    expect(first).to_contain_text(say.temperature_c(21.5))
    expect(first).to_contain_text(say.text("Reference body"))
    expect(first).to_contain_text(say.text("Live"))
    loaded = """svg => new Promise(done => { const picture = new Image();
        picture.onload = () => done([picture.naturalWidth, picture.naturalHeight]);
        picture.onerror = () => done(null);
        picture.src = svg.querySelector('image').getAttribute('href'); })"""
    assert first.locator("svg").evaluate(loaded) == [160, 120]
    before = first.locator("svg image").get_attribute("href")
    page.wait_for_function(
        "before => document.querySelector('.cardea-scene svg image').getAttribute('href') !== before",
        arg=before,
    )
    visit.keep_picture("thermal")


def test_a_position_tells_its_reading_or_why_it_has_none(visit):
    page, say = visit.go("/thermal"), visit.say
    used = page.locator(".cardea-scene").filter(has_text="lepton-1")
    terms = ScreeningTerms(34.91, 0.31, 1.02, 0.0, 0.21, Correction.ONE_POINT, 1.0, 0.4, 37.3)
    line = explain(say, ScreeningState.NORMAL, 36.24, terms)
    expect(used).to_contain_text(line)
    expect(used).to_contain_text(sum_of(say, terms))
    expect(used.locator("svg .caption")).to_have_text(line)
    expect(used.locator("svg circle")).to_have_count(1)
    blind = page.locator(".cardea-scene").filter(has_text="lepton-2")
    expect(blind.locator("svg .caption")).to_have_text(say.text(phrase(NotScreened.REFERENCE_LOST)))
    for one in (used, blind):
        expect(one).to_contain_text(say.text("People blurred"))
    visit.keep_picture("positions")


def test_staff_who_say_why_see_people_clear(visit):
    page, say = visit.go("/thermal"), visit.say
    used = page.locator(".cardea-scene").filter(has_text="lepton-1")
    expect(used).to_contain_text(say.text("People blurred"))
    blocks = colours_in(used)
    used.get_by_role("button", name=say.text("See people clear")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(say.text("Why is that needed? Name nobody.")).fill("The spot lies beside the face")
    expect(dialog.get_by_role("button", name=say.text("Show them"))).to_be_visible()
    visit.keep_picture("faces")
    dialog.get_by_role("button", name=say.text("Show them")).click()
    expect(dialog).to_be_hidden()
    clear = say.text("Clear for {seconds} s", seconds="@").partition("@")[0].strip()
    expect(used).to_contain_text(clear)
    visit.keep_picture("clear")
    assert colours_in(used) > 2 * blocks
    expect(used).to_contain_text(say.text("People blurred"), timeout=45_000)


def colours_in(card):
    """How many kinds of pixels there are where the head is."""
    return card.locator("svg").evaluate(
        """svg => new Promise(done => { const picture = new Image();
        picture.onload = () => { const canvas = document.createElement('canvas');
            canvas.width = picture.naturalWidth; canvas.height = picture.naturalHeight;
            const to = canvas.getContext('2d'); to.drawImage(picture, 0, 0);
            const data = to.getImageData(45, 30, 40, 50).data, found = new Set();
            for (let n = 0; n < data.length; n += 4) found.add(data.slice(n, n + 3).join());
            done(found.size); };
        picture.src = svg.querySelector('image').getAttribute('href'); })"""
    )


def test_an_entry_opens_with_what_its_temperature_is_made_of(visit):
    page, say = visit.go("/"), visit.say
    rows = page.locator(".cardea-feed tbody tr")
    rows.filter(has_text="Garage").filter(has_text=re.compile(r"34\.\d")).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".cardea-sum")).to_contain_text("1.02")
    expect(dialog).to_contain_text(say.text(phrase(Correction.ONE_POINT)))
    visit.keep_picture("entry")
    dialog.get_by_role("button", name=say.text("Close")).click()
    rows.filter(has_text="Lobby A").first.click()
    own = say.text("The device gave this number only, not what it is made of.")
    expect(page.get_by_role("dialog")).to_contain_text(own)


def test_a_device_has_curves_over_chosen_spans(visit):
    page, say = visit.go("/devices"), visit.say
    page.get_by_role("link", name="gate-1").first.click()
    expect(page).to_have_url(re.compile(r"/devices/tower-1/gate-1$"))
    curves = page.locator(".cardea-chart canvas, .cardea-chart svg")
    expect(curves).to_have_count(3)
    expect(page.get_by_text(say.text("Surface temperature"), exact=True)).to_be_visible()
    visit.keep_picture("device")
    for span in ("1 hour", "7 days", "30 days", "24 hours"):
        page.get_by_role("button", name=say.text(span), exact=True).click()
        expect(curves).to_have_count(3)


def test_the_wall_leads_to_the_pages_of_one_site(visit):
    page, say = visit.go("/wall"), visit.say
    tiles = page.locator(".wall-tile")
    expect(tiles).to_have_count(6)
    expect(page.locator("header")).to_have_count(0)
    tower = tiles.filter(has_text="Harbour Tower")
    expect(tower).to_contain_text(f"Server room: {say.text(phrase(ZoneState.LOCKOUT))}")
    visit.keep_picture("wall")
    tower.locator("a.worst").click()
    expect(page).to_have_url(re.compile(r"/alerts\?site=site-1$"))
    expect(page.locator("header .q-chip", has_text="Harbour Tower")).to_be_visible()
    expect(page.get_by_text(say.text(phrase(AlertKind.ZONE_LOCKOUT)))).to_be_visible()
    visit.keep_picture("alerts")


def test_no_page_complains_and_nobody_else_is_asked(visit):
    assert visit.watch.errors == []
    assert visit.watch.hosts == {urlsplit(visit.served.url).netloc}
