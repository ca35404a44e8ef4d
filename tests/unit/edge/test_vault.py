"""The vault: what it finds, what it keeps through a restart, and what it refuses."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cardea.contract.orders import Status, StatusColour, Statuses
from cardea.contract.records import CredentialKind, Subject
from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.clock import SystemEntropy
from cardea.runtime.disk import SystemDisk
from edge.decide.evidence import Standing
from edge.vault import (
    Applied,
    CredentialTaken,
    KeyFile,
    PeopleChanged,
    Person,
    PersonStatus,
    Put,
    ScheduleInvalid,
    Vault,
    VaultKeyMissing,
    VaultKeyWrong,
    VaultUnusable,
    passes,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC)  # 09:00 in Shanghai
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WEI = Person(person="p-1", name="张伟", organisation="Harbour Bank", employee_no="1001", card="0A1B")
ANNA = Person(person="p-2", name="Anna Müller", employee_no="1002", card="0C2D", schedule="sat 08:00-12:00")


@dataclass
class HandClock:
    """A clock that tests move."""

    utc: dt.datetime = MONDAY
    mono_s: float = 100.0
    quality: ClockQuality = ClockQuality.SYNCHRONISED

    def now(self) -> Instant:
        return Instant(self.mono_s, self.utc, self.quality)

    def monotonic_s(self) -> float:
        return self.mono_s

    async def sleep(self, delay_s: float) -> None:
        self.forward(dt.timedelta(seconds=delay_s))

    def forward(self, by: dt.timedelta) -> None:
        self.utc += by
        self.mono_s += by.total_seconds()


@dataclass
class Place:
    """Where a vault lives."""

    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    opened: list[Vault] = field(default_factory=list[Vault])

    @property
    def key_file(self) -> Path:
        return self.folder / "keys" / "vault.key"

    @property
    def database(self) -> Path:
        return self.folder / "vault.sqlite"

    async def open(self, domain: str = "demo", linkage_key: bytes | None = None) -> Vault:
        vault = await Vault.open(
            SystemDisk(self.folder),
            KeyFile(self.key_file),
            self.clock,
            SystemEntropy(),
            domain=domain,
            zone=SHANGHAI,
            linkage_key=linkage_key,
        )
        self.opened.append(vault)
        return vault

    async def close(self) -> None:
        while self.opened:
            await self.opened.pop().close()

    async def reopen(self) -> Vault:
        await self.close()
        return await self.open()

    def sql(self, statement: str, *parameters: object) -> list[tuple]:
        with sqlite3.connect(self.database) as db:
            rows = db.execute(statement, parameters).fetchall()
        db.close()
        return rows


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "data")
    yield made
    await made.close()


@pytest.fixture
async def vault(place: Place) -> Vault:
    return await place.open()


def status(subject: Subject, colour: StatusColour, expires: dt.datetime = MONDAY + DAY) -> Status:
    return Status(subject, colour, expires)


def statuses(version: int, base: int, *items: Status, **rest: tuple[str, ...]) -> Statuses:
    return Statuses("tower-1", version, base, items, **rest)


# --- people ---


async def test_people_are_found_by_every_number_that_was_issued(vault: Vault) -> None:
    assert await vault.put_people([WEI, ANNA]) == Put(added=2, changed=0, unchanged=0)
    assert vault.people == 2
    for kind, value in [("card", "0A1B"), ("face", "1001"), ("pin", "1001"), ("card", " 0A1B ")]:
        found = vault.find(CredentialKind(kind), value)
        assert found is not None
        assert found.person == "p-1"
    assert vault.holder_of_person("p-1") == vault.find(CredentialKind.CARD, "0A1B")


async def test_a_number_of_one_kind_is_none_of_another(vault: Vault) -> None:
    await vault.put_people([WEI])
    assert vault.find(CredentialKind.CARD, "1001") is None
    assert vault.find(CredentialKind.FACE, "0A1B") is None
    assert vault.find(CredentialKind.QR, "p-1") is None
    assert vault.find(CredentialKind.CARD, "\ud800") is None
    assert vault.holder_of_person("p-9") is None


async def test_people_survive_a_restart_and_the_subject_stays(place: Place, vault: Vault) -> None:
    await vault.put_people([WEI])
    subject = vault.subject_of("p-1")
    again = await place.reopen()
    found = again.holder_of_person("p-1")
    assert found is not None
    assert found.subject == subject
    assert await again.person("p-1") == WEI
    assert await again.person("p-9") is None


async def test_putting_again_changes_only_what_differs(vault: Vault) -> None:
    await vault.put_people([WEI, ANNA])
    moved = Person(person="p-1", name="张伟", card="FFFF")
    assert await vault.put_people([moved, ANNA]) == Put(added=0, changed=1, unchanged=1)
    assert vault.find(CredentialKind.CARD, "0A1B") is None
    assert vault.find(CredentialKind.CARD, "FFFF") is not None
    assert await vault.put_people([moved, ANNA]) == Put(added=0, changed=0, unchanged=2)


async def test_a_number_cannot_have_two_holders(vault: Vault) -> None:
    await vault.put_people([WEI, ANNA])
    with pytest.raises(CredentialTaken) as caught:
        await vault.put_people(
            [Person(person="p-3", name="New", card=WEI.card), Person(person="p-4", name="N")]
        )
    assert caught.value.holders == {"p-3": "p-1"}
    assert vault.people == 2
    swapped = [Person(person="p-1", name="W", card=ANNA.card), Person(person="p-2", name="A", card=WEI.card)]
    assert (await vault.put_people(swapped)).changed == 2


async def test_a_schedule_that_cannot_be_read_puts_nobody(vault: Vault) -> None:
    with pytest.raises(ScheduleInvalid):
        await vault.put_people([WEI, Person(person="p-3", name="X", schedule="whenever")])
    assert vault.people == 0


async def test_another_process_s_import_is_seen_on_refresh(place: Place, vault: Vault) -> None:
    assert not await vault.refresh()
    other = await place.open()
    await other.put_people([WEI])
    assert vault.find(CredentialKind.CARD, "0A1B") is None
    assert await vault.refresh()
    assert vault.find(CredentialKind.CARD, "0A1B") is not None


async def test_an_import_between_reading_and_writing_is_noticed(place: Place, vault: Vault) -> None:
    await vault.put_people([WEI])
    with pytest.raises(PeopleChanged, match="again"):
        await vault._database.run(lambda db: vault._rows.put(db, [ANNA], 0))
    assert await vault.person("p-2") is None


@pytest.mark.parametrize(
    ("person", "standing"),
    [
        (WEI, Standing.VALID),
        (Person(person="p", name="x", status=PersonStatus.REVOKED, valid_until=MONDAY), Standing.REVOKED),
        (Person(person="p", name="x", valid_from=MONDAY + HOUR), Standing.NOT_YET_VALID),
        (Person(person="p", name="x", valid_until=MONDAY), Standing.EXPIRED),
        (Person(person="p", name="x", valid_from=MONDAY, valid_until=MONDAY + HOUR), Standing.VALID),
    ],
)
async def test_standing(vault: Vault, person: Person, standing: Standing) -> None:
    await vault.put_people([person])
    found = vault.holder_of_person(person.person)
    assert found is not None
    assert found.standing(MONDAY) is standing


async def test_schedules_are_meant_in_the_site_s_time_zone(vault: Vault) -> None:
    await vault.put_people([ANNA])
    found = vault.holder_of_person("p-2")
    assert found is not None
    saturday_1159_there = dt.datetime(2026, 11, 28, 3, 59, tzinfo=dt.UTC)
    assert found.scheduled(saturday_1159_there)
    assert not found.scheduled(saturday_1159_there + dt.timedelta(minutes=1))


# --- keys and sealing ---


async def test_the_key_is_made_once_and_stands_outside_with_mode_0600(place: Place, vault: Vault) -> None:
    assert place.key_file.stat().st_mode & 0o777 == 0o600
    key = place.key_file.read_bytes()
    assert len(key) == 32
    await place.reopen()
    assert place.key_file.read_bytes() == key
    assert key not in place.database.read_bytes()


async def test_a_missing_key_is_never_replaced(place: Place, vault: Vault) -> None:
    await place.close()
    place.key_file.unlink()
    with pytest.raises(VaultKeyMissing, match=r"vault\.key.*backup"):
        await place.open()
    assert not place.key_file.exists()


async def test_another_key_is_refused(place: Place, vault: Vault) -> None:
    await place.close()
    place.key_file.write_bytes(bytes(32))
    with pytest.raises(VaultKeyWrong, match="not the key of this vault"):
        await place.open()


@pytest.mark.parametrize(("content", "mode"), [(b"short", 0o600), (bytes(32), 0o644)])
async def test_a_key_file_that_cannot_be_used_is_said(place: Place, content: bytes, mode: int) -> None:
    place.key_file.parent.mkdir(parents=True)
    place.key_file.write_bytes(content)
    place.key_file.chmod(mode)
    with pytest.raises(VaultKeyWrong, match=r"vault\.key"):
        await place.open()


async def test_a_key_that_cannot_be_written_is_said(place: Place) -> None:
    place.folder.mkdir()
    (place.folder / "keys").write_text("a file where the folder belongs")
    with pytest.raises(VaultUnusable, match="cannot be written"):
        await place.open()


async def test_nothing_of_a_person_stands_in_clear(place: Place, vault: Vault) -> None:
    await vault.put_people([WEI])
    red = status(vault.subject_of("p-1"), StatusColour.RED)
    await vault.apply(statuses(1, 0, red, revoke=("ab" * 16,)))
    await vault.use_pass("cd" * 16, 0, MONDAY + DAY)
    await place.close()
    content = b"".join(path.read_bytes() for path in place.folder.glob("vault.sqlite*"))
    for word in ("张伟", "Harbour", "1001", "0A1B", "p-1", "red", "ab" * 16, "cd" * 16):
        assert word.encode() not in content
    assert bytes.fromhex("cd" * 16) not in content
    assert "张伟" not in repr(WEI)


async def test_swapped_rows_do_not_open(place: Place, vault: Vault) -> None:
    """SAFETY.md item 17: the row's id is authenticated with it."""
    await vault.put_people([WEI, ANNA])
    await place.close()
    (first, *sealed_first), (second, *sealed_second) = place.sql("SELECT id, data_key, sealed FROM person")
    place.sql("UPDATE person SET data_key = ?, sealed = ? WHERE id = ?", *sealed_second, first)
    place.sql("UPDATE person SET data_key = ?, sealed = ? WHERE id = ?", *sealed_first, second)
    again = await place.open()
    assert (again.people, again.rejected) == (0, 2)
    assert await again.person("p-1") is None
    assert again.find(CredentialKind.CARD, "0A1B") is None


