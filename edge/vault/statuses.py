"""Colours of people, as the cloud last signed them: sealed rows, a copy in memory, one version for all."""

import datetime as dt
import sqlite3
from enum import StrEnum
from typing import NamedTuple

import msgspec

from cardea.contract.orders import Status, StatusColour, Statuses
from cardea.contract.records import Subject
from cardea.contract.time import Instant
from edge.vault.seal import Seal, SealBroken

VERSION = "statuses_version"


class Applied(StrEnum):
    """What became of desired statuses."""

    APPLIED = "applied"
    ALREADY_HELD = "already_held"
    """The version held is this one: a message that came again."""
    OLDER = "older"
    """The version held is newer; nothing was changed."""
    BASE_MISSING = "base_missing"
    """A delta to a version that is not held; nothing was changed, a whole document (base 0) is needed."""


class Colour(NamedTuple):
    """A colour in force; past ``expires`` it is unknown. ``received_mono_s`` ages it."""

    colour: StatusColour
    expires: dt.datetime
    received_mono_s: float


class _Row(msgspec.Struct, frozen=True):
    """What is sealed in a row."""

    colour: StatusColour
    expires: dt.datetime
    received: dt.datetime


_ROW = msgspec.json.Decoder(_Row)


class StatusBook:
    """The colours in memory and how they stand in the database."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._colours: dict[str, Colour] = {}
        self.version = 0
        self.rejected = 0
        """Rows that did not open when they were read."""

    def read(self, db: sqlite3.Connection, now: Instant) -> None:
        """Take everything in from the database."""
        self.version = held_version(db)
        self._colours, self.rejected = {}, 0
        for value, sealed in db.execute("SELECT id, sealed FROM status"):
            try:
                row = _ROW.decode(self._seal.open(sealed, _aad(value)))
            except (SealBroken, msgspec.MsgspecError):
                self.rejected += 1
                continue
            # The monotonic clock began anew with the process: the age comes from UTC, and is never negative.
            age_s = max(0.0, (now.utc - row.received).total_seconds())
            self._colours[value] = Colour(row.colour, row.expires, now.mono_s - age_s)

    def write(self, db: sqlite3.Connection, statuses: Statuses, now: Instant) -> Applied:
        """Carry ``statuses`` into the database, or say why not."""
        verdict = _verdict(held_version(db), statuses)
        if verdict is not Applied.APPLIED:
            return verdict
        if statuses.base == 0:
            db.execute("DELETE FROM status")
        db.executemany("DELETE FROM status WHERE id = ?", [(value,) for value in statuses.remove])
        db.executemany(
            "INSERT OR REPLACE INTO status(id, sealed) VALUES (?, ?)",
            [(status.subject.value, self._sealed(status, now)) for status in statuses.set],
        )
        db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", (VERSION, statuses.version))
        return verdict

    def remember(self, statuses: Statuses, now: Instant) -> None:
        """The same in memory, after the commit."""
        if statuses.base == 0:
            self._colours = {}
        for value in statuses.remove:
            self._colours.pop(value, None)
        for status in statuses.set:
            self._colours[status.subject.value] = Colour(status.colour, status.expires, now.mono_s)
        self.version = statuses.version

    def erase(self, db: sqlite3.Connection, subject: Subject) -> None:
        """Remove one subject's colour."""
        db.execute("DELETE FROM status WHERE id = ?", (subject.value,))

    def forget(self, subject: Subject) -> None:
        """The same in memory, after the commit."""
        self._colours.pop(subject.value, None)

    def colour(self, subject: Subject, now: dt.datetime) -> Colour | None:
        """The colour in force; ``None`` when none is known or it has expired."""
        held = self._colours.get(subject.value)
        return held if held is not None and now < held.expires else None

    def _sealed(self, status: Status, now: Instant) -> bytes:
        row = _Row(status.colour, status.expires, now.utc)
        return self._seal.close(msgspec.json.encode(row), _aad(status.subject.value))


def held_version(db: sqlite3.Connection) -> int:
    """The version of the statuses in the database; 0 when there are none."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (VERSION,)).fetchone()
    return 0 if row is None else int(row[0])


def _verdict(held: int, statuses: Statuses) -> Applied:
    if statuses.version == held:
        return Applied.ALREADY_HELD
    if statuses.version < held:
        return Applied.OLDER
    return Applied.APPLIED if statuses.base in (0, held) else Applied.BASE_MISSING


def _aad(value: str) -> bytes:
    return f"status/{value}".encode(errors="replace")
