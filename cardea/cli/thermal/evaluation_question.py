"""What ``cardea thermal evaluate`` is asked, and which visits and which choice of a threshold that means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cardea.cli.errors import CommandError
from cardea.cli.thermal.clinical_table import Table
from models.thermal.decision.threshold import TooFew, choose
from models.thermal.evaluation.clinical import OFFSET, Visits, visits
from models.thermal.evaluation.drift import drift
from models.thermal.evaluation.methods import Series
from models.thermal.evaluation.roc import Flags, Scores, curve
from models.thermal.evaluation.validation import Choice

VISITS_MIN = 10
PREFERRED_ORAL = "aveOralF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be found out."""

    site: str
    oral_c: float
    oral_column: str | None
    round: str
    methods: Sequence[str]
    drift_sd_c: float
    residual_sd_c: float
    seed: int
    runs: int
    prevalence: float
    sp_min: float
    fpr: float | None
    people: int


def site_of(table: Table, wanted: str) -> str:
    """The site as the table writes it. Raises CommandError where it has none such."""
    known = {name.casefold(): name for name in table.named.sites if name != OFFSET}
    found = known.get(wanted.strip().rstrip("_").casefold())
    if found is None:
        raise CommandError(
            f"{table.file}: has no site {wanted!r}; it has: {', '.join(sorted(known.values()))}"
        )
    return found


def oral_of(table: Table, wanted: str | None) -> str:
    """The column of oral temperatures as the table writes it. Raises CommandError where it has none such."""
    known = {name.casefold(): name for name in table.named.oral}
    if not known:
        raise CommandError(f"{table.file}: has no column of oral temperatures (aveOralF, aveOralM)")
    found = known.get((wanted or PREFERRED_ORAL).casefold())
    if found is None and wanted is not None:
        raise CommandError(f"{table.file}: has no column {wanted!r}; it has: {', '.join(known.values())}")
    return found or next(iter(known.values()))


def rounds_of(asked_round: str, of_site: Mapping[int, int]) -> Sequence[int]:
    """One, or all that there are."""
    return tuple(sorted(of_site)) if asked_round == "mean" else (int(asked_round),)


def visits_of(table: Table, asked: Asked, site: str, oral: str) -> Visits:
    """The visits that can be used. Raises CommandError where the site has no such round."""
    of_site = table.named.sites[site]
    rounds = rounds_of(asked.round, of_site)
    if not set(rounds) & set(of_site):
        there = ", ".join(map(str, sorted(of_site)))
        raise CommandError(f"{table.file}: has no round {asked.round} of {site}; it has: {there}")
    return visits(table.rows, table.named, site=site, oral=oral, rounds=rounds)


def check(table: Table, asked: Asked, used: Visits, febrile: Flags) -> None:
    """Raises CommandError where these visits cannot answer."""
    why = "; ".join(f"{count} skipped: {reason}" for reason, count in used.skipped.items())
    if febrile.size < VISITS_MIN:
        raise CommandError(
            f"{table.file}: has {febrile.size} visits that can be used, at least {VISITS_MIN} are needed"
            + (f" ({why})" if why else "")
        )
    if not febrile.any():
        raise CommandError(f"{table.file}: nobody has an oral temperature of {asked.oral_c:g} °C or more")
    if febrile.all():
        raise CommandError(f"{table.file}: everybody has an oral temperature of {asked.oral_c:g} °C or more")
    well = int((~febrile).sum())
    if asked.fpr is not None and isinstance(few := choose(np.zeros(well).tolist(), asked.fpr), TooFew):
        raise CommandError(
            f"{table.file}: a false-positive rate of {asked.fpr:g} needs {few.needed} people without fever, "
            f"there are {few.readings}"
        )


def choice_of(asked: Asked) -> Choice:
    """How a threshold is chosen."""
    fpr = asked.fpr
    if fpr is None:
        return lambda scores, febrile: curve(scores, febrile).most_sensitive(asked.sp_min).threshold

    def by_rate(scores: Scores, febrile: Flags) -> float:
        chosen = choose(scores[~febrile].tolist(), fpr)
        if isinstance(chosen, TooFew):
            raise ValueError(f"{chosen.needed} people without fever are needed")  # noqa: TRY004  # too few, not a wrong type
        return chosen.threshold_c

    return by_rate


def series_of(used: Visits, asked: Asked, seed: int) -> Series:
    """The visits under one simulated drift."""
    return Series(
        surface_c=used.surface_c,
        days=used.days,
        drift=drift(used.days, asked.drift_sd_c, asked.residual_sd_c, seed),
        people=asked.people,
    )
