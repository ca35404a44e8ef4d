"""From a delivery to rows: what is new, what of it can be read, and what is then stored."""

from dataclasses import dataclass

from cardea.contract.batches import Lane
from cardea.contract.encoding import ROW, Undecodable
from cardea.contract.ranges import Ranges, Span, merge, size, subtract
from cardea.contract.records import Alert, Record
from cloud.ingest.arrivals import Body, Delivery

SPANS_MAX = 10_000
"""Separate stored ranges of one lane at the most; rows that would open another wait until gaps close."""
MILLISECONDS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is to be stored. (gateway, lane, epoch, seq) is its identity (SAFETY.md R2)."""

    gateway: str
    lane: Lane
    epoch: str
    epoch_number: int
    seq: int
    body: Record | Alert


@dataclass(frozen=True, slots=True)
class Poison:
    """What could not be read or stored, kept raw. ``channel`` is a lane; or any topic leaf for a message that
    names no rows, which has no epoch and its checksum as ``seq``, so that the same one is kept once.
    """

    gateway: str
    channel: str
    epoch: str
    seq: int
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """What becomes of one delivery. Every row of ``span`` is in ``stored`` once this is committed."""

    rows: tuple[Row, ...]
    poison: tuple[Poison, ...]
    duplicates: int
    span: Span
    stored: Ranges


@dataclass(frozen=True, slots=True)
class Overflowed:
    """The lane has too many gaps: nothing is taken or acknowledged until some close."""

    gateway: str
    lane: Lane


def take(delivery: Delivery, epoch_number: int, held: Ranges) -> Taken | Overflowed:
    """The rows of ``delivery`` that are not in ``held`` yet."""
    span = (delivery.first, delivery.last)
    fresh = subtract((span,), held)
    stored = merge(held, (span,)) if fresh else held
    if len(stored) > SPANS_MAX and len(stored) > len(held):
        return Overflowed(delivery.gateway, delivery.lane)
    rows: list[Row] = []
    poison: list[Poison] = []
    for first, last in fresh:
        for seq in range(first, last + 1):
            body = _read(delivery.lane, delivery.bodies[seq - delivery.first])
            if isinstance(body, Undecodable):
                poison.append(
                    Poison(delivery.gateway, delivery.lane, delivery.epoch, seq, body.reason, body.raw)
                )
            else:
                rows.append(Row(delivery.gateway, delivery.lane, delivery.epoch, epoch_number, seq, body))
    return Taken(tuple(rows), tuple(poison), len(delivery.bodies) - size(fresh), span, stored)


def _read(lane: Lane, body: Body) -> Record | Alert | Undecodable:
    return body if isinstance(body, Undecodable) else ROW[lane].decode(body)
