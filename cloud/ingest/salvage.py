"""Saving what can be read of a batch that cannot be decoded as a whole, so that one row never stops a lane.

Rows are read one after another up to the first that is no JSON. It is kept with everything behind it, and
acknowledged by its own number only: what follows it comes again, one row further on.
"""

import json
import re
from typing import NamedTuple

import msgspec

from cardea.contract.batches import ROWS_MAX, Lane, Seq
from cardea.contract.encoding import READING, Codec, Undecodable
from cardea.contract.records import Reading


class Header(NamedTuple):
    """What a batch says of its rows."""

    lane: Lane
    epoch: str
    first: int


class _Columns(msgspec.Struct, frozen=True):
    series: tuple[msgspec.Raw, ...]
    s: tuple[msgspec.Raw, ...]
    t_ms: tuple[msgspec.Raw, ...]
    value: tuple[msgspec.Raw, ...]


class _Batch(msgspec.Struct, frozen=True):
    lane: Lane
    epoch: str
    first: Seq
    columns: _Columns


_LOOSE = Codec[_Batch](_Batch)
_HEAD = re.compile(
    rb'\{\s*"lane"\s*:\s*"(alert|record)"\s*,\s*"epoch"\s*:\s*"([0-9A-Za-z._-]{1,64})"\s*,'
    rb'\s*"first"\s*:\s*([1-9][0-9]{0,15})\s*,\s*"rows"\s*:\s*\[\s*(?!\])'
)
_JSON = json.JSONDecoder()


def rows(payload: bytes, reason: str) -> tuple[Header, tuple[bytes | Undecodable, ...]] | None:
    """The readable rows at the front of a row batch, and the poison behind; ``None``: no header, no rows."""
    head = _HEAD.match(payload)
    if head is None:
        return None
    header = Header(Lane(head[1].decode()), head[2].decode(), int(head[3]))
    text = payload[head.end() :].decode("latin-1")  # a character is a byte: positions stay true
    bodies: list[bytes | Undecodable] = []
    at = 0
    while len(bodies) < ROWS_MAX:
        end = _end_of_row(text, at)
        if end is None:
            bodies.append(Undecodable(text[at:].encode("latin-1"), reason))
            break
        bodies.append(text[at:end].encode("latin-1"))
        separator = _SEPARATOR.match(text, end)
        if separator is None:
            break
        at = separator.end()
    return header, tuple(bodies)


_SEPARATOR = re.compile(r"\s*,\s*")


def _end_of_row(text: str, at: int) -> int | None:
    try:
        return _JSON.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return None


def readings(payload: bytes, reason: str) -> tuple[Header, tuple[Reading | Undecodable, ...]] | None:
    """Each reading of a telemetry batch by itself; ``None`` when not even its outline can be read."""
    batch = _LOOSE.decode(payload)
    if isinstance(batch, Undecodable):
        return None
    columns = batch.columns
    count = max(len(columns.s), len(columns.t_ms), len(columns.value))
    bodies = tuple(_reading(columns, i, reason) for i in range(min(count, ROWS_MAX)))
    return Header(batch.lane, batch.epoch, batch.first), bodies


def _reading(columns: _Columns, index: int, reason: str) -> Reading | Undecodable:
    cells = [
        bytes(column[index]) if index < len(column) else b"null"
        for column in (columns.s, columns.t_ms, columns.value)
    ]
    which = int(cells[0]) if cells[0].isdigit() and len(cells[0]) < 8 else len(columns.series)
    name = bytes(columns.series[which]) if which < len(columns.series) else b"null"
    raw = b'{"series":%b,"t_ms":%b,"value":%b}' % (name, cells[1], cells[2])
    reading = READING.decode(raw)
    return Undecodable(raw, f"{reason}; {reading.reason}") if isinstance(reading, Undecodable) else reading
