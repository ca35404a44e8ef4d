"""The tables of the outbox, and what is done to them inside a transaction.

A lane's numbers stand beside its rows and change in the same transaction (SAFETY.md R4):
received = committed + rejected, committed = delivered + pending + evicted.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cardea.contract import ranges
from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.ranges import Ranges
from cardea.contract.records import GapRecord
from cardea.contract.time import WireTime

Row = tuple[int, bytes]

_TABLES = """
CREATE TABLE IF NOT EXISTS epoch (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lane (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL DEFAULT 1,
  received INTEGER NOT NULL DEFAULT 0,
  committed INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0,
  evicted INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejected (
  lane TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (lane, reason)
) WITHOUT ROWID;
"""
_LANE_TABLES = """
CREATE TABLE IF NOT EXISTS {lane}_row (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
INSERT OR IGNORE INTO lane (name) VALUES ('{lane}');
"""
SCHEMA = _TABLES + "".join(_LANE_TABLES.format(lane=lane.value) for lane in Lane)

_SPREAD = {
    lane: {
        "insert": "INSERT INTO {}_row (seq, body) VALUES (?, ?)",
        "up": "SELECT seq, body FROM {}_row WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        "down": "SELECT seq, body FROM {}_row WHERE seq BETWEEN ? AND ? ORDER BY seq DESC LIMIT ?",
        "sizes": "SELECT seq, length(body) FROM {}_row WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        "delete": "DELETE FROM {}_row WHERE seq BETWEEN ? AND ?",
    }
    for lane in Lane
}
_SQL = {
    lane: {name: text.format(lane.value) for name, text in texts.items()} for lane, texts in _SPREAD.items()
}
SEQ_MAX = 2**63 - 1
EVICT_ROWS = 1000
"""Telemetry rows given up at a time, so that one gap record speaks for many."""
EVICT_ROWS_MAX = 5000
"""Telemetry rows given up in one transaction at the most."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where telemetry begins to be evicted."""

    telemetry_rows_max: int = 1_000_000
    telemetry_bytes_max: int = 256 * 1024 * 1024


@dataclass(slots=True)
class Counters:
    """What became of everything that a lane was given, since its file was made."""

    received: int = 0
    committed: int = 0
    delivered: int = 0
    evicted: int = 0
    bytes: int = 0
    """Bytes of the pending rows."""
    rejected: Counter[str] = field(default_factory=Counter[str])

    @property
    def pending(self) -> int:
        """Rows that wait for an acknowledgement."""
        return self.committed - self.delivered - self.evicted

    def add(self, change: "Change") -> None:
        """Take in what a write did."""
        self.received += change.committed
        self.committed += change.committed
        self.delivered += change.delivered
        self.evicted += change.evicted
        self.bytes += change.bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What one write did to the numbers of one lane."""

    lane: Lane
    committed: int = 0
    delivered: int = 0
    evicted: int = 0
    bytes: int = 0
    first: int = 0
    """The sequence number of the first committed row."""


def epoch_of(connection: sqlite3.Connection, fresh: str) -> str:
    """The epoch of the file; ``fresh`` becomes it when the file is new."""
    connection.execute("INSERT OR IGNORE INTO epoch (one, epoch) VALUES (1, ?)", (fresh,))
    ((known,),) = connection.execute("SELECT epoch FROM epoch")
    return known


def counters(connection: sqlite3.Connection) -> dict[Lane, Counters]:
    """The numbers of all lanes."""
    columns = "SELECT name, received, committed, delivered, evicted, bytes FROM lane"
    found = {Lane(name): Counters(*numbers) for name, *numbers in connection.execute(columns)}
    for lane, reason, n in connection.execute("SELECT lane, reason, n FROM rejected"):
        found[Lane(lane)].rejected[reason] = n
    return found


def append(connection: sqlite3.Connection, lane: Lane, bodies: Sequence[bytes]) -> Change:
    """Add rows under the next sequence numbers, which no later row of this epoch gets again."""
    n, size = len(bodies), sum(map(len, bodies))
    ((first,),) = connection.execute(
        "UPDATE lane SET next = next + ?1, received = received + ?1, committed = committed + ?1,"
        " bytes = bytes + ?2 WHERE name = ?3 RETURNING next - ?1",
        (n, size, lane.value),
    )
    connection.executemany(_SQL[lane]["insert"], enumerate(bodies, first))
    return Change(lane, committed=n, bytes=size, first=first)


def reject(connection: sqlite3.Connection, counts: Mapping[tuple[Lane, str], int]) -> None:
    """Count rows that were received and not committed."""
    for (lane, reason), n in counts.items():
        connection.execute("UPDATE lane SET received = received + ? WHERE name = ?", (n, lane.value))
        connection.execute(
            "INSERT INTO rejected (lane, reason, n) VALUES (?, ?, ?)"
            " ON CONFLICT (lane, reason) DO UPDATE SET n = n + excluded.n",
            (lane.value, reason, n),
        )


def take(
    connection: sqlite3.Connection,
    lane: Lane,
    window: Ranges,
    *,
    limit: int,
    bytes_max: int,
    newest_first: bool,
) -> tuple[Row, ...]:
    """The newest or oldest unbroken run of rows whose numbers lie in ``window``, in ascending order."""
    order, step = ("down", -1) if newest_first else ("up", 1)
    run: list[Row] = []
    size = 0
    for first, last in window[::step]:
        for seq, body in connection.execute(_SQL[lane][order], (first, last, limit)):
            size += len(body)
            if run and (seq != run[-1][0] + step or size > bytes_max):
                break
            run.append((seq, body))
        if run:
            break
    return tuple(run[::step])


def forget(connection: sqlite3.Connection, lane: Lane, spans: Ranges, limit: int) -> Change:
    """Delete the oldest rows of ``spans``, ``limit`` at the most; they are stored elsewhere now."""
    deleted = freed = 0
    for span in spans:
        found = connection.execute(_SQL[lane]["sizes"], (*span, limit - deleted)).fetchall()
        if found:
            connection.execute(_SQL[lane]["delete"], (found[0][0], found[-1][0]))
            deleted += len(found)
            freed += sum(length for _, length in found)
    connection.execute(
        "UPDATE lane SET delivered = delivered + ?, bytes = bytes - ? WHERE name = ?",
        (deleted, freed, lane.value),
    )
    return Change(lane, delivered=deleted, bytes=-freed)


def evict_beyond(
    connection: sqlite3.Connection, limits: Limits, epoch: str, at: WireTime
) -> tuple[Change, ...]:
    """Give up the oldest telemetry where there is more than ``limits`` allow."""
    ((rows, size),) = connection.execute(
        "SELECT committed - delivered - evicted, bytes FROM lane WHERE name = ?", (Lane.TELEMETRY.value,)
    )
    rows_over = rows - limits.telemetry_rows_max
    bytes_over = size - limits.telemetry_bytes_max
    if rows_over <= 0 and bytes_over <= 0:
        return ()
    at_least = min(EVICT_ROWS, limits.telemetry_rows_max // 10)
    return evict(connection, epoch, at, "limit", rows=max(rows_over, at_least), size=bytes_over)


def evict(
    connection: sqlite3.Connection, epoch: str, at: WireTime, reason: str, *, rows: int, size: int
) -> tuple[Change, ...]:
    """Give up the oldest telemetry until ``rows`` and ``size`` bytes are freed.

    Each unbroken run that goes leaves a gap record in the record lane (SAFETY.md R5).
    """
    lane = Lane.TELEMETRY
    gone: list[int] = []
    freed = 0
    for seq, length in connection.execute(_SQL[lane]["sizes"], (1, SEQ_MAX, EVICT_ROWS_MAX)):
        if len(gone) >= rows and freed >= size:
            break
        gone.append(seq)
        freed += length
    runs = ranges.of(gone)
    for run in runs:
        connection.execute(_SQL[lane]["delete"], run)
    connection.execute(
        "UPDATE lane SET evicted = evicted + ?, bytes = bytes - ? WHERE name = ?",
        (len(gone), freed, lane.value),
    )
    gaps = [
        GapRecord(f"gap-{epoch}-{lane.value}-{first}", at, lane.value, epoch, first, last, reason)
        for first, last in runs
    ]
    told = append(connection, Lane.RECORD, [encode(gap) for gap in gaps])
    return Change(lane, evicted=len(gone), bytes=-freed), told
