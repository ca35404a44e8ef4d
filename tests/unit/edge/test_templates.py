"""Face templates at rest: where a row opens, what forgetting and renewing leave, and what no key finds."""

import datetime as dt
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import StoreFailed, SystemDisk
from edge.faces.template_reader import TemplateReader
from edge.vault import KeyFile, Person, Vault, VaultKeyMissing, VaultKeyWrong
from edge.vault.consent import Consent
from edge.vault.keys import KEY_BYTES, derive, derive_for_templates
from edge.vault.seal import Seal, SealBroken
from edge.vault.template_rows import StoredTemplate, TemplateRows
from edge.vault.templates import Templates
from models.face.look import Embedding

MODEL, OTHER_MODEL = "ab" * 32, "cd" * 32
SIZE = 256
MASTER = bytes(range(KEY_BYTES))
CONSENT = Consent(id="C-17", given_on=dt.date(2026, 11, 1), guardian="Guardian of Ada")
ENTROPY = SystemEntropy()


def face(number: int) -> Embedding:
    row = np.random.default_rng(number).normal(size=SIZE)
    return (row / np.linalg.norm(row)).astype(np.float32)


def template(person: str, number: int, model: str = MODEL) -> StoredTemplate:
    return StoredTemplate(
        person=person,
        model_sha256=model,
        vector=face(number).astype("<f4").tobytes(),
        consent=CONSENT,
        pictures=3,
        enrolled_utc=dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC),
    )


@dataclass
class Place:
    """Where a store of templates lives."""

    folder: Path
    opened: list[Templates] = field(default_factory=list[Templates])

    @property
    def key(self) -> KeyFile:
        return KeyFile(self.folder / "keys" / "vault.key")

    @property
    def disk(self) -> SystemDisk:
        return SystemDisk(self.folder / "data")

    async def open(self) -> Templates:
        templates = await Templates.open(self.disk, self.key, ENTROPY)
        self.opened.append(templates)
        return templates

    async def close(self) -> None:
        while self.opened:
            await self.opened.pop().close()

    def sql(self, statement: str, *parameters: object) -> list[tuple[bytes, ...]]:
        with sqlite3.connect(self.folder / "data" / "templates.sqlite") as db:
            rows = db.execute(statement, parameters).fetchall()
        db.close()
        return rows

    def on_the_disk(self) -> bytes:
        return b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    (tmp_path / "keys").mkdir(mode=0o700)
    made.key.store(MASTER)
    yield made
    await made.close()


@pytest.fixture
async def templates(place: Place) -> Templates:
    return await place.open()


def row_id(person: str, model: str = MODEL) -> bytes:
    return TemplateRows(derive_for_templates(MASTER), ENTROPY)._id(person, model)  # pyright: ignore[reportPrivateUsage]  # a thief with the key would know it


# --- what is kept ---


async def test_a_template_is_found_again_with_the_rotation_to_compare_by(templates: Templates) -> None:
    await templates.put(template("ada", 1))
    kept = await templates.get("ada", MODEL)
    assert kept is not None
    assert kept.stored == msgspec.structs.replace(template("ada", 1), vector=kept.stored.vector)
    assert float(kept.template @ kept.protection.protect(face(1))) == pytest.approx(1, abs=1e-6)
    assert abs(float(kept.template @ face(1))) < 0.4
    assert await templates.get("bob", MODEL) is None
    assert await templates.get("ada", OTHER_MODEL) is None


async def test_everybody_of_one_model_and_how_many(templates: Templates) -> None:
    nobody = await templates.everybody(MODEL)
    assert (nobody.people, nobody.protection, nobody.broken) == ((), None, 0)
    assert nobody.templates.shape == (0, 0)
    for number, person in enumerate(["ada", "bob"]):
        await templates.put(template(person, number))
    await templates.put(template("eve", 5, OTHER_MODEL))
    everybody = await templates.everybody(MODEL)
    assert sorted(everybody.people) == ["ada", "bob"]
    assert everybody.protection is not None
    probe = everybody.protection.protect(face(1))
    assert everybody.people[int((everybody.templates @ probe).argmax())] == "bob"
    assert (await templates.count(MODEL), await templates.count(OTHER_MODEL)) == (2, 1)


