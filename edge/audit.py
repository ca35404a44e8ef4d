"""The gateway's audit chain: each link binds the one before it, and what is cut or changed shows.

A link, the head of the chain and the row that carries the link to the cloud are one transaction. A store that
is full or failed never blocks an opening (SAFETY.md L10): :meth:`Audit.note` returns without a link, and the
next link that can be written says how many are missing before it.
"""

import sqlite3
from collections.abc import Sequence

from cardea.contract import chain
from cardea.contract.batches import Lane
from cardea.contract.chain import Head
from cardea.contract.encoding import encode
from cardea.contract.records import AuditRecord
from cardea.contract.time import wire_time
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.disk import StoreFailed, StoreFull
from cardea.runtime.logs import get_logger
from edge.outbox import Outbox, RowRefused

LINKS_KEPT = 100_000
"""Links kept on the gateway; older ones are in the cloud's ledger."""
UNWRITTEN = "unwritten_before"
_LINKS = "CREATE TABLE IF NOT EXISTS audit (idx INTEGER PRIMARY KEY, link BLOB NOT NULL)"
_HEADS = """
CREATE TABLE IF NOT EXISTS audit_head (
  one INTEGER PRIMARY KEY CHECK (one = 1), length INTEGER NOT NULL, hash TEXT NOT NULL
)
"""

_log = get_logger("audit")


class Audit:
    """Writes the chain that stands in the outbox's file."""

    def __init__(self, outbox: Outbox, clock: Clock, entropy: Entropy) -> None:
        self._outbox = outbox
        self._clock = clock
        self._entropy = entropy
        self.unwritten = 0
        """Links that could not be written and of which no later link has told yet."""

    async def note(self, event: str, actor: str, detail: dict[str, str]) -> AuditRecord | None:
        """Write a link; ``None`` when the store cannot take it now. Never raises on what a disk does."""
        missing = self.unwritten
        told = {**detail, UNWRITTEN: str(missing)} if missing else detail
        link_id, at = self._entropy.new_id(), wire_time(self._clock.now())
        written: list[AuditRecord] = []

        def compose(connection: sqlite3.Connection) -> Sequence[bytes]:
            link = chain.append(_head(connection), link_id, at, event, actor, told)
            _insert(connection, link)
            written[:] = [link]
            return (encode(link),)

        try:
            await self._outbox.append_composed(Lane.RECORD, compose)
        except (StoreFull, StoreFailed, RowRefused) as error:
            if not self.unwritten:
                _log.error("audit_unwritten", reason=str(error))
            self.unwritten += 1
            return None
        self.unwritten -= missing
        return written[0]


def _head(connection: sqlite3.Connection) -> Head:
    for table in (_LINKS, _HEADS):
        connection.execute(table)
    found = connection.execute("SELECT length, hash FROM audit_head").fetchall()
    return Head(*found[0]) if found else chain.EMPTY


def _insert(connection: sqlite3.Connection, link: AuditRecord) -> None:
    head = chain.head_of(link)
    connection.execute("INSERT INTO audit VALUES (?, ?)", (link.index, encode(link)))
    connection.execute("INSERT OR REPLACE INTO audit_head VALUES (1, ?, ?)", (head.length, head.hash))
    connection.execute("DELETE FROM audit WHERE idx < ?", (head.length - LINKS_KEPT,))
