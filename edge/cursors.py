"""Each device's durable place in its own history.

A cursor is written after the event it stands for was committed, at most ``FLUSH_S`` later. After a crash a
device may therefore deliver a few events again; their ids derive from the cursor, so they stay the same rows.
"""

import sqlite3

from cardea.runtime.clock import Clock
from cardea.runtime.disk import Disk, StoreFull
from cardea.runtime.logs import get_logger

FLUSH_S = 1.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS cursors (device TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT"
_LOG = get_logger("cursors")


class Cursors:
    """The cursors of all devices, in one small file."""

    def __init__(self, disk: Disk, clock: Clock) -> None:
        self._clock = clock
        self._database = disk.open("cursors", _SCHEMA)
        self._unwritten: dict[str, int] = {}

    def of(self, device: str) -> "DeviceCursor":
        """The cursor to hand to a device."""
        return DeviceCursor(self, device)

    async def load(self, device: str) -> int | None:
        """The last number that was committed; raises StoreFailed."""
        if device in self._unwritten:
            return self._unwritten[device]

        def read(connection: sqlite3.Connection) -> int | None:
            row = connection.execute("SELECT number FROM cursors WHERE device = ?", (device,)).fetchone()
            return None if row is None else int(row[0])

        return await self._database.run(read)

    def advance(self, device: str, number: int) -> None:
        """The event with this number is committed; returns at once, written soon."""
        self._unwritten[device] = number

    async def run(self) -> None:
        """Write what has advanced, until cancelled; raises StoreFailed."""
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Write now what has advanced; what finds no room stays for the next time."""
        written = dict(self._unwritten)
        if not written:
            return

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO cursors VALUES (?, ?)",
                written.items(),
            )

        try:
            await self._database.run(write)
        except StoreFull:
            _LOG.warning("cursors_not_written", reason="no room")
            return
        self._unwritten = {d: n for d, n in self._unwritten.items() if written.get(d) != n}

    async def close(self) -> None:
        """Write what has advanced and close the file."""
        await self.flush()
        await self._database.close()


class DeviceCursor:
    """One device's view of its place."""

    def __init__(self, cursors: Cursors, device: str) -> None:
        self._cursors = cursors
        self._device = device

    async def load(self) -> int | None:
        """The last event number that was committed, if any."""
        return await self._cursors.load(self._device)