async def test_a_person_has_one_template_of_a_model(templates: Templates) -> None:
    await templates.put(template("ada", 1))
    await templates.put(template("ada", 2))
    kept = await templates.get("ada", MODEL)
    assert kept is not None
    assert float(kept.template @ kept.protection.protect(face(2))) > 0.99
    assert await templates.count(MODEL) == 1


async def test_item_19_no_face_name_or_consent_stands_readable_on_the_disk(
    place: Place, templates: Templates
) -> None:
    await templates.put(template("ada-lovelace", 1))
    kept = await templates.get("ada-lovelace", MODEL)
    await place.close()
    assert kept is not None
    content = place.on_the_disk()
    for secret in (face(1).tobytes(), kept.stored.vector, b"ada-lovelace", b"C-17", b"Guardian of Ada"):
        assert secret not in content
        assert secret[:16] not in content
    shown = repr(kept) + repr(kept.stored) + repr(kept.stored.consent)
    assert "Guardian" not in shown
    assert "vector" not in shown


# --- item 17: a row opens in its own place only ---


async def test_item_17_swapped_rows_do_not_open(place: Place, templates: Templates) -> None:
    await templates.put(template("ada", 1))
    await templates.put(template("bob", 2))
    rows = {row[0]: row[1:] for row in place.sql("SELECT id, data_key, sealed FROM template")}
    ada, bob = row_id("ada"), row_id("bob")
    for own, other in [(ada, bob), (bob, ada)]:
        place.sql("UPDATE template SET data_key = ?, sealed = ? WHERE id = ?", *rows[other], own)
    for person in ("ada", "bob"):
        with pytest.raises(SealBroken):
            await templates.get(person, MODEL)
    assert (await templates.everybody(MODEL)).broken == 2


async def test_item_17_a_content_under_another_rows_key_does_not_open(
    place: Place, templates: Templates
) -> None:
    await templates.put(template("ada", 1))
    await templates.put(template("bob", 2))
    [(sealed,)] = place.sql("SELECT sealed FROM template WHERE id = ?", row_id("bob"))
    place.sql("UPDATE template SET sealed = ? WHERE id = ?", sealed, row_id("ada"))
    with pytest.raises(SealBroken):
        await templates.get("ada", MODEL)


@pytest.mark.parametrize("own_id", [True, False])
async def test_item_17_a_row_moved_to_another_model_does_not_open(
    place: Place, templates: Templates, *, own_id: bool
) -> None:
    await templates.put(template("ada", 1))
    moved = row_id("ada") if own_id else row_id("ada", OTHER_MODEL)
    place.sql("UPDATE template SET model = ?, id = ?", OTHER_MODEL, moved)
    everybody = await templates.everybody(OTHER_MODEL)
    assert (everybody.people, everybody.broken) == ((), 1)
    with pytest.raises(SealBroken):
        await templates.get("ada", MODEL if own_id else OTHER_MODEL)


@pytest.mark.parametrize("column", ["data_key", "sealed"])
@pytest.mark.parametrize("at", [0, 12, 20, -1])
async def test_item_17_a_flipped_byte_is_noticed(
    place: Place, templates: Templates, column: str, at: int
) -> None:
    await templates.put(template("ada", 1))
    await templates.put(template("bob", 2))
    [(content,)] = place.sql(f"SELECT {column} FROM template WHERE id = ?", row_id("ada"))
    changed = bytearray(content)
    changed[at] ^= 1
    place.sql(f"UPDATE template SET {column} = ? WHERE id = ?", bytes(changed), row_id("ada"))
    with pytest.raises(SealBroken):
        await templates.get("ada", MODEL)
    everybody = await templates.everybody(MODEL)
    assert (everybody.people, everybody.broken) == (("bob",), 1)


