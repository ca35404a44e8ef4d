"""kill -9 of the real aggregator on the real broker: what was acknowledged is stored, and stored once."""

import asyncio
import contextlib
import datetime as dt
import random
import socket
import sqlite3
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from cardea.cli.tower.broker import load_broker
from cardea.cli.tower.layout import Layout, write_configs
from cardea.cli.tower.provision import GATEWAY, provision
from cardea.contract.batches import Ack, Lane, RowBatch
from cardea.contract.encoding import ACK, encode
from cardea.contract.ranges import Ranges, contains, merge, of
from cardea.contract.records import PassageRecord, Side
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.topics import Leaf, topic
from cardea.runtime.bus import Session
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus

pytestmark = pytest.mark.system
ROWS = 3000
BATCH = 10
KILLS = 3
SEED = 20260115


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "tower")
    made.folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        write_configs(made, int(probe.getsockname()[1]))
    provision(made, SystemClock(), SystemEntropy())
    return made


@contextlib.asynccontextmanager
async def _aggregator(layout: Layout) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cardea.cli.main", "cloud", "run"),
        *("--config", str(layout.config("cloud"))),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _record(seq: int) -> PassageRecord:
    at = WireTime(
        dt.datetime(2026, 11, 23, tzinfo=dt.UTC) + dt.timedelta(seconds=seq), ClockQuality.SYNCHRONISED
    )
    return PassageRecord(f"p{seq}", at, f"portal-{seq % 7}", Side.INGRESS, "gate-1")


class Outbox:
    """Rows until they are acknowledged; the journal of what was sent and acknowledged."""

    def __init__(self) -> None:
        self.acked: Ranges = ()
        self.heard = asyncio.Event()

    def left(self) -> list[int]:
        return [seq for seq in range(1, ROWS + 1) if not contains(self.acked, seq)]

    async def listen(self, session: Session) -> None:
        async for message in session.messages():
            ack = ACK.decode(message.payload)
            assert isinstance(ack, Ack)
            self.acked = merge(self.acked, ack.ranges)
            self.heard.set()

    async def send(self, session: Session, rng: random.Random) -> None:
        """Send everything that is not acknowledged, in batches and any order, again and again."""
        while left := self.left():
            firsts = [seq for seq in left if (seq - 1) % BATCH == 0] or left
            rng.shuffle(firsts)
            for first in firsts[:20]:
                rows = tuple(
                    msgspec.Raw(encode(_record(seq))) for seq in range(first, min(first + BATCH, ROWS + 1))
                )
                batch = RowBatch(Lane.RECORD, "e1", first, rows)
                await session.publish(topic(GATEWAY, Leaf.LANE_RECORD), encode(batch))
            self.heard.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.heard.wait(), 0.2)

    async def reaches(self, rows: int) -> None:
        while ROWS - len(self.left()) < rows:
            self.heard.clear()
            await self.heard.wait()


async def test_kill_nine_loses_and_doubles_nothing_that_was_acknowledged(layout: Layout) -> None:
    rng = random.Random(SEED)
    settings = load_broker(layout.config("broker"))
    pki = layout.folder / "gateway" / "pki"
    files = (pki / "ca.crt", pki / f"{GATEWAY}.crt", pki / f"{GATEWAY}.key")
    outbox = Outbox()
    async with Mosquitto(settings, SystemClock()), asyncio.timeout(90):
        session = await MqttBus(Broker(settings.host, settings.port, *files), GATEWAY).connect()
        await session.subscribe(topic(GATEWAY, Leaf.ACK))
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(outbox.listen(session))
            sending = tasks.create_task(outbox.send(session, rng))
            for number in range(KILLS):
                async with _aggregator(layout) as process:
                    await outbox.reaches((number + 1) * ROWS // (KILLS + 2) + rng.randrange(BATCH))
                    process.kill()
                    await process.wait()
            async with _aggregator(layout):
                await sending
            listening.cancel()
        await session.close()
    stored = _stored(layout.folder / "cloud" / "data" / "ledger.sqlite")
    seqs = [seq for seq, _, _ in stored]
    lost = {seq for seq in range(1, ROWS + 1) if contains(outbox.acked, seq)} - set(seqs)
    assert lost == set()
    assert len(seqs) == len(set(seqs))
    assert of(seqs) == ((1, ROWS),)
    assert sorted(stored) == [(seq, _record(seq).id, _record(seq).portal) for seq in range(1, ROWS + 1)]


def _stored(file: Path) -> list[tuple[int, str, str]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT seq, id, portal FROM passages").fetchall()
