"""A disinfection zone under a whole gateway: scripted devices, real stores, virtual time."""

import asyncio
import datetime as dt
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract import signed
from cardea.contract.batches import Ack, Lane, RowBatch
from cardea.contract.encoding import ALERT, RECEIPT, RECORD, ROW_BATCH, encode
from cardea.contract.orders import Action, Order, OrderResult, StartCycle, StopCycle
from cardea.contract.reasons import Reason, RefusalReason
from cardea.contract.records import (
    AlertCleared,
    AlertKind,
    AlertRaised,
    AuditRecord,
    CredentialKind,
    DecisionRecord,
    Outcome,
)
from cardea.contract.topics import Leaf, parse, topic
from cardea.contract.zones import CycleOutcome, Permissive, Standing, StopReason, ZoneRecord, ZoneState
from cardea.runtime.disk import StoreFull, SystemDisk
from cardea.runtime.memory_bus import MemoryBroker
from drivers.api import (
    Command,
    CredentialPresented,
    DeviceContext,
    DeviceLost,
    DeviceMisconfigured,
    DeviceSettings,
    Driver,
    Emit,
    Executed,
    HeartbeatSeen,
    HoldOpen,
    InputChanged,
    InputKind,
    LeaseOutput,
    NotExecuted,
    OpenDoor,
    Receipt,
    UnitReported,
)
from edge.configuration.loading import load
from edge.gateway import Gateway
from edge.hosting import Host

GATEWAY = "tower-1"
ORDERS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CONFIG = """
[gateway]
id = "tower-1"
site = "demo"
linkage_domain = "demo"
[broker]
host = "127.0.0.1"
ca_file = "ca"
cert_file = "crt"
key_file = "key"
[devices.reader]
driver = "test.reader"
[devices.board]
driver = "test.board"
[devices.uv]
driver = "test.unit"
[zones.lab]
title = "Laboratory"
kind = "uv254_open"
unit = "uv"
doors = [{ device = "board", channel = 0 }]
occupancy = [
  { technology = "pir", input = { device = "board", channel = 1 } },
  { technology = "mmwave", input = { device = "board", channel = 2 } },
]
estop = { device = "board", channel = 3 }
fire = { device = "board", channel = 4 }
arm = { device = "board", channel = 5 }
sounder = { device = "board", channel = 9 }
dose_mj_cm2_min = 0.5
run_s_max = 60
cycles_per_day_max = 2
product = "lamp lot 7"
[zones.lab.commissioning]
date = 2026-03-01
by = "Commissioner"
e_max_uw_cm2 = 100.0
e_worst_point_uw_cm2 = 50.0
reference_uw_cm2 = 80.0
t_poll_s = 0.3
t_watchdog_s = 1.0
t_off_s = 0.1
watchdog = 10
[portals.door]
name = "Laboratory door"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
zone = "lab"
ingress = { readers = ["reader"], actuator = { device = "board" } }
egress = { rex = { device = "board", channel = 7 } }
[policy]
default = { degrade = "closed", require_zone = true }
"""
WATCHED = CONFIG[: CONFIG.index("[zones.lab.commissioning]")] + CONFIG[CONFIG.index("[portals.door]") :]
KINDS = {
    0: InputKind.DOOR,
    1: InputKind.OCCUPANCY,
    2: InputKind.OCCUPANCY,
    3: InputKind.ESTOP,
    4: InputKind.FIRE,
    5: InputKind.ARM,
}


class Plain(DeviceSettings):
    pass


class Reader:
    def __init__(self, context: DeviceContext) -> None:
        self.context = context
        self.emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        await emit(HeartbeatSeen(at=self.context.clock.now()))
        await asyncio.Event().wait()

    async def submit(self, command: Command) -> Receipt:
        return Executed()