@pytest.mark.parametrize("column", ["data_key", "sealed"])
async def test_item_17_a_truncated_row_is_noticed(place: Place, templates: Templates, column: str) -> None:
    await templates.put(template("ada", 1))
    place.sql(f"UPDATE template SET {column} = x'00'")
    with pytest.raises(SealBroken):
        await templates.get("ada", MODEL)


def put_sealed(place: Place, person: str, content: bytes) -> None:
    """What only somebody with the key could write: ``content`` in the row of ``person``."""
    row, data_key = row_id(person), b"k" * 32
    at = row + b"/" + MODEL.encode()
    wrapped = Seal(derive_for_templates(MASTER).sealing, ENTROPY).close(data_key, b"key/" + at)
    sealed = Seal(data_key, ENTROPY).close(content, b"template/" + at)
    place.sql("INSERT INTO template VALUES (?, ?, ?, ?)", row, MODEL, wrapped, sealed)


async def test_item_17_the_person_inside_is_checked_too(place: Place, templates: Templates) -> None:
    put_sealed(place, "ada", msgspec.msgpack.encode(template("bob", 2)))
    with pytest.raises(SealBroken, match="another person"):
        await templates.get("ada", MODEL)


async def test_item_17_a_row_that_holds_no_template_is_refused(place: Place, templates: Templates) -> None:
    put_sealed(place, "ada", b"no template")
    with pytest.raises(SealBroken, match="holds no template"):
        await templates.get("ada", MODEL)


async def test_item_17_a_changed_rotation_is_noticed(place: Place, templates: Templates) -> None:
    await templates.put(template("ada", 1))
    place.sql("UPDATE meta SET value = zeroblob(length(value)) WHERE key = 'protection'")
    for reading in (templates.get("ada", MODEL), templates.everybody(MODEL), templates.renew()):
        with pytest.raises(SealBroken):
            await reading


# --- item 19: apart from the vault ---


async def vault_with(place: Place, person: str) -> Vault:
    vault = await Vault.open(
        place.disk, place.key, SystemClock(), ENTROPY, domain="demo", zone=ZoneInfo("UTC")
    )
    await vault.put_people([Person(person=person, name="Ada", card="1")])
    return vault


async def test_item_19_the_vaults_database_holds_no_template_and_shares_no_id(place: Place) -> None:
    vault = await vault_with(place, "ada")
    templates = await place.open()
    await templates.put(template("ada", 1))
    await vault.close()
    with sqlite3.connect(place.folder / "data" / "vault.sqlite") as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        people = {bytes(each) for (each,) in db.execute("SELECT id FROM person")}
    db.close()
    assert "template" not in tables
    ours = {bytes(each) for (each,) in place.sql("SELECT id FROM template")}
    assert (len(people), len(ours)) == (1, 1)
    assert not people & ours
    assert not {each[:8] for each in people} & {each[:8] for each in ours}


async def test_item_19_none_of_the_vaults_keys_finds_or_opens_a_template(
    place: Place, templates: Templates
) -> None:
    await templates.put(template("ada", 1))
    vaults, own = derive(MASTER, "demo", None), derive_for_templates(MASTER)
    keys = [MASTER, vaults.sealing, vaults.lookup, vaults.linkage]
    assert not {*keys, vaults.check} & {own.sealing, own.lookup, own.check}
    with sqlite3.connect(place.folder / "data" / "templates.sqlite") as db:
        for key in keys:
            stranger = TemplateRows(replace(own, lookup=key), ENTROPY)
            assert stranger.get(db, "ada", MODEL) is None
            thief = TemplateRows(replace(own, sealing=key), ENTROPY)
            with pytest.raises(SealBroken):
                thief.get(db, "ada", MODEL)
        assert TemplateRows(own, ENTROPY).get(db, "ada", MODEL) is not None
    db.close()


