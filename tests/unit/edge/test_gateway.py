"""The whole gateway: in virtual time on a broker in memory, and as a process of its own."""

import asyncio
import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.cli.main import main
from cardea.contract import signed
from cardea.contract.batches import Ack, Lane, RowBatch
from cardea.contract.encoding import ALERT, PRESENCE, RECEIPT, RECORD, ROW_BATCH, TELEMETRY_BATCH, encode
from cardea.contract.orders import (
    Action,
    ClearFire,
    Order,
    OrderResult,
    ReleasePortal,
    SetLockdown,
    Status,
    StatusColour,
    Statuses,
)
from cardea.contract.policy import Degrade, Policy, PortalPolicy
from cardea.contract.reasons import Reason, RefusalReason
from cardea.contract.records import (
    AlertKind,
    AlertRaised,
    AuditRecord,
    CredentialKind,
    DecisionRecord,
    DeviceRecord,
    DeviceState,
    Outcome,
)
from cardea.contract.topics import Leaf, parse, topic
from cardea.runtime.disk import Database, StoreFailed, SystemDisk
from cardea.runtime.memory_bus import MemoryBroker
from drivers.api import (
    Accepted,
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
    OpenDoor,
    Receipt,
    Refused,
    Reject,
    SpotMeasured,
    TemperatureMeasured,
)
from edge.configuration.loading import load
from edge.gateway import Gateway
from edge.hosting import Host
from edge.vault import Person, Vault

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
capture = true
[portals.lobby]
name = "Lobby"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = { readers = ["reader"], thermometers = ["reader"], actuator = { device = "board" } }
egress = { rex = { device = "board", channel = 1 } }
fire = { device = "board", channel = 0 }
[portals.garage]
name = "Garage"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = { readers = ["reader"], actuator = { device = "board", door = 2 } }
[policy]
default = { degrade = "closed" }
"""


class Plain(DeviceSettings):
    pass


class Scripted:
    """A device that a test speaks through."""

    def __init__(self, context: DeviceContext) -> None:
        self.context = context
        self.emit: Emit | None = None
        self.commands: list[Command] = []
        self.broken = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        await emit(HeartbeatSeen(at=self.context.clock.now()))
        await self.broken.wait()
        raise DeviceLost("cable cut")

    async def submit(self, command: Command) -> Receipt:
        self.commands.append(command)
        return Executed()

    async def say(self, event_type: type, /, **fields: Any) -> Accepted | Refused:
        assert self.emit is not None
        return await self.emit(event_type(at=self.context.clock.now(), **fields))

    async def card(self, value: str = "1001") -> Accepted | Refused:
        return await self.say(CredentialPresented, kind=CredentialKind.CARD, value=value)


class Keys:
    place = "memory"

    def __init__(self) -> None:
        self._key: bytes | None = None

    def load(self) -> bytes | None:
        return self._key

    def store(self, key: bytes) -> None:
        self._key = key


class Disk(SystemDisk):
    """A disk on which databases cannot be opened, or fail under a write."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.unusable: set[str] = set()
        self.failed: set[str] = set()

    def open(self, name: str, schema: str) -> Database:
        if name in self.unusable:
            raise StoreFailed(f"{name}: input/output error")
        return Failing(name, super().open(name, schema), self)


class Failing:
    def __init__(self, name: str, inner: Database, disk: Disk) -> None:
        self._name, self._inner, self._disk = name, inner, disk

    async def run(self, work: Any) -> Any:
        if self._name in self._disk.failed:
            raise StoreFailed("fsync: input/output error")
        return await self._inner.run(work)

    async def empty_log(self) -> bool:
        return await self._inner.empty_log()

    async def close(self) -> None:
        await self._inner.close()


