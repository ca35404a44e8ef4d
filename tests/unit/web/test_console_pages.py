"""The console's pages, laid out in this process over a real ledger: what they show and their buttons do."""

import asyncio
import contextlib
import datetime as dt
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest
from nicegui import ui
from nicegui.testing import User
from nicegui.testing.general import nicegui_reset_globals

from cardea.contract.encoding import ORDER, encode
from cardea.contract.orders import Order, OrderResult, ShowFaces, StartCycle, StopCycle
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import DeviceState, ReceiptRecord, ScreeningState
from cardea.contract.scenes import Mark, MarkKind, Scene, SceneReading, Showing
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from cardea.contract.time import wire_time
from cardea.contract.topics import Leaf, topic
from cardea.contract.zones import Cycle, CycleOutcome, StopReason, ZoneState
from cloud.access.guard import COOKIE, Guard
from cloud.api.app import api
from cloud.console import faces_dialog, pages, thermal, tiles, wall, zones
from cloud.ledger.alerts import apply
from cloud.ledger.scope import Role
from cloud.rules.gateways import gateway_silent
from cloud.series.store import Latest, Point
from cloud.thermometers import LIVE_S
from tests.unit.web.conftest import BASE, CLOCK, ENTROPY, Town

PASSWORD = "a password for tests"
TIMERS = 2
"""The watch over the session, and what follows the ledger: a page is laid out once it has the second."""


@dataclass(frozen=True)
class Visit:
    """Opens a page as a login sees it; ``go`` leads one who is logged in to another page."""

    log_in: Callable[..., Awaitable[User]]
    go: Callable[[User, str], Awaitable[None]]

    async def __call__(self, path: str, login: str = "admin", password: str | None = None) -> User:
        return await self.log_in(path, login, password)


@pytest.fixture
def nicegui_as_new() -> Iterator[None]:
    """Later tests of this process find NiceGUI's application not started, and our modules, which its reset
    takes out of ``sys.modules``.
    """
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "cloud"}
    yield
    with nicegui_reset_globals():
        pass
    sys.modules.update(before)


@pytest.fixture
async def visit(nicegui_as_new, town: Town, tmp_path, monkeypatch) -> AsyncIterator[Visit]:
    """Opens a page as a login sees it."""
    monkeypatch.setenv("NICEGUI_USER_SIMULATION", "true")
    monkeypatch.setenv("NICEGUI_STORAGE_PATH", str(tmp_path / "console"))
    clients: list[httpx.AsyncClient] = []
    with nicegui_reset_globals():
        app = api(town.house)
        pages.mount(app, town.house, tmp_path / "console")
        guard = Guard(app, town.house.sessions, frozenset({"127.0.0.1"}))
        notify, navigate, download = ui.notify, ui.navigate, ui.download
        async with app.router.lifespan_context(app):

            async def go(user: User, path: str) -> None:
                await user.open(path)
                await until(lambda: timers(user) == TIMERS)

            async def open_page(path: str, login: str = "admin", password: str | None = None) -> User:
                transport = httpx.ASGITransport(app=guard)
                client = httpx.AsyncClient(transport=transport, base_url=BASE, headers={"origin": BASE})
                clients.append(client)
                body = {"login": login, "password": password or town.admin_password}
                assert (await client.post("/api/v1/session", json=body)).status_code == 204
                user = User(client)
                await go(user, path)
                return user

            yield Visit(open_page, go)
            for client in clients:
                await client.aclose()
        ui.notify, ui.navigate, ui.download = notify, navigate, download


def timers(user: User) -> int:
    return sum(isinstance(element, ui.timer) for element in user.current_layout.client.elements.values())


async def until(what: Callable[[], bool]) -> None:
    """A page follows within a second or so."""
    async with asyncio.timeout(8):
        while not what():  # noqa: ASYNC110  # a page has no event for what it shows
            await asyncio.sleep(0.05)


def texts(user: User, *, marker: str) -> list[str]:
    with contextlib.suppress(AssertionError):
        return [getattr(element, "text", "") for element in user.find(marker=marker).elements]
    return []


def html(user: User) -> str:
    return "".join(element.content for element in user.find(kind=ui.html).elements)


def reading(series, value, ago_s=0.0, gateway="tower-1"):
    at = CLOCK.now().utc - dt.timedelta(seconds=ago_s)
    return Latest(gateway=gateway, series=series, at=at, value=value)


