"""The outbox: append to durable, and append to acknowledged through a real broker and aggregator.

Run: ``python -m bench.outbox [seconds]``. Prints two tables and writes
``bench/results/outbox.json`` and ``acknowledged.json``.
CPU is this process's: outbox and uplink; broker and aggregator are processes of their own.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import percentile, report
from bench.rig import processes_only
from cardea.contract.batches import Ack, Lane
from cardea.contract.encoding import encode
from cardea.contract.reasons import Reason
from cardea.contract.records import Authority, DecisionRecord, Mode, Outcome, Reading, Side
from cardea.contract.time import wire_time
from cardea.contract.topics import Leaf
from cardea.runtime.bus import Message
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import SystemDisk
from cardea.runtime.loop import run
from cardea.runtime.mqtt import Broker, MqttBus
from edge.outbox import Outbox
from edge.uplink import Uplink

CLOCK, ENTROPY = SystemClock(), SystemEntropy()
GATEWAY = "tower-1"
Row = dict[str, str | int | float]
ASKED: dict[int, Row] = {rate: {"p50_ms_asked": 6.0, "p99_ms_asked": 30.0} for rate in (50, 500)}
NOTHING_ASKED: Row = {"p50_ms_asked": "", "p99_ms_asked": ""}
Append = Callable[[], Awaitable[object]]


def body() -> bytes:
    record = DecisionRecord(
        id=ENTROPY.new_id(),
        at=wire_time(CLOCK.now()),
        portal="lobby-a",
        side=Side.INGRESS,
        outcome=Outcome.GRANT,
        reasons=(Reason.GRANTED,),
        policy_version=1,
        mode=Mode.LIVE,
        authority=Authority.GATEWAY,
        device="gate-1",
        input_age_s={"credential": 0.01, "screening": 0.2, "fire": 0.5},
        effects=("ReleaseDoor", "ShowMessage"),
    )
    return encode(record)


def reading() -> bytes:
    return encode(Reading("gate-1/surface_temp_c", int(time.time() * 1000), 36.5))


async def paced(append: Append, rate: int, seconds: float) -> tuple[list[float], float]:
    """Call ``append`` ``rate`` times a second without waiting for answers; returns waits and CPU seconds."""
    waits_s: list[float] = []

    async def one() -> None:
        begun_s = time.perf_counter()
        await append()
        waits_s.append(time.perf_counter() - begun_s)

    cpu_s, begun_s = time.process_time(), time.perf_counter()
    tasks: list[asyncio.Task[None]] = []
    for n in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun_s + n / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    return waits_s, time.process_time() - cpu_s


def row(case: str, rows: int, wall_s: float, cpu_s: float, waits_s: list[float]) -> Row:
    return {
        "case": case,
        "rows_per_s": rows / wall_s,
        "p50_ms": percentile(waits_s, 0.50) * 1e3,
        "p99_ms": percentile(waits_s, 0.99) * 1e3,
        "cpu_us_per_row": cpu_s / rows * 1e6,
    }


async def appending(folder: Path, seconds: float) -> list[Row]:
    outbox = await Outbox.open(SystemDisk(folder), CLOCK, ENTROPY)
    found: list[Row] = []
    for rate in (50, 500, 5000):
        begun_s = time.perf_counter()
        waits_s, cpu_s = await paced(lambda: outbox.append(Lane.RECORD, body()), rate, seconds)
        wall_s = time.perf_counter() - begun_s
        found.append(row(f"append, {rate}/s", len(waits_s), wall_s, cpu_s, waits_s))
    found.append(await crowded(outbox, Lane.RECORD, "append, 100 writers", writers=100, batch=1))
    found.append(await crowded(outbox, Lane.RECORD, "append, 20 in a batch", writers=20, batch=20))
    found.append(
        await crowded(outbox, Lane.TELEMETRY, "append telemetry, 20 in a batch", writers=20, batch=20)
    )
    await outbox.close()
    return found


async def crowded(outbox: Outbox, lane: Lane, case: str, *, writers: int, batch: int) -> Row:
    """As fast as it goes, each writer waiting for its own answers."""
    made = [reading() if lane is Lane.TELEMETRY else body() for _ in range(batch)]
    waits_s: list[float] = []
    rounds = 20_000 // (writers * batch)

    async def write() -> None:
        for _ in range(rounds):
            begun_s = time.perf_counter()
            await outbox.append(lane, *made)
            waits_s.append(time.perf_counter() - begun_s)

    cpu_s, begun_s = time.process_time(), time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    wall_s = time.perf_counter() - begun_s
    return row(case, rounds * writers * batch, wall_s, time.process_time() - cpu_s, waits_s)


async def acknowledged(folder: Path, seconds: float) -> list[Row]:
    """From append to the arrival of the aggregator's word that the row is stored."""
    outbox = await Outbox.open(SystemDisk(folder / "outbox"), CLOCK, ENTROPY)
    uplink = Uplink(
        GATEWAY,
        outbox,
        CLOCK,
        ENTROPY,
        version="bench",
        policy_version=lambda: 1,
        receive=_ignore,
    )
    stored: dict[int, asyncio.Event] = {}
    forget = outbox.forget

    async def tell_and_forget(ack: Ack) -> int:
        for first, last in ack.ranges:
            for seq in range(first, last + 1):
                stored.setdefault(seq, asyncio.Event()).set()
        return await forget(ack)

    outbox.forget = tell_and_forget

    async def append_and_wait() -> None:
        (seq,) = await outbox.append(Lane.RECORD, body())
        await stored.setdefault(seq, asyncio.Event()).wait()

    found: list[Row] = []
    async with processes_only(folder, ("broker", "cloud")) as rig:
        pki = folder / "gateway" / "pki"
        files = (pki / "ca.crt", pki / f"{GATEWAY}.crt", pki / f"{GATEWAY}.key")
        bus = MqttBus(Broker("127.0.0.1", rig.broker_port, *files), GATEWAY)
        sending = asyncio.create_task(uplink.run(bus))
        await append_and_wait()
        for rate in (50, 500, 5000):
            begun_s = time.perf_counter()
            waits_s, cpu_s = await paced(append_and_wait, rate, seconds)
            wall_s = time.perf_counter() - begun_s
            measured = row(f"{rate} rows/s", len(waits_s), wall_s, cpu_s, waits_s)
            found.append({**measured, **ASKED.get(rate, NOTHING_ASKED)})
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    await outbox.close()
    return found


def _ignore(_leaf: Leaf, _message: Message) -> None:
    """Nothing comes down that this benchmark needs."""


async def measure(folder: Path, seconds: float) -> None:
    report("outbox", await appending(folder / "alone", seconds))
    report("acknowledged", await acknowledged(folder, seconds))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with TemporaryDirectory() as folder:
        run(measure(Path(folder), seconds))


if __name__ == "__main__":
    main()