class Board(Reader):
    """Says every contact anew in 0.4 s; a leased output sounds the warning."""

    def __init__(self, context: DeviceContext) -> None:
        super().__init__(context)
        self.contacts: dict[int, bool | None] = {0: False, 1: True, 2: True, 3: False, 4: False, 5: True}
        self.silent: set[int] = set()
        self.commands: list[Command] = []

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        while True:
            for channel in self.contacts:
                await self.say(channel)
            await asyncio.sleep(0.4)

    async def say(self, channel: int) -> None:
        if channel not in self.silent and self.emit is not None:
            at, active = self.context.clock.now(), self.contacts[channel]
            await self.emit(InputChanged(at=at, kind=KINDS[channel], active=active, channel=channel))

    async def set(self, channel: int, active: bool | None) -> None:  # noqa: FBT001  # a contact
        self.contacts[channel] = active
        await self.say(channel)

    async def submit(self, command: Command) -> Receipt:
        self.commands.append(command)
        return Executed()


class Unit(Reader):
    """A lamp behind a contactor: outputs end with their leases."""

    def __init__(self, context: DeviceContext) -> None:
        super().__init__(context)
        self.until_s = {0: 0.0, 1: 0.0}
        self.welded = self.refuses = self.hangs = self.gone = False
        self.watchdog = 10.0
        self.lamp_h = 100.0
        self.lit_s = 0.0
        self.ever_lit = False
        self.leases: list[LeaseOutput] = []
        self._count = 0

    def on(self, channel: int) -> bool:
        return self.context.clock.monotonic_s() < self.until_s[channel]

    @property
    def lit(self) -> bool:
        return (self.on(0) or (self.welded and self.ever_lit)) and self.on(1)

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        while True:
            if self.gone:
                raise DeviceLost("cable cut")
            await self.say()
            await asyncio.sleep(0.25)
            self.ever_lit |= self.lit
            self.lit_s += 0.25 * self.lit

    async def say(self) -> None:
        self._count += 1
        values = {
            "output_on": float(self.lit or (self.welded and self.ever_lit)),
            "contactor_on": float(self.on(1)),
            "irradiance_uw_cm2": 80.0 + 0.01 * (self._count % 7) if self.lit else 0.0,
            "watchdog": self.watchdog,
            "lamp_h": self.lamp_h,
            "lamp_life_h": 9000.0,
        }
        assert self.emit is not None
        await self.emit(UnitReported(at=self.context.clock.now(), values=values))

    async def submit(self, command: Command) -> Receipt:
        assert isinstance(command, LeaseOutput)
        assert 0 <= command.lease_s <= 2.0
        if self.hangs:
            await asyncio.Event().wait()
        if self.refuses:
            return NotExecuted(RefusalReason.DEVICE_REFUSED)
        self.leases.append(command)
        self.until_s[command.channel] = self.context.clock.monotonic_s() + command.lease_s
        return Executed()


class Keys:
    place = "memory"
    key: bytes | None = None

    def load(self) -> bytes | None:
        return self.key

    def store(self, key: bytes) -> None:
        self.key = key


