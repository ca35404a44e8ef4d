"""Every picture compared with every other: the scores of one person's pictures, and of two people's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.face.look import Embedding

PICTURES_MAX = 4000
"""Eight million comparisons, which take some 700 MB while they are sorted."""

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Pairs = np.ndarray[tuple[int, int], np.dtype[np.int32]]


class NotComparable(ValueError):
    """The pictures cannot answer; says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparisons:
    """Cosines, each side rising, and between which pictures they are."""

    people: Ints
    """(n,): whose each picture is, from 0."""
    genuine: Floats
    """(g,): of two pictures of one person."""
    genuine_pairs: Pairs
    """(g, 2): which."""
    impostor: Floats
    """(m,): of pictures of two people."""
    impostor_pairs: Pairs
    """(m, 2): which."""

    @property
    def people_count(self) -> int:
        """How many people there are."""
        return int(self.people.max()) + 1


def compared(embeddings: Sequence[Embedding], people: Sequence[int]) -> Comparisons:
    """All n(n-1)/2 comparisons of ``embeddings`` (each (d,), of length 1), whose ``people`` are numbered
    from 0 without gaps (cross-comparison, ISO/IEC 19795-1).

    Raises NotComparable unless there are two people and two pictures of one, and at most ``PICTURES_MAX``.
    """
    if len(embeddings) > PICTURES_MAX:
        raise NotComparable(f"{len(embeddings)} pictures are more than the {PICTURES_MAX} that are compared")
    if not embeddings:
        raise NotComparable("no picture can be compared")
    persons = np.asarray(people, dtype=np.int64)
    if np.unique(persons).size < 2:
        raise NotComparable("all pictures are of one person: false matches need at least two people")
    if np.unique(persons).size == persons.size:
        raise NotComparable("nobody has two pictures: true matches need two pictures of one person")
    rows = np.stack(embeddings)
    alike = rows @ rows.T
    first, second = np.triu_indices(len(rows), 1)
    scores = alike[first, second].astype(np.float64)
    pairs = np.column_stack((first, second)).astype(np.int32)
    same = persons[first] == persons[second]
    genuine, genuine_pairs = _rising(scores[same], pairs[same])
    impostor, impostor_pairs = _rising(scores[~same], pairs[~same])
    return Comparisons(
        people=persons,
        genuine=genuine,
        genuine_pairs=genuine_pairs,
        impostor=impostor,
        impostor_pairs=impostor_pairs,
    )


def _rising(scores: Floats, pairs: Pairs) -> tuple[Floats, Pairs]:
    order = np.argsort(scores, kind="stable")
    return scores[order], pairs[order]
