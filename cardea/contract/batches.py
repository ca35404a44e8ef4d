"""Lanes, batches of rows, and acknowledgements of stored ranges.

Row identity = (gateway, lane, epoch, seq) (SAFETY.md R2). ``seq`` counts from 1 in each lane of an epoch.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from cardea.contract.records import Count, Reading
from cardea.contract.time import INTEGER_MAX

Seq = Annotated[int, msgspec.Meta(ge=1, le=INTEGER_MAX)]
Range = tuple[Seq, Seq]
"""First and last sequence number, both included."""

ROWS_MAX = 1000
"""Rows in one batch at the most."""
BATCH_BYTES_MAX = 512 * 1024
"""Encoded bytes of one batch at the most; the broker refuses 1 MiB (MESSAGING.md)."""


class Lane(StrEnum):
    """A sequence of rows with one priority; members stand in the order of priority."""

    ALERT = "alert"
    RECORD = "record"
    TELEMETRY = "telemetry"


class RowBatch(msgspec.Struct, frozen=True):
    """Rows ``first, first + 1, …`` of the alert or record lane, each as its own JSON text."""

    lane: Lane
    epoch: str
    first: Seq
    rows: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]


class Columns(msgspec.Struct, frozen=True):
    """Readings in columns: ``series[s[i]]`` had ``value[i]`` at ``t_ms[i]``."""

    series: tuple[str, ...]
    s: tuple[Count, ...]
    t_ms: tuple[Count, ...]
    value: tuple[float, ...]


class TelemetryBatch(msgspec.Struct, frozen=True):
    """Rows ``first, first + 1, …`` of the telemetry lane."""

    lane: Lane
    epoch: str
    first: Seq
    columns: Columns


class Ack(msgspec.Struct, frozen=True):
    """These rows are stored: the gateway deletes exactly them, and only on this."""

    lane: Lane
    epoch: str
    ranges: tuple[Range, ...]


def to_columns(readings: tuple[Reading, ...]) -> Columns:
    """Readings as columns, series named once each, in order of first appearance."""
    index: dict[str, int] = {}
    s = tuple(index.setdefault(r.series, len(index)) for r in readings)
    return Columns(tuple(index), s, tuple(r.t_ms for r in readings), tuple(r.value for r in readings))


def from_columns(columns: Columns) -> tuple[Reading, ...]:
    """The readings again.

    Raises:
        ValueError: columns of different lengths, or a series index that names nothing.
    """
    if any(not 0 <= i < len(columns.series) for i in columns.s):
        raise ValueError("telemetry column 's' names a series that is not listed")
    rows = zip(columns.s, columns.t_ms, columns.value, strict=True)
    return tuple(Reading(columns.series[i], t, v) for i, t, v in rows)
