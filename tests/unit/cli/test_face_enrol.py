"""``cardea face enrol``, ``forget`` and ``renew``, with the real networks, and what stays on the disk."""

import asyncio
import sqlite3
from dataclasses import replace

import cv2
import numpy as np
import pytest

from cardea.cli.face import faces
from cardea.cli.face.pictures import read_picture
from edge.vault.templates import Templates
from models.face.pipeline import load
from models.face.stills import look_at_still
from models.face.template import mean_template
from tests.unit.cli.face_site import ADA, BOB, CONFIG, MODEL_SHA256, FaceSite

pytestmark = pytest.mark.needs_test_data
CONSENT = ("--consent", "C-1", "--consent-date", "2026-01-31")


@pytest.fixture
def site(capsys, test_data, tmp_path, monkeypatch):
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(test_data / "models"))
    return FaceSite(capsys, test_data, tmp_path).make()


def enrolled(site):
    """How many people are."""
    return site.at("identify", *site.pictures(1), "--json").said["people"]


# --- from enrolling to forgetting ---


def test_a_person_is_enrolled_found_renewed_found_again_and_forgotten(site):
    [probe] = site.pictures(ADA[3])
    done = site.enrol("p-1", ADA[:3], "--json").said
    assert done == {
        "person": "p-1",
        "pictures": 3,
        "replaced": False,
        "people": 1,
        "size": None,
        "model_sha256": MODEL_SHA256,
    }
    before = site.at("identify", probe, "--json").said
    assert (before["outcome"], before["person"]) == ("identified", "p-1")
    assert site.at("renew", "--json").said == {"renewed": 1}
    after = site.at("identify", probe, "--json").said
    assert (after["outcome"], after["person"]) == ("identified", "p-1")
    assert after["score"] == pytest.approx(before["score"], abs=1e-5)
    assert site.at("forget", "--person", "p-1", "--json").said == {"person": "p-1", "forgotten": True}
    assert site.at("identify", probe, "--json").said["outcome"] == "empty"
    assert site.at("forget", "--person", "p-1", "--json").said == {"person": "p-1", "forgotten": False}


def test_what_people_read(site):
    assert site.enrol("p-1", ADA[:3]).out == "p-1: enrolled from 3 pictures; 1 person has a template\n"
    assert site.at("renew").out == "1 template renewed; no picture was needed\n"
    assert site.enrol("p-2", BOB).out == "p-2: enrolled from 3 pictures; 2 people have a template\n"
    again = site.enrol("p-1", ADA).out
    assert again == "p-1: enrolled again from 4 pictures; 2 people have a template\n"
    assert site.at("renew").out == "2 templates renewed; no picture was needed\n"
    assert site.at("forget", "--person", "p-1").out == "p-1: forgotten\n"
    assert site.at("forget", "--person", "p-1").out == "p-1: had no template\n"


def test_item_18_no_picture_and_no_face_is_on_the_disk(site):
    networks = load()
    secrets: list[bytes] = []
    embeddings = []
    for file in site.pictures(*ADA):
        content, pixels = file.read_bytes(), read_picture(file)
        embedding = look_at_still(networks, pixels).embedding
        assert embedding is not None
        embeddings.append(embedding)
        middle = len(content) // 2
        secrets += [content[middle : middle + 32], pixels[len(pixels) // 2].tobytes()[:96]]
    embeddings.append(mean_template(embeddings[:3]))
    secrets += [each.astype(kind).tobytes()[:16] for each in embeddings for kind in ("<f4", "<f8")]
    for do in (
        lambda: site.enrol("p-1", ADA[:3]),
        lambda: site.at("identify", *site.pictures(ADA[3])),
        lambda: site.at("renew"),
        lambda: site.at("forget", "--person", "p-1"),
    ):
        assert do().status == 0
        kept = site.on_the_disk()
        assert b"SQLite format 3" in kept
        assert not [secret for secret in secrets if secret in kept]
    (site.folder / "data" / "left").write_bytes(b"..".join(secrets))
    kept = site.on_the_disk()
    assert all(secret in kept for secret in secrets)


# --- consent (item 23) ---


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "nobody is enrolled without their consent"),
        (("--consent", "C-1"), "say when it was given"),
        (("--consent", "C-1", "--consent-date", "2999-01-01"), "say when it was given, today or before"),
        (("--consent-date", "2026-01-31"), "nobody is enrolled without their consent"),
        ((*CONSENT, "--under-14"), "under 14 needs their guardian"),
    ],
)
def test_item_23_without_consent_no_picture_is_even_opened(site, monkeypatch, words, why):
    monkeypatch.setattr(faces, "pipeline", lambda: pytest.fail("the networks were opened"))
    said = site.at("enrol", *site.pictures(*ADA), "--person", "p-1", *words)
    assert why in said.refusal