def day_of(value):
    now = CLOCK.now().utc
    return tuple(
        Point(at=now - dt.timedelta(minutes=10 * n), mean=value, low=value - 0.5, high=value + 0.5, count=2)
        for n in range(100, 0, -1)
    )


async def orders_of(town) -> AsyncIterator[Order]:
    session = await town.broker.bus("tower-1").connect()
    await session.subscribe(topic("tower-1", Leaf.ORDER))

    async def read():
        async for message in session.messages():
            body = msgspec.json.decode(message.payload)["body"]
            order = ORDER.decode(body.encode() if isinstance(body, str) else body)
            assert isinstance(order, Order)
            yield order

    return read()


# --- Overview -----------------------------------------------------------------------------------


async def test_a_thermometer_shows_its_value_its_day_and_its_threshold(town, make, visit):
    await town.send("tower-1", make.device())
    town.readings.newest = [reading("gate-1/surface_temp_c", 37.6), reading("gate-1/elevated_c", 37.3)]
    town.readings.points = {("tower-1", "gate-1/surface_temp_c"): day_of(36.0)}
    user = await visit("/")
    assert texts(user, marker="temperature") == ["37.6°C"]
    await user.should_see("Live")
    await user.should_see("Elevated")
    await user.should_see("Last 24 hours; dashed: elevated from 37.3°C")
    assert "stroke-dasharray" in html(user)
    town.readings.newest = [reading("gate-1/surface_temp_c", 36.1)]
    town.house.aggregator.feed.changed()
    await until(lambda: texts(user, marker="temperature") == ["36.1°C"])
    await user.should_not_see("Elevated")


@pytest.mark.parametrize(
    ("device", "ago_s", "words"),
    [
        ({}, LIVE_S + 60, "Last 37.6°C, "),
        ({"state": DeviceState.OFFLINE}, 0, "Offline; last 37.6°C, "),
    ],
)
async def test_an_old_value_is_never_shown_as_one_of_now(town, make, visit, device, ago_s, words):
    await town.send("tower-1", make.device(**device))
    town.readings.newest = [reading("gate-1/surface_temp_c", 37.6, ago_s), reading("gate-1/elevated_c", 37.3)]
    town.readings.down = "the store is being moved"
    user = await visit("/")
    assert texts(user, marker="temperature") == ["–"]
    await user.should_see("Stale")
    await user.should_see(words)
    await user.should_not_see("Elevated")
    await user.should_see("The trend is not available now")


async def test_of_a_silent_gateway_nothing_is_shown_as_known(town, make, visit):
    await town.send("tower-1", make.device(), make.zone(state=ZoneState.RELEASED, cycle="c1"))
    now = CLOCK.now().utc
    silence = gateway_silent("tower-1", now, 60.0, 35.0)
    await town.house.ledger.write(apply, silence, now)
    town.readings.newest = [reading("gate-1/surface_temp_c", 37.6)]
    user = await visit("/")
    assert texts(user, marker="temperature") == ["–"]
    await user.should_see("Gateway silent; last 37.6°C, ")
    await user.should_see("Unknown: gateway silent")
    await visit.go(user, "/zones")
    assert texts(user, marker="zone-state") == ["Unknown: gateway silent"]
    await user.should_see("Not known")
    await user.should_not_see("Holds")
    await user.should_not_see("Cycle under way")
    (start,) = user.find("Start").elements
    assert not start.enabled


async def test_many_thermometers_are_the_first_of_them_and_a_link(town, visit):
    town.readings.newest = [reading(f"gate-{n:02}/surface_temp_c", 36.0) for n in range(tiles.TILES_MAX + 3)]
    user = await visit("/")
    assert len(texts(user, marker="temperature")) == tiles.TILES_MAX
    await user.should_see("All devices")


async def test_zones_stand_on_the_overview_with_their_last_cycle(town, make, visit):
    await town.send("tower-1", make.zone(), make.zone(zone="hall", title="Hall", last=cycle()))
    user = await visit("/")
    assert len(user.find(marker="zone-line").elements) == 2
    await user.should_see("No cycle yet")
    await user.should_see("Aborted: does not count as disinfected, ")