async def test_item_19_erasing_a_person_from_the_vault_leaves_templates_to_forget(place: Place) -> None:
    vault = await vault_with(place, "ada")
    templates = await place.open()
    await templates.put(template("ada", 1))
    assert await vault.erase("ada")
    await vault.close()
    assert await templates.count(MODEL) == 1
    assert await templates.forget("ada")
    assert await templates.count(MODEL) == 0


# --- item 25: renewable ---


async def test_item_25_renewing_makes_what_leaked_useless_and_keeps_who_is_like_whom(
    place: Place, templates: Templates
) -> None:
    people = {"ada": 1, "bob": 2, "eve": 3}
    for person, number in people.items():
        await templates.put(template(person, number))
    await templates.put(template("ada", 4, OTHER_MODEL))
    before = await templates.everybody(MODEL)
    assert await templates.renew() == 4
    after = await templates.everybody(MODEL)
    assert after.protection is not None
    assert before.protection is not None
    order = [after.people.index(person) for person in before.people]
    turned = after.templates[order]
    assert np.abs((before.templates * turned).sum(axis=1)).max() < 0.4
    np.testing.assert_allclose(turned @ turned.T, before.templates @ before.templates.T, atol=1e-5)
    for person, number in people.items():
        row = after.templates[after.people.index(person)]
        assert float(row @ after.protection.protect(face(number))) == pytest.approx(1, abs=1e-5)
        assert abs(float(row @ before.protection.protect(face(number)))) < 0.4
    other = await templates.get("ada", OTHER_MODEL)
    assert other is not None
    assert other.stored.consent == CONSENT
    assert float(other.template @ other.protection.protect(face(4))) == pytest.approx(1, abs=1e-5)


async def test_item_25_a_second_process_sees_a_renewal_at_once(place: Place, templates: Templates) -> None:
    await templates.put(template("ada", 1))
    reader = TemplateReader(place.disk, place.key, ENTROPY)
    try:
        assert await reader.read("bob", MODEL) is None
        before = await reader.read("ada", MODEL)
        assert await templates.renew() == 1
        after = await reader.read("ada", MODEL)
        assert await reader.count(MODEL) == 1
    finally:
        await reader.close()
    assert before is not None
    assert after is not None
    assert float(after.template @ after.protect(face(1))) == pytest.approx(1, abs=1e-5)
    assert abs(float(after.template @ before.protect(face(1)))) < 0.4


async def test_item_25_old_rows_and_the_old_secret_leave_the_disk(place: Place, templates: Templates) -> None:
    await templates.put(template("ada", 1))
    old = [bytes(each) for row in place.sql("SELECT data_key, sealed FROM template") for each in row]
    old += [bytes(each) for (each,) in place.sql("SELECT value FROM meta WHERE key = 'protection'")]
    assert len(old) == 3
    await templates.renew()
    await place.close()
    assert not [each for each in old if each in place.on_the_disk()]


async def test_item_25_a_row_that_does_not_open_stops_a_renewal_before_anything_changed(
    place: Place, templates: Templates
) -> None:
    await templates.put(template("ada", 1))
    await templates.put(template("bob", 2))
    place.sql("UPDATE template SET sealed = x'00' WHERE id = ?", row_id("bob"))
    before = place.sql("SELECT * FROM template"), place.sql("SELECT * FROM meta")
    with pytest.raises(SealBroken, match="nothing was renewed"):
        await templates.renew()
    assert (place.sql("SELECT * FROM template"), place.sql("SELECT * FROM meta")) == before
    assert await templates.forget("bob")
    assert await templates.renew() == 1


async def test_item_25_renewing_nobody_is_no_error(templates: Templates) -> None:
    assert await templates.renew() == 0