async def test_a_person_s_content_does_not_open_with_another_s_key(place: Place, vault: Vault) -> None:
    await vault.put_people([WEI, ANNA])
    await place.close()
    (first, sealed_first), (second, sealed_second) = place.sql("SELECT id, sealed FROM person")
    place.sql("UPDATE person SET sealed = ? WHERE id = ?", sealed_second, first)
    place.sql("UPDATE person SET sealed = ? WHERE id = ?", sealed_first[:20], second)
    assert (await place.open()).rejected == 2


async def test_a_swapped_status_does_not_open(place: Place, vault: Vault) -> None:
    red, green = vault.subject_of("p-1"), vault.subject_of("p-2")
    await vault.apply(statuses(1, 0, status(red, StatusColour.RED), status(green, StatusColour.GREEN)))
    await place.close()
    (sealed,) = place.sql("SELECT sealed FROM status WHERE id = ?", red.value)[0]
    place.sql("UPDATE status SET sealed = ? WHERE id = ?", sealed, green.value)
    again = await place.open()
    assert again.rejected == 1
    assert again.colour(green) is None
    assert again.colour(red) is not None


async def test_subjects_join_only_where_the_domain_s_key_is_shared(tmp_path: Path) -> None:
    here, there = Place(tmp_path / "here"), Place(tmp_path / "there")
    subjects = [
        (await here.open()).subject_of("p-1"),
        (await there.open()).subject_of("p-1"),
        (await here.open("other")).subject_of("p-1"),
        (await here.open(linkage_key=b"shared")).subject_of("p-1"),
        (await there.open(linkage_key=b"shared")).subject_of("p-1"),
    ]
    await here.close()
    await there.close()
    alone, foreign, other, shared, shared_too = subjects
    assert shared == shared_too
    assert len({subject.value for subject in (alone, foreign, other, shared)}) == 4
    assert len({subject.key_id for subject in (alone, foreign, other, shared)}) == 4
    assert (alone.domain, other.domain, len(alone.value)) == ("demo", "other", 64)


