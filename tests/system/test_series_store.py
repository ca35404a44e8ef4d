"""kill -9 of the real aggregator under telemetry; a real VictoriaMetrics behind the line-protocol store."""

import asyncio
import contextlib
import datetime as dt
import json
import random
import shutil
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import duckdb
import httpx
import numpy as np
import pytest

from cardea.cli.tower.broker import load_broker
from cardea.cli.tower.layout import Layout, write_configs
from cardea.cli.tower.provision import GATEWAY, provision
from cardea.contract.batches import Ack, Lane, TelemetryBatch, to_columns
from cardea.contract.encoding import ACK, encode
from cardea.contract.ranges import Ranges, contains, merge, of
from cardea.contract.records import Reading
from cardea.contract.topics import Leaf, topic
from cardea.runtime.bus import Session
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import Mosquitto
from cardea.runtime.mqtt import Broker, MqttBus
from cloud.ingest.readings import Block, Gathering
from cloud.ledger import Ledger
from cloud.series.line_client import Target
from cloud.series.line_store import LineStore
from cloud.series.store import SeriesDown

pytestmark = pytest.mark.system
CLOCK, ENTROPY = SystemClock(), SystemEntropy()
ROWS = 6000
BATCH = 50
KILLS = 3
SEED = 20260116
T0_MS = 1_763_884_800_000


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- kill -9 of the aggregator ---------------------------------------------------------------------


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "tower")
    made.folder.mkdir()
    write_configs(made, _free_port())
    provision(made, CLOCK, ENTROPY)
    file = made.config("cloud")
    file.write_text(file.read_text() + "\n[series]\ncommit_s = 0.05\n")
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


class Outbox:
    """Telemetry until it is acknowledged; the journal of what was sent and acknowledged."""

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
            for first in firsts[:10]:
                readings = tuple(
                    Reading(f"gate-{seq % 7}/t_c", T0_MS + seq, float(seq))
                    for seq in range(first, min(first + BATCH, ROWS + 1))
                )
                batch = TelemetryBatch(Lane.TELEMETRY, "e1", first, to_columns(readings))
                await session.publish(topic(GATEWAY, Leaf.LANE_TELEMETRY), encode(batch))
            self.heard.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.heard.wait(), 0.2)

    async def reaches(self, rows: int) -> None:
        while ROWS - len(self.left()) < rows:
            self.heard.clear()
            await self.heard.wait()


async def test_kill_nine_loses_and_doubles_no_acknowledged_reading(layout: Layout) -> None:
    rng = random.Random(SEED)
    settings = load_broker(layout.config("broker"))
    pki = layout.folder / "gateway" / "pki"
    files = (pki / "ca.crt", pki / f"{GATEWAY}.crt", pki / f"{GATEWAY}.key")
    outbox = Outbox()
    async with Mosquitto(settings, CLOCK), asyncio.timeout(120):
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
    (file,) = (layout.folder / "cloud" / "data" / "series").glob("*.duckdb")
    with duckdb.connect(str(file)) as connection:
        stored = connection.execute(
            "SELECT value::BIGINT, name, t_ms FROM readings JOIN series ON number = series"
        ).fetchall()
    seqs = [seq for seq, _, _ in stored]
    assert {seq for seq in range(1, ROWS + 1) if contains(outbox.acked, seq)} - set(seqs) == set()
    assert len(seqs) == len(set(seqs))
    assert of(seqs) == ((1, ROWS),)
    assert sorted(stored) == [(seq, f"gate-{seq % 7}/t_c", T0_MS + seq) for seq in range(1, ROWS + 1)]


# --- VictoriaMetrics --------------------------------------------------------------------------------