async def entry_of(town, user, record):
    """The dialogue of an entry, as its row opens it."""
    await until(lambda: any(row["entry"] == record.id for row in table_rows(user)))
    user.find(kind=ui.table).trigger("rowClick", {"gateway": "tower-1", "entry": record.id})
    await until(lambda: texts(user, marker="screening-line") != [])


def table_rows(user: User) -> list[dict[str, Any]]:
    return [row for table in user.find(kind=ui.table).elements for row in table.rows]


async def test_an_entry_explains_its_temperature_in_a_line_and_a_sum(town, make, visit):
    terms = ScreeningTerms(34.91, 0.31, 1.02, 0.0, 0.21, Correction.ONE_POINT, 1.0, 0.4, 37.3)
    measured = make.decision(surface_temp_c=36.24, screening=ScreeningState.NORMAL, screening_terms=terms)
    await town.send("tower-1", measured)
    user = await visit("/")
    await entry_of(town, user, measured)
    assert texts(user, marker="screening-line") == ["36.2°C (±0.4°C): below the limit of 37.3°C"]
    assert texts(user, marker="screening-sum") == [
        "raw 34.91 + 0.31 radiometry + 1.02 reference + 0.00 site = 36.24 ± 0.42 °C"
    ]
    await user.should_see("the reference was seen 0.4 s before")
    user.find("Close").click()


async def test_a_terminals_own_number_is_said_to_be_one_and_a_missing_one_says_why(town, make, visit):
    own = make.decision(surface_temp_c=36.6, screening=ScreeningState.NORMAL)
    none = make.decision(not_screened=NotScreened.REFERENCE_LOST)
    await town.send("tower-1", own, none)
    user = await visit("/")
    await entry_of(town, user, own)
    assert texts(user, marker="screening-line") == ["36.6°C, the device's own number: normal"]
    assert texts(user, marker="screening-own") == [
        "The device gave this number only, not what it is made of."
    ]
    assert texts(user, marker="screening-sum") == []
    user.find(kind=ui.table).trigger("rowClick", {"gateway": "tower-1", "entry": none.id})
    why = "Not screened: the reference source is not in view"
    await until(lambda: texts(user, marker="screening-line") == [why])
    assert texts(user, marker="screening-own") == []


async def test_somebody_elses_entry_opens_nothing(town, make, visit):
    await town.send("tower-1", make.decision())
    hidden = make.decision()
    await town.send("other-1", hidden)
    user = await visit("/")
    user.find(kind=ui.table).trigger("rowClick", {"gateway": "other-1", "entry": hidden.id})
    await asyncio.sleep(0.3)
    assert texts(user, marker="screening-line") == []


# --- Zones --------------------------------------------------------------------------------------


def cycle(outcome=CycleOutcome.ABORTED, stopped=StopReason.PERMISSIVE_LOST):
    now = CLOCK.now()
    started = wire_time(now)
    began = msgspec.structs.replace(started, utc=now.utc - dt.timedelta(seconds=200))
    ended = msgspec.structs.replace(started, utc=now.utc - dt.timedelta(seconds=60))
    return Cycle("c0", began, ended, outcome, stopped, emitted_s=41.0, dose_mj_cm2_min=2.14)


async def test_d12_a_zone_says_all_that_is_known_and_an_aborted_cycle_is_not_green(town, make, visit):
    await town.send(
        "tower-1",
        make.zone(state=ZoneState.LOCKOUT, stopped=StopReason.PERMISSIVE_LOST, last=cycle()),
    )
    user = await visit("/zones")
    assert texts(user, marker="zone-state") == ["Locked out"]
    for words in (
        "Washroom",
        "Nobody may be there",
        "Emergency stop released",
        "Holds",
        "Nobody in the area",
        "Too old",
        "A condition was lost",
        "Emitted for 41 seconds",
        "Dose at least 2.1 mJ/cm²",
        "A start also needs the key switch on site",
    ):
        await user.should_see(words)
    await user.should_see("A lockout cannot be cleared from here")
    (chip,) = user.find(marker="last-cycle").elements
    assert chip.text == "Aborted: does not count as disinfected"
    assert "green" not in str(chip.props) + str(chip.style) + str(chip.classes)
    (start,) = user.find("Start").elements
    assert not start.enabled
    (stop,) = user.find("Stop").elements
    assert stop.enabled, "stopping is always possible (D7)"


