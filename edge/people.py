"""Importing people from CSV: everything that is wrong is said at once, and then nothing is imported."""

import csv
import datetime as dt
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from edge.vault import CredentialTaken, Person, PersonStatus, Put, ScheduleInvalid, Vault
from edge.vault import schedule as schedules

COLUMNS = (
    "person",
    "name",
    "organisation",
    "employee_no",
    "card",
    "valid_from",
    "valid_until",
    "schedule",
    "status",
)
REQUIRED = ("person", "name")
BYTES_MAX = 64 * 1024 * 1024
PEOPLE_MAX = 200_000
PROBLEMS_SHOWN_MAX = 100
_NAME_CHARS_MAX = 200
_PERSON = re.compile(r"[!-~]{1,64}")
_NUMBER = re.compile(r"[!-~]{1,64}")
_NO_HEADER: list[str] = []
_UNIQUE = ("person", "employee_no", "card")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing that is wrong: the line of the file (from 1), the column, and what would be right."""

    line: int
    column: str
    advice: str

    def __str__(self) -> str:
        """``line 3, column card: advice``."""
        return (
            f"line {self.line}, column {self.column}: {self.advice}"
            if self.column
            else f"line {self.line}: {self.advice}"
        )


class PeopleInvalid(Exception):
    """The file was not imported; ``problems`` holds all that is wrong, the message the first hundred."""

    def __init__(self, file: str, problems: tuple[RowProblem, ...]) -> None:
        shown = [f"{file}: {problem}" for problem in problems[:PROBLEMS_SHOWN_MAX]]
        if len(problems) > PROBLEMS_SHOWN_MAX:
            shown.append(f"{file}: and {len(problems) - PROBLEMS_SHOWN_MAX} more")
        super().__init__("\n".join(shown))
        self.problems = problems


async def import_people(vault: Vault, raw: bytes, *, file: str, zone: ZoneInfo) -> Put:
    """Put the people of a CSV file into the vault: all or nobody, and again without effect.

    ``zone`` is the site's time zone, in which dates are meant. People who are not in the file stay.

    Raises:
        PeopleInvalid: the file, or its meeting with people who are in the vault already.
        PeopleChanged: another import ran at the same moment.
    """
    rows = read_people(raw, file=file, zone=zone)
    try:
        return await vault.put_people([person for _, person in rows])
    except CredentialTaken as error:
        problems = (
            RowProblem(
                line, "", f"the card or employee number is issued to {error.holders[person.person]!r} already"
            )
            for line, person in rows
            if person.person in error.holders
        )
        raise PeopleInvalid(file, tuple(problems)) from None


def read_people(raw: bytes, *, file: str, zone: ZoneInfo) -> list[tuple[int, Person]]:
    """The people of a CSV file (UTF-8, header line), each with its line.

    Raises:
        PeopleInvalid: with every problem, by line and column.
    """
    reading = _Reading(zone)
    people = list(reading.people(raw))
    if reading.problems:
        raise PeopleInvalid(file, tuple(reading.problems))
    return people


@dataclass(slots=True)
class _Reading:
    """One pass over a file, collecting what is wrong with it."""

    zone: ZoneInfo
    problems: list[RowProblem] = field(default_factory=list[RowProblem])
    seen: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def people(self, raw: bytes) -> Iterator[tuple[int, Person]]:
        text = self._text(raw)
        if text is None:
            return
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = [name.strip().lower() for name in next(reader, _NO_HEADER)]
            if not self._header_is_right(header):
                return
            for fields in reader:
                person = self._person(reader.line_num, header, fields) if fields else None
                if person is not None:
                    yield reader.line_num, person
                if len(self.seen) > PEOPLE_MAX * len(_UNIQUE):
                    self._wrong(reader.line_num, "", f"more than {PEOPLE_MAX} people; split the file")
                    return
        except csv.Error as error:
            self._wrong(reader.line_num, "", f'not CSV: {error}; quote fields with " and end them all')

    def _text(self, raw: bytes) -> str | None:
        if len(raw) > BYTES_MAX:
            self._wrong(1, "", f"the file is longer than {BYTES_MAX} bytes; split it")
            return None
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._wrong(raw.count(b"\n", 0, error.start) + 1, "", "not UTF-8; save the file as CSV UTF-8")
            return None

    def _header_is_right(self, header: list[str]) -> bool:
        known = ", ".join(COLUMNS)
        for name in header:
            if name not in COLUMNS:
                self._wrong(1, name, f"unknown column; known are {known}")
        for name in REQUIRED:
            if name not in header:
                self._wrong(1, name, f"the column is missing; the first line names the columns: {known}")
        for name in {name for name in header if header.count(name) > 1}:
            self._wrong(1, name, "the column stands there twice")
        return not self.problems

    def _person(self, line: int, header: list[str], fields: list[str]) -> Person | None:
        if len(fields) != len(header):
            self._wrong(line, "", f"has {len(fields)} fields where the header names {len(header)}")
            return None
        row = {**dict.fromkeys(COLUMNS, ""), **dict(zip(header, map(str.strip, fields), strict=True))}
        before = len(self.problems)
        for column, check in _CHECKS.items():
            self._checked(line, column, row[column], check)
        for column in _UNIQUE:
            self._unique(line, column, row[column])
        bounds = self._bounds(line, row)
        if len(self.problems) > before:
            return None
        return Person(
            person=row["person"],
            name=row["name"],
            organisation=row["organisation"],
            employee_no=row["employee_no"],
            card=row["card"],
            valid_from=bounds[0],
            valid_until=bounds[1],
            schedule=row["schedule"],
            status=PersonStatus(row["status"] or PersonStatus.ACTIVE),
        )

    def _checked(self, line: int, column: str, value: str, check: Callable[[str], str | None]) -> None:
        advice = check(value)
        if advice is not None:
            self._wrong(line, column, advice)

    def _unique(self, line: int, column: str, value: str) -> None:
        first = self.seen.setdefault((column, value), line) if value else line
        if first != line:
            self._wrong(line, column, f"{value!r} stands in line {first} already; each person has their own")

    def _bounds(self, line: int, row: Mapping[str, str]) -> tuple[dt.datetime | None, dt.datetime | None]:
        first = self._moment(line, "valid_from", row["valid_from"], dt.timedelta())
        last = self._moment(line, "valid_until", row["valid_until"], dt.timedelta(days=1))
        if first is not None and last is not None and first >= last:
            self._wrong(line, "valid_until", "lies before valid_from")
        return first, last

    def _moment(self, line: int, column: str, value: str, whole_day: dt.timedelta) -> dt.datetime | None:
        """A date counts from its first to its last moment; a time without offset is the site's."""
        if not value:
            return None
        try:
            moment = dt.datetime.fromisoformat(value)
            if len(value) <= len("2026-01-31"):
                moment += whole_day
            local = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
            return local.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            self._wrong(line, column, f"{value!r} is no date; write 2026-01-31 or 2026-01-31T18:00")
            return None

    def _wrong(self, line: int, column: str, advice: str) -> None:
        self.problems.append(RowProblem(line, column, advice))


