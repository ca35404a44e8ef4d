"""The gateway's small durable notes: device cursors, open alerts, latched fires, lockdowns.

All of them are in memory; what changes is written behind, at once when the disk is idle and at most
``PAUSE_S`` apart, so that no decision waits for a note. Without a store the notes live in memory alone.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from enum import StrEnum

from cardea.runtime.clock import Clock
from cardea.runtime.disk import Database, Disk, StoreFull
from cardea.runtime.logs import get_logger

PAUSE_S = 0.2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
    kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID
"""
_LOG = get_logger("notes")


class NoteKind(StrEnum):
    """What a note is about."""

    CURSOR = "cursor"
    OPEN_ALERT = "open_alert"
    FIRE_LATCHED = "fire_latched"
    LOCKDOWN = "lockdown"
    OCCUPANCY = "occupancy"
    ZONE = "zone"
    """A disinfection cycle that may have emitted, or a lockout."""
    ZONE_CYCLES = "zone_cycles"
    ZONE_DOSE = "zone_dose"


_Key = tuple[NoteKind, str]


class Notes:
    """All notes of one gateway."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._database: Database | None = None
        self._held: dict[_Key, str] = {}
        self._unwritten: dict[_Key, str | None] = {}
        self._changed = asyncio.Event()

    async def attach(self, disk: Disk) -> None:
        """Read what was noted before and write from now on; what changed meanwhile stands.

        Raises:
            StoreFailed: the file cannot be opened or read.
        """
        loop = asyncio.get_running_loop()
        database = await loop.run_in_executor(None, disk.open, "notes", _SCHEMA)
        rows = await database.run(lambda db: db.execute("SELECT kind, name, value FROM notes").fetchall())
        known = set(NoteKind)
        before = {(NoteKind(kind), name): value for kind, name, value in rows if kind in known}
        for key, value in before.items():
            if key not in self._unwritten:
                self._held[key] = value
        self._database = database

    @property
    def attached(self) -> bool:
        """Whether there is a disk behind the notes."""
        return self._database is not None

    def written(self, kind: NoteKind, name: str) -> bool:
        """Whether the note as it stands has reached the disk."""
        return self.attached and (kind, name) not in self._unwritten

    def get(self, kind: NoteKind, name: str) -> str | None:
        """The note, if there is one."""
        return self._held.get((kind, name))

    def of_kind(self, kind: NoteKind) -> Mapping[str, str]:
        """All notes of a kind, by name."""
        return {name: value for (held, name), value in self._held.items() if held is kind}

    def put(self, kind: NoteKind, name: str, value: str) -> None:
        """Note ``value``; returns at once, written soon."""
        self._held[kind, name] = self._unwritten[kind, name] = value
        self._changed.set()

    def drop(self, kind: NoteKind, name: str) -> None:
        """Take a note back."""
        if self._held.pop((kind, name), None) is not None:
            self._unwritten[kind, name] = None
            self._changed.set()

    async def run(self) -> None:
        """Write what changes, until cancelled; raises StoreFailed."""
        while True:
            await self._changed.wait()
            await self.flush()
            await self._clock.sleep(PAUSE_S)

    async def flush(self) -> None:
        """Write now; what finds no room stays for the next time. Raises StoreFailed."""
        self._changed.clear()
        changes = dict(self._unwritten)
        if self._database is None or not changes:
            return

        def write(connection: sqlite3.Connection) -> None:
            for (kind, name), value in changes.items():
                if value is None:
                    connection.execute("DELETE FROM notes WHERE kind = ? AND name = ?", (kind.value, name))
                else:
                    row = (kind.value, name, value)
                    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", row)

        try:
            await self._database.run(write)
        except StoreFull:
            _LOG.warning("notes_not_written", reason="no room")
            return
        for key, value in changes.items():
            if self._unwritten.get(key, value) == value:
                self._unwritten.pop(key, None)

    async def close(self) -> None:
        """Write what changed and close the file."""
        if self._database is not None:
            await self.flush()
            await self._database.close()
            self._database = None
