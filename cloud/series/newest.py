"""The newest reading of every series, in memory, by the series' number."""

import threading

import numpy as np

from cloud.ingest.readings import Block
from cloud.series.partials import Floats, Integers

_NEVER = -1


class Newest:
    """Written in the store's thread, read in any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._t_ms: Integers = np.full(1024, _NEVER, np.int64)
        self._value: Floats = np.zeros(1024)

    def take(self, block: Block) -> None:
        """Keep what is newer; of two readings of the same moment the later row."""
        if not len(block):
            return
        series, t_ms, value = block.series, block.t_ms, block.value
        if (t_ms[1:] < t_ms[:-1]).any():
            order = np.argsort(t_ms, kind="stable")
            series, t_ms, value = series[order], t_ms[order], value[order]
        with self._lock:
            self._grow(int(series.max()) + 1)
            newer = t_ms >= self._t_ms[series]
            self._t_ms[series[newer]] = t_ms[newer]
            self._value[series[newer]] = value[newer]

    def of(self, series: int) -> tuple[int, float] | None:
        """UTC in milliseconds, and the value; ``None`` when there is none."""
        with self._lock:
            if series >= len(self._t_ms) or self._t_ms[series] == _NEVER:
                return None
            return int(self._t_ms[series]), float(self._value[series])

    def block(self) -> Block:
        """Everything, by series number."""
        with self._lock:
            known = np.flatnonzero(self._t_ms != _NEVER)
            return Block(known.astype(np.int32), self._t_ms[known], self._value[known])

    def _grow(self, wanted: int) -> None:
        missing = wanted - len(self._t_ms)
        if missing > 0:
            more = max(missing, len(self._t_ms))
            self._t_ms = np.concatenate((self._t_ms, np.full(more, _NEVER, np.int64)))
            self._value = np.concatenate((self._value, np.zeros(more)))
