"""A site's thresholds from its own pictures, each with the confidence that it rests on.

``verify_min`` is the lowest threshold at which the FMR is at most the one asked for, with 95 % confidence,
both when every comparison is taken for independent (Clopper and Pearson) and when people are drawn anew.
``identify_min`` is the same for the FMR that a gallery of so many people allows, FPIR = 1 - (1 - FMR)^N, and
not below what the searches that were tried out allow. Below ``uncertain_min`` is somebody else: ten times as
many impostor comparisons reach it as ``verify_min`` allows. ``margin_min`` is the usual one, or what it takes
to lead nobody to a wrong person in the searches tried out.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from models.binomial import CONFIDENCE, Interval, upper
from models.face.calibrated import IDENTIFY_MIN, MARGIN_MIN, UNCERTAIN_MIN, VERIFY_MIN
from models.face.evaluation.comparisons import Comparisons, Floats
from models.face.evaluation.identification import Searches
from models.face.evaluation.rates import just_above, side
from models.face.evaluation.subjects import REPLICATES, SEED, draws, limits, pairs_needed, rate_supported
from models.face.evaluation.verification import resampled
from models.face.thresholds import Thresholds, fpir

PEOPLE_MIN = 10
"""Fewer people have too few likenesses among them to say anything of strangers, however many pictures."""
UNCERTAIN_TIMES = 10.0
UNCERTAIN_FMR_MAX = 0.05
_DIGITS = 4


class CannotCalibrate(ValueError):
    """The pictures do not support what is asked for; says what would."""


class LikelyMislabelled(CannotCalibrate):
    """One picture is so much more like somebody else that its label is probably wrong."""

    def __init__(self, picture: int, lead: float) -> None:
        super().__init__(
            f"is more like somebody else than like its own person, by {lead:.2f}: check its label"
        )
        self.picture = picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for."""

    fmr: float = 1e-3
    fpir: float = 0.05
    people: int | None = None
    """The size of the gallery; ``None`` = as many as were measured."""
    live_min: float = 0.8
    """Taken over: comparisons say nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Thresholds, and what is known of them."""

    thresholds: Thresholds
    fmr: float
    """Counted at ``verify_min``."""
    fmr_upper: float
    tar: float
    tar_ci: Interval
    gallery_people: int
    fpir_upper: float
    non_mated_searches: int
    false_positives: int


def calibrated(
    found: Comparisons,
    searches: Searches | None,
    target: Target,
    seed: int = SEED,
    replicates: int = REPLICATES,
) -> Calibration:
    """The thresholds that ``target`` asks for. Raises CannotCalibrate."""
    people = target.people or found.people_count
    one_fmr = fmr_for(target.fpir, people)
    _require_enough(found, target, people, one_fmr)
    wanted = (target.fmr, one_fmr)
    drawn = resampled(found, wanted, (), draws(found.people_count, replicates, seed)).thresholds
    verify, identify = (
        max(_counted(found.impostor, fmr), _quantile(drawn[:, column])) for column, fmr in enumerate(wanted)
    )
    verify_min = _up(max(verify, VERIFY_MIN[0]))
    identify_min = _up(max(identify, verify_min, IDENTIFY_MIN[0], _searched(searches, target.fpir, people)))
    if verify_min > VERIFY_MIN[1] or identify_min > IDENTIFY_MIN[1]:
        raise CannotCalibrate(
            f"strangers score up to {float(found.impostor[-1]):.2f}: "
            "check the labels, and whether one person has two names"
        )
    loose = side(found.impostor).threshold(min(UNCERTAIN_FMR_MAX, UNCERTAIN_TIMES * target.fmr))
    uncertain_min = min(verify_min, max(round(loose, _DIGITS), UNCERTAIN_MIN[0]))
    thresholds = replace(
        Thresholds(),
        verify_min=verify_min,
        identify_min=identify_min,
        uncertain_min=uncertain_min,
        margin_min=_margin(searches, uncertain_min),
        live_min=target.live_min,
    )
    return _told(found, searches, thresholds, people, seed, replicates)


def fmr_for(fpir: float, people: int) -> float:
    """The FMR at which a stranger is taken for one of ``people`` with probability ``fpir``."""
    return -math.expm1(math.log1p(-fpir) / people)