class Tower:
    """A gateway, its devices, a broker and a listening aggregator."""

    def __init__(self, sim: ModuleType, path: Path) -> None:
        self.clock = sim.SimClock()
        self.entropy = sim.SimEntropy(3)
        self.path = path
        self.disk = SystemDisk(path / "data")
        self.broker = MemoryBroker(self.clock)
        self.keys = Keys()
        self.devices: dict[str, Any] = {}
        self.receipts: list[bytes] = []
        self.rows: dict[tuple[Lane, str, int], Any] = {}
        self._listening: asyncio.Task[None] | None = None
        self._gateway: Gateway | None = None

    @property
    def board(self) -> Board:
        return self.devices["board"]

    @property
    def unit(self) -> Unit:
        return self.devices["uv"]

    def find(self, name: str) -> Driver[Any]:
        made: dict[str, tuple[type[Reader], tuple[type, ...], tuple[type, ...]]] = {
            "test.reader": (Reader, (CredentialPresented,), ()),
            "test.board": (Board, (InputChanged,), (OpenDoor, HoldOpen, LeaseOutput)),
            "test.unit": (Unit, (UnitReported,), (LeaseOutput,)),
        }
        if name not in made:
            raise DeviceMisconfigured("no such driver")
        device, events, commands = made[name]

        def opened(_: Plain, context: DeviceContext) -> Reader:
            made, before = device(context), self.devices.get(context.device)
            if isinstance(made, Unit) and isinstance(before, Unit):
                made.gone, made.lit_s = before.gone, before.lit_s
            self.devices[context.device] = made
            return made

        return Driver(Plain, opened, {}, None, events, commands)

    def gateway(self, text: str) -> Gateway:
        config = self.path / "gateway.toml"
        config.write_text(text)
        host = Host(
            clock=self.clock,
            entropy=self.entropy,
            disk=self.disk,
            bus=self.broker.bus(GATEWAY),
            open_link=lambda *_: pytest.fail("there is no link"),
            secrets=str,
            vault_keys=self.keys,
            capture=lambda *_: pytest.fail("nothing is captured"),
            order_keys={signed.key_id(ORDERS.public_key()): ORDERS.public_key()},
            pass_keys={},
            version="1",
        )
        return Gateway(load(config, self.find), host)

    async def listen(self) -> None:
        session = await self.broker.bus("aggregator").connect()
        await session.subscribe("cardea/v1/#")

        async def run() -> None:
            async for message in session.messages():
                address = parse(message.topic)
                assert address is not None
                if address.leaf is Leaf.RECEIPT:
                    self.receipts.append(message.payload)
                if address.leaf not in (Leaf.LANE_ALERT, Leaf.LANE_RECORD):
                    continue
                batch = ROW_BATCH.decode(message.payload)
                assert isinstance(batch, RowBatch)
                codec = RECORD if batch.lane is Lane.RECORD else ALERT
                for offset, row in enumerate(batch.rows):
                    self.rows[batch.lane, batch.epoch, batch.first + offset] = codec.decode(bytes(row))
                ack = Ack(batch.lane, batch.epoch, ((batch.first, batch.first + len(batch.rows) - 1),))
                await session.publish(topic(GATEWAY, Leaf.ACK), encode(ack))

        self._listening = asyncio.create_task(run())

    async def order(self, action: Action, ttl_s: float = 30.0) -> tuple[OrderResult, RefusalReason | None]:
        now = self.clock.now().utc
        deadline = now + dt.timedelta(seconds=ttl_s)
        order = Order(self.entropy.new_id(), GATEWAY, self.entropy.new_id(), now, deadline, action)
        session = await self.broker.bus("cloud").connect()
        await session.publish(topic(GATEWAY, Leaf.ORDER), signed.sign(ORDERS, order))
        await asyncio.sleep(0.5)
        await session.close()
        receipt = RECEIPT.decode(self.receipts[-1])
        assert receipt.order == order.id  # type: ignore[union-attr]  # anything else fails the test
        return receipt.result, receipt.refusal  # type: ignore[union-attr]  # anything else fails the test

    async def start(self, by: str = "Ada", ttl_s: float = 30.0) -> tuple[OrderResult, RefusalReason | None]:
        return await self.order(StartCycle("lab", by), ttl_s)

    async def empty(self) -> None:
        """Somebody leaves the room: both sensors see it, and then nobody."""
        await asyncio.sleep(1)
        await self.board.set(1, False)
        await self.board.set(2, False)
        await asyncio.sleep(1)

    @property
    def zone(self) -> Any:
        assert self._gateway is not None
        return self._gateway._zones["lab"]

    @property
    def phase(self) -> ZoneState:
        return self.zone.state.phase

    async def until(self, phase: ZoneState, s_max: float = 120.0) -> None:
        async with asyncio.timeout(s_max):
            while self.phase is not phase:  # noqa: ASYNC110  # virtual time costs nothing
                await asyncio.sleep(0.1)

    async def serve(self, scene: Callable[[], Awaitable[None]], text: str = CONFIG) -> None:
        self._gateway = gateway = self.gateway(text)
        task = asyncio.create_task(gateway.run())
        try:
            await gateway.started.wait()
            await asyncio.sleep(1)
            await scene()
        finally:
            task.cancel()
            ended = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError), ended

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        await self.broker.close()

    def of(self, kind: type) -> list[Any]:
        return [row for _, row in sorted(self.rows.items()) if isinstance(row, kind)]

    def cycles(self) -> list[dict[str, str]]:
        return [link.detail for link in self.of(AuditRecord) if link.event == "disinfection_cycle"]

    def alerts(self) -> list[AlertKind]:
        return [row.alert for row in self.of(AlertRaised)]


