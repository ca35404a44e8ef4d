"""A thousand passages before real terminals, a real camera link and a real broker: no face stays or leaves.

SAFETY.md items 18, 20, 24 and 39. Somebody is enrolled and compared by the real networks: by a terminal that
asks, by one that opens by itself, and by a camera. Afterwards every file of gateway and broker, everything
that was on the bus and every line that was logged is searched for pieces of their pictures and template.
"""

import asyncio
import base64
import contextlib
import os
import subprocess
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from cardea.cli.tower.broker import load_broker
from cardea.cli.tower.children import Child, Running, cardea
from cardea.cli.tower.layout import Layout, write_configs
from cardea.cli.tower.provision import provision
from cardea.contract.batches import Ack, RowBatch, TelemetryBatch
from cardea.contract.encoding import encode
from cardea.contract.topics import LANE_LEAF, Leaf, topic
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus
from drivers.api import Picture
from drivers.sim.hikvision import HikvisionTerminal
from edge.status import read_status

pytestmark = [pytest.mark.system, pytest.mark.needs_test_data]
CLOCK, ENTROPY = SystemClock(), SystemEntropy()
GATEWAY = "tower-1"
PASSAGES = 1000
EMPLOYEE, CARD, NAME = "771177", "5500661177", "Ottilie Wildeborn"
PASSWORD = "a password of the terminals"
ENROLMENT = ("img1.jpg", "img2.jpg", "img4.jpg")
SETTLED_S_MAX = 60.0
DEVICES = """
[links.terminals]
kind = "http_listener"
bind = "127.0.0.1"
port = {listener}
[links.camera]
kind = "video"
source = "{recording}"
loop = true
[devices.camera]
driver = "gates.camera"
link = "camera"
"""
TERMINAL = """
[devices.t{n}]
driver = "gates.hikvision"
link = "terminals"
events_per_s_max = 1000
[devices.t{n}.settings]
base_url = "{url}"
user = "cardea"
password_secret = "terminals"
transport = "push"
snapshots = true
[portals.p{n}]
name = "Portal {n}"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
authority = "{authority}"
ingress = {{ readers = ["t{n}"], actuator = {{ device = "t{n}", door = 1 }}{cameras} }}
"""


def people_and_pictures(folder: Path, test_data: Path) -> tuple[Layout, list[Path], Path]:
    """A tower's folder, the pictures to enrol by, and a recording of the person; both outside the tower."""
    layout = Layout(folder / "tower")
    write_configs(layout, None)
    provision(layout, CLOCK, ENTROPY)
    pictures = [test_data / "face" / "deepface" / name for name in ENROLMENT]
    recording = folder / "person.avi"
    writer = cv2.VideoWriter(str(recording), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 480))
    for _ in range(20):
        writer.write(framed(pictures[0]))
    writer.release()
    return layout, pictures, recording


def read(picture: Path) -> Picture:
    found = cv2.imread(str(picture))
    assert found is not None  # pyright: ignore[reportUnnecessaryComparison]  # no picture gives None
    return found.astype(np.uint8)


def framed(picture: Path) -> cv2.typing.MatLike:
    """The picture, small, in the middle of a scene."""
    whole = read(picture)
    small = cv2.resize(whole, (220, round(220 * whole.shape[0] / whole.shape[1])))[:480]
    rows, columns = 480 - small.shape[0], 640 - small.shape[1]
    return cv2.copyMakeBorder(
        small, rows // 2, rows - rows // 2, columns // 2, columns - columns // 2, cv2.BORDER_REPLICATE
    )


def still(picture: Path) -> bytes:
    """As a terminal sends one."""
    return cv2.imencode(".jpg", framed(picture))[1].tobytes()


def configured(layout: Layout, recording: Path, terminals: list[HikvisionTerminal]) -> None:
    """A gateway of its own; broker and certificates are the demo's."""
    demo = layout.config("gateway").read_text()
    broker = demo[demo.index("[broker]") : demo.index("[", demo.index("[broker]") + 1)]
    listener = demo.split('kind = "http_listener"')[1].split("port = ")[1].split()[0]
    text = f'[gateway]\nid = "{GATEWAY}"\nsite = "tower"\nlinkage_domain = "demo"\n{broker}'
    text += DEVICES.format(listener=listener, recording=recording)
    for n, terminal in enumerate(terminals):
        text += TERMINAL.format(
            n=n,
            url=terminal.base_url,
            authority="gateway" if terminal.remote_check else "terminal",
            cameras="" if n else ', cameras = ["camera"]',
        )
    text += '[policy]\ndefault = { require_screening = false, degrade = "staff_check", face = "asked" }\n'
    layout.config("gateway").write_text(text)
    secret = layout.folder / "gateway" / "secrets" / "terminals"
    secret.touch(0o600)
    secret.write_text(PASSWORD)


def told_who_comes(layout: Layout, folder: Path, pictures: list[Path]) -> None:
    """The person, and their template."""
    config = ("--config", str(layout.config("gateway")))
    people = folder / "people.csv"
    head = "person,name,organisation,employee_no,card,valid_from,valid_until,schedule,status\n"
    people.write_text(f"{head}p-1,{NAME},,{EMPLOYEE},{CARD},,,,active\n")
    consent = ("--consent", "c-1", "--consent-date", "2026-01-01")
    enrol = ("face", "enrol", *config, "--person", "p-1", *consent, *map(str, pictures))
    for command in (("edge", "import-people", str(people), *config), enrol):
        subprocess.run(cardea(*command), check=True, capture_output=True)


