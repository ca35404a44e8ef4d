"""What many simulated drifts lead to, since a single one may be kind or unkind to a method."""

from collections.abc import Callable, Sequence

import numpy as np

from cardea.cli.thermal.evaluation_figures import AHEAD_OF_FLIR, FLIR, Report, against_flir, rounded
from cardea.cli.thermal.evaluation_question import Asked, series_of
from models.thermal.evaluation.clinical import Visits
from models.thermal.evaluation.methods import METHODS
from models.thermal.evaluation.roc import Flags, area, at
from models.thermal.evaluation.validation import Choice


def run_figures(
    used: Visits, febrile: Flags, asked: Asked, choice: Choice, progress: Callable[[int], None]
) -> dict[str, Report]:
    """Median and 5 to 95 % of what many simulated drifts lead to, by method."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in asked.methods}
    better: dict[str, list[bool]] = {name: [] for name in asked.methods}
    for run in range(asked.runs):
        series = series_of(used, asked, asked.seed + run)
        flir = METHODS[FLIR].scores(series)
        for name in asked.methods:
            scores = METHODS[name].scores(series)
            told = np.isfinite(scores)
            here, ill = scores[told], febrile[told]
            try:
                point = at(here, ill, choice(here, ill))
                found[name].append((area(here, ill).auc, point.se, point.sp))
            except ValueError:
                continue
            if name in AHEAD_OF_FLIR and (against := against_flir(scores, flir, febrile)) is not None:
                better[name].append(against["everywhere"])
        progress(run + 1)
    return {name: _spread(found[name], better[name]) for name in asked.methods}


def _spread(found: Sequence[tuple[float, float, float]], better: Sequence[bool]) -> Report:
    spread: Report = {"runs": len(found)}
    for index, name in enumerate(("auc", "se", "sp") if found else ()):
        low, middle, high = np.percentile([each[index] for each in found], (5, 50, 95)).tolist()
        spread[name] = {"median": rounded(middle), "p5": rounded(low), "p95": rounded(high)}
    if better:
        spread["better_than_flir_everywhere"] = rounded(sum(better) / len(better))
    return spread
