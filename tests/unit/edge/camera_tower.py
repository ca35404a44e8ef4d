"""A gateway in virtual time with a reader and a camera that a test speaks through."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cardea.contract.batches import Lane
from cardea.contract.encoding import ALERT, RECORD
from cardea.contract.records import CredentialKind, Reading
from cardea.runtime.disk import SystemDisk
from cardea.runtime.memory_bus import MemoryBroker
from drivers import catalog
from drivers.api import (
    Accepted,
    Command,
    CredentialPresented,
    DeviceContext,
    DeviceSettings,
    Driver,
    Emit,
    Executed,
    FaceBox,
    OpenDoor,
    PictureCaptured,
    Receipt,
    ShowText,
    TemperatureMeasured,
)
from drivers.links.capture import CaptureFile
from drivers.links.opening import open_link
from edge.configuration.loading import load
from edge.faces.checks import Detector, Grounds
from edge.faces.masks import Masks
from edge.gateway import Gateway
from edge.hosting import Host
from edge.outbox import Outbox
from edge.vault import Person, Vault
from models.registry import ModelUnavailable

BLANK = np.zeros((4, 4, 3), np.uint8)


def face(width: float, x: float = 0.0) -> FaceBox:
    return FaceBox(x=x, y=0, width=width, height=width, landmarks=(), score=0.9)


def crowd(*widths: float) -> tuple[FaceBox, ...]:
    return tuple(face(width) for width in widths)


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
[devices.camera]
driver = "test.camera"
[portals.lobby]
name = "Lobby"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = { readers = ["reader"], thermometers = ["reader"], cameras = ["camera"], actuator = { device = "reader" } }
[policy]
default = { degrade = "closed", require_screening = true }
"""  # noqa: E501  # an inline table of TOML is one line


class Plain(DeviceSettings):
    snapshots: bool = False


class Scripted:
    """A device that a test speaks through."""

    def __init__(self, context: DeviceContext) -> None:
        self.clock = context.clock
        self.emit: Emit | None = None
        self.commands: list[Command] = []
        self.lost: asyncio.Future[None] | None = None
        """Who sets an exception on it loses the device."""

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        self.lost = asyncio.get_running_loop().create_future()
        await self.lost

    async def submit(self, command: Command) -> Receipt:
        self.commands.append(command)
        return Executed()

    @property
    def released(self) -> list[Command]:
        """What moved a door."""
        return [command for command in self.commands if isinstance(command, OpenDoor)]

    @property
    def shown(self) -> list[str]:
        """What people could read."""
        return [command.text for command in self.commands if isinstance(command, ShowText)]

    async def say(self, event_type: type, /, **fields: Any) -> Any:
        assert self.emit is not None
        return await self.emit(event_type(at=self.clock.now(), **fields))


class Keys:
    place = "memory"

    def __init__(self) -> None:
        self._key: bytes | None = None

    def load(self) -> bytes | None:
        return self._key

    def store(self, key: bytes) -> None:
        self._key = key


class Counting:
    """Finds what a test tells it to."""

    def __init__(self) -> None:
        self.faces: tuple[FaceBox, ...] = ()
        self.pictures: list[bytes] = []

    def detect(self, picture: Any) -> tuple[FaceBox, ...]:
        self.pictures.append(picture.tobytes())
        return self.faces


class Tower:
    def __init__(self, clock: Any, entropy: Any, path: Path) -> None:
        self.clock, self.entropy, self.path = clock, entropy, path
        self.keys = Keys()
        self.broker = MemoryBroker(clock)
        self.devices: dict[str, Scripted] = {}
        self.detector = Counting()
        self.problem: Exception | None = None
        self.grounds: Grounds | None = None
        self.masks: Masks | None = None

    def find(self, name: str) -> Driver[Any]:
        if not name.startswith("test."):
            return catalog.find(name)
        events = {
            "test.reader": (CredentialPresented, TemperatureMeasured),
            "test.camera": (PictureCaptured,),
        }[name]

        def opened(_: Plain, context: DeviceContext) -> Scripted:
            self.devices[context.device] = Scripted(context)
            return self.devices[context.device]

        return Driver(Plain, opened, {}, None, events, (OpenDoor, ShowText))

    def open_detector(self) -> Detector:
        if self.problem is not None:
            raise self.problem
        return self.detector

    def open_grounds(self) -> Grounds:
        if self.grounds is None:
            raise ModelUnavailable("model m is not here; run: cardea models pull m")
        return self.grounds

    def open_masks(self) -> Masks:
        if self.masks is None:
            raise ModelUnavailable("model masks is not here; run: cardea models pull masks")
        return self.masks

    def host(self, **fields: Any) -> Host:
        return Host(
            clock=self.clock,
            entropy=self.entropy,
            disk=SystemDisk(self.path / "data"),
            bus=self.broker.bus("tower-1"),
            open_link=open_link,
            secrets=str,
            vault_keys=self.keys,
            capture=lambda device, driver: CaptureFile(
                self.path / "data" / "captures" / device, driver, device
            ),
            order_keys={},
            pass_keys={},
            **fields,
        )

    async def serve(self, scene: Callable[[Gateway], Any], text: str = CONFIG) -> None:
        (self.path / "gateway.toml").write_text(text)
        await self._people()
        host = self.host(
            open_detector=self.open_detector,
            open_grounds=self.open_grounds,
            open_masks=self.open_masks,
            status_file=self.path / "data" / "status.json",
        )
        gateway = Gateway(load(self.path / "gateway.toml", self.find), host)
        task = asyncio.create_task(gateway.run())
        try:
            await gateway.started.wait()
            await scene(gateway)
        finally:
            task.cancel()
            ended = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError), ended

    async def _people(self) -> None:
        from zoneinfo import ZoneInfo

        disk = SystemDisk(self.path / "data")
        vault = await Vault.open(
            disk, self.keys, self.clock, self.entropy, domain="demo", zone=ZoneInfo("UTC")
        )
        await vault.put_people([Person(person="p-1", name="Ada", card="1001", employee_no="e1")])
        await vault.close()

    async def rows(self, lane: Lane) -> list[Any]:
        """What the gateway left in its outbox."""
        outbox = await Outbox.open(SystemDisk(self.path / "data"), self.clock, self.entropy)
        bodies = [bytes(body) for _, body in await outbox.take(lane, limit=10_000, bytes_max=1 << 26)]
        await outbox.close()
        if lane is Lane.TELEMETRY:
            return [msgspec.json.decode(body, type=Reading) for body in bodies]
        return [(RECORD if lane is Lane.RECORD else ALERT).decode(body) for body in bodies]

    async def show(self, *widths: float) -> None:
        self.detector.faces = crowd(*widths)
        assert await self.devices["camera"].say(PictureCaptured, picture=BLANK) == Accepted()
        await asyncio.sleep(0.2)

    async def present(self, kind: CredentialKind = CredentialKind.CARD, value: str = "1001") -> Any:
        return await self.devices["reader"].say(CredentialPresented, kind=kind, value=value)
