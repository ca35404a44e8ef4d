"""A batch of telemetry as it arrives, in columns: no object for a single reading on the good way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cardea.contract.batches import Columns
from cardea.contract.encoding import Undecodable
from cardea.contract.records import Reading

Numbers: TypeAlias = NDArray[np.int32]
Times: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.float64]

_NOTHING_BAD: Mapping[int, Undecodable] = MappingProxyType({})


def _nothing_bad() -> Mapping[int, Undecodable]:
    return _NOTHING_BAD


@dataclass(frozen=True, slots=True, eq=False)
class Telemetry:
    """Rows ``first, first + 1, …`` of the telemetry lane: row ``i`` is ``series[s[i]]`` at ``t_ms[i]``.

    Rows in ``bad`` could not be read; their places in the columns mean nothing.
    """

    gateway: str
    epoch: str
    first: int
    series: tuple[str, ...]
    s: Numbers
    t_ms: Times
    value: Values
    bad: Mapping[int, Undecodable] = field(default_factory=_nothing_bad)

    @property
    def last(self) -> int:
        """The sequence number of the last row."""
        return self.first + len(self.s) - 1

    def body(self, row: int) -> Reading | Undecodable:
        """One row by itself."""
        if row in self.bad:
            return self.bad[row]
        return Reading(self.series[int(self.s[row])], int(self.t_ms[row]), float(self.value[row]))


def in_columns(columns: Columns) -> tuple[Numbers, Times, Values]:
    """The columns as arrays.

    Raises:
        ValueError: columns of different lengths, or a series index that names nothing.
    """
    if not len(columns.s) == len(columns.t_ms) == len(columns.value):
        raise ValueError("telemetry columns of different lengths")
    if columns.s and max(columns.s) >= len(columns.series):
        raise ValueError("telemetry column 's' names a series that is not listed")
    return (
        np.array(columns.s, dtype=np.int32),
        np.array(columns.t_ms, dtype=np.int64),
        np.array(columns.value, dtype=np.float64),
    )


def one_by_one(
    bodies: tuple[Reading | Undecodable, ...],
) -> tuple[tuple[str, ...], Numbers, Times, Values, Mapping[int, Undecodable]]:
    """What could be saved of a broken batch, in columns."""
    index: dict[str, int] = {}
    bad = {row: body for row, body in enumerate(bodies) if isinstance(body, Undecodable)}
    good = [Reading("", 0, 0.0) if isinstance(body, Undecodable) else body for body in bodies]
    s = [index.setdefault(reading.series, len(index)) for reading in good]
    return (
        tuple(index),
        np.array(s, dtype=np.int32),
        np.array([reading.t_ms for reading in good], dtype=np.int64),
        np.array([reading.value for reading in good], dtype=np.float64),
        bad,
    )