class Silent:
    """A capture that nobody reads."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, channel: str, chunk: bytes, at: Any, *, end: bool = False) -> None:
        self.written += 1


class Tower:
    """A gateway, its devices, a broker and a listening aggregator."""

    def __init__(self, sim: ModuleType, path: Path) -> None:
        self.clock = sim.SimClock()
        self.entropy = sim.SimEntropy(3)
        self.path = path
        self.disk = Disk(path / "data")
        self.keys = Keys()
        self.broker = MemoryBroker(self.clock)
        self.devices: dict[str, Scripted] = {}
        self.heard: dict[Leaf, list[bytes]] = {}
        self.rows: dict[tuple[Lane, str, int], Any] = {}
        self.acknowledges = True
        self._listening: asyncio.Task[None] | None = None

    def find(self, name: str) -> Driver[Any]:
        drivers = {
            "test.reader": ((CredentialPresented, TemperatureMeasured), ()),
            "test.board": ((InputChanged,), (OpenDoor, HoldOpen)),
            "test.spot": ((SpotMeasured,), ()),
        }
        if name not in drivers:
            raise DeviceMisconfigured("no such driver")
        events, commands = drivers[name]

        def opened(_: Plain, context: DeviceContext) -> Scripted:
            self.devices[context.device] = Scripted(context)
            return self.devices[context.device]

        return Driver(Plain, opened, {}, None, events, commands)

    def gateway(self, text: str = CONFIG) -> Gateway:
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
            capture=lambda *_: Silent(),
            order_keys={signed.key_id(ORDERS.public_key()): ORDERS.public_key()},
            pass_keys={},
            status_file=self.path / "data" / "status.json",
            version="1",
        )
        return Gateway(load(config, self.find), host)

    async def people(self) -> None:
        from zoneinfo import ZoneInfo

        vault = await Vault.open(
            self.disk, self.keys, self.clock, self.entropy, domain="demo", zone=ZoneInfo("UTC")
        )
        await vault.put_people([Person(person="p-1", name="Ada", card="1001")])
        await vault.close()

    async def listen(self) -> None:
        session = await self.broker.bus("aggregator").connect()
        await session.subscribe("cardea/v1/#")

        async def run() -> None:
            async for message in session.messages():
                address = parse(message.topic)
                assert address is not None
                self.heard.setdefault(address.leaf, []).append(message.payload)
                await self._store(session, address.leaf, message.payload)

        self._listening = asyncio.create_task(run())

    async def _store(self, session: Any, leaf: Leaf, payload: bytes) -> None:
        if leaf in (Leaf.LANE_ALERT, Leaf.LANE_RECORD):
            batch = ROW_BATCH.decode(payload)
            assert isinstance(batch, RowBatch)
            codec = RECORD if batch.lane is Lane.RECORD else ALERT
            for offset, row in enumerate(batch.rows):
                self.rows[batch.lane, batch.epoch, batch.first + offset] = codec.decode(bytes(row))
            last = batch.first + len(batch.rows) - 1
        elif leaf is Leaf.LANE_TELEMETRY:
            batch = TELEMETRY_BATCH.decode(payload)
            last = batch.first + len(batch.columns.s) - 1  # type: ignore[union-attr]  # anything else fails the test
        else:
            return
        if self.acknowledges:
            ack = Ack(batch.lane, batch.epoch, ((batch.first, last),))  # type: ignore[union-attr]  # anything else fails the test
            await session.publish(topic(GATEWAY, Leaf.ACK), encode(ack))

    async def order(self, action: Action) -> tuple[OrderResult, RefusalReason | None]:
        now = self.clock.now().utc
        order = Order(
            self.entropy.new_id(), GATEWAY, self.entropy.new_id(), now, now + dt.timedelta(seconds=30), action
        )
        await self.say(Leaf.ORDER, signed.sign(ORDERS, order))
        receipt = RECEIPT.decode(self.heard[Leaf.RECEIPT][-1])
        assert receipt.order == order.id  # type: ignore[union-attr]  # anything else fails the test
        return receipt.result, receipt.refusal  # type: ignore[union-attr]  # anything else fails the test

    async def say(self, leaf: Leaf, payload: bytes, *, retain: bool = False) -> None:
        session = await self.broker.bus("cloud").connect()
        await session.publish(topic(GATEWAY, leaf), payload, retain=retain)
        await asyncio.sleep(1)
        await session.close()

    async def serve(self, scene: Callable[[Gateway], Awaitable[None]], text: str = CONFIG) -> None:
        gateway = self.gateway(text)
        task = asyncio.create_task(gateway.run())
        try:
            await gateway.started.wait()
            await asyncio.sleep(1)
            await scene(gateway)
        finally:
            task.cancel()
            ended = await asyncio.gather(task, return_exceptions=True)
            if self._listening is not None:
                self._listening.cancel()
            await self.broker.close()
        assert isinstance(ended[0], asyncio.CancelledError), ended

    def of(self, kind: type) -> list[Any]:
        return [row for _, row in sorted(self.rows.items()) if isinstance(row, kind)]


Play = Callable[[Callable[[Tower], Awaitable[None]]], None]


@pytest.fixture
def play(sim: ModuleType, tmp_path: Path) -> Play:
    def run(scene: Callable[[Tower], Awaitable[None]]) -> None:
        async def main() -> None:
            await scene(Tower(sim, tmp_path))

        sim.simulate(main)

    return run


def test_a_passage_goes_the_whole_way_and_the_outbox_empties(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()
        await tower.listen()

        async def passage(gateway: Gateway) -> None:
            await tower.devices["reader"].say(TemperatureMeasured, value_c=36.5)
            assert await tower.devices["reader"].card() == Accepted()
            await asyncio.sleep(5)
            grants = [row for row in tower.of(DecisionRecord) if row.outcome is Outcome.GRANT]
            assert {row.portal for row in grants} == {"lobby", "garage"}
            opened = [
                command.door for command in tower.devices["board"].commands if isinstance(command, OpenDoor)
            ]
            assert sorted(opened) == [1, 2]
            assert {row.device: row.state for row in tower.of(DeviceRecord)} == {
                "reader": DeviceState.ONLINE,
                "board": DeviceState.ONLINE,
            }
            assert [link.event for link in tower.of(AuditRecord)] == ["gateway_started"]
            picture = gateway.picture()
            assert picture["stores"]["pending"]["record"] == 0
            assert picture["uplink"] is True
            series = {
                name
                for payload in tower.heard[Leaf.LANE_TELEMETRY]
                for name in TELEMETRY_BATCH.decode(payload).columns.series  # type: ignore[union-attr]  # anything else fails the test
            }
            told = {"tower-1/rss_mb", "tower-1/devices_online", "reader/surface_temp_c", "reader/elevated_c"}
            assert told <= series

        await tower.serve(passage)
        assert PRESENCE.decode(tower.heard[Leaf.STATE][-1]).online is False  # type: ignore[union-attr]  # anything else fails the test
        assert not (tower.path / "data" / "status.json").exists()

    play(scene)


def test_without_a_broker_decisions_go_on_and_the_outbox_fills(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()
        tower.broker.stop()

        async def alone(gateway: Gateway) -> None:
            for _ in range(5):
                assert await tower.devices["reader"].card() == Accepted()
            assert gateway.picture()["stores"]["pending"]["record"] >= 10
            assert gateway.picture()["uplink"] is False

        with structlog.testing.capture_logs() as logs:
            await tower.serve(alone)
        assert len([line for line in logs if line["event"] == "uplink_down"]) <= 1

    play(scene)


def test_orders_move_portals_and_are_answered(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.listen()

        async def orders(gateway: Gateway) -> None:
            board = tower.devices["board"]
            for _ in range(3):
                await board.say(InputChanged, kind=InputKind.FIRE, active=False)
                await asyncio.sleep(0.2)
            executed = (OrderResult.EXECUTED, None)
            assert await tower.order(ReleasePortal("lobby")) == executed
            assert [command.door for command in board.commands if isinstance(command, OpenDoor)] == [1]
            assert await tower.order(ReleasePortal("attic")) == (
                OrderResult.REFUSED,
                RefusalReason.WRONG_TARGET,
            )
            assert await tower.order(SetLockdown("lobby", on=True)) == executed
            assert gateway.picture()["portals"]["lobby"]["lockdown"] is True
            assert await tower.order(ReleasePortal("lobby")) == (OrderResult.REFUSED, RefusalReason.UNSAFE)
            assert await tower.order(SetLockdown("lobby", on=False)) == executed
            assert await tower.order(ClearFire("lobby", "ada")) == (OrderResult.REFUSED, RefusalReason.UNSAFE)

        await tower.serve(orders)

    play(scene)


def test_a_signed_policy_is_swapped_in_and_one_that_does_not_fit_is_refused(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()

        async def policies(gateway: Gateway) -> None:
            strict = Policy(GATEWAY, 2, portals={"garage": PortalPolicy(require_screening=True)})
            await tower.say(Leaf.DESIRED_POLICY, signed.sign(ORDERS, strict), retain=True)
            assert gateway.picture()["policy_version"] == 1, "the garage has no thermometer"
            nobody = Policy(GATEWAY, 3, portals={"attic": PortalPolicy()})
            await tower.say(Leaf.DESIRED_POLICY, signed.sign(ORDERS, nobody), retain=True)
            assert gateway.picture()["policy_version"] == 1
            good = Policy(GATEWAY, 4, default=PortalPolicy(degrade=Degrade.CLOSED, release_s=9.0))
            await tower.say(Leaf.DESIRED_POLICY, signed.sign(ORDERS, good), retain=True)
            assert gateway.picture()["policy_version"] == 4
            await tower.devices["reader"].card()
            opened = [c for c in tower.devices["board"].commands if isinstance(c, OpenDoor)]
            assert {command.release_s for command in opened} == {9.0}

        await tower.serve(policies)

    play(scene)


def test_statuses_reach_the_vault(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()
        await tower.listen()

        async def statuses(gateway: Gateway) -> None:
            await tower.devices["reader"].card()
            await asyncio.sleep(1)
            subject = tower.of(DecisionRecord)[0].subject
            until = tower.clock.now().utc + dt.timedelta(days=1)
            red = Statuses(GATEWAY, 1, 0, set=(Status(subject, StatusColour.RED, until),))
            await tower.say(Leaf.DESIRED_STATUSES, signed.sign(ORDERS, red), retain=True)
            await tower.devices["reader"].card()
            await asyncio.sleep(1)
            assert tower.of(DecisionRecord)[-1].reasons == (Reason.STATUS_RED,)

        await tower.serve(statuses)

    play(scene)


def test_r6_without_a_store_doors_are_served_and_records_follow_when_it_is_back(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()
        await tower.listen()
        tower.disk.unusable = {"outbox", "notes"}

        async def degraded(gateway: Gateway) -> None:
            board = tower.devices["board"]
            waiting = asyncio.ensure_future(tower.devices["reader"].card())
            await board.say(InputChanged, kind=InputKind.REX, active=True, channel=1)
            await asyncio.sleep(0.1)
            assert [command.door for command in board.commands if isinstance(command, OpenDoor)] == [1]
            assert await waiting == Refused(RefusalReason.STORE_FAILED)
            assert gateway.picture()["stores"]["outbox"] is False
            tower.disk.unusable = set()
            await asyncio.sleep(60)
            assert gateway.picture()["stores"]["outbox"] is True
            outcomes = [(row.side.value, row.outcome.value) for row in tower.of(DecisionRecord)]
            assert sorted(outcomes) == [("egress", "grant"), ("ingress", "deny"), ("ingress", "deny")]

        with structlog.testing.capture_logs() as logs:
            await tower.serve(degraded)
        assert [line["event"] for line in logs].count("notes_unusable") == 1

    play(scene)


def test_without_a_vault_nobody_is_known_until_it_is_back(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()
        tower.disk.unusable = {"vault"}

        async def unknown(gateway: Gateway) -> None:
            await tower.devices["reader"].card()
            assert not [
                command for command in tower.devices["board"].commands if isinstance(command, OpenDoor)
            ]
            assert gateway.picture()["people"] is None
            tower.disk.unusable = set()
            await asyncio.sleep(60)
            assert gateway.picture()["people"] == 1
            await tower.devices["reader"].card()
            assert [command for command in tower.devices["board"].commands if isinstance(command, OpenDoor)]

        await tower.serve(unknown)

    play(scene)


def test_r1_a_disk_that_fails_under_a_write_ends_the_process(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()
        gateway = tower.gateway()
        task = asyncio.create_task(gateway.run())
        await gateway.started.wait()
        await asyncio.sleep(1)
        tower.disk.failed = {"outbox"}
        assert await tower.devices["reader"].card() == Refused(RefusalReason.STORE_FAILED)
        await asyncio.sleep(10)
        assert task.done()
        assert isinstance(task.exception(), BaseExceptionGroup)
        assert task.exception().subgroup(StoreFailed) is not None  # type: ignore[union-attr]  # anything else fails the test
        await tower.broker.close()

    play(scene)


def test_a_device_that_breaks_is_recorded_and_its_neighbour_goes_on(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.listen()

        async def breaking(gateway: Gateway) -> None:
            tower.devices["reader"].broken.set()
            await asyncio.sleep(0.001)
            for _ in range(12):
                await tower.devices["board"].say(Reject, reason="not modbus")
            await asyncio.sleep(40)
            told = [(row.device, row.state) for row in tower.of(DeviceRecord)]
            assert told.count(("reader", DeviceState.OFFLINE)) == 1
            assert told.count(("reader", DeviceState.ONLINE)) == 2
            (garbage,) = [row for row in tower.of(AlertRaised) if row.alert is AlertKind.DEVICE_GARBAGE]
            assert garbage.device == "board"
            assert gateway.picture()["devices"]["board"]["rejects"] == 12

        await tower.serve(breaking)

    play(scene)


def test_people_put_in_by_another_process_are_known_soon(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        async def imported(gateway: Gateway) -> None:
            assert gateway.picture()["people"] == 0
            await tower.people()
            await asyncio.sleep(10)
            assert gateway.picture()["people"] == 1

        await tower.serve(imported)

    play(scene)


def test_an_unkept_clock_is_an_alert_and_changes_nothing_else(sim: ModuleType, play: Play) -> None:
    async def scene(tower: Tower) -> None:
        from cardea.contract.time import ClockQuality

        tower.clock.quality = ClockQuality.UNSYNCHRONISED
        await tower.listen()

        async def unkept(gateway: Gateway) -> None:
            await asyncio.sleep(90)
            alerts = [row.alert for row in tower.of(AlertRaised)]
            assert AlertKind.CLOCK_UNSYNCHRONISED in alerts

        await tower.serve(unkept)

    play(scene)


# --- as a process ---------------------------------------------------------------------------------


REAL_DEVICES = """
[devices.board.settings]
unit = 1
watchdog = { address = 0, value = 20 }
doors = [{ door = 1, coil = 0 }, { door = 2, coil = 1 }]
[links.qr]
kind = "tcp"
host = "127.0.0.1"
port = 9
[links.line]
kind = "modbus_tcp"
host = "127.0.0.1"
port = 9
[portals.lobby]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with real drivers, and nobody at the other end of their links."""
    text = CONFIG.replace("[portals.lobby]\n", REAL_DEVICES).replace('thermometers = ["reader"], ', "")
    text = text.replace('"test.reader"', '"readers.qr_tcp"\nlink = "qr"')
    (tmp_path / "gateway.toml").write_text(text.replace('"test.board"', '"io.relay_modbus"\nlink = "line"'))
    return tmp_path


def cardea(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cardea.cli.main", "edge", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.system
def test_the_daemon_serves_without_broker_keys_or_devices_and_stops_in_order(folder: Path) -> None:
    config = str(folder / "gateway.toml")
    checked = cardea("check", "--config", config, "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    daemon = subprocess.Popen(
        [sys.executable, "-m", "cardea.cli.main", "edge", "run", "--config", config],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert daemon.stderr is not None
        for line in daemon.stderr:
            if "gateway_started" in line:
                break
        status = folder / "data" / "status.json"
        while not status.exists():
            assert daemon.poll() is None
            os.sched_yield()
        shown = cardea("status", "--config", config, "--json")
        assert json.loads(shown.stdout)["gateway"] == "tower-1"
        assert cardea("status", "--config", config).stdout.startswith("tower-1")
        people = folder / "people.csv"
        people.write_text("person,name,card\np-1,Ada,1001\n")
        put = cardea("import-people", str(people), "--config", config)
        assert put.stdout == "people: 1 added, 0 changed, 0 unchanged\n", put.stderr
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, said
    assert "gateway_stopped" in said
    assert "Traceback" not in said
    gone = cardea("status", "--config", config)
    assert gone.returncode == 1
    assert gone.stderr.startswith("cardea: no gateway runs on")


@pytest.mark.system
def test_what_is_wrong_is_said_in_lines_and_exit_status_2(folder: Path) -> None:
    config = folder / "gateway.toml"
    config.write_text(
        config.read_text().replace("readers.qr_tcp", "readers.none").replace("fail_safe", "open")
    )
    for command in ("check", "run", "status"):
        done = cardea(command, "--config", str(config))
        assert done.returncode == 2
        assert "devices.reader.driver: readers.none → there is no driver" in done.stderr
        assert "portals.lobby.lock: 'open' →" in done.stderr
        assert "Traceback" not in done.stderr
    listed = json.loads(cardea("check", "--config", str(config), "--json").stdout)
    assert listed["ok"] is False
    assert len(listed["problems"]) >= 3
    schema = json.loads(cardea("schema").stdout)
    assert "HikvisionSettings" in schema["$defs"]
    missing = cardea("import-people", "none.csv", "--config", str(folder / "none.toml"))
    assert missing.returncode == 2


def test_r1_a_failed_store_ends_the_command_with_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def failing(gateway: Gateway) -> None:
        gateway.started.set()
        raise ExceptionGroup("stores", [ExceptionGroup("outbox", [StoreFailed("fsync: EIO")])])

    monkeypatch.setattr(Gateway, "run", failing)
    assert main(["edge", "run", "--config", str(folder / "gateway.toml")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "cardea: the disk failed under a write; ending, so that nothing false is said"
    assert "fsync: EIO" in said[-2]


# --- thermometers that only give advice ---------------------------------------------------------------

SURE = CONFIG.replace('name = "Lobby"\n', 'name = "Lobby"\nthermometer_compliant = true\n').replace(
    "[policy]\n",
    '[policy]\nportals.lobby = { degrade = "closed", require_screening = true, on_elevated = "deny" }\n',
)


async def judged(tower: Tower) -> DecisionRecord:
    await tower.devices["reader"].card()
    await asyncio.sleep(5)
    return [row for row in tower.of(DecisionRecord) if row.portal == "lobby"][-1]


def test_a_terminal_that_bends_its_readings_raises_an_alert_and_denies_nobody(play: Play) -> None:
    async def scene(tower: Tower) -> None:
        await tower.people()
        await tower.listen()

        async def day(_: Gateway) -> None:
            reader = tower.devices["reader"]
            await reader.say(TemperatureMeasured, value_c=38.6)
            honest = await judged(tower)
            assert honest.outcome is Outcome.DENY
            for n in range(100):
                await asyncio.sleep(0.2)
                await reader.say(TemperatureMeasured, value_c=36.5 + n % 3 / 10)
            await asyncio.sleep(20)
            await reader.say(TemperatureMeasured, value_c=38.6)
            bent = await judged(tower)
            assert bent.outcome is Outcome.REFER
            assert Reason.SCREENING_ADVISORY in bent.reasons
            (alert,) = [row for row in tower.of(AlertRaised) if row.alert is AlertKind.THERMOMETER_NORMALISED]
            assert alert.device == "reader"

        await tower.serve(day, SURE)

    play(scene)


def test_a_thermal_device_whose_position_nobody_described_denies_nobody(play: Play) -> None:
    text = SURE.replace('thermometers = ["reader"]', 'thermometers = ["spot"]') + (
        '[devices.spot]\ndriver = "test.spot"\n[thermometers.spot]\nspot_uncertainty_c = 0.1\n'
    )

    async def scene(tower: Tower) -> None:
        await tower.people()
        await tower.listen()

        async def visit(gateway: Gateway) -> None:
            for _ in range(8):
                await tower.devices["spot"].say(SpotMeasured, surface_temp_c=38.6)
                await asyncio.sleep(0.1)
            found = await judged(tower)
            assert (found.outcome, found.screening.value) == (Outcome.REFER, "elevated")
            assert Reason.SCREENING_ADVISORY in found.reasons
            assert gateway.picture()["positions"] == {}

        await tower.serve(visit, text)

    play(scene)