async def test_a_cycle_under_way_says_for_how_long(town, make, visit):
    await town.send("tower-1", make.zone(state=ZoneState.EMIT, cycle="c1"))
    user = await visit("/zones")
    await user.should_see("Cycle under way for")
    await user.should_see("No cycle yet")


async def test_a_zone_that_is_only_watched_cannot_be_started(town, make, visit):
    await town.send("tower-1", make.zone(monitor_only=True))
    user = await visit("/zones")
    await user.should_see("Watched only")
    await user.should_not_see("Start")
    await user.should_see("Stop")


async def test_only_managers_see_a_start_and_everybody_a_stop(town, make, visit):
    await town.send("tower-1", make.zone())
    await town.add("facility", "harbour", Role.FACILITY)
    user = await visit("/zones", "facility", PASSWORD)
    await user.should_not_see("Start")
    orders = await orders_of(town)
    user.find("Stop").click()
    async with asyncio.timeout(5):
        order = await anext(orders)
    assert order.action == StopCycle("washroom", "facility")
    await user.should_see("Stop ordered by facility at")


async def test_d7_a_start_is_asked_for_once_more_and_its_refusal_is_shown(town, make, visit):
    await town.send("tower-1", make.zone())
    user = await visit("/zones")
    orders = await orders_of(town)
    user.find("Start").click()
    await user.should_see("Start disinfection: Washroom")
    await user.should_see("The order is valid for 45 s.")
    await user.should_not_see("Chemicals and ozone need a second person")
    user.find("Order the start").click()
    async with asyncio.timeout(5):
        order = await anext(orders)
    assert order.action == StartCycle("washroom", "admin")
    sent = ["Sent: waiting for the gateway and the key switch"]
    await until(lambda: texts(user, marker="order-answer") == sent)
    result = ReceiptRecord(
        ENTROPY.new_id(), wire_time(CLOCK.now()), order.id, OrderResult.REFUSED.value, RefusalReason.UNSAFE
    )
    await town.send("tower-1", result)
    wanted = ["Refused: Refused because it would not be safe"]
    await until(lambda: texts(user, marker="order-answer") == wanted)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (OrderResult.EXECUTED, "Accepted by the gateway"),
        (OrderResult.EXPIRED, "Too late"),
        (None, "No answer within its time: not carried out"),
    ],
)
async def test_every_answer_to_an_order_has_its_words(town, make, visit, result, words):
    await town.send("tower-1", make.zone())
    house = town.house
    order = await house.aggregator.intent.send_order("tower-1", StartCycle("washroom", "ann"), "ann", 0.05)
    if result is not None:
        receipt = ReceiptRecord(ENTROPY.new_id(), wire_time(CLOCK.now()), order.id, result.value)
        await town.send("tower-1", receipt)
    await asyncio.sleep(0.06)
    user = await visit("/zones")
    assert texts(user, marker="order-answer") == [words]


async def test_d7_chemicals_ask_for_a_second_person_and_refuse_the_same(town, make, visit):
    await town.send("tower-1", make.zone(two_people=True))
    await town.add("second", "harbour", Role.MANAGER)
    user = await visit("/zones")
    orders = await orders_of(town)
    user.find("Start").click()
    await user.should_see("Chemicals and ozone need a second person")
    user.find("Order the start").click()
    await until(lambda: "Chemicals and ozone need a second person" in user.notify.messages)
    user.find("Second person's login").type("second")
    user.find("Their password").type("wrong")
    user.find("Order the start").click()
    await until(lambda: "The second person's login is refused" in user.notify.messages)
    user.find("Their password").clear().type(PASSWORD)
    user.find("Order the start").click()
    async with asyncio.timeout(5):
        order = await anext(orders)
    assert order.action == StartCycle("washroom", "admin", "second")


async def test_without_a_broker_the_page_says_so(town, make, visit):
    await town.send("tower-1", make.zone())
    user = await visit("/zones")
    town.house.aggregator.intent.session = None
    user.find("Stop").click()
    await until(lambda: "No connection to the broker: not sent for certain" in user.notify.messages)


async def test_zones_come_and_the_most_urgent_are_shown(town, make, visit, monkeypatch):
    user = await visit("/zones")
    await user.should_see("No disinfection zones")
    monkeypatch.setattr(zones, "CARDS_MAX", 1)
    await town.send("tower-1", make.zone(), make.zone(zone="hall", title="Hall", state=ZoneState.LOCKOUT))
    await until(lambda: texts(user, marker="zone-state") == ["Locked out"])
    await user.should_see("Only the most urgent zones are shown")


