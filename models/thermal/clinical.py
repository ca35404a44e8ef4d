"""The table of a clinical study of face and oral temperatures: several rounds of pictures of each visit.

The layout of PhysioNet's face-oral-temp-data 1.0.0 (Wang et al. 2023, doi 10.13026/3bhc-9065), found by
names, not by places: a row of names among the first ones, columns ``<site><round>``, oral temperatures
``aveOral…``, ``Date`` and ``Time``. Face temperatures there already contain the round's ``T_offset``, which
is how far the camera read below its blackbody: taken out again, what the bare camera read remains.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.thermal.drift import Days
from models.thermal.roc import Scores

OFFSET = "T_offset"
ORAL = "aveOral"
FIRST_ROWS = 20
"""The names stand within these."""
PLAUSIBLE_C = (25.0, 45.0)
_ROUND = re.compile(r"(?P<site>[A-Za-z]\w*?)_?(?P<round>[1-9])", re.ASCII)
_ORDERED = re.compile(r"\d{2}(\d{2})?-\d{2}-\d{2}")
_TIME = re.compile(r"\s*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp]?)[Mm]?\s*")


class NotClinical(Exception):
    """The table is not what is asked for; the message says in one line what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where things stand in a row."""

    header: int
    """The row of names, counted from 0."""
    sites: Mapping[str, Mapping[int, int]]
    """Site, then round, to the column."""
    oral: Mapping[str, int]
    others: Mapping[str, int]
    """Every other name, in small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """What can be used, in order of time."""

    surface_c: Scores
    oral_c: Scores
    days: Days
    offset_c: Scores
    """The reference's correction within ``surface_c``; not a number where the table does not say."""
    skipped: Mapping[str, int]
    """Rows that cannot be used, by reason."""


def columns(rows: Sequence[Sequence[str]]) -> Columns:
    """The table's columns by name. Raises NotClinical where no row names any."""
    found = [
        (sum(_ROUND.fullmatch(cell.strip()) is not None for cell in row), row) for row in rows[:FIRST_ROWS]
    ]
    most = max((count for count, _ in found), default=0)
    if most == 0:
        raise NotClinical("no row names columns like canthiMax1: this is not a table of the clinical layout")
    header = next(index for index, (count, _) in enumerate(found) if count == most)
    sites: dict[str, dict[int, int]] = {}
    others: dict[str, int] = {}
    for index, cell in enumerate(rows[header]):
        named = _ROUND.fullmatch(cell.strip())
        if named is not None:
            sites.setdefault(named["site"], {}).setdefault(int(named["round"]), index)
        elif cell.strip():
            others.setdefault(cell.strip(), index)
    oral = {name: index for name, index in others.items() if name.casefold().startswith(ORAL.casefold())}
    rest = {name.casefold(): index for name, index in others.items()}
    return Columns(header=header, sites=_mended(sites), oral=oral, others=rest)


def _mended(sites: Mapping[str, Mapping[int, int]]) -> Mapping[str, Mapping[int, int]]:
    """A name with a digit too many, as ``T_LC14`` for round 4 of ``T_LC``, goes to where that is missing."""
    mended = {site: dict(rounds) for site, rounds in sites.items()}
    for site, rounds in sites.items():
        meant = next((other for other in sites if site[:-1] == other and site[-1].isdigit()), None)
        if meant is not None and not set(rounds) & set(sites[meant]):
            mended[meant] |= mended.pop(site)
    return mended


def visits(
    rows: Sequence[Sequence[str]], named: Columns, *, site: str, oral: str, rounds: Sequence[int]
) -> Visits:
    """The visits with an oral temperature and one of the site, the mean over the asked ``rounds`` that there
    are.

    ``site`` and ``oral`` are names in ``named``. Days are counted in order of date where dates are written
    year first, else in the table's own order; times order the visits of a day.
    """
    of_site, of_offset = named.sites[site], named.sites.get(OFFSET, {})
    skipped: Counter[str] = Counter()
    kept: list[tuple[str, float, float, float, float]] = []
    for row in rows[named.header + 1 :]:
        surface_c, offset_c = _mean(row, of_site, rounds), _mean(row, of_offset, rounds)
        oral_c = _number(_cell(row, named.oral[oral]))
        if why := _unusable(row, surface_c, oral_c):
            skipped[why] += 1
            continue
        day = _cell(row, named.others.get("date", len(row))) or _cell(row, 0).partition("-")[0]
        kept.append(
            (day, _seconds(_cell(row, named.others.get("time", len(row)))), surface_c, oral_c, offset_c)
        )
    found = list(dict.fromkeys(day for day, *_ in kept))
    order = {
        day: index
        for index, day in enumerate(sorted(found) if all(map(_ORDERED.fullmatch, found)) else found)
    }
    kept.sort(key=lambda visit: (order[visit[0]], visit[1]))
    numbers = np.array([visit[2:] for visit in kept], dtype=np.float64).reshape(-1, 3)
    return Visits(
        surface_c=numbers[:, 0],
        oral_c=numbers[:, 1],
        days=np.array([order[day] for day, *_ in kept], dtype=np.int64),
        offset_c=numbers[:, 2],
        skipped=dict(skipped),
    )


def _unusable(row: Sequence[str], surface_c: float, oral_c: float) -> str:
    """Why a row cannot be used; empty where it can."""
    if not any(cell.strip() for cell in row):
        return "blank row"
    for name, temp_c in (("oral temperature", oral_c), ("temperature of the site", surface_c)):
        if math.isnan(temp_c):
            return f"no {name}"
        if not PLAUSIBLE_C[0] <= temp_c <= PLAUSIBLE_C[1]:
            return f"{name} outside {PLAUSIBLE_C[0]:.0f}…{PLAUSIBLE_C[1]:.0f} °C"
    return ""


def _mean(row: Sequence[str], of_rounds: Mapping[int, int], rounds: Sequence[int]) -> float:
    """Over the rounds that have a number; not a number where none has."""
    found = [_number(_cell(row, of_rounds[each])) for each in rounds if each in of_rounds]
    there = [each for each in found if not math.isnan(each)]
    return sum(there) / len(there) if there else math.nan


def _cell(row: Sequence[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""


def _number(text: str) -> float:
    """A decimal point or a decimal comma; not a number where it is none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _seconds(text: str) -> float:
    """Of the day; 0 where the time cannot be read, which leaves the table's order."""
    read = _TIME.fullmatch(text)
    if read is None:
        return 0.0
    hours, minutes, seconds = int(read[1]), int(read[2]), int(read[3] or 0)
    half = read[4].casefold()
    hours = hours % 12 + 12 * (half == "p") if half else hours
    return 3600.0 * hours + 60.0 * minutes + seconds
