"""1:N: FNIR at FPIR, as NIST FRTE 1:N counts them, with a gallery that is split off the same pictures.

Whoever has more than ``PICTURES_MIN`` pictures is enrolled with the mean of the first ones, in their order.
The other pictures of the enrolled are mated searches of the whole gallery, and, each with its own person
taken out of it, non-mated searches: everybody is a stranger once. The pictures of those who are not enrolled
are non-mated searches too. FNIR counts mated searches whose person is not first, or below the threshold;
FPIR non-mated ones in which anybody reaches it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.binomial import Interval
from models.face.evaluation.comparisons import Floats, Ints, NotComparable
from models.face.evaluation.rates import side
from models.face.evaluation.subjects import REPLICATES, SEED, draws, limits, rate_supported
from models.face.look import Embedding
from models.face.template import PICTURES_MIN, PicturesDisagree, mean_template
from models.face.thresholds import Thresholds

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
FPIRS = (0.0, 1e-2, 5e-2)
_NOBODY = -1.0
"""The score of a next person where there is none: no cosine is lower."""


@dataclass(frozen=True, slots=True)
class NotEnrolled:
    """Somebody whose first pictures do not agree (failure to enrol)."""

    person: int
    picture: int
    """The odd one."""
    score: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Searches:
    """What each search found."""

    enrolled: tuple[int, ...]
    """The gallery: numbers of people."""
    failed: tuple[NotEnrolled, ...]
    mated: Ints
    """(m,): the pictures that were searched for."""
    mate: Floats
    """(m,): the score with their own person."""
    other: Floats
    """(m,): the highest score with anybody else."""
    strangers: Ints
    """(k,): the pictures of the non-mated searches."""
    top: Floats
    """(k,)"""
    runner_up: Floats
    """(k,)"""
    people: Ints
    """(n,): whose each picture is."""

    def hits(self, threshold: float, margin: float = 0.0) -> Flags:
        """(m,): the mated searches that find their person, ahead of everybody else by ``margin``."""
        lead = self.mate - self.other
        return (self.mate >= threshold) & (lead > 0.0) & (lead >= margin)

    def alarms(self, threshold: float, margin: float = 0.0) -> Flags:
        """(k,): the non-mated searches that find somebody."""
        return (self.top >= threshold) & (self.top - self.runner_up >= margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one threshold, and a lead over the next person, do."""

    threshold: float
    margin: float
    fnir: float
    fnir_ci: Interval
    misses: int
    fpir: float
    fpir_ci: Interval
    false_positives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AtFpir:
    """The lowest threshold that keeps the FPIR, without a margin."""

    fpir_max: float
    rates: Rates
    supported: bool
    """Whether there are non-mated searches enough to speak of this FPIR; of 0 there never are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """All that is told of 1:N."""

    gallery: int
    mated: int
    non_mated: int
    rank_one: float
    """The share of mated searches whose person is first, at any score."""
    at_fpir: tuple[AtFpir, ...]
    at_thresholds: Rates
    """With the lead over the next person that the rules ask for."""


def searched(embeddings: Sequence[Embedding], people: Sequence[int]) -> Searches:
    """Every search that ``embeddings`` (each (d,), of length 1) of ``people`` allow.

    Raises NotComparable where fewer than two people can be enrolled.
    """
    owners = np.asarray(people, dtype=np.int64)
    templates: dict[int, Embedding] = {}
    failed: list[NotEnrolled] = []
    spent: list[int] = []
    for person in range(int(owners.max()) + 1):
        pictures = np.flatnonzero(owners == person).tolist()
        if len(pictures) <= PICTURES_MIN:
            continue
        first = pictures[:PICTURES_MIN]
        try:
            templates[person] = mean_template([embeddings[each] for each in first])
        except PicturesDisagree as error:
            failed.append(NotEnrolled(person, first[error.picture], error.score))
            continue
        spent += first
    if len(templates) < 2:
        raise NotComparable(
            f"a gallery needs two people with {PICTURES_MIN + 1} pictures that agree, "
            f"there are {len(templates)}"
        )
    probes = np.setdiff1d(np.arange(owners.size), spent)
    return _searches(np.stack(embeddings), owners, probes, templates, tuple(failed))


def _searches(
    rows: "np.ndarray[tuple[int, int], np.dtype[np.float32]]",
    owners: Ints,
    probes: Ints,
    templates: dict[int, Embedding],
    failed: tuple[NotEnrolled, ...],
) -> Searches:
    enrolled = np.asarray(list(templates), dtype=np.int64)
    scores = (rows[probes] @ np.stack(list(templates.values())).T).astype(np.float64)
    own = owners[probes][:, None] == enrolled[None, :]
    mated = own.any(axis=1)
    mate = scores[own]
    scores[own] = _NOBODY
    ranked = np.sort(scores, axis=1)
    return Searches(
        enrolled=tuple(templates),
        failed=failed,
        mated=probes[mated],
        mate=mate,
        other=ranked[mated, -1],
        strangers=probes,
        top=ranked[:, -1],
        runner_up=ranked[:, -2],
        people=owners,
    )


def identification(
    found: Searches,
    thresholds: Thresholds,
    fpirs: Sequence[float] = FPIRS,
    seed: int = SEED,
    replicates: int = REPLICATES,
) -> Identification:
    """1:N at each of ``fpirs``, and under ``thresholds``; the gallery stays, who is searched is drawn."""
    order = np.argsort(found.top, kind="stable")
    tops = side(found.top[order])
    drawn = list(draws(int(found.people.max()) + 1, replicates, seed))
    points: list[AtFpir] = []
    for fpir in fpirs:
        at = tops.threshold(fpir)
        points.append(
            AtFpir(
                fpir_max=fpir,
                rates=_rates(found, at, 0.0, drawn, fpir),
                supported=fpir >= rate_supported(found.top.size),
            )
        )
    return Identification(
        gallery=len(found.enrolled),
        mated=int(found.mate.size),
        non_mated=int(found.top.size),
        rank_one=float(found.hits(_NOBODY).mean()),
        at_fpir=tuple(points),
        at_thresholds=_rates(found, thresholds.identify_min, thresholds.margin_min, drawn, None),
    )


def _rates(
    found: Searches, threshold: float, margin: float, drawn: Iterable[Ints], fpir: float | None
) -> Rates:
    """With ``fpir``, the threshold is chosen anew in every draw, as it was in the pictures as they are."""
    mated, strangers = found.people[found.mated], found.people[found.strangers]
    hits, alarms = found.hits(threshold, margin), found.alarms(threshold, margin)
    order = np.argsort(found.top, kind="stable")
    fnirs: list[float] = []
    fpirs: list[float] = []
    for counts in drawn:
        of_mated, of_strangers = counts[mated], counts[strangers]
        if not of_mated.any():
            continue
        here = hits
        if fpir is not None:
            own = side(found.top[order], of_strangers[order]).threshold(fpir)
            here = found.hits(own, margin)
        fnirs.append(1.0 - float((here * of_mated).sum() / of_mated.sum()))
        fpirs.append(float((alarms * of_strangers).sum() / of_strangers.sum()))
    fnir, false_rate = 1.0 - float(hits.mean()), float(alarms.mean())
    misses, false_positives = int((~hits).sum()), int(alarms.sum())
    return Rates(
        threshold=threshold,
        margin=margin,
        fnir=fnir,
        fnir_ci=limits(fnir, np.asarray(fnirs), misses, int(hits.size)),
        misses=misses,
        fpir=false_rate,
        fpir_ci=limits(false_rate, np.asarray(fpirs), false_positives, int(alarms.size)),
        false_positives=false_positives,
    )