# --- Thermal ------------------------------------------------------------------------------------


async def send_scene(town, leaf=Leaf.SCENE, **given):
    values: dict[str, Any] = {
        "device": "cabinet-1",
        "at": wire_time(CLOCK.now()),
        "width": 2,
        "height": 2,
        "min_c": 20.0,
        "max_c": 60.0,
        "grid": b"\x00\x40\x80\xff",
        "marks": (Mark(MarkKind.ROI, 0.0, 0.0, 1.0, 1.0, 41.5), Mark(MarkKind.REFERENCE, 0.0, 0.0, 0.1, 0.1)),
    }
    session = await town.broker.bus("tower-1").connect()
    await session.publish(topic("tower-1", leaf), encode(Scene(**(values | given))))
    await session.close()


async def test_a_scene_appears_by_itself_with_scale_marks_and_age(town, visit):
    user = await visit("/thermal")
    await user.should_see("No thermal picture now")
    await user.should_see("No picture is kept.")
    await send_scene(town)
    await until(lambda: texts(user, marker="scene-age") == ["Live"])
    for words in ("cabinet-1", "20.0°C", "60.0°C", "Region that is measured", "41.5°C", "Reference body"):
        await user.should_see(words)
    assert "data:image/png;base64," in html(user)
    before = html(user)
    await send_scene(town, grid=b"\xff\xff\xff\xff")
    await until(lambda: html(user) != before)


async def test_an_old_picture_is_marked_as_old(town, visit, monkeypatch):
    monkeypatch.setattr(thermal, "STALE_S", -1.0)
    await send_scene(town)
    await until(lambda: town.house.aggregator.scenes.version > 0)
    user = await visit("/thermal")
    assert texts(user, marker="scene-age") == ["Stale"]


TERMS = ScreeningTerms(34.91, 0.31, 1.02, 0.0, 0.21, Correction.ONE_POINT, 1.0, 0.4, 37.3)
NORMAL = SceneReading(ScreeningState.NORMAL, 36.24, TERMS)
POSITION: dict[str, Any] = {"device": "lepton-1", "showing": Showing.BLURRED, "readings": (NORMAL,)}


def without(**given: Any) -> dict[str, Any]:
    """The position with nobody measured, or as given."""
    return {**POSITION, "readings": (), **given}


async def ask_for_faces(user: User) -> None:
    user.find("See people clear").click()
    await user.should_see("you alone see the picture", retries=20)
    user.find("Why is that needed?").type("The spot lies beside the face")
    user.find("Show them").click()


def picture_of(text: str) -> str:
    return text.partition("base64,")[2].partition('"')[0]


async def answer(town, orders, refusal=None):
    """As the gateway does: the receipt stands in the ledger."""
    order = await anext(orders)
    result = OrderResult.EXECUTED if refusal is None else OrderResult.REFUSED
    await town.send(
        "tower-1", ReceiptRecord(ENTROPY.new_id(), wire_time(CLOCK.now()), order.id, result.value, refusal)
    )
    return order


async def test_a_position_stands_beside_the_scenes_with_its_line_and_its_sum(town, visit):
    user = await visit("/thermal")
    await send_scene(town)
    await send_scene(town, **POSITION)
    await until(lambda: texts(user, marker="position-age") == ["Live"])
    for words in (
        "Without people",
        "People blurred",
        "36.2°C (±0.4°C): below the limit of 37.3°C",
        "raw 34.91 + 0.31 radiometry + 1.02 reference + 0.00 site = 36.24 ± 0.42 °C",
    ):
        await user.should_see(words)
    assert texts(user, marker="scene-age") == ["Live"]
    await send_scene(town, **without(condition=NotScreened.REFERENCE_LOST))
    why = "Not screened: the reference source is not in view"
    await until(lambda: texts(user, marker="position-line") == [why])
    assert texts(user, marker="position-sum") == []
    assert texts(user, marker="position-scale") == ["The scale is not corrected: believe no degree of it"]
    await send_scene(town, **without())
    await user.should_see("Nobody is measured now", retries=20)
    far = SceneReading(ScreeningState.NOT_SCREENED, reason=NotScreened.TOO_FAR)
    await send_scene(town, **without(readings=(NORMAL, far)))
    lines = ["36.2°C (±0.4°C): below the limit of 37.3°C", "Not screened: please come closer"]
    await until(lambda: sorted(texts(user, marker="position-line")) == lines)


