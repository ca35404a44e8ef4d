"""Templates as rows: each sealed with a key of its own, in its own place, for its own model."""

import datetime as dt
import hmac
import sqlite3
from collections.abc import Iterator

import msgspec

from cardea.runtime.clock import Entropy
from edge.vault.consent import Consent
from edge.vault.keys import TemplateKeys
from edge.vault.seal import DATA_KEY_BYTES, Seal, SealBroken

SCHEMA = """
PRAGMA secure_delete=ON;
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS template(
  id BLOB PRIMARY KEY, model TEXT NOT NULL, data_key BLOB NOT NULL, sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS template_model ON template(model);
"""
_ROW_ID_BYTES = 16
_SELECT = "SELECT id, model, data_key, sealed FROM template"
_WRITE = "INSERT OR REPLACE INTO template(id, model, data_key, sealed) VALUES (?, ?, ?, ?)"


class StoredTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """One person's template for one model."""

    person: str
    model_sha256: str
    vector: bytes
    """float32, little-endian, turned by the secret in force (``models.face.protection``)."""
    consent: Consent
    pictures: int
    """From how many it was made."""
    enrolled_utc: dt.datetime

    def __repr__(self) -> str:
        """Without the face."""
        return f"StoredTemplate({self.person})"


_TEMPLATE = msgspec.msgpack.Decoder(StoredTemplate)


class TemplateRows:
    """Reads and writes templates; every method runs inside a transaction on the database's thread."""

    def __init__(self, keys: TemplateKeys, entropy: Entropy) -> None:
        self._lookup = keys.lookup
        self._seal = Seal(keys.sealing, entropy)
        self._entropy = entropy

    def get(self, db: sqlite3.Connection, person: str, model: str) -> StoredTemplate | None:
        """One template; ``None`` when there is none.

        Raises:
            SealBroken: the row was changed, swapped or moved to another model.
        """
        row = db.execute(f"{_SELECT} WHERE id = ?", (self._id(person, model),)).fetchone()
        return None if row is None else self._opened(*row)

    def all(self, db: sqlite3.Connection, model: str) -> Iterator[StoredTemplate | None]:
        """Everybody's for one model; ``None`` for a row that does not open."""
        for row in db.execute(f"{_SELECT} WHERE model = ?", (model,)):
            yield self._or_none(*row)

    def put(self, db: sqlite3.Connection, template: StoredTemplate) -> None:
        """Write one, in place of an older one."""
        row_id = self._id(template.person, template.model_sha256)
        db.execute(_WRITE, (row_id, template.model_sha256, *self._sealed(row_id, template)))

    def rewrite(self, db: sqlite3.Connection, changed: Iterator[StoredTemplate]) -> int:
        """Write each again under a new key; how many there were."""
        rewritten = 0
        for template in changed:
            self.put(db, template)
            rewritten += 1
        return rewritten

    def forget(self, db: sqlite3.Connection, person: str) -> int:
        """Destroy the keys of a person's templates, of all models, then the rows; how many there were."""
        models = [str(row[0]) for row in db.execute("SELECT DISTINCT model FROM template")]
        ids = [(self._id(person, model),) for model in models]
        db.executemany("UPDATE template SET data_key = zeroblob(length(data_key)) WHERE id = ?", ids)
        return sum(db.execute("DELETE FROM template WHERE id = ?", each).rowcount for each in ids)

    def seal_secret(self, secret: bytes) -> bytes:
        """The rotation's secret as the database keeps it."""
        return self._seal.close(secret, b"protection")

    def open_secret(self, sealed: bytes) -> bytes:
        """The rotation's secret again. Raises SealBroken."""
        return self._seal.open(sealed, b"protection")

    def _id(self, person: str, model: str) -> bytes:
        said = f"{model}/{person}".encode(errors="replace")
        return hmac.digest(self._lookup, said, "sha256")[:_ROW_ID_BYTES]

    def _sealed(self, row_id: bytes, template: StoredTemplate) -> tuple[bytes, bytes]:
        data_key = self._entropy.token(DATA_KEY_BYTES)
        place = _place(row_id, template.model_sha256)
        content = Seal(data_key, self._entropy).close(msgspec.msgpack.encode(template), b"template/" + place)
        return self._seal.close(data_key, b"key/" + place), content

    def _opened(self, row_id: bytes, model: str, data_key: bytes, sealed: bytes) -> StoredTemplate:
        place = _place(row_id, model)
        key = self._seal.open(data_key, b"key/" + place)
        content = Seal(key, self._entropy).open(sealed, b"template/" + place)
        try:
            return _TEMPLATE.decode(content)
        except msgspec.MsgspecError as error:
            raise SealBroken("the row holds no template") from error

    def _or_none(self, row_id: bytes, model: str, data_key: bytes, sealed: bytes) -> StoredTemplate | None:
        try:
            return self._opened(row_id, model, data_key, sealed)
        except SealBroken:
            return None


def _place(row_id: bytes, model: str) -> bytes:
    return row_id + b"/" + model.encode(errors="replace")