async def test_a_reader_that_never_read_or_cannot_close_ends_all_the_same(
    place: Place, templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = TemplateReader(place.disk, place.key, ENTROPY)
    await reader.close()
    assert await reader.count(MODEL) == 0
    closed: list[Templates] = []

    async def fail(store: Templates) -> None:
        closed.append(store)
        raise StoreFailed("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(Templates, "close", fail)
        await reader.close()
    assert len(closed) == 1
    await closed[0].close()


# --- forgetting ---


async def test_forgetting_destroys_every_models_key_and_row_and_nobody_elses(
    place: Place, templates: Templates
) -> None:
    await templates.put(template("ada", 1))
    await templates.put(template("ada", 2, OTHER_MODEL))
    await templates.put(template("bob", 3))
    ids = (row_id("ada"), row_id("ada", OTHER_MODEL))
    rows = place.sql("SELECT data_key, sealed FROM template WHERE id IN (?, ?)", *ids)
    gone = [bytes(each) for row in rows for each in row]
    assert len(gone) == 4
    assert await templates.forget("ada")
    assert not await templates.forget("ada")
    assert await templates.get("ada", MODEL) is None
    assert await templates.get("ada", OTHER_MODEL) is None
    assert await templates.get("bob", MODEL) is not None
    await place.close()
    content = place.on_the_disk()
    assert not [each for each in gone if each in content]
    assert not [each for each in gone if each[12:28] in content]


async def test_what_is_forgotten_or_renewed_is_gone_while_another_process_has_the_store_open(
    place: Place, templates: Templates
) -> None:
    await templates.put(template("ada", 1))
    await templates.put(template("bob", 2))
    with sqlite3.connect(place.folder / "data" / "templates.sqlite") as other:
        keys = [bytes(each) for (each,) in other.execute("SELECT data_key FROM template")]
        assert all(key in place.on_the_disk() for key in keys)
        assert await templates.forget("ada")
        assert await templates.renew() == 1
        assert not [key for key in keys if key in place.on_the_disk()]
    other.close()


async def test_the_key_is_overwritten_before_the_row_goes(place: Place, templates: Templates) -> None:
    await templates.put(template("ada", 1))
    await place.close()
    with sqlite3.connect(place.folder / "data" / "templates.sqlite") as db:
        db.execute("CREATE TEMP TABLE gone(data_key BLOB)")
        db.execute(
            "CREATE TEMP TRIGGER seen BEFORE DELETE ON template BEGIN"
            " INSERT INTO gone VALUES (old.data_key); END"
        )
        assert TemplateRows(derive_for_templates(MASTER), ENTROPY).forget(db, "ada") == 1
        [(data_key,)] = db.execute("SELECT data_key FROM gone").fetchall()
    db.close()
    assert data_key == bytes(len(data_key))
    assert len(data_key) >= 32


async def test_a_row_that_does_not_open_can_still_be_forgotten(place: Place, templates: Templates) -> None:
    await templates.put(template("ada", 1))
    place.sql("UPDATE template SET sealed = x'00'")
    assert await templates.forget("ada")
    assert await templates.count(MODEL) == 0


# --- keys ---


async def test_without_a_key_nothing_is_opened_or_made(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with pytest.raises(VaultKeyMissing, match="missing"):
        await place.open()
    assert not (tmp_path / "data").exists()


async def test_another_key_is_refused_and_changes_nothing(place: Place, templates: Templates) -> None:
    await templates.put(template("ada", 1))
    await place.close()
    place.key.store(b"x" * KEY_BYTES)
    with pytest.raises(VaultKeyWrong, match="not the key of these templates"):
        await place.open()
    place.key.store(MASTER)
    assert await (await place.open()).get("ada", MODEL) is not None


async def test_what_is_no_key_is_refused(place: Place) -> None:
    place.key.store(b"short")
    with pytest.raises(VaultKeyWrong, match="5 bytes are no key"):
        await place.open()
