"""1:1: FMR, FNMR, TAR at FMR and EER, each with its limits.

Names after ISO/IEC 19795-1: FMR and FNMR count comparisons; TAR is 1 - FNMR at the lowest threshold whose FMR
is at most the one that is asked for. Failures to acquire are counted elsewhere.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.binomial import Interval
from models.face.evaluation.comparisons import Comparisons, Floats, Ints
from models.face.evaluation.rates import EqualError, Side, equal_error, side, thresholds
from models.face.evaluation.subjects import REPLICATES, SEED, draws, limits, pairs_needed

FMRS = (1e-2, 1e-3, 1e-4)
_TAIL = 0.95
"""Impostor scores below this quantile, below every genuine one, and below every threshold that is asked about
only count: where a threshold falls among them, TAR is 1."""

Table = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one threshold does."""

    threshold: float
    tar: float
    tar_ci: Interval
    fmr: float
    fmr_ci: Interval
    false_matches: int
    false_non_matches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AtFmr:
    """The lowest threshold that keeps the FMR."""

    fmr_max: float
    point: Point
    supported: bool
    """Whether there are impostor comparisons enough to speak of this FMR (rule of three)."""
    pairs_needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """All that is told of 1:1."""

    genuine: int
    impostor: int
    eer: EqualError
    eer_ci: Interval
    at_fmr: tuple[AtFmr, ...]
    at_threshold: Point


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """The same of people drawn anew; one column per FMR."""

    eer: Floats
    """(r,)"""
    thresholds: Table
    """(r, FMRs): the lowest that keeps each FMR."""
    tar: Table
    """(r, FMRs): at these."""
    tar_there: Table
    """(r, thresholds): at the thresholds that were asked about."""
    fmr_there: Table

    @classmethod
    def of(cls, rows: Table, fmrs: int) -> "Drawn":
        """Of columns in the order above."""
        there = fmrs + 1 + fmrs
        ends = (1, 1 + fmrs, there, there + (rows.shape[1] - there) // 2)
        eer, own, tar, tar_there, fmr_there = np.split(rows, ends, axis=1)
        return cls(eer=eer[:, 0], thresholds=own, tar=tar, tar_there=tar_there, fmr_there=fmr_there)


def verification(
    found: Comparisons,
    threshold: float,
    fmrs: Sequence[float] = FMRS,
    seed: int = SEED,
    replicates: int = REPLICATES,
    tell: Tell | None = None,
) -> Verification:
    """1:1 at each of ``fmrs`` and at ``threshold``; ``tell`` hears how many replicates are done."""
    genuine, impostor = side(found.genuine), side(found.impostor)
    at = [impostor.threshold(fmr) for fmr in fmrs]
    drawn = resampled(found, fmrs, [*at, threshold], draws(found.people_count, replicates, seed), tell)
    eer = equal_error(genuine, impostor)
    wrong = found.genuine.size - genuine.count(eer.threshold)
    return Verification(
        genuine=int(found.genuine.size),
        impostor=int(found.impostor.size),
        eer=eer,
        eer_ci=limits(eer.rate, drawn.eer, int(wrong), int(found.genuine.size)),
        at_fmr=tuple(
            AtFmr(
                fmr_max=fmr,
                point=_point(genuine, impostor, at[index], drawn.tar[:, index], drawn.fmr_there[:, index]),
                supported=found.impostor.size >= pairs_needed(fmr),
                pairs_needed=pairs_needed(fmr),
            )
            for index, fmr in enumerate(fmrs)
        ),
        at_threshold=_point(genuine, impostor, threshold, drawn.tar_there[:, -1], drawn.fmr_there[:, -1]),
    )


def _point(genuine: Side, impostor: Side, threshold: float, tars: Floats, fmrs: Floats) -> Point:
    accepted, matched = genuine.count(threshold), impostor.count(threshold)
    tar, fmr = genuine.rate(threshold), impostor.rate(threshold)
    return Point(
        threshold=threshold,
        tar=tar,
        tar_ci=limits(tar, tars, accepted, genuine.scores.size),
        fmr=fmr,
        fmr_ci=limits(fmr, fmrs, matched, impostor.scores.size),
        false_matches=matched,
        false_non_matches=genuine.scores.size - accepted,
    )


def resampled(
    found: Comparisons,
    fmrs: Sequence[float],
    there: Sequence[float],
    drawn: Iterable[Ints],
    tell: Tell | None = None,
) -> Drawn:
    """EER, thresholds and TAR at ``fmrs``, and both rates at the thresholds ``there``, of people ``drawn``.

    A draw without two different people, or without a genuine comparison, tells nothing and is left out.
    """
    low = min(float(found.genuine[0]), float(np.quantile(found.impostor, _TAIL)), *there)
    kept = slice(int(np.searchsorted(found.impostor, low, side="left")), None)
    scores = found.impostor[kept]
    ones, others = (found.people[found.impostor_pairs[kept, column]] for column in (0, 1))
    owners = found.people[found.genuine_pairs[:, 0]]
    pictures = np.bincount(found.people)
    cuts = thresholds(side(found.genuine), side(scores))
    at = np.asarray(there, dtype=np.float64)
    rows: list[Floats] = []
    for done, counts in enumerate(drawn, 1):
        if tell is not None:
            tell(done)
        weights = counts * pictures
        total = float(weights.sum() ** 2 - (weights**2).sum()) / 2.0
        of_genuine = counts[owners]
        if total == 0.0 or not of_genuine.any():
            continue
        genuine = side(found.genuine, of_genuine)
        impostor = side(scores, counts[ones] * counts[others], total, low)
        own = np.asarray([impostor.threshold(fmr) for fmr in fmrs], dtype=np.float64)
        eer = equal_error(genuine, impostor, cuts).rate
        rows.append(np.concatenate(([eer], own, genuine.rates(own), genuine.rates(at), impostor.rates(at))))
    return Drawn.of(np.reshape(rows, (len(rows), 1 + 2 * len(fmrs) + 2 * len(there))), len(fmrs))