class Victoria:
    """A VictoriaMetrics of our own that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(
                "victoria-metrics",
                f"-storageDataPath={self._folder}",
                f"-httpListenAddr=127.0.0.1:{self._port}",
            ),
            *("-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-memory.allowedBytes=64MB"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with httpx.AsyncClient() as client, asyncio.timeout(20):
            while True:
                try:
                    if (await client.get(f"{self.url}/health")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@pytest.fixture
async def victoria(tmp_path: Path) -> AsyncGenerator[Victoria]:
    if shutil.which("victoria-metrics") is None:
        pytest.skip("victoria-metrics is not installed")
    server = Victoria(tmp_path / "victoria")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[Ledger]:
    opened = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}", CLOCK)
    yield opened
    await opened.close()


Open = Callable[..., LineStore]


@pytest.fixture
async def opened(victoria: Victoria, ledger: Ledger) -> AsyncGenerator[Open]:
    stores: list[LineStore] = []

    def make(hold_s: float = 0.0, *, gzip: bool = False) -> LineStore:
        target = Target(victoria.url, "-", "cardea", None, gzip, 5.0, hold_s, victoria.url)
        stores.append(LineStore(target, ledger, CLOCK, ENTROPY))
        return stores[-1]

    yield make
    for store in stores:
        await store.close()


def _gathering(store: LineStore, rows: list[tuple[str, int, float]]) -> Gathering:
    numbers = [store.catalogue.number("tower-1", name) for name, _, _ in rows]
    block = Block(
        np.array(numbers, np.int32),
        np.array([t_ms for _, t_ms, _ in rows], np.int64),
        np.array([value for *_, value in rows], np.float64),
    )
    gathering = Gathering()
    gathering.blocks.append(block)
    gathering.rows = len(block)
    return gathering


async def _values(victoria: Victoria, match: str) -> dict[tuple[str, str], dict[int, float]]:
    """Everything that VictoriaMetrics holds, by metric name and device."""
    async with httpx.AsyncClient() as client:
        await client.get(f"{victoria.url}/internal/force_flush")
        answer = await client.get(f"{victoria.url}/api/v1/export", params={"match[]": match})
    found: dict[tuple[str, str], dict[int, float]] = {}
    for line in answer.text.splitlines():
        said = json.loads(line)
        own = found.setdefault((said["metric"]["__name__"], said["metric"].get("device", "")), {})
        own.update(zip(said["timestamps"], said["values"], strict=True))
    return found


def _now_ms() -> int:
    return int(CLOCK.now().utc.timestamp() * 1000)


@pytest.mark.parametrize("compressed", [{"gzip": False}, {"gzip": True}])
async def test_victoria_metrics_gives_back_what_was_written(
    opened: Open, victoria: Victoria, compressed: dict[str, bool]
) -> None:
    store = opened(**compressed)
    begun_ms = _now_ms() - 600_000
    device = 'gate 1, hall="east"'
    rows = [
        (f"{name}/metric_{metric}_c", begun_ms + n * 1000, n + metric / 8 + 1e-9)
        for name in ("gate-1", device)
        for n in range(300)
        for metric in range(5)
    ]
    assert await store.commit(_gathering(store, rows)) == ()
    found = await _values(victoria, '{__name__=~"cardea_.*"}')
    expected: dict[tuple[str, str], dict[int, float]] = {}
    for name, t_ms, value in rows:
        where, _, metric = name.rpartition("/")
        expected.setdefault((f"cardea_{metric}", where), {})[t_ms] = value
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values)
    since = CLOCK.now().utc - dt.timedelta(seconds=620)
    points = await store.history("tower-1", "gate-1/metric_0_c", since, CLOCK.now().utc, 10)
    assert sum(point.count for point in points) == 300
    assert min(point.low for point in points) == pytest.approx(0.0, abs=1e-6)
    assert max(point.high for point in points) == pytest.approx(299.0, abs=1e-6)
    (newest,) = (one for one in store.latest(("tower-1",), "gate-1") if one.series.endswith("_0_c"))
    assert newest.value == pytest.approx(299.0)


async def test_kill_nine_of_victoria_metrics_loses_nothing_that_was_settled(
    opened: Open, victoria: Victoria
) -> None:
    """It forgets its last seconds although it answered 204: what is held is written again."""
    store = opened(hold_s=2.0)
    begun_ms = _now_ms() - 60_000
    first = _gathering(store, [("gate-1/t_c", begun_ms + n, float(n)) for n in range(1000)])
    second = _gathering(store, [("gate-1/t_c", begun_ms + n, float(n)) for n in range(1000, 2000)])
    await store.commit(first)
    settling = asyncio.create_task(store.settle(first, {}))
    await asyncio.sleep(0)
    await victoria.kill()
    with pytest.raises(SeriesDown):
        await store.commit(second)
    assert not settling.done()
    await victoria.start()
    await store.commit(second)
    await asyncio.wait_for(settling, 20)
    await store.settle(second, {})
    found = await _values(victoria, "cardea_t_c")
    assert found["cardea_t_c", "gate-1"] == {begun_ms + n: float(n) for n in range(2000)}


async def test_a_death_that_nobody_wrote_into_is_noticed_before_anything_is_settled(
    opened: Open, victoria: Victoria
) -> None:
    store = opened(hold_s=1.0)
    begun_ms = _now_ms() - 60_000
    only = _gathering(store, [("gate-1/t_c", begun_ms + n, float(n)) for n in range(500)])
    await store.commit(only)
    await victoria.kill()
    await victoria.start()
    await asyncio.wait_for(store.settle(only, {}), 20)
    found = await _values(victoria, "cardea_t_c")
    assert found["cardea_t_c", "gate-1"] == {begun_ms + n: float(n) for n in range(500)}
