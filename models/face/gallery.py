"""Everybody's templates in one matrix; who of them a face is (1:N), or whether it is the one named (1:1).

Nothing here opens a door (SAFETY.md L13): an answer says who somebody looks like, not that they may pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from models.face.look import Embedding
from models.face.template import LENGTH_TOLERANCE, is_embedding
from models.face.thresholds import Thresholds

WARN_PEOPLE = 80_000
FILING_PEOPLE = 100_000


class GalleryMismatch(ValueError):
    """Embeddings of different models, or what is none: never compared."""


class GallerySize(StrEnum):
    """What the number of people asks of the operator."""

    WARN = "warn"
    """The duty to file comes near."""
    FILING = "filing"
    """The store must be filed with the authority."""


class Answer(StrEnum):
    """Of a comparison with one person."""

    MATCH = "match"
    UNCERTAIN = "uncertain"
    NO_MATCH = "no_match"


class Outcome(StrEnum):
    """Of a search among all."""

    IDENTIFIED = "identified"
    SECOND_FACTOR = "second_factor"
    """Probably this person; only a second factor can tell."""
    UNCERTAIN = "uncertain"
    """Two people are too much alike in this picture."""
    UNKNOWN = "unknown"
    EMPTY = "empty"
    """There is nobody in the gallery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """Whom a face is most like, however little."""

    person: str
    score: float
    runner_up: float | None
    """The score of the next person; ``None`` where there is only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What a search says."""

    outcome: Outcome
    person: str | None = None
    """Only where identified, or to be confirmed by a second factor."""
    score: float | None = None
    runner_up: float | None = None


class Gallery:
    """One template per person, of one model, kept transposed: a search is one product along its rows."""

    def __init__(self, model_sha256: str, people: Sequence[str], templates: npt.NDArray[np.float32]) -> None:
        """``templates``: shape (n, d), of length 1 each, in the order of ``people``.

        Raises GalleryMismatch where they do not belong together, or somebody is there twice.
        """
        if templates.ndim != 2 or len(templates) != len(people):
            raise GalleryMismatch(f"templates of shape {templates.shape} for {len(people)} people")
        if len(set(people)) != len(people):
            raise GalleryMismatch("a person is in the gallery twice: there is one template for each")
        self.model_sha256 = model_sha256
        self.people = tuple(people)
        self._templates = np.ascontiguousarray(templates.T, dtype=np.float32)
        lengths = np.sqrt(np.einsum("dn,dn->n", self._templates, self._templates))
        if not bool((np.abs(lengths - 1.0) <= LENGTH_TOLERANCE).all()):
            raise GalleryMismatch("a template in the gallery is not of length 1")

    def __len__(self) -> int:
        return len(self.people)

    def require_model(self, model_sha256: str) -> None:
        """Raise GalleryMismatch unless the templates are of this model."""
        if model_sha256 != self.model_sha256:
            raise GalleryMismatch(
                f"the gallery is of model {self.model_sha256:.12}, faces are of {model_sha256:.12}"
            )

    def nearest(self, embedding: Embedding) -> Nearest | None:
        """The person most like ``embedding`` (d,); ``None`` in an empty gallery. Raises GalleryMismatch."""
        if not self.people:
            return None
        if not is_embedding(embedding, len(self._templates)):
            raise GalleryMismatch(f"no embedding of {len(self._templates)} numbers")
        scores = embedding @ self._templates
        best = int(scores.argmax())
        score, scores[best] = float(scores[best]), -np.inf
        runner_up = float(scores.max()) if len(scores) > 1 else None
        return Nearest(person=self.people[best], score=score, runner_up=runner_up)

    def identify(self, embedding: Embedding, thresholds: Thresholds) -> Identification:
        """Who it is, by one look. Raises GalleryMismatch if it is no embedding of the gallery's size."""
        nearest = self.nearest(embedding)
        if nearest is None:
            return Identification(outcome=Outcome.EMPTY)
        outcome = _outcome(nearest, len(self), thresholds)
        named = outcome in {Outcome.IDENTIFIED, Outcome.SECOND_FACTOR}
        return Identification(
            outcome=outcome,
            person=nearest.person if named else None,
            score=nearest.score,
            runner_up=nearest.runner_up,
        )


def verify(embedding: Embedding, template: Embedding, thresholds: Thresholds) -> Answer:
    """Whether it is the person of ``template`` (1:1). Raises GalleryMismatch as ``score`` does."""
    return answer(score(embedding, template), thresholds)


def score(embedding: Embedding, template: Embedding) -> float:
    """The cosine of two embeddings (d,). Raises GalleryMismatch unless both are, of one size."""
    if not (is_embedding(embedding, template.size) and is_embedding(template, template.size)):
        raise GalleryMismatch("two vectors that are not embeddings of one model")
    return float(embedding @ template)


def answer(score: float, thresholds: Thresholds) -> Answer:
    """What a cosine says in a comparison 1:1."""
    if score >= thresholds.verify_min:
        return Answer.MATCH
    return Answer.NO_MATCH if score < thresholds.uncertain_min else Answer.UNCERTAIN


def gallery_size(people: int) -> GallerySize | None:
    """What so many people ask for: a warning from 80,000 on, a filing from 100,000 on.

    Source: Measures for the Security Management of the Application of Facial Recognition Technology
    (Cyberspace Administration of China and Ministry of Public Security, order 19 of 13 March 2025, in force
    since 1 June 2025), article 15: who has come to store the faces of 100,000 people files within 30 working
    days with the provincial department.
    """
    if people >= FILING_PEOPLE:
        return GallerySize.FILING
    return GallerySize.WARN if people >= WARN_PEOPLE else None


def _outcome(nearest: Nearest, people: int, thresholds: Thresholds) -> Outcome:
    if nearest.score < thresholds.uncertain_min:
        return Outcome.UNKNOWN
    if nearest.runner_up is not None and nearest.score - nearest.runner_up < thresholds.margin_min:
        return Outcome.UNCERTAIN
    sure = nearest.score >= thresholds.identify_min and people <= thresholds.one_to_many_max
    return Outcome.IDENTIFIED if sure else Outcome.SECOND_FACTOR
