"""Minutes of series: how many readings, their sum, the lowest and the highest. Pure arithmetic on columns.

A minute may come in several parts, each from some of its readings; parts of the same minute add up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cloud.ingest.readings import Block

Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

MINUTE_MS = 60_000
_SHIFT = 32
"""Bits of a key for the minute: those since 1970 stay below 2³² beyond the year 9999."""


@dataclass(frozen=True, slots=True, eq=False)
class Partials:
    """Parts of minutes, sorted by ``key`` = series · 2³² + minute since 1970; each key once."""

    key: Integers
    count: Integers
    total: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.key)

    @property
    def series(self) -> Integers:
        """Series numbers."""
        return self.key >> _SHIFT

    @property
    def minute(self) -> Integers:
        """Minutes since 1970."""
        return self.key & ((1 << _SHIFT) - 1)

    def of(self, series: int) -> "Partials":
        """Those of one series."""
        first, last = np.searchsorted(self.key, [series << _SHIFT, (series + 1) << _SHIFT])
        part = slice(int(first), int(last))
        return Partials(self.key[part], self.count[part], self.total[part], self.low[part], self.high[part])


def of_readings(block: Block) -> Partials:
    """The parts that these readings make."""
    key = (block.series.astype(np.int64) << _SHIFT) | (block.t_ms // MINUTE_MS)
    return _added_up(key, np.ones(len(key), np.int64), block.value, block.value, block.value)


def of_columns(series: Integers, minute: Integers, count: Integers, *values: Floats) -> Partials:
    """Parts in columns, in any order; ``values`` are sum, lowest and highest."""
    total, low, high = values
    return _added_up((series.astype(np.int64) << _SHIFT) | minute, count, total, low, high)


def merge(parts: Iterable[Partials]) -> Partials:
    """Parts added up."""
    all_parts = list(parts)
    if len(all_parts) == 1:
        return all_parts[0]
    return _added_up(
        np.concatenate([part.key for part in all_parts]),
        np.concatenate([part.count for part in all_parts]),
        np.concatenate([part.total for part in all_parts]),
        np.concatenate([part.low for part in all_parts]),
        np.concatenate([part.high for part in all_parts]),
    )


def _added_up(key: Integers, count: Integers, total: Floats, low: Floats, high: Floats) -> Partials:
    if not len(key):
        return Partials(key, count, total, low, high)
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    return Partials(
        key[starts],
        np.add.reduceat(count[order], starts),
        np.add.reduceat(total[order], starts),
        np.minimum.reduceat(low[order], starts),
        np.maximum.reduceat(high[order], starts),
    )


NONE = _added_up(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))


class OpenMinutes:
    """Parts that are not on the disk yet. One thread adds; any number read a snapshot, :attr:`chunks`."""

    def __init__(self, begun: Partials = NONE) -> None:
        self.chunks: tuple[Partials, ...] = (begun,)

    def __len__(self) -> int:
        return sum(map(len, self.chunks))

    def add(self, block: Block) -> None:
        """Count readings in. Small chunks are added to their neighbours: work stays n·log n in all."""
        chunks = [*self.chunks, of_readings(block)]
        while len(chunks) > 1 and len(chunks[-2]) < 2 * len(chunks[-1]):
            chunks[-2:] = [merge(chunks[-2:])]
        self.chunks = tuple(chunks)

    def all(self) -> Partials:
        """Everything, added up."""
        return merge(self.chunks)


def of_series(chunks: Iterable[Partials], series: int) -> Iterator[Partials]:
    """What a snapshot holds of one series."""
    for chunk in chunks:
        yield chunk.of(series)
