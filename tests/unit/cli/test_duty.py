"""The demo's duty manager: what it orders and when, and when it goes off duty."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cardea.cli.tower import duty as module
from cardea.cli.tower.duty import CYCLE_AGAIN_S, Duty, errands
from cardea.contract.time import Instant
from cardea.runtime.clock import SystemClock

URL = "http://127.0.0.1:8080"
OK = {"estop": "ok", "doors": "ok", "occupancy": "ok", "arm": "ok", "order": "not_ok", "lease": "missing"}


def zone(**changes: Any) -> dict[str, Any]:
    row = {"gateway": "tower-1", "zone": "washroom", "title": "Washroom", "state": "idle"}
    return {**row, "gateway_silent": False, "monitor_only": False, "permissives": OK, **changes}


def fire(**changes: Any) -> dict[str, Any]:
    return {"gateway": "tower-1", "portal": "garage", "cleared_at": None, **changes}


def test_a_zone_that_is_armed_and_empty_is_ordered() -> None:
    (errand,) = errands([zone()], [])
    assert (errand.path, errand.body) == ("/zones/tower-1/washroom/start", {})
    assert [e.path for e in errands([zone(state="released")], [])] == [errand.path]


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "lockout"},
        {"state": "emit"},
        {"monitor_only": True},
        {"gateway_silent": True},
        {"permissives": {}},
        *({"permissives": {**OK, name: "stale"}} for name in ("estop", "doors", "occupancy", "arm")),
    ],
)
def test_any_other_zone_is_left_alone(changes: dict[str, Any]) -> None:
    assert list(errands([zone(**changes)], [])) == []


def test_an_open_fire_release_is_reset_at_its_portal() -> None:
    (errand,) = errands([], [fire(), fire(cleared_at="2026-11-23T00:00:00Z"), fire(portal=None)])
    assert errand.path == "/gateways/tower-1/orders"
    assert errand.body == {"do": "clear_fire", "portal": "garage"}


class FastClock:
    """Virtual: sleeping moves it on at once."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> Instant:
        return SystemClock().now()

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        self.now_s += delay_s
        await asyncio.sleep(0)


class Office:
    """An aggregator that answers as told, and remembers what it was asked."""

    def __init__(self, tmp_path: Path) -> None:
        self.password = tmp_path / "admin-password"
        self.password.write_text("right\n")
        self.zones: Any = [zone()]
        self.alerts: Any = {"items": []}
        self.start_status = 202
        self.look_status = 200
        self.down = 0
        self.sessions = 0
        self.looks = 0
        self.orders: list[tuple[float, str]] = []
        self.said: list[str] = []
        self.cleared: list[tuple[float, tuple[str, ...]]] = []
        self.clock = FastClock()
        self.duty = Duty(
            URL, self.password, self.on_site, self.clock, lambda _, line: self.said.append(line),
            transport=httpx.MockTransport(self.answer),
        )  # fmt: skip

    async def on_site(self, *words: str) -> str:
        self.cleared.append((self.clock.now_s, words))
        return "washroom  idle"

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["origin"] == URL
        if self.down:
            self.down -= 1
            raise httpx.ConnectError("refused")
        path = request.url.path.removeprefix("/api/v1")
        if path == "/session":
            right = b'"password":"right"' in request.content.replace(b" ", b"")
            self.sessions += right
            return httpx.Response(204 if right else 401)
        if not self.sessions:
            return httpx.Response(401)
        if request.method == "GET":
            self.looks += 1
            return httpx.Response(self.look_status, json=self.zones if path == "/zones" else self.alerts)
        self.orders.append((self.clock.now_s, path))
        return httpx.Response(self.start_status, json={"id": "x"})

    async def run(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            run = asyncio.create_task(self.duty.run())
            while not done() and not run.done():  # noqa: ASYNC110  # what is awaited happens in a fake aggregator
                await asyncio.sleep(0)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


async def test_an_order_is_given_once_and_again_only_after_a_while(tmp_path: Path) -> None:
    office = Office(tmp_path)
    await office.run(lambda: len(office.orders) == 3)
    times = [at_s for at_s, _ in office.orders]
    assert all(later - earlier >= CYCLE_AGAIN_S for earlier, later in itertools.pairwise(times))
    assert office.sessions == 1
    assert office.said == ["cycle ordered in Washroom"] * 3


async def test_a_refused_order_is_told(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.start_status = 409
    await office.run(lambda: bool(office.said))
    assert office.said[0].startswith('cycle ordered in Washroom: {"id"')


async def test_an_aggregator_that_is_away_or_forgets_the_session_is_asked_again(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.down = 3
    await office.run(lambda: bool(office.orders))
    assert office.orders
    office.sessions = 0
    office.orders.clear()
    await office.run(lambda: bool(office.orders))
    assert office.sessions == 1


async def test_a_changed_password_ends_the_duty_after_one_try(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.password.write_text("wrong")
    await office.run(lambda: False)
    assert office.said == ["off duty: the administrator's password was changed; order cycles in the console"]


async def test_a_missing_password_file_ends_the_duty(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.password.unlink()
    await office.run(lambda: False)
    assert office.said[0].startswith(f"off duty: {office.password}: No such file")


@pytest.mark.parametrize("answer", [[{"zone": "x"}], ["text"], 5])
async def test_an_answer_that_is_not_understood_ends_the_duty(tmp_path: Path, answer: Any) -> None:
    office = Office(tmp_path)
    office.zones = answer
    await office.run(lambda: False)
    assert office.said[0].startswith("off duty: the aggregator's answer is not understood")


async def test_a_session_that_ends_between_is_opened_again(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.zones = []
    await office.run(lambda: office.looks >= 4)
    assert office.sessions == 1
    assert module.LOOK_S == 2.0


async def test_a_room_that_is_locked_out_is_looked_at_after_a_walk_and_cleared_on_site(
    tmp_path: Path,
) -> None:
    office = Office(tmp_path)
    office.zones = [zone(state="lockout")]
    await office.run(lambda: bool(office.cleared))
    assert office.cleared[0][0] >= module.WALK_S
    assert office.cleared[0][1][:6] == ("edge", "zone", "clear", "washroom", "--by", "caretaker")
    assert office.said == ["washroom  idle"]
    assert office.orders == []


async def test_a_lockout_that_ends_by_itself_is_forgotten(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.zones = [zone(state="lockout")]
    await office.run(lambda: office.clock.now_s >= module.WALK_S / 2)
    office.zones = [zone(state="emit")]
    looks = office.looks
    await office.run(lambda: office.looks > looks + 10)
    assert office.cleared == []


@pytest.mark.parametrize(("status", "sessions"), [(503, 1), (401, 3)])
async def test_an_answer_that_is_none_orders_nothing(tmp_path: Path, status: int, sessions: int) -> None:
    office = Office(tmp_path)
    office.look_status = status
    await office.run(lambda: office.looks >= 6)
    assert office.orders == []
    assert office.sessions >= sessions
