"""The vault as the gateway uses it: lookups from memory, changes durable before they are believed."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cardea.contract.orders import Statuses
from cardea.contract.records import CredentialKind, Subject
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.disk import Database, Disk
from edge.vault import rows, schedule
from edge.vault.index import Holder, Index, Marks
from edge.vault.keys import KEY_BYTES, Subkeys, VaultKeyMissing, VaultKeys, VaultKeyWrong, derive
from edge.vault.passes import PassBook
from edge.vault.person import Person
from edge.vault.rows import PeopleRows
from edge.vault.seal import Seal
from edge.vault.statuses import Applied, Colour, StatusBook


class CredentialTaken(Exception):
    """Numbers that people who stay as they are hold already: ``{person to put: who holds the number}``."""

    def __init__(self, holders: Mapping[str, str]) -> None:
        super().__init__(f"{len(holders)} people carry a number that is issued to somebody else")
        self.holders = dict(holders)


@dataclass(frozen=True, slots=True)
class Put:
    """What became of people that were put."""

    added: int
    changed: int
    unchanged: int


class Vault:
    """One gateway's vault. Made by :meth:`open`; StoreFull and StoreFailed of the disk pass through."""

    def __init__(
        self, database: Database, clock: Clock, entropy: Entropy, keys: Subkeys, domain: str, zone: ZoneInfo
    ) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._marks = Marks(keys, domain)
        sealing = Seal(keys.sealing, entropy)
        self._rows = PeopleRows(sealing, self._marks, entropy)
        self._statuses = StatusBook(sealing)
        self._passes = PassBook(self._marks)
        self._index = Index(self._marks, zone)
        self._people_version = -1
        self._rejected = 0
        self._changing = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        disk: Disk,
        keys: VaultKeys,
        clock: Clock,
        entropy: Entropy,
        *,
        domain: str,
        zone: ZoneInfo,
        linkage_key: bytes | None = None,
    ) -> "Vault":
        """Open the vault, making database and key on the first start.

        ``domain``: the linkage domain of subjects; ``linkage_key``: the key that the domain's sites share,
        without it subjects are this vault's own. ``zone``: the site's time zone, for schedules.

        Raises:
            VaultKeyMissing: rows are sealed, and the key is gone.
            VaultKeyWrong: the key is another one, or unreadable.
            StoreFailed: the database cannot be read.
        """
        database = disk.open("vault", rows.SCHEMA)
        try:
            subkeys = derive(await _master(database, keys, entropy), domain, linkage_key)
            known = await database.run(lambda db: rows.check_key(db, subkeys.check))
            if not known:
                raise VaultKeyWrong(
                    f"{keys.place}: not the key of this vault; restore the one its people were sealed with"
                )
            vault = cls(database, clock, entropy, subkeys, domain, zone)
            await vault.refresh()
        except BaseException:
            await database.close()
            raise
        return vault

    @property
    def people(self) -> int:
        """How many people are known."""
        return len(self._index)

    @property
    def rejected(self) -> int:
        """Rows that did not open when they were read: changed, swapped or sealed with another key."""
        return self._rejected + self._statuses.rejected

    @property
    def statuses_version(self) -> int:
        """The version of the statuses that are held; 0 = none."""
        return self._statuses.version

    def find(self, kind: CredentialKind, value: str) -> Holder | None:
        """Whom a card, face or PIN event stands for; faces and PINs go by employee number."""
        return self._index.find(kind, value)

    def holder_of_person(self, person: str) -> Holder | None:
        """The holder by person id, as a verified pass names one."""
        return self._index.holder_of_person(person)

    def subject_of(self, person: str) -> Subject:
        """The subject of any person id, known here or not."""
        return self._marks.subject(person)

    def colour(self, subject: Subject) -> Colour | None:
        """The colour in force and when it came; ``None`` (unknown) when there is none or it has expired."""
        return self._statuses.colour(subject, self._clock.now().utc)

    def is_revoked(self, pass_id: str) -> bool:
        """Whether the pass with this id (hex) was revoked."""
        return self._passes.is_revoked(pass_id)

    async def use_pass(self, pass_id: str, step: int, until: dt.datetime) -> bool:
        """Mark a use of a pass; True when it is the first of this step, and then it is on the disk.

        ``step``: ``VerifiedPass.use_step``; ``until``: ``VerifiedPass.until``, after which it is forgotten.
        """
        now = self._clock.now()
        return await self._database.run(lambda db: self._passes.use(db, pass_id, step, until, now))

    async def apply(self, statuses: Statuses) -> Applied:
        """Take in statuses and revocations whose signature and target were checked; all or nothing."""
        now = self._clock.now()

        def work(db: sqlite3.Connection) -> Applied:
            verdict = self._statuses.write(db, statuses, now)
            if verdict is Applied.APPLIED:
                self._passes.revoke(db, statuses.revoke, base=statuses.base)
            return verdict

        async with self._changing:
            verdict = await self._database.run(work)
            if verdict is Applied.APPLIED:
                self._statuses.remember(statuses, now)
                self._passes.remember(statuses.revoke, base=statuses.base)
            return verdict

    async def put_people(self, people: Sequence[Person]) -> Put:
        """Add people or replace those of the same id, all or nothing; others stay as they are.

        Raises:
            CredentialTaken: a card or employee number belongs to somebody who is not among ``people``.
            PeopleChanged: another process put people at the same moment; do it again.
            ScheduleInvalid: a schedule that cannot be parsed.
        """
        async with self._changing:
            await self._reload_if_changed()
            for person in people:
                schedule.parse(person.schedule)
            self._refuse_taken(people)
            put = await self._database.run(lambda db: Put(*self._rows.put(db, people, self._people_version)))
            await self._reload_if_changed()
            return put

    async def person(self, person: str) -> Person | None:
        """Everything about one person, for desk and export; ``None`` when not known or not readable."""
        return await self._database.run(lambda db: self._rows.get(db, person))

    async def erase(self, person: str) -> bool:
        """Destroy a person's own key and then the row it opened, and the colour; False when nobody was there.

        The database overwrites freed pages (``secure_delete``), and its write-ahead log is emptied.
        """
        subject = self._marks.subject(person)

        def work(db: sqlite3.Connection) -> bool:
            self._statuses.erase(db, subject)
            return self._rows.erase(db, person)

        async with self._changing:
            erased = await self._database.run(work)
            await self._database.empty_log()
            self._statuses.forget(subject)
            await self._reload_if_changed()
            return erased

    async def refresh(self) -> bool:
        """Read again when another process (``cardea edge import-people``) has put people; True if it has."""
        async with self._changing:
            return await self._reload_if_changed()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    def _refuse_taken(self, people: Iterable[Person]) -> None:
        replaced = {person.person for person in people}
        taken: dict[str, str] = {}
        for person in people:
            for mark in self._index.number_marks(person):
                holder = self._index.person_with(mark)
                if holder is not None and holder not in replaced:
                    taken[person.person] = holder
        if taken:
            raise CredentialTaken(taken)

    async def _reload_if_changed(self) -> bool:
        now = self._clock.now()
        first = self._people_version < 0

        def work(db: sqlite3.Connection) -> tuple[int, Index, int] | None:
            version = rows.people_version(db)
            if version == self._people_version:
                return None
            if first:
                self._statuses.read(db, now)
                self._passes.read(db)
            index = Index(self._marks, self._zone)
            rejected = 0
            for person in self._rows.all(db):
                if person is None:
                    rejected += 1
                else:
                    index.add(person)
            return version, index, rejected

        read = await self._database.run(work)
        if read is None:
            return False
        self._people_version, self._index, self._rejected = read
        return True


async def _master(database: Database, keys: VaultKeys, entropy: Entropy) -> bytes:
    """The master key; a new one only for a database that has never been sealed."""
    sealed = await database.run(rows.is_sealed)
    master = await asyncio.to_thread(keys.load)
    if master is None and sealed:
        raise VaultKeyMissing(
            f"{keys.place}: the key of the vault's sealed people is missing; restore it from a backup"
        )
    if master is None:
        master = entropy.token(KEY_BYTES)
        await asyncio.to_thread(keys.store, master)
    return master
