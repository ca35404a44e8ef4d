"""Rows from the bus into the ledger and back as acknowledgements: rate, processor time, latency.

``python -m bench.ledger [--folder DIR]``: DIR should lie on the disk that counts. The broker is the one in
memory, so that what is measured is the aggregator: ingest, ledger with ``synchronous=FULL``, acknowledgement.
"""

import argparse
import asyncio
import datetime as dt
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.report import percentile, report
from cardea.contract.batches import Ack, Lane, RowBatch
from cardea.contract.encoding import ACK, encode
from cardea.contract.ranges import Ranges, merge, size
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    Authority,
    CredentialKind,
    DecisionRecord,
    Mode,
    Outcome,
    ScreeningState,
    Side,
    Subject,
)
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.topics import Leaf, topic
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.memory_bus import MemoryBroker, MemorySession
from cloud.aggregator import Aggregator
from cloud.ledger import Ledger
from cloud.series.embedded import EmbeddedStore
from cloud.settings import CloudSettings

GATEWAY = "g1"
EPOCH = "bench"
FLOODS = ((1, 6000), (50, 600))
"""Rows in a batch, batches; all sent as fast as they are taken, at most ``IN_FLIGHT`` unacknowledged."""
PACES = ((50, 4.0), (500, 4.0))
"""Single-row batches each second, seconds."""
IN_FLIGHT = 500


def decision(number: int) -> bytes:
    """One row as a gateway would send it."""
    at = WireTime(dt.datetime.now(dt.UTC), ClockQuality.SYNCHRONISED)
    return encode(
        DecisionRecord(
            f"{number:032x}",
            at,
            f"lobby-{number % 8}",
            Side.INGRESS,
            Outcome.GRANT,
            (Reason.GRANTED,),
            1,
            Mode.LIVE,
            Authority.GATEWAY,
            "gate-1",
            Subject("demo", "k1", f"{number % 200:064x}"),
            CredentialKind.FACE,
            ScreeningState.NORMAL,
            34.2,
            {"credential": 0.01, "screening": 0.4, "fire": 0.2},
            ("release_door", "show_message"),
        )
    )


def batch(first: int, rows: int) -> bytes:
    """A batch of the record lane."""
    raws = tuple(msgspec.Raw(decision(number)) for number in range(first, first + rows))
    return encode(RowBatch(Lane.RECORD, EPOCH, first, raws))


class Sender:
    """A gateway that sends and notes when what was acknowledged."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session
        self._sent_s: dict[int, float] = {}
        self._acked: Ranges = ()
        self._heard = asyncio.Event()
        self.latencies_s: list[float] = []

    async def listen(self) -> None:
        """Take acknowledgements in."""
        async for message in self._session.messages():
            ack = ACK.decode(message.payload)
            assert isinstance(ack, Ack)
            now_s = time.perf_counter()
            self.latencies_s += [now_s - self._sent_s.pop(seq) for seq in self._just_acked(ack)]
            self._acked = merge(self._acked, ack.ranges)
            self._heard.set()

    async def send(self, first: int, payload: bytes) -> None:
        """Send one batch, waiting while too many are under way."""
        while len(self._sent_s) >= IN_FLIGHT:
            self._heard.clear()
            await self._heard.wait()
        self._sent_s[first] = time.perf_counter()
        await self._session.publish(topic(GATEWAY, Leaf.LANE_RECORD), payload)

    async def done(self, rows: int) -> None:
        """Returns once that many rows are acknowledged."""
        while size(self._acked) < rows:
            self._heard.clear()
            await self._heard.wait()

    def _just_acked(self, ack: Ack) -> list[int]:
        return [seq for seq in self._sent_s if any(a <= seq <= b for a, b in ack.ranges)]


async def measure(
    folder: Path, payloads: Sequence[tuple[int, bytes]], rows: int, every_s: float
) -> dict[str, float]:
    """Send and wait; figures for the whole of it."""
    clock, entropy = SystemClock(), SystemEntropy()
    ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}", clock)
    broker = MemoryBroker(clock)
    key = Ed25519PrivateKey.generate()
    series = EmbeddedStore(folder / "series", clock)
    aggregator = Aggregator(_settings(), broker.bus("aggregator"), ledger, key, clock, entropy, series)
    await aggregator.start()
    session = await broker.bus(GATEWAY).connect()
    await session.subscribe(topic(GATEWAY, Leaf.ACK))
    sender = Sender(session)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(aggregator.run()), tasks.create_task(sender.listen())]
        await aggregator.ready.wait()
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for number, (first, payload) in enumerate(payloads):
            delay_s = wall_s + number * every_s - time.perf_counter()
            if delay_s > 0:
                await asyncio.sleep(delay_s)
            await sender.send(first, payload)
        await sender.done(rows)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        for task in running:
            task.cancel()
    await broker.close()
    await series.close()
    await ledger.close()
    return {
        "rows_per_s": rows / wall_s,
        "cpu_us_per_row": cpu_s / rows * 1e6,
        "ack_p50_ms": percentile(sender.latencies_s, 0.5) * 1e3,
        "ack_p99_ms": percentile(sender.latencies_s, 0.99) * 1e3,
    }


def _settings() -> CloudSettings:
    return CloudSettings.model_validate(
        {
            "cloud": {},
            "broker": {"host": "memory", "ca_file": "-", "cert_file": "-", "key_file": "-"},
            "keys": {"order_key_file": "-"},
            "organisations": {"o": {"name": "Bench"}},
            "sites": {"s": {"name": "Bench", "organisation": "o"}},
            "gateways": {GATEWAY: {"site": "s"}},
        }
    )


def main() -> None:
    """Measure all cases and report them."""
    parser = argparse.ArgumentParser(description="rows from the bus into the ledger and back")
    parser.add_argument("--folder", type=Path, default=None, help="where to put the ledger")
    where = parser.parse_args().folder
    table: list[dict[str, str | int | float]] = []
    cases = [(f"flood, {rows} in a batch", rows, count, 0.0) for rows, count in FLOODS]
    cases += [(f"{rate}/s, 1 in a batch", 1, int(rate * span_s), 1 / rate) for rate, span_s in PACES]
    for name, rows, count, every_s in cases:
        payloads = [(1 + n * rows, batch(1 + n * rows, rows)) for n in range(count)]
        with tempfile.TemporaryDirectory(dir=where) as folder:
            figures = asyncio.run(measure(Path(folder), payloads, rows * count, every_s))
        table.append({"case": name, "rows": rows * count, **figures})
    print(report("ledger", table))


if __name__ == "__main__":
    main()
