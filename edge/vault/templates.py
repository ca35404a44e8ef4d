"""Face templates, apart from the people they are of: a database and keys of their own (SAFETY.md items 17,
19, 25).

Read from the disk each time one is asked for: none stays in memory, and what another process has put, renewed
or forgotten counts at once.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from cardea.runtime.clock import Entropy
from cardea.runtime.disk import Database, Disk
from edge.vault.keys import KEY_BYTES, VaultKeyMissing, VaultKeys, VaultKeyWrong, derive_for_templates
from edge.vault.rows import check_key
from edge.vault.seal import SealBroken
from edge.vault.template_rows import SCHEMA, StoredTemplate, TemplateRows
from models.face.look import Embedding
from models.face.protection import Protection, renewed

_ROTATION = "protection"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Kept:
    """A template with the rotation that a face to compare with it is turned by."""

    stored: StoredTemplate
    template: Embedding
    """Turned."""
    protection: Protection


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Everybody:
    """All templates of one model."""

    people: tuple[str, ...]
    templates: "np.typing.NDArray[np.float32]"
    """Shape (n, d), turned, in the order of ``people``."""
    protection: Protection | None
    """``None`` where there is nobody."""
    broken: int
    """Rows that do not open."""


class Templates:
    """One gateway's templates. Made by :meth:`open`; StoreFull and StoreFailed of the disk pass through."""

    def __init__(self, database: Database, rows: TemplateRows, entropy: Entropy) -> None:
        self._database = database
        self._rows = rows
        self._entropy = entropy

    @classmethod
    async def open(cls, disk: Disk, keys: VaultKeys, entropy: Entropy) -> "Templates":
        """Open the store beside a vault, whose key it shares a root with, making it on the first start.

        Raises:
            VaultKeyMissing: there is no key: the vault was never opened, or its key is gone.
            VaultKeyWrong: the key is another one, or unreadable.
            StoreFailed: the database cannot be read.
        """
        master = await asyncio.to_thread(keys.load)
        if master is None:
            raise VaultKeyMissing(f"{keys.place}: the vault's key is missing; templates cannot be opened")
        subkeys = derive_for_templates(master)
        database = disk.open("templates", SCHEMA)
        try:
            if not await database.run(lambda db: check_key(db, subkeys.check)):
                raise VaultKeyWrong(
                    f"{keys.place}: not the key of these templates; restore the one they were sealed with"
                )
        except BaseException:
            await database.close()
            raise
        return cls(database, TemplateRows(subkeys, entropy), entropy)

    async def count(self, model_sha256: str) -> int:
        """How many people have a template of this model."""

        def work(db: sqlite3.Connection) -> int:
            row = db.execute("SELECT count(*) FROM template WHERE model = ?", (model_sha256,)).fetchone()
            return int(row[0])

        return await self._database.run(work)

    async def get(self, person: str, model_sha256: str) -> Kept | None:
        """One person's template; ``None`` when there is none.

        Raises:
            SealBroken: the row was changed, swapped or moved to another model.
        """

        def work(db: sqlite3.Connection) -> Kept | None:
            stored = self._rows.get(db, person, model_sha256)
            if stored is None:
                return None
            if stored.person != person:
                raise SealBroken("the row is another person's")
            template = _vector(stored)
            return Kept(stored, template, Protection(self._secret(db), template.size))

        return await self._database.run(work)

    async def everybody(self, model_sha256: str) -> Everybody:
        """All templates of one model, for a search."""

        def work(db: sqlite3.Connection) -> Everybody:
            found = list(self._rows.all(db, model_sha256))
            stored = [each for each in found if each is not None]
            if not stored:
                return Everybody((), np.zeros((0, 0), np.float32), None, len(found))
            vectors = np.stack([_vector(each) for each in stored])
            protection = Protection(self._secret(db), vectors.shape[1])
            people = tuple(each.person for each in stored)
            return Everybody(people, vectors, protection, len(found) - len(stored))

        return await self._database.run(work)

    async def put(self, template: StoredTemplate) -> None:
        """Keep a template, its ``vector`` as the model gave it, in place of an older one of the person."""

        def work(db: sqlite3.Connection) -> None:
            vector = _vector(template)
            turned = Protection(self._secret(db), vector.size).protect(vector)
            self._rows.put(db, _with(template, turned))

        await self._database.run(work)

    async def forget(self, person: str) -> bool:
        """Destroy a person's templates, of every model; False when there was none."""
        forgotten = await self._database.run(lambda db: self._rows.forget(db, person))
        if forgotten:
            await self._database.empty_log()
        return forgotten > 0

    async def renew(self) -> int:
        """Turn every template by a new secret; how many. What is kept elsewhere of the old ones is void.

        Raises:
            SealBroken: a row does not open; nothing was changed. Forget that person first.
        """

        def work(db: sqlite3.Connection) -> int:
            old, new = self._secret(db), self._entropy.token(KEY_BYTES)
            models = [str(row[0]) for row in db.execute("SELECT DISTINCT model FROM template")]
            turned = [self._turned(db, model, old, new) for model in models]
            count = sum(self._rows.rewrite(db, iter(each)) for each in turned)
            self._keep_secret(db, new)
            return count

        count = await self._database.run(work)
        await self._database.empty_log()
        return count

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    def _turned(self, db: sqlite3.Connection, model: str, old: bytes, new: bytes) -> Sequence[StoredTemplate]:
        return list(self._each_turned(db, model, old, new))

    def _each_turned(
        self, db: sqlite3.Connection, model: str, old: bytes, new: bytes
    ) -> Iterator[StoredTemplate]:
        rotations: dict[int, tuple[Protection, Protection]] = {}
        for stored in self._rows.all(db, model):
            if stored is None:
                raise SealBroken("a template does not open; nothing was renewed")
            vector = _vector(stored)
            size = vector.size
            before, after = rotations.setdefault(size, (Protection(old, size), Protection(new, size)))
            yield _with(stored, renewed(vector, before, after))

    def _secret(self, db: sqlite3.Connection) -> bytes:
        row = db.execute("SELECT value FROM meta WHERE key = ?", (_ROTATION,)).fetchone()
        if row is not None:
            return self._rows.open_secret(bytes(row[0]))
        secret = self._entropy.token(KEY_BYTES)
        self._keep_secret(db, secret)
        return secret

    def _keep_secret(self, db: sqlite3.Connection, secret: bytes) -> None:
        sealed = self._rows.seal_secret(secret)
        db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", (_ROTATION, sealed))


def _vector(stored: StoredTemplate) -> Embedding:
    return np.frombuffer(stored.vector, "<f4").astype(np.float32)


def _with(stored: StoredTemplate, vector: Embedding) -> StoredTemplate:
    return msgspec.structs.replace(stored, vector=vector.astype("<f4").tobytes())
