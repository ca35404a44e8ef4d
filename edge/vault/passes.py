"""Revoked passes and used ones, by mark: the database does not tell which pass a row speaks of."""

import datetime as dt
import sqlite3
from collections.abc import Iterable

from cardea.contract.time import ClockQuality, Instant
from edge.vault.index import Marks

USED_MAX = 1_000_000
_ROOM_MADE = USED_MAX // 10


class PassBook:
    """What the vault remembers of passes."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._revoked: set[bytes] = set()
        self._used = 0

    def read(self, db: sqlite3.Connection) -> None:
        """Take in what the database holds."""
        self._revoked = {row[0] for row in db.execute("SELECT id FROM revoked_pass")}
        self._used = int(db.execute("SELECT count(*) FROM used_pass").fetchone()[0])

    def is_revoked(self, pass_id: str) -> bool:
        """Whether the pass was revoked."""
        return self._mark(pass_id) in self._revoked

    def revoke(self, db: sqlite3.Connection, pass_ids: Iterable[str], *, base: int) -> None:
        """Carry revocations into the database; base 0 replaces all."""
        if base == 0:
            db.execute("DELETE FROM revoked_pass")
        rows = [(self._mark(pass_id),) for pass_id in pass_ids]
        db.executemany("INSERT OR IGNORE INTO revoked_pass(id) VALUES (?)", rows)

    def remember(self, pass_ids: Iterable[str], *, base: int) -> None:
        """The same in memory, after the commit."""
        revoked = {self._mark(pass_id) for pass_id in pass_ids}
        self._revoked = revoked if base == 0 else self._revoked | revoked

    def use(self, db: sqlite3.Connection, pass_id: str, step: int, until: dt.datetime, now: Instant) -> bool:
        """Mark one use; False when it was marked before. Forgets uses of passes that have expired."""
        self._prune(db, now)
        row = (self._mark(pass_id), step, int(until.timestamp()))
        first = db.execute(
            "INSERT OR IGNORE INTO used_pass(id, step, until_s) VALUES (?, ?, ?)", row
        ).rowcount
        self._used += first
        return first == 1

    def _prune(self, db: sqlite3.Connection, now: Instant) -> None:
        """A wrong clock must not make us forget: without a kept one only the bound on rows applies."""
        if now.quality is not ClockQuality.UNSYNCHRONISED:
            seconds = int(now.utc.timestamp())
            self._used -= db.execute("DELETE FROM used_pass WHERE until_s < ?", (seconds,)).rowcount
        if self._used >= USED_MAX:
            oldest = "SELECT id, step FROM used_pass ORDER BY until_s LIMIT ?"
            statement = f"DELETE FROM used_pass WHERE (id, step) IN ({oldest})"  # noqa: S608  # both are ours
            self._used -= db.execute(statement, (_ROOM_MADE,)).rowcount

    def _mark(self, pass_id: str) -> bytes:
        return self._marks.mark("pass", pass_id)
