"""The world's people at a simulated terminal, seen through the real driver."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cardea.contract.records import CredentialKind
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers import catalog
from drivers.api import (
    Accepted,
    AnswerCheck,
    CredentialPresented,
    Device,
    DeviceContext,
    DeviceEvent,
    DeviceLost,
    DeviceRefused,
    DoorMoved,
    Reject,
    TemperatureMeasured,
)
from drivers.sim import stations
from drivers.sim.people import Resident
from drivers.sim.script import Reader, Scenario
from drivers.sim.settings import Terminal
from drivers.sim.terminals import TerminalStation, terminal
from drivers.sim.world import Visit, Way

WAY = Way("lobby-a", "gate-1", Reader.TERMINAL)
WEI = Resident("p-1", "张伟", "Harbour Bank", "100001", "9481214130", 36.4, masked=True, prefers_card=False)


class NoCursor:
    async def load(self) -> None:
        return None


ORDINARY = Visit(
    number=1,
    at_s=0.0,
    way=WAY,
    scenario=Scenario.ORDINARY,
    resident=WEI,
    value=WEI.employee_no,
    surface_temp_c=36.5,
    masked=True,
)


def visit(scenario: Scenario = Scenario.ORDINARY, **changes: Any) -> Visit:
    return replace(ORDINARY, scenario=scenario, **changes)


@dataclass
class Gateway:
    """A driver on the terminal's stream; answers every question with ``grants``."""

    device: Device | None = None
    grants: bool = True
    events: list[DeviceEvent] = field(default_factory=list[DeviceEvent])
    came: asyncio.Event = field(default_factory=asyncio.Event)
    answering: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    async def emit(self, event: DeviceEvent) -> Accepted:
        self.events.append(event)
        self.came.set()
        if isinstance(event, CredentialPresented) and event.ask is not None and self.device is not None:
            answer = AnswerCheck(f"a-{event.ask}", event.ask, self.grants, "")
            self.answering.add(asyncio.create_task(self.device.submit(answer)))
        return Accepted()

    async def next(self, kind: type[Any], count: int = 1) -> Any:
        async with asyncio.timeout(5):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
                self.came.clear()
                await self.came.wait()
        return found[count - 1]


@asynccontextmanager
async def stage(
    decides: str, clock: SystemClock, *ends: type[BaseException]
) -> AsyncGenerator[tuple[TerminalStation, Gateway]]:
    settings = Terminal.model_validate({"port": 0, "password_secret": "gate-1", "decides": decides})
    station = terminal("gate-1", settings, "a password", clock, SystemEntropy())
    gateway = Gateway()
    async with station:
        driver = catalog.find("gates.hikvision")
        fitted = {
            "base_url": station._device.base_url,
            "user": "cardea",
            "password_secret": "gate-1",
            "transport": "stream",
            "history_days": 0,
        }
        context = DeviceContext(
            device="gate-1",
            clock=clock,
            entropy=SystemEntropy(),
            secrets=lambda _: "a password",
            link=None,
            cursor=NoCursor(),
        )
        gateway.device = driver.open(driver.settings.model_validate(fitted), context)
        run = asyncio.create_task(gateway.device.run(gateway.emit))
        try:
            async with asyncio.timeout(5):
                await station.met()
            yield station, gateway
        finally:
            run.cancel()
            (ended,) = await asyncio.gather(run, return_exceptions=True)
            assert isinstance(ended, (asyncio.CancelledError, DeviceLost, *ends))


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


async def test_the_gateway_is_asked_and_its_verdict_opens(clock: SystemClock) -> None:
    async with stage("gateway", clock) as (station, gateway):
        assert await station.present(visit(), "")
        presented = await gateway.next(CredentialPresented)
        assert (presented.kind, presented.value, presented.mask) == (CredentialKind.FACE, "100001", True)
        measured = await gateway.next(TemperatureMeasured)
        assert (measured.value_c, measured.abnormal) == (36.5, False)
        gateway.grants = False
        shown = visit(
            Scenario.ELEVATED, kind=CredentialKind.CARD, value=WEI.card, surface_temp_c=38.3, passes=0
        )
        assert not await station.present(shown, "")
        presented = await gateway.next(CredentialPresented, 2)
        assert (presented.kind, presented.value) == (CredentialKind.CARD, WEI.card)
        measured = [event for event in gateway.events if isinstance(event, TemperatureMeasured)]
        assert (38.3, True) in [(event.value_c, event.abnormal) for event in measured]


async def test_a_terminal_that_decides_lets_in_whom_it_should(clock: SystemClock) -> None:
    async with stage("terminal", clock) as (station, gateway):
        assert await station.present(visit(), "")
        assert (await gateway.next(CredentialPresented)).granted is True
        assert not await station.present(visit(Scenario.REVOKED, passes=0), "")
        assert (await gateway.next(CredentialPresented, 2)).granted is False
        stranger = visit(Scenario.UNKNOWN, resident=None, value="", passes=0)
        assert not await station.present(stranger, "")
        assert (await gateway.next(CredentialPresented, 3)).value == ""


async def test_the_leaf_is_seen_and_garbage_is_counted(clock: SystemClock) -> None:
    async with stage("terminal", clock) as (station, gateway):
        station.leaf(is_open=True, forced=False)
        station.leaf(is_open=False, forced=False)
        station.leaf(is_open=True, forced=True)
        assert (await gateway.next(DoorMoved, 1)).open
        assert not (await gateway.next(DoorMoved, 2)).open
        assert (await gateway.next(DoorMoved, 3)).open
        await station.spout(0.1)
        await station.present(visit(), "")
        await gateway.next(Reject)


async def test_an_outage_ends_and_the_terminal_is_where_it_was(clock: SystemClock) -> None:
    async with stage("terminal", clock) as (station, _):
        port = station._device.port
        failing = asyncio.create_task(station.fail(0.2))
        await asyncio.sleep(0.05)
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection("127.0.0.1", port)
        await failing
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


async def test_a_changed_password_is_refused_until_the_old_one_is_set_again(clock: SystemClock) -> None:
    async with stage("terminal", clock, DeviceRefused) as (station, _):
        assert isinstance(station, TerminalStation)
        right = station._device.digest
        refusing = asyncio.create_task(station.refuse(0.2))
        await asyncio.sleep(0.05)
        assert station._device.digest is not right
        await refusing
        assert station._device.digest is right


def _turn_away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_a_terminal_whose_port_somebody_took_meanwhile_comes_back_when_it_is_free(
    clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stations, "RETRY_S", 0.02)
    async with stage("terminal", clock) as (station, _):
        port = station._device.port
        failing = asyncio.create_task(station.fail(0.05))
        await asyncio.sleep(0.02)
        taken = await asyncio.start_server(_turn_away, "127.0.0.1", port)
        await asyncio.sleep(0.1)
        assert not failing.done()
        taken.close()
        await taken.wait_closed()
        await failing
        assert station._device.port == port