async def test_staff_who_say_why_see_people_clear_for_a_while(town, visit):
    await send_scene(town, **POSITION)
    await town.add("facility", "harbour", Role.FACILITY)
    user = await visit("/thermal")
    orders = await orders_of(town)
    user.find("See people clear").click()
    await user.should_see("you alone see the picture", retries=20)
    user.find("Show them").click()
    await user.should_see("Say in a few words why")
    user.find("Why is that needed?").type("The spot lies beside the face")
    user.find("Show them").click()
    order = await answer(town, orders)
    assert order.action == ShowFaces("lepton-1", "admin", "The spot lies beside the face", 30.0)
    await until(lambda: texts(user, marker="people") == ["Waiting for the gateway"])
    clear = {"showing": Showing.CLEAR, "lease": order.id, "grid": b"face"}
    await send_scene(town, Leaf.SCENE_CLEAR, **(POSITION | clear))
    await until(lambda: bool(re.fullmatch(r"Clear for \d+ s", "".join(texts(user, marker="people")))))
    shown = html(user)
    facility = await visit("/thermal", "facility", PASSWORD)
    assert texts(facility, marker="people") == ["People blurred"]
    assert picture_of(html(facility)) != picture_of(shown)


async def test_the_gateways_refusal_to_show_people_is_told(town, visit):
    await send_scene(town, **POSITION)
    user = await visit("/thermal")
    orders = await orders_of(town)
    await ask_for_faces(user)
    await answer(town, orders, RefusalReason.NOT_ENTITLED)
    await user.should_see("Refused: The gateway's own configuration does not allow it", retries=40)


async def test_without_an_answer_or_a_broker_the_page_says_so(town, visit, monkeypatch):
    monkeypatch.setattr(faces_dialog, "ANSWER_S", 0.5)
    await send_scene(town, **POSITION)
    user = await visit("/thermal")
    await ask_for_faces(user)
    await user.should_see("The gateway has not answered yet", retries=40)
    user.find("See people clear").click()
    await user.should_see("you alone see the picture", retries=20)
    user.find("Why is that needed?").type("The spot lies beside the face")
    town.house.aggregator.intent.session = None
    user.find("Show them").click()
    await user.should_see("No connection to the broker: not sent for certain")


async def test_the_district_is_not_even_asked(town, visit):
    await town.add("district", "jinshui", Role.DISTRICT)
    await send_scene(town, **POSITION)
    user = await visit("/thermal", "district", PASSWORD)
    await user.should_see("People blurred")
    await user.should_not_see("See people clear")


# --- A device -----------------------------------------------------------------------------------


async def test_a_device_page_shows_facts_curves_changes_and_alerts(town, make, visit):
    await town.send(
        "tower-1",
        make.device(state=DeviceState.OFFLINE, reason="no answer"),
        make.device(firmware="3.2.1", clock_skew_s=0.25),
        make.alert(device="gate-1"),
    )
    town.readings.newest = [
        reading("gate-1/surface_temp_c", 36.4),
        reading("gate-1/elevated_c", 37.3),
        reading("gate-1/humidity_pct", 46.0, LIVE_S * 3),
    ]
    town.readings.points = {("tower-1", "gate-1/surface_temp_c"): day_of(36.0)}
    user = await visit("/devices/tower-1/gate-1")
    for words in (
        "Online",
        "3.2.1",
        "0.2 s",
        "36.4°C",
        "46.0 %",
        "Stale: ",
        "Door forced open",
    ):
        await user.should_see(words)
    charts = list(user.find(kind=ui.echart).elements)
    assert len(charts) == 2, "the threshold has no curve of its own"
    (surface,) = [chart for chart in charts if len(chart.options["series"][2]["data"]) == 100]
    assert surface.options["series"][2]["markLine"]["data"] == [{"yAxis": 37.3}]
    (table,) = user.find(kind=ui.table).elements
    assert [row["state"] for row in table.rows] == ["Online", "Offline"]
    (toggle,) = user.find(kind=ui.toggle).elements
    toggle.set_value(1)
    await until(lambda: len(surface.options["series"][2]["data"]) < 10)
    town.readings.down = "the store is being moved"
    toggle.set_value(168)
    await user.should_see("the store is being moved")


