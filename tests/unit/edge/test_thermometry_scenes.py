"""Pictures of scenes without people: live or not at all; and frames all the way through the gateway."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract import signed
from cardea.contract.batches import Lane
from cardea.contract.encoding import RECORD, SCENE, TELEMETRY_BATCH
from cardea.contract.orders import Order, OrderResult, ShowFaces
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import AuditRecord, DecisionRecord, ReceiptRecord
from cardea.contract.scenes import MarkKind, Scene, Showing
from cardea.contract.time import ClockQuality, Instant
from cardea.contract.topics import Leaf, parse, topic
from cardea.runtime.disk import SystemDisk
from cardea.runtime.memory_bus import MemoryBroker
from drivers.api import (
    Command,
    CredentialPresented,
    DeviceContext,
    DeviceSettings,
    Driver,
    Emit,
    Executed,
    HeartbeatSeen,
    LinearScale,
    OpenDoor,
    Receipt,
    SpotMeasured,
    ThermalFrameCaptured,
    Unfit,
)
from edge.configuration.loading import load
from edge.gateway import Gateway
from edge.hosting import Host
from edge.thermal.scenes import EVERY_S, Scenes, scene_of
from edge.thermal.settings import Reference, Region, Thermometer

LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
BOILER = Thermometer(
    roi=Region(top=40, left=20, bottom=110, right=110),
    references=(Reference(temp_c=37.0, row=20, column=130, radius_px=6.0),),
)


def picture(hot_c: float) -> Any:
    temps_c = np.full((120, 160), 24.0)
    temps_c[60:64, 50:54] = hot_c
    return np.rint((temps_c + 273.15) * 100).astype(np.uint16)


class Shown:
    """Scenes with a session that the test can end."""

    def __init__(self, sim: ModuleType, *devices: str) -> None:
        self.clock = sim.SimClock()
        self.payloads: list[bytes] = []
        self.online = True
        self.scenes = Scenes(devices, {"boiler": BOILER}, self.clock, self._publish)

    async def _publish(self, leaf: Leaf, payload: bytes) -> bool:
        assert leaf is Leaf.SCENE
        if self.online:
            self.payloads.append(payload)
        return self.online

    def frame(self, hot_c: float, **fields: Any) -> ThermalFrameCaptured:
        given: dict[str, Any] = {"scale": LEPTON} | fields
        return ThermalFrameCaptured(at=self.clock.now(), raw=picture(hot_c), **given)

    def of(self, number: int) -> Scene:
        scene = SCENE.decode(self.payloads[number])
        assert isinstance(scene, Scene)
        return scene


Play = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture
def play(sim: ModuleType) -> Play:
    def run(scene: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            await scene()

        sim.simulate(main)

    return run


def test_at_most_each_five_seconds_the_newest_frame_is_shown(sim: ModuleType, play: Play) -> None:
    async def scene() -> None:
        shown = Shown(sim, "boiler", "cabinet")
        task = asyncio.create_task(shown.scenes.run())
        for number in range(104):
            shown.scenes.take("boiler", shown.frame(60.0 + number))
            await asyncio.sleep(0.1)
        assert len(shown.payloads) == int(10.4 / EVERY_S)
        first = shown.of(0)
        assert (first.device, first.width, first.height) == ("boiler", 160, 120)
        assert first.max_c == pytest.approx(60.0 + 49, abs=1)
        assert {mark.kind: mark.temp_c for mark in first.marks} == {
            MarkKind.ROI: first.max_c,
            MarkKind.REFERENCE: 24.0,
        }
        await asyncio.sleep(20)
        assert len(shown.payloads) == 3, "without a new frame nothing is shown again"
        task.cancel()

    play(scene)


def test_a_reference_without_a_place_is_marked_where_it_is_found() -> None:
    rows, columns = np.ogrid[:120, :160]
    raw = picture(60.0)
    raw[np.hypot(rows - 80, columns - 30) <= 6] = np.uint16(round((35.2 + 273.15) * 100))
    at = Instant(0.0, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
    anywhere = Thermometer(references=(Reference(temp_c=37.0),))
    scene = scene_of("boiler", ThermalFrameCaptured(at=at, raw=raw, scale=LEPTON), anywhere)
    assert scene is not None
    (mark,) = scene.marks
    assert (mark.kind, mark.temp_c) == (MarkKind.REFERENCE, 35.2)
    middle = mark.left + mark.width / 2, mark.top + mark.height / 2
    assert middle == pytest.approx((30 / 160, 80 / 120), abs=0.01)
    nowhere = scene_of("boiler", ThermalFrameCaptured(at=at, raw=picture(60.0), scale=LEPTON), anywhere)
    assert nowhere is not None
    assert nowhere.marks == ()


def test_only_live_fit_frames_of_named_devices_are_shown(sim: ModuleType, play: Play) -> None:
    async def scene() -> None:
        shown = Shown(sim, "boiler")
        task = asyncio.create_task(shown.scenes.run())
        shown.scenes.take("door", shown.frame(36.0))
        shown.scenes.take("boiler", shown.frame(36.0, offline=True))
        shown.scenes.take("boiler", shown.frame(36.0, unfit=Unfit.FLAT_FIELD))
        await asyncio.sleep(6)
        assert shown.payloads == []
        shown.scenes.take("boiler", shown.frame(36.0, scale=LinearScale(gain_c=0.0, offset_c=0.0)))
        await asyncio.sleep(6)
        assert shown.payloads == []
        shown.online = False
        shown.scenes.take("boiler", shown.frame(36.0))
        await asyncio.sleep(6)
        shown.online = True
        await asyncio.sleep(6)
        assert shown.payloads == [], "what nobody could see then is not shown later"
        task.cancel()

    play(scene)


def test_a_picture_that_fails_ends_nothing(
    sim: ModuleType, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        shown = Shown(sim, "boiler")
        task = asyncio.create_task(shown.scenes.run())
        with monkeypatch.context() as broken, structlog.testing.capture_logs() as logs:
            broken.setattr("edge.thermal.scenes.picture", lambda *_: 1 / 0)
            shown.scenes.take("boiler", shown.frame(36.0))
            await asyncio.sleep(6)
        assert [line["event"] for line in logs] == ["scene_failed"]
        shown.scenes.take("boiler", shown.frame(36.0))
        await asyncio.sleep(6)
        assert len(shown.payloads) == 1
        task.cancel()

    play(scene)


def test_without_scenes_there_is_nothing_to_do(sim: ModuleType, play: Play) -> None:
    async def scene() -> None:
        await asyncio.wait_for(Shown(sim).scenes.run(), 1)

    play(scene)


def test_a_device_without_an_entry_is_shown_without_marks(sim: ModuleType, play: Play) -> None:
    async def scene() -> None:
        found = scene_of("cabinet", Shown(sim).frame(36.0), Thermometer())
        assert found is not None
        assert found.marks == ()

    play(scene)


# --- the whole way ----------------------------------------------------------------------------------

CONFIG = """
scenes = ["boiler"]
[gateway]
id = "tower-1"
site = "demo"
linkage_domain = "demo"
[broker]
host = "127.0.0.1"
ca_file = "ca"
cert_file = "crt"
key_file = "key"
[devices]
gate = { driver = "gate" }
camera = { driver = "camera" }
boiler = { driver = "camera" }
wrist = { driver = "spot" }
[portals.lobby]
name = "Lobby"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = { readers = ["gate"], thermometers = ["camera", "wrist"], actuator = { device = "gate" } }
[thermometers.camera]
roi = { top = 40, left = 20, bottom = 110, right = 110 }
references = [{ temp_c = 37.0, row = 20, column = 130, radius_px = 6 }]
[policy]
default = { degrade = "closed", require_screening = true }
"""


class NoSettings(DeviceSettings):
    pass


class Scripted:
    def __init__(self, context: DeviceContext) -> None:
        self.context = context
        self.emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        await emit(HeartbeatSeen(at=self.context.clock.now()))
        await asyncio.Event().wait()

    async def submit(self, command: Command) -> Receipt:
        return Executed()

    async def say(self, event_type: type, /, **fields: Any) -> None:
        assert self.emit is not None
        await self.emit(event_type(at=self.context.clock.now(), **fields))


class Keys:
    place = "memory"

    def load(self) -> bytes | None:
        return None

    def store(self, key: bytes) -> None: ...


ORDERS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVENTS = {
    "gate": (CredentialPresented,), "camera": (ThermalFrameCaptured,), "spot": (SpotMeasured,)
}  # fmt: skip


class House:
    """A gateway with scripted devices, and somebody who hears all that it says."""

    def __init__(self, sim: ModuleType, folder: Path, config: str) -> None:
        self.devices: dict[str, Scripted] = {}
        self.heard: dict[Leaf, list[bytes]] = {}
        self.order: list[Leaf] = []
        """What was heard, in order."""
        self.rows: list[Any] = []
        """What stood in the record lane at the end."""
        self.clock = sim.SimClock()
        self.broker = MemoryBroker(self.clock)
        (folder / "gateway.toml").write_text(config)
        host = Host(
            clock=self.clock,
            entropy=sim.SimEntropy(3),
            disk=SystemDisk(folder / "data"),
            bus=self.broker.bus("tower-1"),
            open_link=lambda *_: pytest.fail("there is no link"),
            secrets=str,
            vault_keys=Keys(),
            capture=lambda *_: pytest.fail("nothing is captured"),
            order_keys={signed.key_id(ORDERS.public_key()): ORDERS.public_key()},
            pass_keys={},
            status_file=None,
            version="1",
        )
        self.gateway = Gateway(load(folder / "gateway.toml", self._find), host)

    def _find(self, name: str) -> Driver[Any]:
        return Driver(NoSettings, self._opened, {}, None, EVENTS[name], (OpenDoor,))

    def _opened(self, _: Any, context: DeviceContext) -> Scripted:
        self.devices[context.device] = Scripted(context)
        return self.devices[context.device]

    async def play(self, during: Callable[[], Awaitable[None]]) -> None:
        self.session = await self.broker.bus("aggregator").connect()
        await self.session.subscribe("cardea/v1/#")
        tasks = [asyncio.create_task(self.gateway.run()), asyncio.create_task(self._listen())]
        await self.gateway.started.wait()
        await asyncio.sleep(1)
        await during()
        outbox = self.gateway._stores.outbox
        assert outbox is not None
        self.rows = [RECORD.decode(bytes(body)) for _, body in await outbox.take(Lane.RECORD, limit=1000)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.broker.close()

    async def _listen(self) -> None:
        async for message in self.session.messages():
            address = parse(message.topic)
            assert address is not None
            assert address.leaf not in (Leaf.SCENE, Leaf.SCENE_CLEAR) or not message.retain
            self.heard.setdefault(address.leaf, []).append(message.payload)
            self.order.append(address.leaf)

    async def ask(self, action: ShowFaces) -> None:
        now = self.clock.now().utc
        order = Order("o1", "tower-1", "n1", now, now + dt.timedelta(seconds=20), action)
        await self.session.publish(topic("tower-1", Leaf.ORDER), signed.sign(ORDERS, order))

    async def look(self, s: float) -> None:
        """Somebody stands before the camera, and the boiler is hot."""
        row, column = np.mgrid[:120, :160]
        face = np.full((120, 160), 24.0)
        face[np.hypot(row - 20, column - 130) <= 6] = 37.0
        face[60:90, 40:60] = 35.4 - 0.5 * (row[60:90, 40:60] % 2)
        raw = np.rint((face - 1.8 + 273.15) * 100).astype(np.uint16)
        for _ in range(round(s / 0.11)):
            await self.devices["camera"].say(ThermalFrameCaptured, raw=raw, scale=LEPTON, uptime_s=1e5)
            await self.devices["boiler"].say(ThermalFrameCaptured, raw=picture(80.0), scale=LEPTON)
            await asyncio.sleep(0.11)

    def scenes(self, leaf: Leaf) -> list[Scene]:
        found = [SCENE.decode(payload) for payload in self.heard.get(leaf, [])]
        assert all(isinstance(scene, Scene) for scene in found)
        return found  # type: ignore[return-value]  # just asserted


def test_frames_become_evidence_telemetry_and_scenes_at_the_gateway(
    sim: ModuleType, play: Play, tmp_path: Path
) -> None:
    async def scene() -> None:
        house = House(sim, tmp_path, CONFIG)

        async def during() -> None:
            await house.look(13.2)
            thermometers: Any = house.gateway.picture()["thermometers"]
            assert set(thermometers) == {"camera", "wrist"}
            assert thermometers["camera"]["condition"] is None
            await asyncio.sleep(5)

        await house.play(during)
        scenes = house.scenes(Leaf.SCENE)
        assert {found.device for found in scenes} == {"boiler"}
        assert len(scenes) in (2, 3)
        batches = [TELEMETRY_BATCH.decode(payload) for payload in house.heard[Leaf.LANE_TELEMETRY]]
        series = {name for batch in batches for name in batch.columns.series}  # type: ignore[union-attr]  # anything else fails the test
        assert {"camera/surface_temp_c", "camera/reference_offset_c", "camera/uncertainty_c"} <= series
        assert "boiler/surface_temp_c" not in series
        (record,) = (row for row in house.rows if isinstance(row, DecisionRecord))
        assert record.surface_temp_c == pytest.approx(35.4, abs=0.02)
        assert record.screening_terms is not None
        assert record.screening_terms.reference_c == pytest.approx(1.8, abs=0.01)

    play(scene)


@pytest.mark.parametrize("shows", ["blurred", "entitled"])
def test_a_clear_picture_leaves_the_gateway_only_by_its_own_configuration_and_after_the_chain(
    sim: ModuleType, play: Play, tmp_path: Path, shows: str
) -> None:
    """SAFETY.md, item 20: faces never leave the gateway by default."""

    async def scene() -> None:
        house = House(sim, tmp_path, CONFIG.replace("[policy]", f'picture = "{shows}"\n[policy]'))

        async def during() -> None:
            await house.look(5)
            assert Leaf.SCENE_CLEAR not in house.heard
            await house.ask(ShowFaces("camera", by="manager", reason="The spot lies beside", lease_s=5.0))
            await house.look(12)

        await house.play(during)
        of_people = [found for found in house.scenes(Leaf.SCENE) if found.device == "camera"]
        assert len(of_people) >= 7
        assert {found.showing for found in of_people} == {Showing.BLURRED}
        links = [row for row in house.rows if isinstance(row, AuditRecord)]
        (receipt,) = (row for row in house.rows if isinstance(row, ReceiptRecord))
        if shows == "blurred":
            assert Leaf.SCENE_CLEAR not in house.heard
            assert receipt.refusal is RefusalReason.NOT_ENTITLED
            return
        clear = house.scenes(Leaf.SCENE_CLEAR)
        assert len(clear) in (2, 3)
        assert {(found.showing, found.lease) for found in clear} == {(Showing.CLEAR, "o1")}
        shown = next(link for link in links if link.event == "faces_shown")
        assert (shown.actor, shown.detail["reason"]) == ("manager", "The spot lies beside")
        assert shown.at.utc <= clear[0].at.utc
        hidden = next(link for link in links if link.event == "faces_hidden")
        assert hidden.detail["pictures"] == str(len(clear))
        assert receipt.result == OrderResult.EXECUTED.value

    play(scene)
