"""What ``cardea thermal evaluate`` finds out: one report of plain values, for JSON and for reading."""

from collections.abc import Callable, Sequence

import numpy as np

from cardea.cli.thermal.clinical_table import Table
from cardea.cli.thermal.evaluation_figures import AHEAD_OF_FLIR, FLIR, Report, limits, method_figures, rounded
from cardea.cli.thermal.evaluation_question import (
    Asked,
    check,
    choice_of,
    oral_of,
    rounds_of,
    series_of,
    site_of,
    visits_of,
)
from cardea.cli.thermal.evaluation_runs import run_figures
from models.thermal.evaluation.clinical import Visits, visits
from models.thermal.evaluation.methods import METHODS, second_line
from models.thermal.evaluation.roc import Flags, area


def evaluated(table: Table, asked: Asked, progress: Callable[[int], None]) -> Report:
    """The report. Raises CommandError with one line where the table cannot answer."""
    site, oral = site_of(table, asked.site), oral_of(table, asked.oral_column)
    used = visits_of(table, asked, site, oral)
    febrile: Flags = used.oral_c >= asked.oral_c
    check(table, asked, used, febrile)
    choice = choice_of(asked)
    series = series_of(used, asked, asked.seed)
    scores = {name: METHODS[name].scores(series) for name in dict.fromkeys((*asked.methods, FLIR))}
    methods = {name: method_figures(name, scores, used, febrile, asked, choice) for name in asked.methods}
    runs = run_figures(used, febrile, asked, choice, progress) if asked.runs > 1 else {}
    for name, figures in runs.items():
        methods[name]["runs"] = figures
    known, warm = (int(each.sum()) for each in second_line(series))
    leading = next((name for name in AHEAD_OF_FLIR if name in methods), None)
    against = methods[leading]["better_than_flir"] if leading is not None else None
    return {
        "file": str(table.file),
        "site": site,
        "round": asked.round,
        "oral_column": oral,
        "oral_c": asked.oral_c,
        "n": int(febrile.size),
        "positives": int(febrile.sum()),
        "days": int(used.days.max()) + 1,
        "skipped": dict(used.skipped),
        "prevalence": asked.prevalence,
        "operating_point": "fpr" if asked.fpr is not None else "most sensitive",
        "specificity_min": asked.sp_min,
        "fpr": asked.fpr,
        "drift": _drift_told(asked),
        "methods": methods,
        "better_than_flir_everywhere": None if against is None else against["everywhere"],
        "second_line": {"visits_with_baseline": known, "warm": warm},
        "as_read": _as_read(used, febrile),
        "readings": _readings(table, asked, site),
    }


def _drift_told(asked: Asked) -> Report | None:
    if asked.drift_sd_c == 0.0:
        return None
    return {
        "sd_c": asked.drift_sd_c,
        "residual_sd_c": asked.residual_sd_c,
        "seed": asked.seed,
        "runs": asked.runs,
    }


def _as_read(used: Visits, febrile: Flags) -> Report | None:
    """The study's own camera without its reference: a drift that nobody simulated."""
    known = np.isfinite(used.offset_c)
    try:
        whole = area(used.surface_c[known] - used.offset_c[known], febrile[known])
    except ValueError:
        return None
    return {
        "n": int(known.sum()),
        "auc": rounded(whole.auc),
        "auc_ci": limits(whole.ci),
        "offset_mean_c": rounded(float(used.offset_c[known].mean())),
        "offset_sd_c": rounded(float(used.offset_c[known].std())),
    }


def _readings(table: Table, asked: Asked, site: str) -> Sequence[Report]:
    """What the choice of oral column and round does to the area under the curve of the temperature itself."""
    of_site = table.named.sites[site]
    found: list[Report] = []
    for oral in table.named.oral:
        for each in ("mean", *map(str, sorted(of_site))):
            used = visits(table.rows, table.named, site=site, oral=oral, rounds=rounds_of(each, of_site))
            febrile: Flags = used.oral_c >= asked.oral_c
            try:
                auc = area(used.surface_c, febrile).auc
            except ValueError:
                continue
            found.append(
                {
                    "oral_column": oral,
                    "round": each,
                    "n": int(febrile.size),
                    "positives": int(febrile.sum()),
                    "auc": rounded(auc),
                }
            )
    return found
