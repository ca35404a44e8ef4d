"""From a credential at a terminal's socket to the release received by it, and on to a row in the ledger.

    python -m bench.passages [--seconds 60]

Three runs on real processes, disk writes FULL: 20 passages/s over 8 portals; the same with 20 ms added to
every fsync of broker, aggregator and gateway; and as many passages as the way to the ledger sustains.
Beside them stands a physical limit: one fdatasync of 4 KiB on this disk.
"""

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from bench.report import percentile, report
from bench.rig import PEOPLE, Rig, card, tower

PORTALS = 8
RATE = 20.0
FLOOD_PORTALS = 24

Row = dict[str, str | int | float]


async def paced(rig: Rig, seconds: float) -> list[float]:
    """Passages at ``RATE`` per second, portal after portal; returns how long each waited, ms."""
    waits_ms: list[float] = []

    async def one(number: int) -> None:
        terminal = rig.terminals[number % PORTALS]
        verdict = await terminal.present(card=card(number % PEOPLE))
        assert verdict.granted, verdict
        waits_ms.append(verdict.waited_s * 1000)

    running: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(int(seconds * RATE)):
        await asyncio.sleep(max(0.0, began + number / RATE - loop.time()))
        running.add(asyncio.create_task(one(number)))
    await asyncio.gather(*running)
    return waits_ms


async def flood(rig: Rig, seconds: float) -> tuple[int, int]:
    """Every portal serves one person after another; returns how many were decided, and how many let in.

    Not let in are those for whom the disk stalled beyond 150 ms: the degrade policy sends them to staff.
    """
    until = asyncio.get_running_loop().time() + seconds
    counts = [0] * len(rig.terminals)
    granted = 0

    async def portal(number: int) -> None:
        nonlocal granted
        while asyncio.get_running_loop().time() < until:
            person = (number + len(rig.terminals) * counts[number]) % PEOPLE
            verdict = await rig.terminals[number].present(card=card(person))
            counts[number] += 1
            granted += verdict.granted

    await asyncio.gather(*(portal(n) for n in range(len(rig.terminals))))
    return sum(counts), granted


def stored(rig: Rig) -> int:
    with sqlite3.connect(f"file:{rig.ledger}?mode=ro", uri=True) as ledger:
        return int(ledger.execute("SELECT count(*) FROM decisions").fetchone()[0])


async def all_stored(rig: Rig, wanted: int) -> None:
    async with asyncio.timeout(60):
        while stored(rig) < wanted:  # noqa: ASYNC110  # another process writes the file; there is no event
            await asyncio.sleep(0.05)


def fdatasync_ms() -> tuple[float, float]:
    with tempfile.NamedTemporaryFile() as file:
        times = []
        for _ in range(300):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return percentile(times, 0.5), percentile(times, 0.99)


def cpu_s(rig: Rig) -> dict[str, float]:
    """Processor time of each process with its children (the broker's is Mosquitto)."""
    tick = os.sysconf("SC_CLK_TCK")
    used: dict[str, float] = {}
    for name, process in rig.processes.items():
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        used[name] = 0.0
        for pid in (str(process.pid), *children):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            used[name] += (int(fields[11]) + int(fields[12])) / tick
    return used


async def latency(seconds: float, fsync_ms: float, p50_max: float | str, p99_max: float) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        async with tower(Path(folder), PORTALS, fsync_ms=fsync_ms) as rig:
            await paced(rig, 5.0)
            waits = await paced(rig, seconds)
    return {
        "run": f"{RATE:.0f}/s over {PORTALS} portals" + (f", fsync + {fsync_ms:.0f} ms" if fsync_ms else ""),
        "passages": len(waits),
        "p50_ms": percentile(waits, 0.5),
        "p99_ms": percentile(waits, 0.99),
        "max_ms": max(waits),
        "p50_ms_asked": p50_max,
        "p99_ms_asked": p99_max,
    }


async def throughput(seconds: float) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with tower(Path(folder), FLOOD_PORTALS) as rig:
            await flood(rig, 3.0)
            await asyncio.sleep(1.0)
            before, cpu_before = stored(rig), cpu_s(rig)
            began = time.perf_counter()
            own = time.process_time()
            passed, granted = await flood(rig, seconds)
            await all_stored(rig, before + passed)
            took = time.perf_counter() - began
            own = time.process_time() - own
            cpu = {name: after - cpu_before[name] for name, after in cpu_s(rig).items()}
    row: Row = {
        "run": f"{FLOOD_PORTALS} portals, as fast as it goes",
        "passages": passed,
        "granted": granted,
        "per_s": passed / took,
    }
    row |= {"per_s_asked": 500}
    row |= {f"{name}_cpu_ms_each": 1000 * used / passed for name, used in cpu.items()}
    return [{**row, "terminals_cpu_ms_each": 1000 * own / passed}]


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=["latency", "slow", "flood"])
    arguments = parser.parse_args()
    median, high = fdatasync_ms()
    print(f"one fdatasync of 4 KiB here: p50 {median:.2f} ms, p99 {high:.2f} ms")
    rows: list[Row] = []
    if arguments.only in {None, "latency"}:
        rows.append(await latency(arguments.seconds, 0.0, 15.0, 50.0))
    if arguments.only in {None, "slow"}:
        rows.append(await latency(arguments.seconds, 20.0, "-", 150.0))
    if rows:
        report("release", rows)
    if arguments.only in {None, "flood"}:
        report("throughput", await throughput(arguments.seconds / 3))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