def people_supported(fpir: float, impostor: int) -> int:
    """The largest gallery that so many impostor comparisons can speak for (rule of three)."""
    rate = rate_supported(impostor)
    return int(math.log1p(-fpir) / math.log1p(-rate)) if rate < 1.0 else 0


def _require_enough(found: Comparisons, target: Target, people: int, one_fmr: float) -> None:
    have = found.impostor.size
    if found.people_count < PEOPLE_MIN:
        raise CannotCalibrate(
            f"{found.people_count} people are too few to speak of strangers: it takes {PEOPLE_MIN}"
        )
    if have < pairs_needed(target.fmr):
        raise CannotCalibrate(
            f"FMR {target.fmr:g} needs {pairs_needed(target.fmr)} impostor pairs, there are {have}: "
            f"add people, or ask for --fmr {_rate_told(have)}"
        )
    if have < pairs_needed(one_fmr):
        most = people_supported(target.fpir, have)
        raise CannotCalibrate(
            f"FPIR {target.fpir:g} among {people} people needs {pairs_needed(one_fmr)} impostor pairs, there "
            f"are {have}: add people, or ask for --people {most}"
        )


def _rate_told(pairs: int) -> str:
    """The smallest rate of one digit that so many pairs support."""
    rate = rate_supported(pairs)
    digit = 10.0 ** math.floor(math.log10(rate))
    return f"{math.ceil(round(rate / digit, 9)) * digit:.0e}"


def _counted(impostor: Floats, fmr: float) -> float:
    """The lowest threshold that few enough of ``impostor`` (rising) reach to believe ``fmr``."""
    low, high = 0, int(fmr * impostor.size)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if upper(middle, impostor.size) <= fmr else (low, middle - 1)
    return just_above(float(impostor[-1 - low]))


def _quantile(drawn: Floats) -> float:
    return float(np.quantile(drawn, CONFIDENCE, method="higher"))


def _searched(searches: Searches | None, fpir: float, people: int) -> float:
    """The lowest threshold at which the searches that were tried out keep the FPIR, in their gallery."""
    if searches is None:
        return 0.0
    allowed = -math.expm1(math.log1p(-fpir) * len(searches.enrolled) / people)
    return side(np.sort(searches.top)).threshold(allowed)


def _margin(searches: Searches | None, uncertain_min: float) -> float:
    usual = Thresholds().margin_min
    if searches is None:
        return usual
    leads = np.where(searches.other >= uncertain_min, searches.other - searches.mate, 0.0)
    worst = int(leads.argmax())
    lead = float(leads[worst])
    if lead >= MARGIN_MIN[1]:
        raise LikelyMislabelled(int(searches.mated[worst]), lead)
    return max(usual, _up(lead))


def _told(
    found: Comparisons,
    searches: Searches | None,
    thresholds: Thresholds,
    people: int,
    seed: int,
    replicates: int,
) -> Calibration:
    at = (thresholds.verify_min, thresholds.identify_min)
    drawn = resampled(found, (), at, draws(found.people_count, replicates, seed))
    genuine, impostor = side(found.genuine), side(found.impostor)
    uppers = [
        max(
            upper(impostor.count(threshold), impostor.scores.size),
            float(np.quantile(drawn.fmr_there[:, column], CONFIDENCE)),
        )
        for column, threshold in enumerate(at)
    ]
    tar = genuine.rate(at[0])
    accepted = genuine.count(at[0])
    return Calibration(
        thresholds=thresholds,
        fmr=impostor.rate(at[0]),
        fmr_upper=uppers[0],
        tar=tar,
        tar_ci=limits(tar, drawn.tar_there[:, 0], accepted, genuine.scores.size),
        gallery_people=people,
        fpir_upper=fpir(uppers[1], people),
        non_mated_searches=0 if searches is None else searches.top.size,
        false_positives=0 if searches is None else int(searches.alarms(at[1]).sum()),
    )


def _up(value: float) -> float:
    """Rounded, never down: a threshold that is written keeps what it promises."""
    return math.ceil(round(value * 10**_DIGITS, 6)) / 10**_DIGITS
