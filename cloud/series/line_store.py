"""Time series in a store that takes line protocol: at least once, and idempotent by series and time.

Such a store may lose its last seconds when it dies (VictoriaMetrics: 7, after it answered 204). So what was
written is held here for ``hold_s`` before it is settled, and written again when the connection to the store
has been made anew meanwhile: then the store may have had another life.
"""

import asyncio
import datetime as dt
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection

from cardea.contract.batches import Lane
from cardea.contract.ranges import Ranges
from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock, Entropy
from cloud.ingest.catalogue import Catalogue
from cloud.ingest.group import LaneKey
from cloud.ingest.readings import Gathering
from cloud.ingest.rows import Poison
from cloud.ledger import Ledger
from cloud.ledger.writer import keep_ranges, telemetry_ranges
from cloud.series.latest import latest_of
from cloud.series.line_client import LINES_MAX, LineClient, LinesRefused, Target, Unwritten
from cloud.series.lines import LineEncoder
from cloud.series.newest import Newest
from cloud.series.prometheus import PrometheusHistory
from cloud.series.store import HistoryUnavailable, Latest, Point, SeriesDown

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _Written:
    """Lines that the store may still lose, and when they were last written (monotonic)."""

    lines: tuple[str, ...]
    at_s: float


class LineStore:
    """A :class:`~cloud.series.store.SeriesStore` over HTTP; which rows are stored stands in the ledger."""

    def __init__(self, target: Target, ledger: Ledger, clock: Clock, entropy: Entropy) -> None:
        self._target = target
        self._ledger = ledger
        self._clock = clock
        self._backoff = Backoff(clock, entropy)
        self._client = LineClient(target)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="series-writer")
        self._history = None if target.query_url is None else PrometheusHistory(target.query_url)
        self._held: deque[_Written] = deque()
        self._connects: int = 0
        self._newest = Newest()
        self.catalogue = Catalogue()
        self._encoder = LineEncoder(self.catalogue)

    async def open(self) -> Mapping[LaneKey, Ranges]:
        """What the ledger says. The store itself may be down: the lane waits for it."""
        return await self._ledger.read(telemetry_ranges)

    async def commit(self, gathering: Gathering) -> tuple[Poison, ...]:
        """Written and answered with 204; see :class:`~cloud.series.store.SeriesStore`."""
        block = gathering.block()
        try:
            encoded = await self._in_thread(self._encoder.encode, block)
            refused = await self._in_thread(self._write_and_hold, encoded.lines, encoded.series)
        except Unwritten as error:
            raise SeriesDown(str(error)) from error
        self._newest.take(block)
        unnamed = (
            (self.catalogue.named(number), f"series={number} {value!r} {t_ms}", "line protocol cannot say it")
            for number, t_ms, value in zip(
                encoded.refused.series.tolist(),
                encoded.refused.t_ms.tolist(),
                encoded.refused.value.tolist(),
                strict=True,
            )
        )
        return (
            tuple(_poison(gateway, f"{name} {text}", why) for (gateway, name), text, why in unnamed) + refused
        )

    async def settle(self, gathering: Gathering, before: Mapping[LaneKey, Ranges]) -> None:
        """Waits ``hold_s`` from the last writing, then keeps the ranges in the ledger."""
        written = self._held[0]
        while True:
            wait_s = written.at_s + self._target.hold_s - self._clock.monotonic_s()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
                continue
            try:
                if await self._in_thread(self._still_alive):
                    break
            except Unwritten:
                await self._backoff.wait()
        self._backoff.reset()
        self._held.popleft()
        if gathering.stored:
            await self._ledger.write(_keep_all, gathering.stored, before)

    def latest(self, gateways: Collection[str], device: str | None = None) -> tuple[Latest, ...]:
        """From memory: what has been written since the start of this process."""
        return latest_of(self.catalogue, self._newest, gateways, device)

    async def history(
        self, gateway: str, series: str, since: dt.datetime, until: dt.datetime, points_max: int
    ) -> tuple[Point, ...]:
        """Asked of the Prometheus API at ``query_url``."""
        if self._history is None:
            raise HistoryUnavailable("history is in the series store: set [series] query_url to see it here")
        return await self._history.ask((gateway, series), since, until, points_max)

    async def close(self) -> None:
        """What is held is not settled: it comes again."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        await asyncio.get_running_loop().run_in_executor(None, self._client.close)
        if self._history is not None:
            await self._history.close()

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))
        return await asyncio.shield(running)

    # --- In the writing thread ----------------------------------------------------------------------

    def _write_and_hold(self, lines: tuple[str, ...], series: Sequence[int]) -> tuple[Poison, ...]:
        refused = [
            _poison(self.catalogue.named(series[number])[0], lines[number], why)
            for start in range(0, len(lines), LINES_MAX)
            for number, why in self._write(lines, start, min(start + LINES_MAX, len(lines)))
        ]
        self._write_again_if_anew()
        self._held.append(_Written(lines, self._clock.monotonic_s()))
        return tuple(refused)

    def _still_alive(self) -> bool:
        """Whether the store has lived on since everything that is held was written."""
        self._client.touch()
        return not self._write_again_if_anew()

    def _write_again_if_anew(self) -> bool:
        """Write what is held once more when the connection is another one than before; whether it was."""
        if self._client.connects == self._connects:
            return False
        while self._client.connects != self._connects:
            connects = self._client.connects
            for written in tuple(self._held):
                for start in range(0, len(written.lines), LINES_MAX):
                    for _ in self._write(written.lines, start, min(start + LINES_MAX, len(written.lines))):
                        pass  # refused once already, and in quarantine
                written.at_s = self._clock.monotonic_s()
            self._connects = connects
        return True

    def _write(self, lines: tuple[str, ...], start: int, end: int) -> Iterator[tuple[int, str]]:
        """Write lines ``start`` … ``end`` − 1; yields those that it refuses, and why, one by one."""
        if start == end:
            return
        try:
            self._client.write(lines[start:end])
        except LinesRefused as error:
            if end - start == 1:
                yield start, str(error)
            else:
                middle = (start + end) // 2
                yield from self._write(lines, start, middle)
                yield from self._write(lines, middle, end)


def _keep_all(
    connection: Connection, stored: Mapping[LaneKey, Ranges], before: Mapping[LaneKey, Ranges]
) -> None:
    for key, after in stored.items():
        keep_ranges(connection, key, before.get(key, ()), after)


def _poison(gateway: str, line: str, why: str) -> Poison:
    raw = line.encode()
    return Poison(gateway, Lane.TELEMETRY, "", zlib.crc32(raw), why, raw)