async def test_a_gateway_has_a_page_for_its_own_numbers(town, visit):
    town.readings.newest = [reading("tower-1/rss_mb", 88.0)]
    user = await visit("/devices/tower-1/tower-1")
    await user.should_see("Memory")
    await user.should_see("88 MB")
    await user.should_see("It reports numbers; its gateway says nothing else of it")


async def test_somebody_elses_device_is_as_if_it_did_not_exist(town, make, visit):
    """SAFETY.md, item 10."""
    await town.send("other-1", make.device(reason="secret"))
    town.readings.newest = [reading("gate-1/surface_temp_c", 36.4, gateway="other-1")]
    user = await visit("/devices/other-1/gate-1")
    await user.should_see("There is no such device here")
    await user.should_see("It has reported no numbers")
    await user.should_not_see("secret")


async def test_the_device_matrix_leads_to_each_device_and_a_site_limits_every_page(town, make, visit):
    await town.send("tower-1", make.device(), make.zone())
    user = await visit("/devices?site=tower")
    (table,) = user.find(kind=ui.table).elements
    assert [row["address"] for row in table.rows] == ["/devices/tower-1/gate-1"]
    await user.should_see(kind=ui.chip, content="Tower")
    for path in ("/", "/zones", "/thermal", "/devices", "/alerts"):
        await visit.go(user, f"{path}?site=elsewhere")
        await user.should_not_see("Washroom")
        await user.should_not_see("gate-1")


# --- The wall -----------------------------------------------------------------------------------


async def test_the_wall_shows_every_site_and_follows(town, make, visit, monkeypatch):
    monkeypatch.setattr(wall, "REST_S", 0.4)
    await town.add("district", "jinshui", Role.DISTRICT)
    town.readings.newest = [reading("gate-1/surface_temp_c", 36.4), reading("gate-2/surface_temp_c", 35.0)]
    user = await visit("/wall", "district", PASSWORD)
    assert "36.4°C" in html(user)
    assert 'href="/alerts?site=tower"' in html(user)
    await user.should_not_see("Alerts")  # no navigation on a wall
    await town.send("tower-1", make.decision(), make.alert(), make.zone(state=ZoneState.EMIT))
    await until(lambda: "Major: Door forced open" in html(user))
    assert "Washroom: Disinfecting" in html(user)


async def test_a_login_without_sites_sees_an_empty_wall(town, visit):
    await town.add("nobody", "jinshui", Role.MANAGER)
    user = await visit("/wall", "nobody", PASSWORD)
    await user.should_see("No site is yours to see")


# --- Both languages -----------------------------------------------------------------------------


PATHS = ("/", "/zones", "/thermal", "/devices", "/devices/tower-1/gate-1", "/alerts", "/wall")
NAMED_ON = {"/", "/zones", "/wall"}
"""Pages that name the zone."""


async def test_every_page_opens_for_every_role_in_both_languages(town, make, visit):
    """SAFETY.md, items 9 and 10."""
    await town.send("tower-1", make.device(), make.zone(), make.alert(), make.decision())
    town.readings.newest = [reading("gate-1/surface_temp_c", 36.4)]
    for login, organisation, role in (
        ("manager", "harbour", Role.MANAGER),
        ("facility", "harbour", Role.FACILITY),
        ("district", "jinshui", Role.DISTRICT),
        ("rival", "rival", Role.MANAGER),
    ):
        await town.add(login, organisation, role)
        user = await visit("/", login, PASSWORD)
        if role is Role.DISTRICT:
            account = await town.house.sessions.find(user.http_client.cookies[COOKIE])
            await town.house.sessions.set_language(account, "zh_CN")
        for path in PATHS:
            await visit.go(user, path)
            seen = f"{user.current_layout}{html_or_nothing(user)}"
            assert ("Washroom" in seen) == (login != "rival" and path in NAMED_ON), path
            chinese = re.search("[\u4e00-\u9fff]{2}", seen.replace("简体中文", "").replace("语言", ""))
            assert bool(chinese) == (role is Role.DISTRICT), path


def html_or_nothing(user):
    with contextlib.suppress(AssertionError):
        return html(user)
    return ""