async def test_erase_destroys_row_key_and_colour(place: Place, vault: Vault) -> None:
    await vault.put_people([WEI, ANNA])
    await vault.apply(statuses(1, 0, status(vault.subject_of("p-1"), StatusColour.YELLOW)))
    before = {bytes(key) for (key,) in place.sql("SELECT data_key FROM person")}
    assert await vault.erase("p-1")
    (gone,) = before - {bytes(key) for (key,) in place.sql("SELECT data_key FROM person")}
    assert not [file for file in place.folder.rglob("vault.sqlite*") if gone in file.read_bytes()]
    assert not await vault.erase("p-1")
    assert vault.find(CredentialKind.CARD, "0A1B") is None
    assert vault.colour(vault.subject_of("p-1")) is None
    again = await place.reopen()
    assert (again.people, again.rejected) == (1, 0)
    assert again.colour(again.subject_of("p-1")) is None
    assert len(place.sql("SELECT id FROM person")) == 1


# --- statuses ---


async def test_a_colour_is_in_force_until_it_expires_and_then_unknown(place: Place, vault: Vault) -> None:
    subject = vault.subject_of("p-1")
    assert vault.colour(subject) is None
    verdict = await vault.apply(statuses(1, 0, status(subject, StatusColour.RED, MONDAY + HOUR)))
    assert verdict is Applied.APPLIED
    place.clock.forward(HOUR - dt.timedelta(seconds=1))
    assert vault.colour(subject) == (StatusColour.RED, MONDAY + HOUR, 100.0)
    place.clock.forward(dt.timedelta(seconds=1))
    assert vault.colour(subject) is None


