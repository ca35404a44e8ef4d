"""What is new of a batch of telemetry and can be stored, as slices and masks of its columns."""

from dataclasses import dataclass, field

import numpy as np

from cardea.contract.batches import Ack, Lane
from cardea.contract.encoding import Undecodable, encode
from cardea.contract.ranges import Ranges, Span, merge, size, subtract
from cardea.contract.records import Reading
from cloud.ingest.catalogue import Catalogue
from cloud.ingest.columns import Numbers, Telemetry, Times, Values
from cloud.ingest.group import Counts, LaneKey
from cloud.ingest.rows import MILLISECONDS_MAX, SPANS_MAX, Overflowed, Poison


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Readings that are to be stored: series numbers of the catalogue, UTC in milliseconds, values."""

    series: Numbers
    t_ms: Times
    value: Values

    def __len__(self) -> int:
        return len(self.series)


NO_READINGS = Block(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass(frozen=True, slots=True)
class Taken:
    """What becomes of one batch. Every row of ``span`` is in ``stored`` once this is committed."""

    block: Block
    poison: tuple[Poison, ...]
    duplicates: int
    span: Span
    stored: Ranges


def take(batch: Telemetry, held: Ranges, catalogue: Catalogue) -> Taken | Overflowed:
    """The rows of ``batch`` that are not in ``held`` yet."""
    span = (batch.first, batch.last)
    fresh = subtract((span,), held)
    stored = merge(held, (span,)) if fresh else held
    if len(stored) > SPANS_MAX and len(stored) > len(held):
        return Overflowed(batch.gateway, Lane.TELEMETRY)
    numbers = [catalogue.number(batch.gateway, name) for name in batch.series] if fresh else []
    late = bool(fresh) and bool(batch.t_ms.max() > MILLISECONDS_MAX)
    if fresh == (span,) and not batch.bad and not late and None not in numbers:
        return Taken(Block(_lookup(numbers)[batch.s], batch.t_ms, batch.value), (), 0, span, stored)
    return _take_parts(batch, fresh, numbers, stored)


def _take_parts(batch: Telemetry, fresh: Ranges, numbers: list[int | None], stored: Ranges) -> Taken:
    """Some rows are stored already or cannot be."""
    wanted = np.zeros(len(batch.s), dtype=np.bool_)
    for first, last in fresh:
        wanted[first - batch.first : last - batch.first + 1] = True
    series = _lookup(numbers)[batch.s] if fresh else batch.s
    good = wanted & (series >= 0) & (batch.t_ms <= MILLISECONDS_MAX)
    for row in batch.bad:
        good[row] = False
    poison = tuple(_poison(batch, int(row), numbers) for row in np.flatnonzero(wanted & ~good))
    block = Block(series[good], batch.t_ms[good], batch.value[good])
    span = (batch.first, batch.last)
    return Taken(block, poison, len(batch.s) - size(fresh), span, stored)


def _lookup(numbers: list[int | None]) -> Numbers:
    return np.array([-1 if number is None else number for number in numbers], dtype=np.int32)


def _poison(batch: Telemetry, row: int, numbers: list[int | None]) -> Poison:
    body = batch.body(row)
    if isinstance(body, Reading):
        unnamed = numbers[int(batch.s[row])] is None
        reason = (
            "no name of a series, or one series too many" if unnamed else "t_ms lies beyond the year 9999"
        )
        body = Undecodable(encode(body), reason)
    return Poison(batch.gateway, Lane.TELEMETRY, batch.epoch, batch.first + row, body.reason, body.raw)


@dataclass(slots=True)
class Gathering:
    """Builds up from batches; stored in one go and acknowledged after it. ``settled`` of the lane stays."""

    blocks: list[Block] = field(default_factory=list[Block])
    poison: list[Poison] = field(default_factory=list[Poison])
    stored: dict[LaneKey, Ranges] = field(default_factory=dict[LaneKey, Ranges])
    """What is stored of each outbox that something new came from, once this is."""
    overflowed: set[str] = field(default_factory=set[str])
    """Gateways whose lane is full of gaps."""
    counts: Counts = field(default_factory=Counts)
    rows: int = 0
    _spans: dict[LaneKey, list[Span]] = field(default_factory=dict[LaneKey, list[Span]])

    def add(self, batch: Telemetry, held: Ranges, catalogue: Catalogue) -> Ranges:
        """Take what is new of a batch.

        Returns:
            What is held of its outbox from now on.
        """
        self.counts.received += len(batch.s)
        taken = take(batch, held, catalogue)
        if isinstance(taken, Overflowed):
            self.counts.refused += len(batch.s)
            self.overflowed.add(batch.gateway)
            return held
        key = (batch.gateway, Lane.TELEMETRY, batch.epoch)
        if len(taken.block):
            self.blocks.append(taken.block)
        self.poison.extend(taken.poison)
        self.counts.stored += len(taken.block)
        self.counts.poison += len(taken.poison)
        self.counts.duplicates += taken.duplicates
        self.rows += len(taken.block) + len(taken.poison)
        if taken.stored is not held:
            self.stored[key] = taken.stored
        self._spans.setdefault(key, []).append(taken.span)
        return taken.stored

    @property
    def empty(self) -> bool:
        """Whether nothing has arrived, not even what is stored already."""
        return not self._spans

    def block(self) -> Block:
        """All blocks as one."""
        if not self.blocks:
            return NO_READINGS
        return Block(
            np.concatenate([block.series for block in self.blocks]),
            np.concatenate([block.t_ms for block in self.blocks]),
            np.concatenate([block.value for block in self.blocks]),
        )

    def acks(self) -> tuple[tuple[str, Ack], ...]:
        """Gateway and acknowledgement; to be published when this is stored, never before (SAFETY.md R1)."""
        return tuple(
            (gateway, Ack(lane, epoch, merge(spans))) for (gateway, lane, epoch), spans in self._spans.items()
        )
