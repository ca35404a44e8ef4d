"""Enrolling a face: whose, from what, and that it is nobody else's."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import SystemDisk
from edge.faces.enrolment import Enrolled, Enrolment, NotEnrolled, enrol, gallery_of, nearest_other
from edge.vault import KeyFile, Person, PersonStatus, Vault
from edge.vault.consent import Consent
from edge.vault.templates import Templates
from models.face.gallery import Outcome
from models.face.look import Embedding
from models.face.template import PicturesDisagree, TooFewPictures
from models.face.thresholds import Thresholds

MODEL, OTHER_MODEL = "ab" * 32, "cd" * 32
SIZE = 256
CONSENT = Consent(id="C-17", given_on=dt.date(2026, 11, 1))
PEOPLE = (
    Person(person="ada", name="Ada", card="1"),
    Person(person="bob", name="Bob", card="2"),
    Person(person="eve", name="Eve", card="3", status=PersonStatus.REVOKED),
)


def pictures(person: int, count: int = 3) -> list[Embedding]:
    """Of one person: cosines among them around 0.8, with other people's around 0."""
    own = np.random.default_rng(person).normal(size=SIZE)
    rows = [own + 0.5 * np.random.default_rng([person, each]).normal(size=SIZE) for each in range(count)]
    return [(row / np.linalg.norm(row)).astype(np.float32) for row in rows]


class Site:
    def __init__(self, vault: Vault, templates: Templates) -> None:
        self.vault, self.templates = vault, templates

    async def enrol(self, person: str, embeddings: list[Embedding], model: str = MODEL) -> Enrolled:
        wanted = Enrolment(person=person, consent=CONSENT, model_sha256=model, embeddings=embeddings)
        return await enrol(self.vault, self.templates, wanted, Thresholds(), SystemClock())


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    disk, key, entropy = SystemDisk(tmp_path / "data"), KeyFile(tmp_path / "keys" / "k"), SystemEntropy()
    vault = await Vault.open(disk, key, SystemClock(), entropy, domain="demo", zone=ZoneInfo("UTC"))
    templates = await Templates.open(disk, key, entropy)
    await vault.put_people(PEOPLE)
    yield Site(vault, templates)
    await templates.close()
    await vault.close()


async def test_a_person_is_enrolled_and_found_on_another_picture(site: Site) -> None:
    *three, another = pictures(1, 4)
    assert await site.enrol("ada", three) == Enrolled(
        person="ada", pictures=3, replaced=False, people=1, size=None
    )
    kept = await site.templates.get("ada", MODEL)
    assert kept is not None
    assert (kept.stored.consent, kept.stored.pictures) == (CONSENT, 3)
    everybody = await site.templates.everybody(MODEL)
    assert everybody.protection is not None
    found = gallery_of(everybody, MODEL).identify(everybody.protection.protect(another), Thresholds())
    assert (found.outcome, found.person) == (Outcome.IDENTIFIED, "ada")


async def test_enrolling_again_replaces_and_everybody_is_counted(site: Site) -> None:
    await site.enrol("ada", pictures(1))
    second = await site.enrol("bob", pictures(2))
    assert (second.replaced, second.people) == (False, 2)
    again = await site.enrol("ada", pictures(1, 5))
    assert (again.replaced, again.people, again.pictures) == (True, 2, 5)


async def test_a_template_of_another_model_is_not_replaced(site: Site) -> None:
    await site.enrol("ada", pictures(1))
    other = await site.enrol("ada", pictures(1), OTHER_MODEL)
    assert (other.replaced, other.people) == (False, 1)
    assert await site.templates.count(MODEL) == 1


@pytest.mark.parametrize(
    ("person", "why"),
    [("zoe", "nobody is known as 'zoe'; import them first"), ("eve", "'eve' is not active")],
)
async def test_who_is_unknown_or_revoked_is_not_enrolled(site: Site, person: str, why: str) -> None:
    with pytest.raises(NotEnrolled, match=why):
        await site.enrol(person, pictures(1))
    assert await site.templates.count(MODEL) == 0


async def test_two_pictures_are_too_few(site: Site) -> None:
    with pytest.raises(TooFewPictures):
        await site.enrol("ada", pictures(1, 2))
    assert await site.templates.count(MODEL) == 0


async def test_a_picture_of_somebody_else_is_named(site: Site) -> None:
    first, second, third = pictures(1)
    with pytest.raises(PicturesDisagree) as why:
        await site.enrol("ada", [first, pictures(2)[0], second, third])
    assert why.value.picture == 1
    assert await site.templates.count(MODEL) == 0


async def test_a_face_that_is_enrolled_as_somebody_else_is_refused(site: Site) -> None:
    await site.enrol("ada", pictures(1))
    before = await site.templates.get("ada", MODEL)
    with pytest.raises(NotEnrolled, match="enrolled already, as 'ada'"):
        await site.enrol("bob", pictures(1, 4)[1:])
    assert await site.templates.get("bob", MODEL) is None
    after = await site.templates.get("ada", MODEL)
    assert before is not None
    assert after is not None
    assert before.stored == after.stored
    assert await site.templates.forget("ada")
    assert (await site.enrol("bob", pictures(1, 4)[1:])).people == 1


@pytest.mark.parametrize(("cosine", "other"), [(0.505, "ada"), (0.495, None)])
async def test_only_who_is_surely_somebody_else_is_refused(
    site: Site, cosine: float, other: str | None
) -> None:
    await site.enrol("ada", pictures(1))
    everybody = await site.templates.everybody(MODEL)
    assert everybody.protection is not None
    own = everybody.protection.unprotect(everybody.templates[0])
    away = pictures(2)[0] - float(pictures(2)[0] @ own) * own
    probe = cosine * own + (1 - cosine**2) ** 0.5 * away / np.linalg.norm(away)
    probe = (probe / np.linalg.norm(probe)).astype(np.float32)
    assert nearest_other(everybody, probe, "bob", Thresholds()) == other
    assert nearest_other(everybody, probe, "ada", Thresholds()) is None


async def test_among_nobody_there_is_nobody_else(site: Site) -> None:
    everybody = await site.templates.everybody(MODEL)
    assert nearest_other(everybody, pictures(1)[0], "ada", Thresholds()) is None
    assert len(gallery_of(everybody, MODEL)) == 0