async def test_a_colour_keeps_its_age_through_a_restart(place: Place, vault: Vault) -> None:
    subject = vault.subject_of("p-1")
    await vault.apply(statuses(1, 0, status(subject, StatusColour.GREEN)))
    place.clock.utc += HOUR
    place.clock.mono_s = 5.0
    again = await place.reopen()
    held = again.colour(subject)
    assert held is not None
    assert held.received_mono_s == 5.0 - 3600
    assert again.statuses_version == 1


async def test_a_clock_that_went_back_makes_nothing_younger_than_new(place: Place, vault: Vault) -> None:
    subject = vault.subject_of("p-1")
    await vault.apply(statuses(1, 0, status(subject, StatusColour.GREEN)))
    place.clock.utc -= DAY
    held = (await place.reopen()).colour(subject)
    assert held is not None
    assert held.received_mono_s == place.clock.mono_s


async def test_versions(vault: Vault) -> None:
    one, two = vault.subject_of("p-1"), vault.subject_of("p-2")
    await vault.apply(statuses(3, 0, status(one, StatusColour.RED)))
    assert await vault.apply(statuses(3, 0, status(one, StatusColour.GREEN))) is Applied.ALREADY_HELD
    assert await vault.apply(statuses(2, 0, status(one, StatusColour.GREEN))) is Applied.OLDER
    assert await vault.apply(statuses(6, 5, status(one, StatusColour.GREEN))) is Applied.BASE_MISSING
    assert vault.colour(one) is not None
    assert await vault.apply(statuses(4, 3, status(two, StatusColour.YELLOW))) is Applied.APPLIED
    assert vault.colour(one) is not None
    assert await vault.apply(statuses(5, 4, remove=(one.value, "nobody"))) is Applied.APPLIED
    assert vault.colour(one) is None
    assert await vault.apply(statuses(6, 0)) is Applied.APPLIED
    assert vault.colour(two) is None


