"""The figures of one method, as plain rounded values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cardea.cli.thermal.evaluation_question import Asked
from models.binomial import Interval
from models.thermal.evaluation.clinical import Visits
from models.thermal.evaluation.methods import METHODS
from models.thermal.evaluation.prevalence import npv, npv_ci, ppv, ppv_ci
from models.thermal.evaluation.roc import Flags, Point, Scores, area, at, curve
from models.thermal.evaluation.validation import Choice, left_out, margins

SP_STEPS = (0.80, 0.85, 0.90, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
FLIR = "flir"
AHEAD_OF_FLIR = ("combined", "reference")
"""Cardea's, which have to be better than the FLIR-style one; the first that is asked for is told on top."""
BEATEN_FROM, BEATEN_TO = 0.90, 0.998
"""Where methods are compared with the FLIR-style one: up to the specificity that was published for it."""

Report = dict[str, Any]


def method_figures(
    name: str, scores: Mapping[str, Scores], used: Visits, febrile: Flags, asked: Asked, choice: Choice
) -> Report:
    """Everything about one method.

    Figures are ``None`` where those it can tell of are all well or all ill.
    """
    told = np.isfinite(scores[name])
    here, ill = scores[name][told], febrile[told]
    base: Report = {
        "what": METHODS[name].what,
        "n": int(ill.size),
        "positives": int(ill.sum()),
        "not_told": int((~told).sum()),
    }
    try:
        whole, point = area(here, ill), at(here, ill, choice(here, ill))
    except ValueError:
        return {**base, "auc": None, "se": None, "sp": None, "ppv": None, "better_than_flir": None}
    points = curve(here, ill)
    apart = left_out(here, ill, used.days[told], choice)
    cut = METHODS[name].fixed_cut
    return {
        **base,
        "auc": rounded(whole.auc),
        "auc_ci": limits(whole.ci),
        **_point(point, asked.prevalence),
        "cross_validated": None if apart is None else _point(apart, asked.prevalence),
        "fixed_cut": None if cut is None else _point(at(here, ill, cut), asked.prevalence),
        "operating_points": [
            {"specificity_min": each, **_point(points.most_sensitive(each), asked.prevalence)}
            for each in SP_STEPS
        ],
        "better_than_flir": None if name == FLIR else against_flir(scores[name], scores[FLIR], febrile),
        "roc": _roc(here, ill),
    }


def _point(point: Point, prevalence: float) -> Report:
    return {
        "threshold": rounded(point.threshold),
        "se": rounded(point.se),
        "se_ci": limits(point.se_ci()),
        "sp": rounded(point.sp),
        "sp_ci": limits(point.sp_ci()),
        "ppv": rounded(ppv(point.se, point.sp, prevalence)),
        "ppv_ci": limits(ppv_ci(point, prevalence)),
        "npv": rounded(npv(point.se, point.sp, prevalence)),
        "npv_ci": limits(npv_ci(point, prevalence)),
        "true_positives": point.true_positives,
        "false_positives": point.false_positives,
    }


def against_flir(scores: Scores, flir: Scores, febrile: Flags) -> Report | None:
    """Sensitivities side by side at every specificity, on the visits that both methods tell of."""
    both = np.isfinite(scores) & np.isfinite(flir)
    try:
        found = margins(scores[both], flir[both], febrile[both], BEATEN_FROM, BEATEN_TO)
    except ValueError:
        return None
    if not found:
        return None
    ahead = [each.ahead for each in found]
    return {
        "everywhere": min(ahead) > 0.0,
        "from_sp": BEATEN_FROM,
        "to_sp": BEATEN_TO,
        "points": len(found),
        "margin_min": rounded(min(ahead)),
        "margin_max": rounded(max(ahead)),
        "margins": [
            {"sp": rounded(each.sp), "se": rounded(each.se), "flir_se": rounded(each.other_se)}
            for each in found
        ],
    }


def _roc(scores: Scores, febrile: Flags) -> Sequence[Sequence[float]]:
    """The curve, from (0, 0) to (1, 1): 1 - Sp and Se."""
    points = curve(scores, febrile)
    of_well = points.false_positives[::-1] / points.negatives
    of_ill = points.true_positives[::-1] / points.positives
    return [[rounded(float(x)), rounded(float(y))] for x, y in zip(of_well, of_ill, strict=True)]


def limits(interval: Interval) -> Sequence[float]:
    """Both ends."""
    return [rounded(each) for each in interval]


def rounded(value: float) -> float:
    """To what is worth telling."""
    return round(value, 5)
