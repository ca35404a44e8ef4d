"""Terminals that bend their readings: watched at the router, said once, advisory until people clear it."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cardea.contract.records import AlertCleared, AlertKind, AlertRaised, CredentialKind
from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import SystemDisk
from drivers import catalog
from drivers.api import Accepted, DeviceContext, DeviceEvent, TemperatureMeasured
from drivers.sim.script import Reader, Scenario
from drivers.sim.settings import Terminal
from drivers.sim.terminals import TerminalStation, terminal
from drivers.sim.world import Visit, Way
from edge.alerts import Alarm, Alerts
from edge.decide.screening import ScreeningLimits, screen
from edge.notes import Notes
from edge.router import Router
from edge.thermal.compensation import AGAIN_S, Compensation
from models.thermal.decision.compensation import READINGS
from tests.unit.edge.committed_alerts import Rows

UTC = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


class Standing:
    """Alerts as they stand; what was said of them in order."""

    def __init__(self) -> None:
        self.open: set[str | None] = set()
        self.said: list[tuple[str, str | None, dict[str, str]]] = []

    def raise_(self, alarm: Alarm) -> None:
        assert alarm.alert is AlertKind.THERMOMETER_NORMALISED
        if alarm.device not in self.open:
            self.said.append(("raised", alarm.device, alarm.detail))
        self.open.add(alarm.device)

    def clear(self, alarm: Alarm, evidence: str) -> None:
        assert evidence
        if alarm.device in self.open:
            self.said.append(("cleared", alarm.device, {}))
        self.open.discard(alarm.device)

    def stands(self, alarm: Alarm) -> bool:
        return alarm.device in self.open


class Crowd:
    """People before terminals, one every half minute."""

    def __init__(self, alerts: Standing) -> None:
        self.now_s = 1000.0
        self.dice = np.random.default_rng(3)
        self.watch = Compensation(alerts)

    def says(self, value_c: float, *, after_s: float = 30.0, device: str = "gate", **fields: Any) -> Any:
        self.now_s += after_s
        at = Instant(self.now_s, UTC, ClockQuality.SYNCHRONISED)
        return self.watch.seen(device, TemperatureMeasured(at=at, value_c=value_c, **fields))

    def pass_by(self, sd_c: float, n: int, **fields: Any) -> list[Any]:
        values_c = self.dice.normal(36.5, sd_c, n)
        return [self.says(round(float(value_c), 1), **fields) for value_c in values_c]


@pytest.fixture
def alerts() -> Standing:
    return Standing()


@pytest.fixture
def crowd(alerts: Standing) -> Crowd:
    return Crowd(alerts)


def test_an_honest_terminal_is_left_alone(crowd: Crowd, alerts: Standing) -> None:
    events = crowd.pass_by(0.4, 1500)
    assert alerts.said == []
    assert all(event.vendor_compensated is None for event in events)


def test_a_terminal_that_bends_is_advisory_from_its_hundredth_reading(crowd: Crowd, alerts: Standing) -> None:
    events = crowd.pass_by(0.1, READINGS - 1)
    assert alerts.said == []
    assert all(event.vendor_compensated is None for event in events)
    (event,) = crowd.pass_by(0.1, 1)
    assert event.vendor_compensated is True
    ((what, device, detail),) = alerts.said
    assert (what, device, detail["found"]) == ("raised", "gate", "readings too alike")
    assert float(detail["sd_c"]) == pytest.approx(0.1, abs=0.03)


def test_it_takes_a_hundred_newer_readings_that_spread_to_clear_it(crowd: Crowd, alerts: Standing) -> None:
    crowd.pass_by(0.1, READINGS)
    assert all(event.vendor_compensated for event in crowd.pass_by(0.4, READINGS - 1))
    (event,) = crowd.pass_by(0.4, 1)
    assert event.vendor_compensated is None
    assert [what for what, _, _ in alerts.said] == ["raised", "cleared"]


def test_readings_just_beyond_the_limit_clear_nothing(crowd: Crowd, alerts: Standing) -> None:
    crowd.pass_by(0.1, READINGS)
    spread_c = np.linspace(-1.0, 1.0, READINGS)
    spread_c *= 0.26 / spread_c.std(ddof=1)
    for value_c in spread_c.tolist():
        assert crowd.says(36.5 + value_c).vendor_compensated
    assert [what for what, _, _ in alerts.said] == ["raised"]


def test_it_still_stands_after_a_restart(crowd: Crowd, alerts: Standing) -> None:
    crowd.pass_by(0.1, READINGS)
    crowd.watch = Compensation(alerts)
    assert crowd.says(36.5).vendor_compensated is True
    crowd.pass_by(0.4, READINGS)
    assert [what for what, _, _ in alerts.said] == ["raised", "cleared"]


def test_a_terminal_that_says_so_itself_counts_at_once(crowd: Crowd, alerts: Standing) -> None:
    assert crowd.says(36.5, vendor_compensated=True).vendor_compensated is True
    assert alerts.said == [("raised", "gate", {"found": "said by the device"})]
    assert crowd.says(36.7, vendor_compensated=False).vendor_compensated is True
    crowd.pass_by(0.4, READINGS)
    assert alerts.said[-1][0] == "cleared"


def test_what_is_told_twice_is_one_reading(crowd: Crowd, alerts: Standing) -> None:
    for value_c in crowd.dice.normal(36.5, 0.1, READINGS - 1).round(2).tolist():
        crowd.says(value_c)
        crowd.says(value_c, after_s=0.4)
    assert alerts.said == []
    crowd.says(36.45)
    assert [what for what, _, _ in alerts.said] == ["raised"]


def test_a_terminal_that_always_says_the_same_is_found_however_quickly_people_come(
    crowd: Crowd, alerts: Standing
) -> None:
    for _ in range(int(AGAIN_S) * READINGS):
        crowd.says(36.5, after_s=1.0)
    assert [what for what, _, _ in alerts.said] == ["raised"]


@pytest.mark.parametrize("nothing", [{"value_c": 0.0}, {"value_c": float("nan")}, {"offline": True}])
def test_what_is_no_reading_of_now_changes_nothing(
    crowd: Crowd, alerts: Standing, nothing: dict[str, Any]
) -> None:
    for _ in range(2 * READINGS):
        fields: dict[str, Any] = {"value_c": 36.5, "vendor_compensated": True} | nothing
        event = crowd.says(**fields)
        assert event.vendor_compensated is True  # its own word, handed on as it is
    assert alerts.said == []


def test_terminals_are_told_apart(crowd: Crowd, alerts: Standing) -> None:
    for _ in range(READINGS):
        crowd.pass_by(0.1, 1, device="bent")
        crowd.pass_by(0.4, 1, device="honest")
    assert alerts.open == {"bent"}
    assert crowd.says(36.5, device="honest").vendor_compensated is None


def test_memory_is_bounded(crowd: Crowd) -> None:
    crowd.pass_by(0.4, 10 * READINGS + 70)
    (said,) = crowd.watch._said.values()
    assert len(said.readings_c) < READINGS


def test_a_marked_reading_gives_advice_at_a_portal_that_is_sure_of_its_thermometer(crowd: Crowd) -> None:
    honest = crowd.says(38.4)
    assert screen(honest, ScreeningLimits(), compliant=True).compliant
    crowd.pass_by(0.1, 3 * READINGS)
    marked = crowd.says(38.4)
    found = screen(marked, ScreeningLimits(), compliant=True)
    assert (found.state.value, found.compliant) == ("elevated", False)


async def test_the_router_hands_on_what_the_watch_made_of_it(crowd: Crowd) -> None:
    numbers: dict[str, float] = {}
    router = Router({}, {}, numbers.__setitem__, _never, _never, (), crowd.watch.seen)
    at = Instant(1.0, UTC, ClockQuality.SYNCHRONISED)
    assert await router.take("gate", TemperatureMeasured(at=at, value_c=36.4)) == Accepted()
    assert numbers == {"gate/surface_temp_c": 36.4}
    assert crowd.watch._said["gate"].readings_c == [36.4]


def _never(*_: object) -> None:
    raise AssertionError("nothing is to be looked at here")


# --- a simulated terminal through the real driver ----------------------------------------------------


class NoCursor:
    async def load(self) -> None:
        return None


class TestTheDriversOwnWay:
    visit = Visit(
        number=1,
        at_s=0.0,
        way=Way("lobby", "gate-1", Reader.TERMINAL),
        scenario=Scenario.ORDINARY,
        resident=None,
        kind=CredentialKind.CARD,
        value="1001",
        surface_temp_c=36.4,
        masked=True,
    )

    @pytest.fixture(autouse=True)
    def begin(self) -> None:
        self.now_s, self.came = 0.0, asyncio.Event()

    @asynccontextmanager
    async def before(self, watch: Compensation, *, normalises: bool) -> AsyncGenerator[TerminalStation]:
        """A terminal that decides by itself, and the driver's session on its stream."""
        clock, entropy = SystemClock(), SystemEntropy()
        settings = Terminal(port=0, password_secret="x", decides="terminal", normalises=normalises)

        async def emit(event: DeviceEvent) -> Accepted:
            if isinstance(event, TemperatureMeasured):
                self.now_s += 30.0  # people do not come as quickly as they do here
                at = Instant(self.now_s, event.at.utc, event.at.quality)
                watch.seen("gate-1", replace(event, at=at))
                self.came.set()
            return Accepted()

        async with terminal("gate-1", settings, "secret", clock, entropy) as station:
            driver = catalog.find("gates.hikvision")
            known = {
                "base_url": station._device.base_url, "user": "cardea", "password_secret": "x",
                "transport": "stream", "verdict": "terminal",
            }  # fmt: skip
            context = DeviceContext("gate-1", clock, entropy, lambda _: "secret", None, NoCursor(), None)
            session = asyncio.create_task(
                driver.open(driver.settings.model_validate(known), context).run(emit)
            )
            try:
                await station.met()
                yield station
            finally:
                session.cancel()
                await asyncio.wait([session])

    async def crowd(
        self, station: TerminalStation, dice: np.random.Generator, rows: Rows, until: int
    ) -> None:
        """People pass until something was said."""
        async with asyncio.timeout(20):
            while len(rows.alerts) < until:
                temp_c = float(dice.normal(36.4, 0.4))
                self.came.clear()
                await station.present(replace(self.visit, surface_temp_c=temp_c), "")
                await self.came.wait()

    async def test_normalises_until_it_is_set_right(self, tmp_path: Path) -> None:
        rows, dice = Rows(), np.random.default_rng(8)
        notes = Notes(SystemClock())
        await notes.attach(SystemDisk(tmp_path))
        watch = Compensation(Alerts("tower-1", SystemClock(), SystemEntropy(), rows, notes))
        async with self.before(watch, normalises=True) as station:
            await self.crowd(station, dice, rows, 1)
        async with self.before(watch, normalises=False) as station:
            await self.crowd(station, dice, rows, 2)
        raised, cleared = rows.alerts
        assert isinstance(raised, AlertRaised)
        assert (raised.alert, raised.device) == (AlertKind.THERMOMETER_NORMALISED, "gate-1")
        assert float(raised.detail["sd_c"]) == pytest.approx(0.3 * 0.4, abs=0.04)
        assert isinstance(cleared, AlertCleared)
        assert cleared.fingerprint == raised.fingerprint
        await notes.close()
