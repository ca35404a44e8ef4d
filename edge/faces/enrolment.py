"""Enrolling a face: whose it is, on which consent, and that it is nobody else's already."""

from collections.abc import Sequence
from dataclasses import dataclass

from cardea.runtime.clock import Clock
from edge.vault import PersonStatus, Vault
from edge.vault.consent import Consent
from edge.vault.template_rows import StoredTemplate
from edge.vault.templates import Everybody, Templates
from models.face.gallery import Gallery, GallerySize, gallery_size
from models.face.look import Embedding
from models.face.template import mean_template
from models.face.thresholds import Thresholds


class NotEnrolled(Exception):
    """Nobody was enrolled; one line saying why."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Enrolment:
    """What somebody asks for."""

    person: str
    consent: Consent
    model_sha256: str
    embeddings: Sequence[Embedding]
    """One of each picture (d,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What came of it."""

    person: str
    pictures: int
    replaced: bool
    """Whether there was a template before."""
    people: int
    """How many have one now."""
    size: GallerySize | None
    """What their number asks for."""


async def enrol(
    vault: Vault, templates: Templates, wanted: Enrolment, thresholds: Thresholds, clock: Clock
) -> Enrolled:
    """Make and keep a template; the pictures' embeddings are not kept.

    Raises:
        NotEnrolled: the person is not known or not active, or the face is somebody else's already.
        PicturesDisagree, TooFewPictures: as ``mean_template`` does.
    """
    person = await vault.person(wanted.person)
    if person is None:
        raise NotEnrolled(
            f"nobody is known as {wanted.person!r}; import them first: cardea edge import-people"
        )
    if person.status is not PersonStatus.ACTIVE:
        raise NotEnrolled(f"{wanted.person!r} is not active")
    template = mean_template(wanted.embeddings)
    everybody = await templates.everybody(wanted.model_sha256)
    other = nearest_other(everybody, template, wanted.person, thresholds)
    if other is not None:
        raise NotEnrolled(
            f"this face is enrolled already, as {other!r}; forget that template first, or look who it is"
        )
    stored = StoredTemplate(
        person=wanted.person,
        model_sha256=wanted.model_sha256,
        vector=template.astype("<f4").tobytes(),
        consent=wanted.consent,
        pictures=len(wanted.embeddings),
        enrolled_utc=clock.now().utc,
    )
    await templates.put(stored)
    people = await templates.count(wanted.model_sha256)
    return Enrolled(
        person=wanted.person,
        pictures=len(wanted.embeddings),
        replaced=wanted.person in everybody.people,
        people=people,
        size=gallery_size(people),
    )


def gallery_of(everybody: Everybody, model_sha256: str) -> Gallery:
    """What a search goes through; probes must be turned by ``everybody.protection``."""
    return Gallery(model_sha256, everybody.people, everybody.templates)


def nearest_other(
    everybody: Everybody, template: Embedding, person: str, thresholds: Thresholds
) -> str | None:
    """Who else this face surely is; ``None`` where it is nobody else's."""
    others = [at for at, each in enumerate(everybody.people) if each != person]
    if not others or everybody.protection is None:
        return None
    scores = everybody.templates[others] @ everybody.protection.protect(template)
    best = int(scores.argmax())
    return everybody.people[others[best]] if float(scores[best]) >= thresholds.identify_min else None
