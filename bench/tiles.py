"""What a page asks while 40,000 readings a second come in: 24 hours of a series, the newest of a device.

A day of minutes of 40,000 series lies in the file, sorted hour by hour as the store leaves it. Run:
``python -m bench.tiles [seconds]``.
"""

import asyncio
import datetime as dt
import logging
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import structlog

from bench.report import percentile, report
from cardea.runtime.clock import SystemClock
from cloud.ingest.readings import Block, Gathering
from cloud.series.embedded import EmbeddedStore

SECONDS = 30
TOWERS, SERIES = 200, 200
HOURS = 24
COMMIT_S = 0.5
ASK_S = 0.05

CLOCK = SystemClock()

_HOUR = (
    "INSERT INTO minutes SELECT series, minute, 60, 60 * value, value - 1, value + 1 FROM (SELECT"
    " (n // 60)::INTEGER AS series, $first + n % 60 AS minute, 20 + (n * 7919 % 2500) / 100 AS value"
    " FROM range($rows) AS numbers(n))"
)


class FilledStore(EmbeddedStore):
    """A store that can be given a day at once."""

    async def fill(self, begun: dt.datetime) -> None:
        """A day of minutes, as they lie after their hourly sorting."""
        for tower in range(TOWERS):
            for n in range(SERIES):
                self.catalogue.number(f"tower-{tower}", f"dev-{n // 4}/metric_{n % 4}_c")
        await self.commit(gathering(0, len(self.catalogue), 0))
        await asyncio.to_thread(self._insert, int(begun.timestamp()) // 60)

    def _insert(self, first: int) -> None:
        root = self._writer.root
        assert root is not None
        cursor = root.cursor()
        cursor.execute(f"USE {self._writer.day.alias}")
        for hour in range(HOURS):
            cursor.execute(_HOUR, {"first": first + hour * 60, "rows": TOWERS * SERIES * 60})
        cursor.execute("CHECKPOINT")


ASKED_MS = {"24 h of a series in 288 stretches": 15.0, "newest of a device": 5.0}


def gathering(first: int, last: int, t_ms: int) -> Gathering:
    made = Gathering()
    series = np.arange(first, last, dtype=np.int32)
    made.blocks.append(Block(series, np.full(len(series), t_ms), np.round(20 + series % 977 / 100, 2)))
    made.rows = len(series)
    return made


async def ingest(store: EmbeddedStore, commits_s: list[float]) -> None:
    """Half of the series every half second."""
    half, begun_s, turn = TOWERS * SERIES // 2, time.perf_counter(), 0
    while True:
        at = turn % 2 * half
        before_s = time.perf_counter()
        await store.commit(gathering(at, at + half, int(time.time() * 1000)))
        commits_s.append(time.perf_counter() - before_s)
        turn += 1
        await asyncio.sleep(max(0.0, begun_s + turn * COMMIT_S - time.perf_counter()))


async def measure(folder: Path, seconds: int) -> list[dict[str, str | int | float]]:
    """Ask as many pages would."""
    store = FilledStore(folder / "series", CLOCK)
    await store.open()
    until = CLOCK.now().utc
    await store.fill(until - dt.timedelta(hours=HOURS))
    commits_s: list[float] = []
    writing = asyncio.create_task(ingest(store, commits_s))
    tiles_s: list[float] = []
    devices_s: list[float] = []
    towers_s: list[float] = []
    ends_s, number = time.perf_counter() + seconds, 0
    while time.perf_counter() < ends_s:
        number += 1
        tower, name = f"tower-{number * 37 % TOWERS}", f"dev-{number % 50}/metric_{number % 4}_c"
        begun_s = time.perf_counter()
        now = CLOCK.now().utc
        points = await store.history(tower, name, now - dt.timedelta(hours=HOURS), now, 288)
        tiles_s.append(time.perf_counter() - begun_s)
        assert len(points) >= 280, len(points)
        begun_s = time.perf_counter()
        assert len(store.latest((tower,), f"dev-{number % 50}")) == 4
        devices_s.append(time.perf_counter() - begun_s)
        begun_s = time.perf_counter()
        assert len(store.latest((tower,))) == SERIES
        towers_s.append(time.perf_counter() - begun_s)
        await asyncio.sleep(ASK_S)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await store.close()
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cases = {
        "24 h of a series in 288 stretches": tiles_s,
        "newest of a device": devices_s,
        "newest of a tower": towers_s,
        "commit of 20,000 readings": commits_s,
    }
    return [
        {
            "case": case,
            "times": len(took_s),
            "p50_ms": percentile(took_s, 0.5) * 1e3,
            "p50_ms_asked": ASKED_MS.get(case, 0.0),
            "p99_ms": percentile(took_s, 0.99) * 1e3,
            "rss_mb": rss_mb,
        }
        for case, took_s in cases.items()
    ]


def main() -> None:
    """Measure and report."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with TemporaryDirectory() as folder:
        report("tiles", asyncio.run(measure(Path(folder), seconds)))


if __name__ == "__main__":
    main()
