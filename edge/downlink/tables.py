"""What the downlink must know after a crash: nonces of orders that were taken, and the last good policy."""

import datetime as dt
import sqlite3
from typing import NamedTuple

from edge.downlink.orders import ORDER_S_MAX, SKEW_S_MAX

NONCES_MAX = 10_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY, issued_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonce_issued ON nonce (issued_ms);
CREATE TABLE IF NOT EXISTS floor (one INTEGER PRIMARY KEY CHECK (one = 1), issued_ms INTEGER NOT NULL);
INSERT OR IGNORE INTO floor VALUES (1, 0);
CREATE TABLE IF NOT EXISTS policy (
  one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, body BLOB NOT NULL
);
"""
_WINDOW_MS = int((ORDER_S_MAX + SKEW_S_MAX) * 1000)


class StoredPolicy(NamedTuple):
    """The last good policy, as its signed bytes."""

    version: int
    body: bytes


def claim(connection: sqlite3.Connection, nonce: str, issued: dt.datetime) -> bool:
    """Take a nonce for good; False when it was taken before.

    Nonces are forgotten below a floor that only rises, and orders issued below it are refused: it follows the
    newest order by more than an order can live. So no clock that is set back brings an old order to life.
    """
    issued_ms = int(issued.timestamp() * 1000)
    ((floor_ms,),) = connection.execute("SELECT issued_ms FROM floor")
    if issued_ms <= floor_ms:
        return False
    row = (nonce, issued_ms)
    if connection.execute("INSERT OR IGNORE INTO nonce VALUES (?, ?)", row).rowcount == 0:
        return False
    _forget_old(connection, max(floor_ms, issued_ms - _WINDOW_MS))
    return True


def _forget_old(connection: sqlite3.Connection, floor_ms: int) -> None:
    crowded = connection.execute(
        "SELECT issued_ms FROM nonce ORDER BY issued_ms DESC LIMIT 1 OFFSET ?", (NONCES_MAX,)
    ).fetchall()
    for (issued_ms,) in crowded:
        floor_ms = max(floor_ms, issued_ms)
    connection.execute("DELETE FROM nonce WHERE issued_ms <= ?", (floor_ms,))
    connection.execute("UPDATE floor SET issued_ms = ?", (floor_ms,))


def load_policy(connection: sqlite3.Connection) -> StoredPolicy | None:
    """The last good policy, if a signed one ever came."""
    found = connection.execute("SELECT version, body FROM policy").fetchall()
    return StoredPolicy(*found[0]) if found else None


def save_policy(connection: sqlite3.Connection, policy: StoredPolicy) -> None:
    """Put the last good policy in place of the one before."""
    connection.execute("INSERT OR REPLACE INTO policy VALUES (1, ?, ?)", policy)