def test_item_23_a_guardian_consents(site):
    said = site.enrol("p-1", ADA[:3], "--under-14", "--guardian", "G-1")
    assert said.status == 0
    assert b"G-1" not in site.on_the_disk()


def test_a_date_that_is_none(site):
    said = site.at("enrol", *site.pictures(*ADA), "--person", "p-1", "--consent-date", "31.1.2026")
    assert "'31.1.2026' is no date; write 2026-01-31" in said.refusal


# --- who and what is refused ---


def test_pictures_that_cannot_be_used_are_all_named(site, tmp_path):
    wall = tmp_path / "wall.png"
    assert cv2.imwrite(str(wall), np.full((300, 300, 3), 128, np.uint8))
    said = site.at("enrol", wall, site.couple, *site.pictures(*ADA), "--person", "p-1", *CONSENT)
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines() == [
        f"cardea: {wall}: no face is found; use a picture of one person, from the front",
        f"{site.couple}: several people stand in front; use a picture of one",
    ]
    assert enrolled(site) == 0


def test_a_face_too_small_to_enrol_from(site, tmp_path):
    [file] = site.pictures(1)
    picture = cv2.imread(str(file))
    assert picture is not None
    small = tmp_path / "small.png"
    face = site.face("compare", file, file, "--json").said["pictures"][0]["width_px"]
    assert cv2.imwrite(str(small), cv2.resize(picture, None, fx=85 / face, fy=85 / face))
    compared = site.face("compare", small, file, "--json").said
    assert compared["state"] == "same"
    assert 60 < compared["pictures"][0]["width_px"] < 112
    said = site.at("enrol", small, *site.pictures(*ADA), "--person", "p-1", *CONSENT)
    assert f"{small}: the face is too small" in said.refusal


def test_a_picture_of_somebody_else_is_named(site):
    said = site.enrol("p-1", (ADA[0], BOB[0], *ADA[1:]))
    assert f"{site.pictures(BOB[0])[0]}: shows somebody else than the others" in said.refusal
    assert enrolled(site) == 0


def test_two_pictures_are_too_few_and_too_many_are_too_many(site):
    assert (
        "2 of at least 3 pictures; a template is made of three or more" in site.enrol("p-1", (1, 2)).refusal
    )
    assert "21 pictures; 20 are enough" in site.enrol("p-1", [1] * 21).refusal


def test_the_same_picture_does_not_count_twice(site, tmp_path):
    first, second = site.pictures(*ADA[:2])
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(first.read_bytes())
    said = site.at("enrol", first, second, copy, "--person", "p-1", *CONSENT)
    assert f"{copy}: is the same picture as {first}; each must be another one" in said.refusal
    assert enrolled(site) == 0


def test_a_look_without_an_embedding_does_not_count(site, monkeypatch):
    whole = faces.look_at
    monkeypatch.setattr(faces, "look_at", lambda *words: replace(whole(*words), embedding=None))
    assert "0 of at least 3 pictures" in site.enrol("p-1", ADA[:3]).refusal


