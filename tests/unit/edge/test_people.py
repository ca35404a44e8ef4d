"""Importing people: all errors at once, all or nobody, and again without effect."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import SystemDisk
from edge import people
from edge.people import PeopleInvalid, import_people, read_people
from edge.vault import KeyFile, PersonStatus, Put, Vault

SHANGHAI = ZoneInfo("Asia/Shanghai")
HEADER = "person,name,organisation,employee_no,card,valid_from,valid_until,schedule,status\n"
GOOD = (
    HEADER
    + 'p-1,张伟,"Bank, Harbour",1001,0A1B,2026-01-31,2026-02-28,"mon-fri 07:00-20:00; sat 08:00-12:00",\n'
    + "\n"
    + "p-2,Zoë O'Brien,,,,2026-01-31T08:30,2026-01-31T08:30:00+00:00,,revoked\n"
)


def read(text: str | bytes) -> list:
    raw = text if isinstance(text, bytes) else text.encode()
    return read_people(raw, file="people.csv", zone=SHANGHAI)


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(PeopleInvalid) as caught:
        read(text)
    return str(caught.value).splitlines()


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    disk, keys = SystemDisk(tmp_path), KeyFile(tmp_path / "vault.key")
    opened = await Vault.open(disk, keys, SystemClock(), SystemEntropy(), domain="demo", zone=SHANGHAI)
    yield opened
    await opened.close()


def test_a_good_file() -> None:
    (line, wei), (second, zoe) = read(GOOD)
    assert (line, second) == (2, 4)
    assert (wei.name, wei.organisation, wei.card) == ("张伟", "Bank, Harbour", "0A1B")
    assert wei.valid_from == dt.datetime(2026, 1, 30, 16, tzinfo=dt.UTC)
    assert wei.valid_until == dt.datetime(2026, 2, 28, 16, tzinfo=dt.UTC), "the last day counts whole"
    assert (zoe.status, wei.status) == (PersonStatus.REVOKED, PersonStatus.ACTIVE)
    assert zoe.valid_from == dt.datetime(2026, 1, 31, 0, 30, tzinfo=dt.UTC)


def test_columns_may_stand_in_any_order_and_be_left_out() -> None:
    ((_, person),) = read("\ufeffName , PERSON\r\nAnna,p-1\r\n")
    assert (person.person, person.name, person.card) == ("p-1", "Anna", "")


def test_everything_that_is_wrong_is_said_at_once_with_line_and_column() -> None:
    text = (
        HEADER
        + "Zhang Wei,张伟,,1001,0A1B,,,,\n"
        + "p-2,,,1001,has space,soon,2026-01-01,never,gone\n"
        + "p-3,C,,,,2026-02-01,2026-01-01,,\n"
        + "p-3,D,,,,,,\n"
        + "p-3,E,x\ty,,,,,,\n"
    )
    said = problems(text)
    assert [line.split(":")[1].strip() for line in said] == [
        "line 2, column person",
        "line 3, column name",
        "line 3, column card",
        "line 3, column schedule",
        "line 3, column status",
        "line 3, column employee_no",
        "line 3, column valid_from",
        "line 4, column valid_until",
        "line 5",
        "line 6, column organisation",
        "line 6, column person",
    ]
    assert all(line.startswith("people.csv: ") for line in said)
    assert "'1001' stands in line 2 already" in said[5]
    assert "'soon' is no date; write 2026-01-31" in said[6]
    assert "has 8 fields where the header names 9" in said[8]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1, column person: the column is missing"),
        ("person,name,colour\n", "line 1, column colour: unknown column; known are person, name"),
        ("person,name,name\n", "line 1, column name: the column stands there twice"),
        (b"person,name\np-1,\xd5\xc5\n", "line 2: not UTF-8; save the file as CSV UTF-8"),
        ('person,name\np-1,"open\n', "not CSV: unexpected end of data"),
        ('person,name\np-1,"a"b\n', "line 2: not CSV"),
        ("person,name,valid_until\np-1,a,9999-12-31\n", "is no date"),
    ],
)
def test_files_that_are_no_people(text: str | bytes, why: str) -> None:
    assert any(why in line for line in problems(text))


def test_problems_shown_are_bounded() -> None:
    said = problems("person,name\n" + ",x\n" * 150)
    assert len(said) == 101
    assert said[-1] == "people.csv: and 50 more"


def test_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PEOPLE_MAX", 2)
    rows = "".join(f"p-{n},x,e{n},c{n}\n" for n in range(5))
    assert "more than 2 people" in problems("person,name,employee_no,card\n" + rows)[0]
    monkeypatch.setattr(people, "BYTES_MAX", 10)
    assert "longer than 10 bytes" in problems(GOOD)[0]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (HEADER + text).encode()))
def test_any_bytes_are_people_or_said_not_to_be(raw: bytes) -> None:
    with contextlib.suppress(PeopleInvalid):
        assert all(line > 1 and person.name for line, person in read(raw))


async def test_an_import_twice_is_an_import_once(vault: Vault) -> None:
    take_in = lambda: import_people(vault, GOOD.encode(), file="people.csv", zone=SHANGHAI)  # noqa: E731  # one line, used twice
    assert await take_in() == Put(added=2, changed=0, unchanged=0)
    assert await take_in() == Put(added=0, changed=0, unchanged=2)


async def test_one_wrong_line_keeps_everybody_out(vault: Vault) -> None:
    with pytest.raises(PeopleInvalid):
        await import_people(vault, (GOOD + "p-3,,,,,,,,\n").encode(), file="people.csv", zone=SHANGHAI)
    assert vault.people == 0


async def test_numbers_of_people_who_stay_are_refused_with_their_line(vault: Vault) -> None:
    await import_people(vault, GOOD.encode(), file="people.csv", zone=SHANGHAI)
    raw = b"person,name,card\np-3,New,0A1B\np-4,Fine,FF\n"
    with pytest.raises(PeopleInvalid) as caught:
        await import_people(vault, raw, file="more.csv", zone=SHANGHAI)
    assert str(caught.value) == "more.csv: line 2: the card or employee number is issued to 'p-1' already"
    assert vault.people == 2