async def test_revocations_last_and_a_whole_document_replaces_them(place: Place, vault: Vault) -> None:
    first, second = "ab" * 16, "cd" * 16
    await vault.apply(statuses(1, 0, revoke=(first,)))
    await vault.apply(statuses(2, 1, revoke=(second, first)))
    again = await place.reopen()
    assert again.is_revoked(first)
    assert again.is_revoked(second)
    assert not again.is_revoked("ef" * 16)
    await again.apply(statuses(3, 0, revoke=(second,)))
    for held in (again, await place.reopen()):
        assert not held.is_revoked(first)
        assert held.is_revoked(second)


# --- used passes ---


async def test_a_pass_is_used_once_per_step(place: Place, vault: Vault) -> None:
    assert await vault.use_pass("ab" * 16, 0, MONDAY + HOUR)
    assert not await vault.use_pass("ab" * 16, 0, MONDAY + HOUR)
    assert await vault.use_pass("ab" * 16, 1, MONDAY + HOUR)
    assert await vault.use_pass("cd" * 16, 0, MONDAY + HOUR)
    assert not await (await place.reopen()).use_pass("ab" * 16, 0, MONDAY + HOUR)


async def test_two_portals_at_the_same_moment_see_one_first_use(vault: Vault) -> None:
    shown: Callable[[], Awaitable[bool]] = lambda: vault.use_pass("ab" * 16, 0, MONDAY + HOUR)  # noqa: E731  # one line, used twice
    assert sorted(await asyncio.gather(*(shown() for _ in range(8)))) == [False] * 7 + [True]


async def test_a_use_is_in_the_file_before_it_is_true(place: Place, vault: Vault) -> None:
    assert await vault.use_pass("ab" * 16, 7, MONDAY + HOUR)
    assert place.sql("SELECT step FROM used_pass") == [(7,)]


@pytest.mark.parametrize(
    ("quality", "kept"),
    [(ClockQuality.SYNCHRONISED, 1), (ClockQuality.HOLDOVER, 1), (ClockQuality.UNSYNCHRONISED, 2)],
)
async def test_uses_are_forgotten_after_expiry_but_not_by_a_wrong_clock(
    place: Place, vault: Vault, quality: ClockQuality, kept: int
) -> None:
    await vault.use_pass("ab" * 16, 0, MONDAY + HOUR)
    place.clock.forward(2 * HOUR)
    place.clock.quality = quality
    await vault.use_pass("cd" * 16, 0, MONDAY + DAY)
    assert len(place.sql("SELECT id FROM used_pass")) == kept


async def test_uses_are_bounded(place: Place, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "USED_MAX", 20)
    monkeypatch.setattr(passes, "_ROOM_MADE", 5)
    for step in range(30):
        assert await vault.use_pass("ab" * 16, step, MONDAY + (step + 1) * HOUR)
    steps = [step for (step,) in place.sql("SELECT step FROM used_pass ORDER BY step")]
    assert len(steps) <= 20
    assert steps[-1] == 29