class Aggregator:
    """Hears everything that is on the bus, and says of each row that it is stored."""

    def __init__(self, layout: Layout) -> None:
        settings = load_broker(layout.config("broker"))
        pki = layout.folder / "cloud" / "pki"
        files = (pki / "ca.crt", pki / "aggregator.crt", pki / "aggregator.key")
        self.bus = MqttBus(Broker(settings.host, settings.port, *files), "aggregator")
        self.heard: list[bytes] = []
        self.decisions: set[bytes] = set()
        self.more = asyncio.Event()

    async def listen(self) -> None:
        session = await self.bus.connect()
        await session.subscribe("cardea/#")
        lanes = {topic(GATEWAY, leaf): lane for lane, leaf in LANE_LEAF.items()}
        async for message in session.messages():
            self.heard.append(message.topic.encode() + b" " + message.payload)
            lane = lanes.get(message.topic)
            if lane is None:
                continue
            kind = TelemetryBatch if lane.value == "telemetry" else RowBatch
            batch = msgspec.json.decode(message.payload, type=kind)
            rows = [bytes(row) for row in batch.rows] if isinstance(batch, RowBatch) else batch.columns.s
            self.decisions |= {row for row in rows if isinstance(row, bytes) and b'"outcome":' in row}
            ack = Ack(lane, batch.epoch, ((batch.first, batch.first + len(rows) - 1),))
            await session.publish(topic(GATEWAY, Leaf.ACK), encode(ack))
            self.more.set()


@contextlib.asynccontextmanager
async def serving(
    layout: Layout, recording: Path, prepared: list[Path], log: list[str]
) -> AsyncGenerator[tuple[list[HikvisionTerminal], Aggregator]]:
    """Terminals, broker, aggregator and gateway."""
    async with contextlib.AsyncExitStack() as stack:
        terminals = [
            await stack.enter_async_context(
                HikvisionTerminal(
                    CLOCK, ENTROPY, password=PASSWORD, serial_number=f"FACE{n}", remote_check=not n
                )
            )
            for n in range(2)
        ]
        for terminal in terminals:
            terminal.snapshots[EMPLOYEE] = still(prepared[0])
        configured(layout, recording, terminals)
        await asyncio.to_thread(told_who_comes, layout, layout.folder.parent, prepared)
        await stack.enter_async_context(Mosquitto(load_broker(layout.config("broker")), CLOCK))
        aggregator = Aggregator(layout)
        listening = asyncio.create_task(aggregator.listen())
        stack.callback(listening.cancel)
        command = cardea("edge", "run", "--config", str(layout.config("gateway")))
        gateway = Running(Child("gateway", command), CLOCK, ENTROPY, lambda _, line: log.append(line))
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        async with asyncio.timeout(SETTLED_S_MAX):
            for terminal in terminals:
                await terminal.push_armed.wait()
        yield terminals, aggregator


async def pass_by(terminals: list[HikvisionTerminal], aggregator: Aggregator) -> None:
    """Mostly faces before terminals; every hundredth shows a card, and is looked at by the camera."""
    asks, decides = terminals
    for number in range(PASSAGES):
        terminal = decides if number % 2 else asks
        card = CARD if number % 100 == 0 else ""
        verdict = await terminal.present(card=card, employee_no="" if card else EMPLOYEE)
        assert verdict.granted or card, number
    async with asyncio.timeout(SETTLED_S_MAX):
        while len(aggregator.decisions) < PASSAGES:
            aggregator.more.clear()
            await aggregator.more.wait()


def pieces(pictures: list[Path], embedding: bytes) -> Iterator[bytes]:
    """Of every picture and template, as they could stand in a file, a message or a line."""
    raw = [picture.read_bytes() for picture in pictures]
    raw += [read(picture).tobytes() for picture in pictures]
    raw += [framed(pictures[0]).tobytes(), still(pictures[0]), embedding]
    for whole in raw:
        for at in (len(whole) // 3, len(whole) // 2, len(whole) - 64):
            piece = whole[at : at + 24]
            yield from (piece, piece.hex().encode(), repr(piece)[2:-1].encode())
            yield base64.b64encode(whole[at - at % 3 : at - at % 3 + 24])
    yield from (EMPLOYEE.encode(), CARD.encode(), NAME.encode(), NAME.split()[1].encode())


async def test_items_18_20_24_39_no_face_leaves_real_processes(
    tmp_path: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(test_data / "models"))
    layout, pictures, recording = people_and_pictures(tmp_path, test_data)
    log: list[str] = []
    async with serving(layout, recording, pictures, log) as (terminals, aggregator):
        await pass_by(terminals, aggregator)
        compared = read_status(layout.folder / "gateway" / "data")["sight"]["compared"]
    assert compared >= PASSAGES // 2, "they were looked at"
    searched = {
        path: path.read_bytes()
        for part in ("gateway", "broker")
        for path in (layout.folder / part).rglob("*")
        if path.is_file() and os.access(path, os.R_OK)
    }
    names = {path.name for path, content in searched.items() if content}
    assert names >= {"vault.sqlite", "templates.sqlite", "outbox.sqlite", "mosquitto.db"}
    said = "\n".join(log).encode()
    assert b"passage_decided" in said
    for piece in pieces(pictures, template_of(pictures)):
        assert not [path for path, content in searched.items() if piece in content]
        assert not [message for message in aggregator.heard if piece in message]
        assert piece not in said


def template_of(pictures: list[Path]) -> bytes:
    """As the networks make it of the first picture."""
    from models.face.pipeline import load

    embedding = load().look(read(pictures[0])).embedding
    assert embedding is not None
    return embedding.tobytes()
