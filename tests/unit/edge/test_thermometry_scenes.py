"""Pictures of scenes without people: live or not at all; and frames all the way through the gateway."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import structlog

from cardea.contract.encoding import RECORD, ROW_BATCH, SCENE, TELEMETRY_BATCH
from cardea.contract.scenes import MarkKind, Scene
from cardea.contract.topics import Leaf, parse
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
from edge.gateway import Gateway
from edge.hosting import Host
from edge.loading import load
from edge.scenes import EVERY_S, Scenes, scene_of
from edge.thermometer_settings import Reference, Region, Thermometer

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
            broken.setattr("edge.scenes.picture", lambda *_: 1 / 0)
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


def test_frames_become_evidence_telemetry_and_scenes_at_the_gateway(
    sim: ModuleType, play: Play, tmp_path: Path
) -> None:
    devices: dict[str, Scripted] = {}
    events = {
        "gate": (CredentialPresented,), "camera": (ThermalFrameCaptured,), "spot": (SpotMeasured,)
    }  # fmt: skip

    def opened(_: Any, context: DeviceContext) -> Scripted:
        devices[context.device] = Scripted(context)
        return devices[context.device]

    def find(name: str) -> Driver[Any]:
        return Driver(NoSettings, opened, {}, None, events[name], (OpenDoor,))

    async def scene() -> None:
        clock, entropy = sim.SimClock(), sim.SimEntropy(3)
        broker = MemoryBroker(clock)
        (tmp_path / "gateway.toml").write_text(CONFIG)
        host = Host(
            clock=clock,
            entropy=entropy,
            disk=SystemDisk(tmp_path / "data"),
            bus=broker.bus("tower-1"),
            open_link=lambda *_: pytest.fail("there is no link"),
            secrets=str,
            vault_keys=Keys(),
            capture=lambda *_: pytest.fail("nothing is captured"),
            order_keys={},
            pass_keys={},
            status_file=None,
            version="1",
        )
        gateway = Gateway(load(tmp_path / "gateway.toml", find), host)
        heard: dict[Leaf, list[bytes]] = {}
        session = await broker.bus("aggregator").connect()
        await session.subscribe("cardea/v1/#")

        async def listen() -> None:
            async for message in session.messages():
                address = parse(message.topic)
                assert address is not None
                assert address.leaf is not Leaf.SCENE or not message.retain
                heard.setdefault(address.leaf, []).append(message.payload)

        tasks = [asyncio.create_task(gateway.run()), asyncio.create_task(listen())]
        await gateway.started.wait()
        await asyncio.sleep(1)
        row, column = np.mgrid[:120, :160]
        face = np.full((120, 160), 24.0)
        face[np.hypot(row - 20, column - 130) <= 6] = 37.0
        face[60:90, 40:60] = 35.4
        raw = np.rint((face - 1.8 + 273.15) * 100).astype(np.uint16)
        for _ in range(120):
            await devices["camera"].say(ThermalFrameCaptured, raw=raw, scale=LEPTON, uptime_s=1e5)
            await devices["boiler"].say(ThermalFrameCaptured, raw=picture(80.0), scale=LEPTON)
            await asyncio.sleep(0.11)
        thermometers: Any = gateway.picture()["thermometers"]
        assert set(thermometers) == {"camera", "wrist"}
        assert thermometers["camera"]["condition"] is None
        await asyncio.sleep(5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await broker.close()
        scenes = [SCENE.decode(payload) for payload in heard[Leaf.SCENE]]
        assert {found.device for found in scenes if isinstance(found, Scene)} == {"boiler"}
        assert len(scenes) in (2, 3)
        batches = [TELEMETRY_BATCH.decode(payload) for payload in heard[Leaf.LANE_TELEMETRY]]
        series = {name for batch in batches for name in batch.columns.series}  # type: ignore[union-attr]  # anything else fails the test
        assert {"camera/surface_temp_c", "camera/reference_offset_c", "camera/uncertainty_c"} <= series
        assert "boiler/surface_temp_c" not in series
        rows = [
            RECORD.decode(bytes(row))
            for payload in heard[Leaf.LANE_RECORD]
            for row in ROW_BATCH.decode(payload).rows  # type: ignore[union-attr]  # anything else fails the test
        ]
        assert any(
            getattr(record, "surface_temp_c", None) == pytest.approx(35.4, abs=0.02) for record in rows
        )

    play(scene)