def _person_id(value: str) -> str | None:
    if _PERSON.fullmatch(value):
        return None
    return "an id of 1 to 64 ASCII letters, digits and signs is needed, without spaces; never a name"


def _name(value: str) -> str | None:
    if 0 < len(value) <= _NAME_CHARS_MAX and value.isprintable():
        return None
    return f"a name of 1 to {_NAME_CHARS_MAX} printable characters is needed"


def _organisation(value: str) -> str | None:
    if len(value) <= _NAME_CHARS_MAX and (not value or value.isprintable()):
        return None
    return f"{_NAME_CHARS_MAX} printable characters at the most"


def _number(value: str) -> str | None:
    return (
        None if not value or _NUMBER.fullmatch(value) else "1 to 64 ASCII letters and digits, without spaces"
    )


def _schedule(value: str) -> str | None:
    try:
        schedules.parse(value)
    except ScheduleInvalid as error:
        return str(error)
    return None


def _status(value: str) -> str | None:
    known = tuple(PersonStatus)
    return (
        None
        if not value or value in known
        else f"{value!r}: one of {', '.join(known)}, or nothing for active"
    )


_CHECKS: Mapping[str, Callable[[str], str | None]] = {
    "person": _person_id,
    "name": _name,
    "organisation": _organisation,
    "employee_no": _number,
    "card": _number,
    "schedule": _schedule,
    "status": _status,
}
