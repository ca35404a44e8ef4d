"""Numbers by exception: a series is written when it has moved, not too often, and now and then anyway."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.records import Reading
from cardea.runtime.clock import Clock
from cardea.runtime.disk import StoreFailed, StoreFull
from cardea.runtime.logs import get_logger
from edge.outbox import RowRefused
from edge.recorder import Appends

FLUSH_S = 1.0
WAITING_MAX = 2000
SERIES_MAX = 4096
_LOG = get_logger("telemetry")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByException:
    """When a series is worth a row."""

    deadband: float = 0.0
    """A change up to this is none, in the series' own unit."""
    interval_s_min: float = 0.0
    heartbeat_s: float = 60.0


EVERY = ByException(heartbeat_s=math.inf)
"""Measurements of people: each is its own fact."""


class Telemetry:
    """Collects numbers and hands them to the telemetry lane. Losing one costs a point in a curve, no more."""

    def __init__(self, clock: Clock, rules: Mapping[str, ByException]) -> None:
        self._clock = clock
        self._rules = rules
        self._last: dict[str, tuple[float, float]] = {}
        self._waiting: deque[Reading] = deque(maxlen=WAITING_MAX)
        self._store: Appends | None = None
        self.dropped = 0
        """Readings that found no room."""

    def attach(self, store: Appends) -> None:
        """The outbox is open."""
        self._store = store

    def report(self, series: str, value: float) -> None:
        """Take a number in; ``series`` ends in a metric name with its unit."""
        now = self._clock.now()
        if not math.isfinite(value) or not self._worth_a_row(series, value, now.mono_s):
            return
        self._last[series] = (value, now.mono_s)
        self.dropped += len(self._waiting) == WAITING_MAX
        self._waiting.append(Reading(series, int(now.utc.timestamp() * 1000), float(value)))

    async def run(self) -> None:
        """Write what has been collected, until cancelled."""
        while True:
            await self._clock.sleep(FLUSH_S)
            if self._store is None or not self._waiting:
                continue
            readings = [encode(reading) for reading in self._waiting]
            self._waiting.clear()
            try:
                for at in range(0, len(readings), 500):
                    await self._store.append(Lane.TELEMETRY, *readings[at : at + 500])
            except (StoreFull, RowRefused) as error:
                self.dropped += len(readings)
                _LOG.debug("telemetry_dropped", rows=len(readings), reason=str(error))
            except StoreFailed:
                return  # the outbox's own watch ends the process

    def _worth_a_row(self, series: str, value: float, now_s: float) -> bool:
        rule = self._rules.get(series.rpartition("/")[2], ByException())
        last = self._last.get(series)
        if last is None:
            return len(self._last) < SERIES_MAX
        if rule is EVERY:
            return True
        moved, age_s = abs(value - last[0]) > rule.deadband, now_s - last[1]
        return age_s >= rule.heartbeat_s or (moved and age_s >= rule.interval_s_min)