def test_who_is_not_known_and_whose_face_it_is_already(site):
    assert "nobody is known as 'p-9'; import them first" in site.enrol("p-9", ADA[:3]).refusal
    assert site.enrol("p-1", ADA[:3]).status == 0
    assert "enrolled already, as 'p-1'" in site.enrol("p-2", ADA[1:]).refusal
    assert enrolled(site) == 1


@pytest.mark.parametrize(
    ("people", "said", "size"),
    [(79_999, "", None), (80_000, "from 100000 people on", "warn"), (100_000, "within 30 working", "filing")],
)
def test_item_22_a_large_store_says_what_it_asks_for(site, monkeypatch, people, said, size):
    async def count(*_):
        await asyncio.sleep(0)
        return people

    monkeypatch.setattr(Templates, "count", count)
    answered = site.enrol("p-1", ADA[:3], "--json")
    assert answered.status == 0
    assert f'"size": {"null" if size is None else chr(34) + size + chr(34)}' in answered.out
    assert said in answered.err
    assert answered.err.count("\n") == (size is not None)


# --- a store that does not serve ---


def test_without_models_it_says_how_to_get_them(site, monkeypatch, tmp_path):
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(tmp_path / "nowhere"))
    assert "cardea models pull" in site.enrol("p-1", ADA[:3]).refusal


def spoil(site, statement):
    with sqlite3.connect(site.folder / "data" / "templates.sqlite") as db:
        db.execute(statement)
    db.close()


def test_a_row_that_was_changed_stops_renewing_until_it_is_forgotten(site):
    site.enrol("p-1", ADA[:3])
    spoil(site, "UPDATE template SET sealed = x'00'")
    assert "a template does not open; nothing was renewed" in site.at("renew").refusal
    assert site.at("forget", "--person", "p-1").out == "p-1: forgotten\n"
    assert site.at("renew", "--json").said == {"renewed": 0}


def test_a_rotation_that_was_changed_is_one_line(site):
    site.enrol("p-1", ADA[:3])
    spoil(site, "UPDATE meta SET value = x'00' WHERE key = 'protection'")
    assert "does not open" in site.enrol("p-2", BOB).refusal
    assert "does not open" in site.at("identify", *site.pictures(1)).refusal


def test_another_key_is_one_line(site):
    site.enrol("p-1", ADA[:3])
    key = site.folder / "secrets" / "vault.key"
    key.write_bytes(b"x" * 32)
    assert str(key) in site.enrol("p-1", ADA[:3]).refusal
    for command in (("forget", "--person", "p-1"), ("renew",), ("identify", *site.pictures(1))):
        assert "not the key of these templates" in site.at(*command).refusal


def test_a_disk_that_does_not_serve_ends_with_status_1(site):
    data = site.folder / "data"
    for file in data.iterdir():
        file.unlink()
    data.rmdir()
    data.write_text("no folder")
    for said in (site.at("renew"), site.enrol("p-1", ADA[:3])):
        assert (said.status, said.out) == (1, "")
        assert said.err.startswith("cardea: the templates cannot be ")
        assert said.err.count("\n") == 1


def test_a_configuration_that_is_none(site):
    site.config.write_text("[gateway]\n")
    for said in (site.at("renew"), site.enrol("p-1", ADA[:3]), site.at("forget", "--person", "p-1")):
        assert (said.status, said.out) == (2, "")
        assert "gateway.toml" in said.err


def test_the_secret_of_the_domain_is_needed_where_the_site_names_one(site):
    named = CONFIG.replace("[broker]", 'linkage_secret = "domain"\n[broker]')
    site.config.write_text(named)
    assert "domain" in site.enrol("p-1", ADA[:3]).refusal
    secret = site.folder / "secrets" / "domain"
    secret.write_text("between us")
    secret.chmod(0o600)
    assert site.enrol("p-1", ADA[:3]).status == 0
