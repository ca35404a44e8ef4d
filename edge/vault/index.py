"""Who is who, in memory: lookups by HMAC need no disk and no await, and no number lies about in clear."""

import datetime as dt
import hmac
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cardea.contract.records import CredentialKind, Subject
from edge.decide.evidence import Standing
from edge.vault import schedule
from edge.vault.keys import Subkeys
from edge.vault.person import ISSUED_NUMBER, Person, PersonStatus
from edge.vault.schedule import Schedule

MARK_BYTES = 16
_KEY_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a credential stands for: what a decision needs, and no name."""

    person: str
    subject: Subject
    valid_from: dt.datetime | None
    valid_until: dt.datetime | None
    revoked: bool
    schedule: Schedule
    zone: ZoneInfo

    def standing(self, now: dt.datetime) -> Standing:
        """VALID, REVOKED, NOT_YET_VALID or EXPIRED at ``now`` (aware)."""
        if self.revoked:
            return Standing.REVOKED
        if self.valid_from is not None and now < self.valid_from:
            return Standing.NOT_YET_VALID
        if self.valid_until is not None and now >= self.valid_until:
            return Standing.EXPIRED
        return Standing.VALID

    def scheduled(self, now: dt.datetime) -> bool:
        """Whether the person's schedule allows entry at ``now`` (aware), by the site's clock."""
        return self.schedule.allows(now.astimezone(self.zone))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A holder without what can be computed: tens of thousands of them fit in a few megabytes."""

    person: str
    valid_from: dt.datetime | None
    valid_until: dt.datetime | None
    revoked: bool
    schedule: Schedule


class Marks:
    """HMACs of identifiers: as row ids, as keys in memory, and as subjects."""

    def __init__(self, keys: Subkeys, domain: str) -> None:
        self._lookup = keys.lookup
        self._linkage = keys.linkage
        self._domain = domain
        self._key_id = hmac.digest(keys.linkage, b"key id", "sha256")[:_KEY_ID_BYTES].hex()

    def mark(self, kind: str, value: str) -> bytes:
        """16 bytes that stand for ``value``; different kinds never meet."""
        return hmac.digest(self._lookup, f"{kind}/{value}".encode(errors="replace"), "sha256")[:MARK_BYTES]

    def subject(self, person: str) -> Subject:
        """The person as the rest of the world knows them."""
        value = hmac.digest(self._linkage, person.encode(errors="replace"), "sha256").hex()
        return Subject(self._domain, self._key_id, value)


class Index:
    """Everyone, by person id and by mark of card and employee number."""

    def __init__(self, marks: Marks, zone: ZoneInfo) -> None:
        self._marks = marks
        self._zone = zone
        self._people: dict[str, _Entry] = {}
        self._numbers: dict[bytes, _Entry] = {}

    def __len__(self) -> int:
        return len(self._people)

    def add(self, person: Person) -> None:
        """Take a person in who is not in the index."""
        entry = _Entry(
            person.person,
            person.valid_from,
            person.valid_until,
            person.status is PersonStatus.REVOKED,
            schedule.parse(person.schedule),
        )
        self._people[entry.person] = entry
        for mark in self.number_marks(person):
            self._numbers[mark] = entry

    def number_marks(self, person: Person) -> tuple[bytes, ...]:
        """The marks of the numbers that were issued to ``person``."""
        numbers = {"card": person.card, "employee_no": person.employee_no}
        return tuple(self._marks.mark(kind, number) for kind, number in numbers.items() if number)

    def find(self, kind: CredentialKind, value: str) -> Holder | None:
        """Whom a presented credential stands for."""
        number = ISSUED_NUMBER.get(kind)
        if number is None:
            return None
        return self._holder(self._numbers.get(self._marks.mark(number, value.strip())))

    def holder_of_person(self, person: str) -> Holder | None:
        """The holder by person id, as a pass names one."""
        return self._holder(self._people.get(person))

    def person_with(self, mark: bytes) -> str | None:
        """Who was issued the number with this mark."""
        entry = self._numbers.get(mark)
        return None if entry is None else entry.person

    def _holder(self, entry: _Entry | None) -> Holder | None:
        if entry is None:
            return None
        return Holder(
            person=entry.person,
            subject=self._marks.subject(entry.person),
            valid_from=entry.valid_from,
            valid_until=entry.valid_until,
            revoked=entry.revoked,
            schedule=entry.schedule,
            zone=self._zone,
        )
