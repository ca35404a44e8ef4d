"""People as rows: each sealed with a key of its own, which the vault's key wraps."""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from cardea.runtime.clock import Entropy
from edge.vault.index import Marks
from edge.vault.keys import PeopleChanged
from edge.vault.person import Person
from edge.vault.seal import DATA_KEY_BYTES, Seal, SealBroken

SCHEMA = """
PRAGMA secure_delete=ON;
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS person(
  id BLOB PRIMARY KEY, data_key BLOB NOT NULL, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS status(id TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revoked_pass(id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used_pass(
  id BLOB NOT NULL, step INTEGER NOT NULL, until_s INTEGER NOT NULL, PRIMARY KEY (id, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_pass_until ON used_pass(until_s);
"""
_CHECK = "key_check"
_PEOPLE_VERSION = "people_version"
_PERSON = msgspec.json.Decoder(Person)
_SELECT = "SELECT id, data_key, sealed FROM person"


def is_sealed(db: sqlite3.Connection) -> bool:
    """Whether the database belongs to a key already."""
    return db.execute("SELECT 1 FROM meta WHERE key = ?", (_CHECK,)).fetchone() is not None


def check_key(db: sqlite3.Connection, check: bytes) -> bool:
    """Whether the database belongs to the key with this check; a database without one does from now on."""
    db.execute("INSERT OR IGNORE INTO meta(key, value) VALUES (?, ?)", (_CHECK, check))
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_CHECK,)).fetchone()
    return bytes(row[0]) == check


def people_version(db: sqlite3.Connection) -> int:
    """Rises with every change of people, by whichever process."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_PEOPLE_VERSION,)).fetchone()
    return 0 if row is None else int(row[0])


class PeopleRows:
    """Reads and writes people; every method runs inside a transaction on the database's thread."""

    def __init__(self, seal: Seal, marks: Marks, entropy: Entropy) -> None:
        self._seal = seal
        self._marks = marks
        self._entropy = entropy

    def all(self, db: sqlite3.Connection) -> Iterator[Person | None]:
        """Everyone; ``None`` for a row that does not open."""
        for row_id, data_key, sealed in db.execute(_SELECT):
            yield self._opened(row_id, data_key, sealed)

    def get(self, db: sqlite3.Connection, person: str) -> Person | None:
        """One person; ``None`` when there is no row or it does not open."""
        row = db.execute(f"{_SELECT} WHERE id = ?", (self._id(person),)).fetchone()
        return None if row is None else self._opened(*row)

    def put(self, db: sqlite3.Connection, people: Sequence[Person], version: int) -> tuple[int, int, int]:
        """Write people, and return how many were added, changed and left as they were.

        Raises:
            PeopleChanged: the people are not those of ``version``: another process was faster.
        """
        if people_version(db) != version:
            raise PeopleChanged("people were changed by another process; run the import again")
        added = changed = 0
        for person in people:
            row_id = self._id(person.person)
            row = db.execute(f"{_SELECT} WHERE id = ?", (row_id,)).fetchone()
            if row is not None and self._opened(*row) == person:
                continue
            added += row is None
            changed += row is not None
            db.execute(
                "INSERT OR REPLACE INTO person(id, data_key, sealed) VALUES (?, ?, ?)",
                (row_id, *self._sealed(row_id, person)),
            )
        if added or changed:
            _bump(db)
        return added, changed, len(people) - added - changed

    def erase(self, db: sqlite3.Connection, person: str) -> bool:
        """Destroy a person's key, then the row; False when there was none."""
        row_id = self._id(person)
        db.execute("UPDATE person SET data_key = zeroblob(length(data_key)) WHERE id = ?", (row_id,))
        erased = db.execute("DELETE FROM person WHERE id = ?", (row_id,)).rowcount == 1
        if erased:
            _bump(db)
        return erased

    def _id(self, person: str) -> bytes:
        return self._marks.mark("person", person)

    def _sealed(self, row_id: bytes, person: Person) -> tuple[bytes, bytes]:
        data_key = self._entropy.token(DATA_KEY_BYTES)
        content = Seal(data_key, self._entropy).close(msgspec.json.encode(person), b"person/" + row_id)
        return self._seal.close(data_key, b"key/" + row_id), content

    def _opened(self, row_id: bytes, data_key: bytes, sealed: bytes) -> Person | None:
        try:
            key = self._seal.open(data_key, b"key/" + row_id)
            return _PERSON.decode(Seal(key, self._entropy).open(sealed, b"person/" + row_id))
        except (SealBroken, msgspec.MsgspecError):
            return None


def _bump(db: sqlite3.Connection) -> None:
    db.execute(
        "INSERT INTO meta(key, value) VALUES (?, 1) ON CONFLICT(key) DO UPDATE SET value = value + 1",
        (_PEOPLE_VERSION,),
    )
