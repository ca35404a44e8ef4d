"""What ``cardea face evaluate`` finds out of recognition: one report of plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardea.cli.face.evaluation_pictures import Acquired, progress
from models.binomial import CONFIDENCE, Interval, interval
from models.face import EMBEDDER
from models.face.evaluation.comparisons import Comparisons, Floats, NotComparable, Pairs, compared
from models.face.evaluation.identification import Identification, Rates, identification, searched
from models.face.evaluation.rates import side, thresholds
from models.face.evaluation.subjects import REPLICATES, rate_supported
from models.face.evaluation.verification import Point, Verification, verification
from models.face.thresholds import Thresholds

Report = dict[str, Any]

EXTREMES = 5
DET_POINTS = 100
BIN = 0.05
SPLIT = (
    "first 3 pictures of whoever has 4 or more: mean template; their others: mated searches, and with their "
    "own template taken out non-mated ones; pictures of everybody else: non-mated searches"
)


def recognition(labels: Path, found: Acquired, limits: Thresholds, seed: int) -> Report:
    """The report. Raises NotComparable where the pictures cannot answer."""
    pairs = compared(found.embeddings, found.people)
    told = verification(pairs, limits.verify_min, seed=seed, tell=progress("draw", REPLICATES))
    tried = len(found.pictures) + len(found.failures)
    return {
        "labels": str(labels),
        "evaluation": "recognition",
        "model": {"name": EMBEDDER, "sha256": found.model_sha256},
        "thresholds": {
            "verify_min": limits.verify_min,
            "identify_min": limits.identify_min,
            "margin_min": limits.margin_min,
        },
        "pictures": tried,
        "identities": len({*found.names, *(each.picture.label for each in found.failures)}),
        "failure_to_acquire": {
            "count": len(found.failures),
            "rate": rounded(len(found.failures) / tried),
            "rate_ci": ends(interval(len(found.failures), tried)),
            "reasons": dict(found.reasons.most_common()),
            "pictures": [
                {"line": each.picture.line, "path": each.picture.shown, "reason": each.reason}
                for each in found.failures
            ],
        },
        "verification": _verification(told, pairs, found, len(found.failures) / tried),
        "identification": _identification(found, limits, seed),
        "intervals": {
            "confidence": CONFIDENCE,
            "method": "people drawn anew with replacement (percentiles), never narrower than Clopper-Pearson",
            "replicates": REPLICATES,
            "seed": seed,
        },
    }


def _verification(told: Verification, pairs: Comparisons, found: Acquired, fta: float) -> Report:
    return {
        "genuine_pairs": told.genuine,
        "impostor_pairs": told.impostor,
        "fmr_supported_min": rounded(rate_supported(told.impostor)),
        "eer": rounded(told.eer.rate),
        "eer_ci": ends(told.eer_ci),
        "eer_threshold": rounded(told.eer.threshold),
        "tar_at_fmr": [
            {
                "fmr_max": each.fmr_max,
                **_point(each.point, fta),
                "supported": each.supported,
                "impostor_pairs_needed": each.pairs_needed,
            }
            for each in told.at_fmr
        ],
        "at_verify_min": _point(told.at_threshold, fta),
        "least_alike_of_one_person": _extremes(
            pairs.genuine[:EXTREMES], pairs.genuine_pairs[:EXTREMES], found
        ),
        "most_alike_of_two_people": _extremes(
            pairs.impostor[: -EXTREMES - 1 : -1], pairs.impostor_pairs[: -EXTREMES - 1 : -1], found
        ),
        "histogram": _histogram(pairs),
        "det": _det(pairs),
    }


def _point(point: Point, fta: float) -> Report:
    """FRR and FAR as ISO/IEC 19795-1 has them: with the failures to acquire."""
    return {
        "threshold": rounded(point.threshold),
        "tar": rounded(point.tar),
        "tar_ci": ends(point.tar_ci),
        "fnmr": rounded(1.0 - point.tar),
        "fmr": rounded(point.fmr),
        "fmr_ci": ends(point.fmr_ci),
        "false_matches": point.false_matches,
        "false_non_matches": point.false_non_matches,
        "frr": rounded(fta + (1.0 - point.tar) * (1.0 - fta)),
        "far": rounded(point.fmr * (1.0 - fta)),
    }


def _extremes(scores: Floats, pairs: Pairs, found: Acquired) -> Sequence[Report]:
    """Where a wrong label shows first."""
    return [
        {"score": rounded(score), "pictures": [found.pictures[at].shown for at in pair]}
        for score, pair in zip(scores.tolist(), pairs.tolist(), strict=True)
    ]


def _histogram(pairs: Comparisons) -> Sequence[Report]:
    """How many scores lie in each step of ``BIN``, without the empty ones at both ends."""
    edges = np.linspace(-1.0, 1.0, round(2.0 / BIN) + 1)
    genuine, impostor = (
        np.histogram(np.clip(scores, -1.0, 1.0), edges)[0] for scores in (pairs.genuine, pairs.impostor)
    )
    filled = np.flatnonzero(genuine + impostor)
    return [
        {"from": rounded(float(edges[at])), "genuine": int(genuine[at]), "impostor": int(impostor[at])}
        for at in range(int(filled[0]), int(filled[-1]) + 1)
    ]


def _det(pairs: Comparisons) -> Sequence[Report]:
    """Points of the detection error trade-off, evenly among all thresholds at which some genuine pair or the
    upper tail of the impostor pairs is decided."""
    genuine, impostor = side(pairs.genuine), side(pairs.impostor)
    cuts = thresholds(genuine, impostor)
    cuts = cuts[impostor.rates(cuts) <= 0.1]
    chosen = np.unique(np.linspace(0, cuts.size - 1, DET_POINTS).round().astype(np.int64))
    at = cuts[chosen]
    return [
        {"threshold": rounded(cut), "fmr": rounded(fmr), "fnmr": rounded(fnmr)}
        for cut, fmr, fnmr in zip(
            at.tolist(), impostor.rates(at).tolist(), (1.0 - genuine.rates(at)).tolist(), strict=True
        )
    ]


def _identification(found: Acquired, limits: Thresholds, seed: int) -> Report:
    try:
        searches = searched(found.embeddings, found.people)
    except NotComparable as error:
        return {"told": False, "why": str(error)}
    told = identification(searches, limits, seed=seed)
    return {
        "told": True,
        "split": SPLIT,
        "gallery": told.gallery,
        "mated_searches": told.mated,
        "non_mated_searches": told.non_mated,
        "fpir_supported_min": rounded(rate_supported(told.non_mated)),
        "failure_to_enrol": [
            {
                "identity": found.names[each.person],
                "odd_picture": found.pictures[each.picture].shown,
                "score": rounded(each.score),
            }
            for each in searches.failed
        ],
        "rank_one": rounded(told.rank_one),
        "fnir_at_fpir": _at_fpir(told),
        "at_thresholds": _rates(told.at_thresholds),
    }


def _at_fpir(told: Identification) -> Sequence[Report]:
    return [
        {"fpir_max": each.fpir_max, **_rates(each.rates), "supported": each.supported}
        for each in told.at_fpir
    ]


def _rates(rates: Rates) -> Mapping[str, object]:
    return {
        "threshold": rounded(rates.threshold),
        "margin": rates.margin,
        "fnir": rounded(rates.fnir),
        "fnir_ci": ends(rates.fnir_ci),
        "tpir": rounded(1.0 - rates.fnir),
        "misses": rates.misses,
        "fpir": rounded(rates.fpir),
        "fpir_ci": ends(rates.fpir_ci),
        "false_positives": rates.false_positives,
    }


def rounded(value: float) -> float:
    """As it is told."""
    return round(value, 6)


def ends(interval: Interval) -> list[float]:
    """The limits as they are told."""
    return [rounded(each) for each in interval]
