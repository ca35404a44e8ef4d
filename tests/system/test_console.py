"""The console of a real tower in a real browser: see people enter live, in both languages; act on an alert.

With CARDEA_PICTURES set, the pictures of the documentation are saved into the folder that it names.
"""

import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from cardea.contract.reasons import Reason
from cardea.runtime.i18n import Language, translator
from cardea.runtime.phrases import phrase

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
DEMO = Path(__file__).parents[2] / "configs" / "demo"
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
SEEN_S_MAX = 60.0
PICTURE_ROWS = 24
EN, ZH = translator(Language.EN), translator(Language.ZH_CN)
ROW = ".cardea-feed tbody tr"
FIRST_ROW_CHANGED = """before => document.querySelector('.cardea-feed tbody tr')?.innerText !== before"""
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def tower(start_up, tmp_path_factory):
    up = start_up(tmp_path_factory.mktemp("console") / "tower")
    up.until_up()
    return up


@pytest.fixture(scope="module")
def devices():
    """The tower's devices, by the demo's configuration."""
    text = (DEMO / "gateway.toml").read_text(encoding="utf-8")
    return tuple(re.findall(r"^\[devices\.([a-z0-9-]+)\]", text, re.MULTILINE))


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


@pytest.fixture(scope="module")
def visit(browser, tower) -> Iterator[tuple[Page, Watch]]:
    """A manager who has logged in."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1360, "height": 860})
    watch = Watch(context)
    page = context.new_page()
    log_in(page, tower, (tower.folder / "admin-password").read_text().strip())
    expect(page).to_have_url(f"{tower.url}/")
    yield page, watch
    context.close()


def log_in(page, tower, password):
    page.goto(f"{tower.url}/login")
    page.fill("#login", "admin")
    page.fill("#password", password)
    page.click("button[type=submit]")


def keep_picture(page, name, tower):
    """After about a minute of life, with the pointer where it holds nothing up."""
    folder = os.environ.get("CARDEA_PICTURES")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    expect(page.locator(ROW).nth(PICTURE_ROWS)).to_be_visible(timeout=120_000)
    page.mouse.move(5, 400)
    page.screenshot(path=str(Path(folder) / name))


def first_row_changes(page):
    """Without anybody touching the page."""
    page.evaluate("window.sameDocument = true")
    row = page.locator(ROW).first
    expect(row).to_be_visible()
    page.wait_for_function(FIRST_ROW_CHANGED, arg=row.inner_text(), timeout=SEEN_S_MAX * 1000)
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"


def test_the_first_password_is_for_its_owner_alone(tower):
    mode = (tower.folder / "admin-password").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_nothing_is_shown_without_login_and_a_wrong_password_is_refused(browser, tower):
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{tower.url}/alerts")
    assert page.url == f"{tower.url}/login"
    log_in(page, tower, "not the password")
    expect(page.get_by_role("alert")).to_have_text("Wrong login or password.")
    assert page.goto(f"{tower.url}/").url == f"{tower.url}/login"
    context.close()


def test_people_are_seen_entering_with_temperatures_and_reasons_devices_and_an_alert(visit, tower, devices):
    page, _ = visit
    began_s = time.monotonic()
    expect(page.get_by_text("Entries, live")).to_be_visible()
    first_row_changes(page)
    feed = page.locator(".cardea-feed tbody")
    expect(feed).to_contain_text(re.compile(r"3\d\.\d\s*°C"), timeout=SEEN_S_MAX * 1000)
    reasons = page.locator(f"{ROW} > td:nth-child(4)").all_inner_texts()
    assert reasons
    assert set(reasons) <= {EN.text(phrase(reason)) for reason in Reason}
    tile = page.locator(".cardea-tile", has_text="Devices online")
    expect(tile).to_contain_text(f"{len(devices)} / {len(devices)}")
    attention = page.locator(".q-card", has_text="Needs attention")
    expect(attention.locator(".q-icon").first).to_be_visible(timeout=SEEN_S_MAX * 1000)
    assert time.monotonic() - began_s < SEEN_S_MAX
    keep_picture(page, "console.png", tower)


def test_every_device_says_how_it_is(visit, tower, devices):
    page, _ = visit
    page.goto(f"{tower.url}/devices")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(len(devices))
    for device in devices:
        expect(rows.filter(has=page.get_by_role("link", name=device, exact=True))).to_contain_text("Online")


def test_an_alert_is_opened_and_acknowledged_with_a_note(visit, tower):
    page, _ = visit
    page.goto(f"{tower.url}/alerts")
    page.get_by_role("button", name="Not acknowledged", exact=True).click()
    page.get_by_role("button", name="Open", exact=True).first.click()
    dialog = page.get_by_role("dialog")
    title = dialog.locator(".text-h6").inner_text()
    dialog.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_text("Write a note first: the next shift reads it")).to_be_visible()
    dialog.get_by_role("textbox").fill("Looked at it with staff of the tower")
    dialog.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="All", exact=True).click()
    line = page.locator(".row", has_text=title).filter(has=page.get_by_text("Acknowledged", exact=True))
    line.get_by_role("button", name="Open", exact=True).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("admin · Looked at it with staff of the tower")
    page.get_by_role("dialog").get_by_role("button", name="Close", exact=True).click()


def test_the_user_switches_to_chinese_and_sees_entries_arrive_there(visit, tower):
    page, _ = visit
    page.goto(f"{tower.url}/")
    page.get_by_role("button", name="Language/语言").click()
    page.get_by_text("简体中文").click()
    expect(page.get_by_text(ZH.text("Entries, live"))).to_be_visible()
    first_row_changes(page)
    assert re.search("[\u4e00-\u9fff]", page.locator(f"{ROW} >> nth=0").inner_text())
    keep_picture(page, "console-zh.png", tower)
    page.get_by_role("button", name="Language/语言").click()
    page.get_by_text("English").click()
    expect(page.get_by_text("Entries, live")).to_be_visible()


def test_no_page_complains_and_nobody_else_is_asked(visit, tower):
    _, watch = visit
    assert watch.errors == []
    assert watch.hosts == {f"127.0.0.1:{tower.port}"}


def handshake(tower, path, **headers):
    """The status line that a websocket handshake is answered with."""
    fields = {
        "Host": f"127.0.0.1:{tower.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", tower.port), 10) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return wire.recv(4096).split(b"\r\n", 1)[0].decode()


def test_a_websocket_needs_the_cookie_and_the_consoles_own_origin(visit, tower):
    page, _ = visit
    path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    cookie = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    own, foreign = tower.url, "https://elsewhere.example"
    assert " 101 " in f"{handshake(tower, path, Cookie=cookie, Origin=own)} ", "else the rest proves nothing"
    assert " 403 " in handshake(tower, path, Origin=own)
    assert " 403 " in handshake(tower, path, Origin=foreign)
    assert " 403 " in handshake(tower, path, Cookie=cookie, Origin=foreign)
    assert " 403 " in handshake(tower, path, Cookie=cookie)