Play = Callable[[Callable[[Tower], Awaitable[None]]], None]


@pytest.fixture
def play(sim: ModuleType, tmp_path: Path) -> Play:
    def run(scene: Callable[[Tower], Awaitable[None]]) -> None:
        async def main() -> None:
            tower = Tower(sim, tmp_path)
            await tower.listen()
            try:
                await scene(tower)
            finally:
                await tower.close()

        sim.simulate(main)

    return run


def test_a_cycle_goes_its_whole_way_and_is_written_down(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def cycle() -> None:
            assert await tower.start() == (OrderResult.REFUSED, RefusalReason.UNSAFE), (
                "nobody was seen to leave"
            )
            await tower.empty()
            assert await tower.start() == (OrderResult.EXECUTED, None)
            await tower.until(ZoneState.WARN)
            await asyncio.sleep(28)
            assert tower.phase is ZoneState.WARN
            assert not tower.unit.lit
            assert any(isinstance(c, LeaseOutput) and c.channel == 9 for c in tower.board.commands)
            await tower.until(ZoneState.EMIT)
            await asyncio.sleep(1)
            assert tower.unit.lit
            await tower.until(ZoneState.RELEASED)
            assert not tower.unit.lit
            assert 9.5 < tower.unit.lit_s < 14
            await asyncio.sleep(3)

        await tower.serve(cycle)
        (detail,) = tower.cycles()
        assert (detail["outcome"], detail["disinfected"], detail["by"]) == ("completed", "yes", "Ada")
        assert detail["product"] == "lamp lot 7"
        assert float(detail["dose_mj_cm2_min"]) >= 0.5
        assert float(detail["dose_mj_cm2_min"]) < float(detail["dose_mj_cm2_max"])
        assert detail["input occupancy/0"].startswith("false, 0.")
        states = [row.state for row in tower.of(ZoneRecord)]
        ways = [state.value for state in dict.fromkeys(states)]
        assert ways == ["idle", "precheck", "warn", "emit", "verify", "released"]
        last = tower.of(ZoneRecord)[-1]
        assert last.last.outcome is CycleOutcome.COMPLETED
        assert last.last.dose_mj_cm2_min >= 0.5
        assert (last.portals, last.monitor_only, last.cycle) == (("door",), False, None)
        assert not tower.alerts()

    play(scene)


def test_d07_an_order_that_lives_longer_than_a_minute_is_unsafe(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def long() -> None:
            await tower.empty()
            assert await tower.start(ttl_s=61) == (OrderResult.REFUSED, RefusalReason.UNSAFE)
            await tower.board.set(5, False)
            assert await tower.start() == (OrderResult.REFUSED, RefusalReason.UNSAFE), "the key is not turned"
            unknown = StartCycle("attic", "Ada")
            assert await tower.order(unknown) == (OrderResult.REFUSED, RefusalReason.WRONG_TARGET)
            assert await tower.order(StopCycle("lab", "Ada")) == (OrderResult.EXECUTED, None)
            await asyncio.sleep(1)

        await tower.serve(long)
        assert "zone_stopped" in [link.event for link in tower.of(AuditRecord)]

    play(scene)


FAULTS: dict[str, tuple[Callable[[Tower], Awaitable[object]], StopReason]] = {
    "somebody comes in": (lambda t: t.board.set(1, True), StopReason.PERMISSIVE_LOST),
    "a door opens": (lambda t: t.board.set(0, True), StopReason.PERMISSIVE_LOST),
    "a contact contradicts itself": (lambda t: t.board.set(3, None), StopReason.PERMISSIVE_LOST),
    "emergency stop": (lambda t: t.board.set(3, True), StopReason.PERMISSIVE_LOST),
    "fire": (lambda t: t.board.set(4, True), StopReason.FIRE),
    "the key is turned back": (lambda t: t.board.set(5, False), StopReason.PERMISSIVE_LOST),
    "a sensor falls silent": (lambda t: _set(t.board, "silent", {2}), StopReason.PERMISSIVE_LOST),
    "the watchdog register is 0": (lambda t: _set(t.unit, "watchdog", 0.0), StopReason.PERMISSIVE_LOST),
    "the watchdog register differs": (lambda t: _set(t.unit, "watchdog", 9.0), StopReason.PERMISSIVE_LOST),
    "the unit refuses": (lambda t: _set(t.unit, "refuses", True), StopReason.PERMISSIVE_LOST),
    "the unit hangs": (lambda t: _set(t.unit, "hangs", True), StopReason.PERMISSIVE_LOST),
    "the unit is gone": (lambda t: _set(t.unit, "gone", True), StopReason.UNIT_LOST),
}


async def _set(of: object, name: str, value: object) -> None:
    setattr(of, name, value)


@pytest.mark.parametrize("fault", FAULTS)
def test_d01_whatever_goes_wrong_the_lamp_is_off_in_time_and_the_zone_locked_out(
    play: Play, fault: str
) -> None:
    make, reason = FAULTS[fault]

    async def scene(tower: Tower) -> None:
        async def cycle() -> None:
            await tower.empty()
            await tower.start()
            await tower.until(ZoneState.EMIT)
            await asyncio.sleep(2)
            unit = tower.unit
            assert unit.lit
            await make(tower)
            await asyncio.sleep(3.3)
            assert not unit.lit, "1 s until it is noticed, 2 s until the lease has ended"
            await asyncio.sleep(6)
            assert (tower.phase, tower.zone.state.stopped) == (ZoneState.LOCKOUT, reason)
            lit_s = unit.lit_s
            await asyncio.sleep(30)
            assert unit.lit_s == lit_s

        await tower.serve(cycle)
        (detail,) = tower.cycles()
        assert (detail["outcome"], detail["disinfected"], detail["stopped"]) == (
            "aborted",
            "no",
            reason.value,
        )
        assert {AlertKind.ZONE_ABORTED, AlertKind.DOSE_SHORT, AlertKind.ZONE_LOCKOUT} <= set(tower.alerts())

    play(scene)


def test_d06_a_welded_relay_is_cut_off_by_the_contactor(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def cycle() -> None:
            await tower.empty()
            await tower.start()
            await tower.until(ZoneState.EMIT)
            await asyncio.sleep(2)
            tower.unit.welded = True
            assert await tower.order(StopCycle("lab", "anybody")) == (OrderResult.EXECUTED, None)
            await asyncio.sleep(0.5)
            assert not tower.unit.lit
            assert [c for c in tower.unit.leases[-6:] if c.channel == 1 and c.lease_s == 0]
            await asyncio.sleep(6)
            assert tower.phase is ZoneState.LOCKOUT
            assert tower.zone.clear("Bo", "looked") is not None, "it shows that it is on"
            cuts = len(tower.unit.leases)
            await asyncio.sleep(10)
            assert cuts + 10 < len(tower.unit.leases) < cuts + 60, "cut again, and not too often"

        await tower.serve(cycle)

    play(scene)


def test_d05_after_a_restart_within_a_cycle_the_zone_is_locked_out_and_cleared_on_site(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def die() -> None:
            await tower.empty()
            await tower.start()
            await tower.until(ZoneState.EMIT)
            await asyncio.sleep(1)

        async def again() -> None:
            assert tower.phase is ZoneState.LOCKOUT
            assert tower.zone.state.stopped is StopReason.RESTART
            assert not tower.unit.lit
            await tower.empty()
            assert await tower.start() == (OrderResult.REFUSED, RefusalReason.UNSAFE)
            assert "another person" in (tower.zone.clear("ADA", "it was me") or "")
            assert "why" in (tower.zone.clear("Bo", " ") or "")
            assert tower.zone.clear("Bo", "nobody was there") is None
            assert tower.phase is ZoneState.IDLE
            assert "not locked out" in (tower.zone.clear("Bo", "again") or "")
            await asyncio.sleep(2)

        async def once_more() -> None:
            assert tower.phase is ZoneState.IDLE
            await asyncio.sleep(2)

        await tower.serve(die)
        await tower.serve(again)
        await tower.serve(once_more)
        (detail,) = tower.cycles()
        assert (detail["outcome"], detail["stopped"], detail["by"]) == ("aborted", "restart", "Ada")
        cleared = [link for link in tower.of(AuditRecord) if link.event == "zone_cleared"]
        assert [(link.actor, link.detail["reason"]) for link in cleared] == [("Bo", "nobody was there")]
        assert len(tower.of(AlertCleared)) == 1

    play(scene)


def test_d05_a_lockout_outlives_restarts_and_notes_that_cannot_be_read(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def stop() -> None:
            await tower.empty()
            await tower.start()
            await tower.until(ZoneState.WARN)
            tower.zone.stop("Ada", "test")
            await tower.until(ZoneState.LOCKOUT)
            await asyncio.sleep(1)

        async def locked() -> None:
            assert (tower.phase, tower.zone.state.stopped) == (ZoneState.LOCKOUT, StopReason.ORDERED)

        async def garbled() -> None:
            assert (tower.phase, tower.zone.state.stopped) == (ZoneState.LOCKOUT, StopReason.RESTART)
            assert tower.zone.clear("Ada", "nobody knows who started it") is None

        await tower.serve(stop)
        await tower.serve(locked)
        with sqlite3.connect(tower.path / "data" / "notes.sqlite") as notes:
            notes.execute("UPDATE notes SET value = '{not json' WHERE kind = 'zone'")
        notes.close()
        await tower.serve(garbled)
        assert len(tower.cycles()) == 1

    play(scene)


def _zone_kind() -> Any:
    from edge.notes import NoteKind

    return NoteKind.ZONE


def test_d05_without_notes_on_disk_the_zone_is_locked_out_and_nothing_is_emitted(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        opened = tower.disk.open

        def no_notes(name: str, schema: str) -> Any:
            from cardea.runtime.disk import StoreFailed

            if name == "notes":
                raise StoreFailed("input/output error")
            return opened(name, schema)

        tower.disk.open = no_notes  # type: ignore[method-assign]  # a disk on which one file is broken

        async def blind() -> None:
            assert tower.phase is ZoneState.LOCKOUT
            await tower.empty()
            assert tower.zone.clear("Bo", "looked at it") is None
            assert await tower.start() == (OrderResult.EXECUTED, None)
            await asyncio.sleep(100)
            assert tower.phase is ZoneState.WARN
            assert not tower.unit.ever_lit

        await tower.serve(blind)

    play(scene)


def test_d10_cycles_of_a_day_are_capped_over_restarts_too(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def twice() -> None:
            await tower.empty()
            for _ in range(2):
                assert await tower.start() == (OrderResult.EXECUTED, None)
                await tower.until(ZoneState.RELEASED)
            assert await tower.start() == (OrderResult.REFUSED, RefusalReason.UNSAFE)
            await asyncio.sleep(1)

        async def after() -> None:
            await tower.empty()
            assert await tower.start() == (OrderResult.REFUSED, RefusalReason.UNSAFE)
            tower.clock.offset = dt.timedelta(days=2)
            assert await tower.start() == (OrderResult.EXECUTED, None)

        await tower.serve(twice)
        await tower.serve(after)

    play(scene)


def test_d12_a_cycle_that_the_chain_cannot_take_is_written_as_soon_as_it_can(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def full() -> None:
            await tower.empty()
            await tower.start()
            await tower.until(ZoneState.EMIT)
            stores: Any = tower._gateway._stores  # type: ignore[union-attr]  # it is there
            append = stores.outbox.append_composed

            async def no_room(*_: object, **__: object) -> Any:
                raise StoreFull("no room")

            stores.outbox.append_composed = no_room
            await tower.until(ZoneState.RELEASED)
            await asyncio.sleep(10)
            assert tower.zone._means.notes.get(_zone_kind(), "lab") is not None, "the note stays until then"
            stores.outbox.append_composed = append
            await asyncio.sleep(10)
            assert tower.zone._means.notes.get(_zone_kind(), "lab") is None

        await tower.serve(full)
        assert [detail["outcome"] for detail in tower.cycles()] == ["completed"]

    play(scene)


def test_portals_keep_people_out_of_a_busy_zone_and_never_in(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def people() -> None:
            await tower.empty()
            await card(tower)
            await tower.start()
            await tower.until(ZoneState.WARN)
            await card(tower)
            await tower.until(ZoneState.RELEASED)
            await card(tower)
            tower.unit.gone = True
            await asyncio.sleep(5)
            await card(tower)

        await tower.serve(people)
        entries = [row for row in tower.of(DecisionRecord) if row.side.value == "ingress"]
        assert [row.reasons[0] for row in entries] == [
            Reason.CREDENTIAL_UNKNOWN,
            Reason.ZONE_BUSY,
            Reason.CREDENTIAL_UNKNOWN,
            Reason.ZONE_UNKNOWN,
        ]
        assert {row.outcome for row in entries} == {Outcome.DENY}

    play(scene)


async def card(tower: Tower) -> None:
    reader = tower.devices["reader"]
    at = reader.context.clock.now()
    await reader.emit(CredentialPresented(at=at, kind=CredentialKind.CARD, value="1001"))
    await asyncio.sleep(1)


def test_a_zone_without_commissioning_is_watched_and_never_started(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def watch() -> None:
            await tower.empty()
            assert await tower.start() == (OrderResult.REFUSED, RefusalReason.UNSAFE)
            assert tower.phase is ZoneState.DISABLED
            tower.unit.until_s = {0: 1e9, 1: 1e9}
            await asyncio.sleep(2)
            assert tower.zone.seen().value.value == "busy", "somebody has switched it on by hand"
            assert not tower.unit.leases
            await asyncio.sleep(12)

        await tower.serve(watch, WATCHED)
        record = tower.of(ZoneRecord)[-1]
        assert (record.state, record.monitor_only) == (ZoneState.DISABLED, True)
        assert record.permissives[Permissive.COMMISSIONED] is Standing.NOT_OK
        assert record.permissives[Permissive.UNIT] is Standing.NOT_OK
        assert Permissive.GAS not in record.permissives, "a lamp leaves none"
        assert not record.two_people

    play(scene)


def test_a_worn_lamp_is_said_until_it_is_changed_and_the_picture_shows_the_zone(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def worn() -> None:
            tower.unit.lamp_h = 9001.0
            await asyncio.sleep(2)
            tower.unit.lamp_h = 0.5
            await asyncio.sleep(2)
            assert tower._gateway is not None
            picture = tower._gateway.picture()["zones"]["lab"]
            assert picture["state"] == "idle"
            assert picture["not_ok"]["occupancy"] == "not_ok"
            json.dumps(picture)

        await tower.serve(worn)
        assert tower.alerts() == [AlertKind.LAMP_WORN]
        assert len(tower.of(AlertCleared)) == 1

    play(scene)


def test_rows_are_few_while_people_walk_about(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def walk() -> None:
            for at in range(100):
                await tower.board.set(1, bool(at % 2))
                await asyncio.sleep(0.5)

        await tower.serve(walk)
        assert 2 <= len(tower.of(ZoneRecord)) <= 9

    play(scene)


FAR_UVC = (
    CONFIG.replace('"uv254_open"', '"uv222"')
    .replace("dose_mj_cm2_min = 0.5\nrun_s_max = 60", "emit_s = 40\nrun_s_max = 60")
    .replace("e_max_uw_cm2 = 100.0", "e_max_uw_cm2 = 2.0")
)


def test_d11_the_dose_that_people_may_have_received_outlives_a_restart(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def emit() -> None:
            await tower.empty()
            await tower.board.set(1, True)
            assert await tower.start() == (OrderResult.EXECUTED, None), "people may be there"
            await tower.until(ZoneState.RELEASED)
            await asyncio.sleep(31)
            await tower.board.set(1, False)
            await asyncio.sleep(1)

        async def after() -> None:
            (bucket,) = tower.zone.state.spent
            assert bucket[1] == pytest.approx(0.08, abs=0.01)

        await tower.serve(emit, FAR_UVC)
        await tower.serve(after, FAR_UVC)

    play(scene)


def test_d05_a_disk_that_fails_under_the_note_emits_nothing(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def failing() -> None:
            await tower.empty()

            async def failed() -> bool:
                from cardea.runtime.disk import StoreFailed

                raise StoreFailed("fsync: input/output error")

            tower.zone._notes.durable = failed
            await tower.start()
            await asyncio.sleep(60)
            assert tower.phase is ZoneState.WARN
            assert not tower.unit.ever_lit

        await tower.serve(failing)

    play(scene)
