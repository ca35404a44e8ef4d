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

from models.thermal.evaluation.drift import Days
from models.thermal.evaluation.roc import Scores

OFFSET = "T_offset"
ORAL = "aveOral"
FIRST_ROWS = 20
"""The names stand within these."""
PLAUSIBLE_C = (25.0, 45.0)
_ROUND = re.compile(r"(?P<site>[A-Za-z]\w*?)_?(?P<round>[1-9])", re.ASCII)
_SUBJECT = re.compile(r"(\w+)-\d+", re.ASCII)
"""The day and the number of the visit, as ``161117-1``."""
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
class _Visit:
    """One row that was read; not a number where it has none."""

    day: str
    at_s: float
    surface_c: float
    oral_c: float
    offset_c: float


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
    counts = [sum(map(_is_round, {name_of(cell) for cell in row})) for row in rows[:FIRST_ROWS]]
    most = max(counts, default=0)
    if most == 0:
        raise NotClinical("no row names columns like canthiMax1: this is not a table of the clinical layout")
    header = counts.index(most)
    sites: dict[str, dict[int, int]] = {}
    others: dict[str, int] = {}
    spelled: dict[str, str] = {}
    for index, name in enumerate(map(name_of, rows[header])):
        named = _ROUND.fullmatch(name)
        if named is not None:
            site = spelled.setdefault(named["site"].casefold(), named["site"])
            sites.setdefault(site, {}).setdefault(int(named["round"]), index)
        elif name:
            others.setdefault(name, index)
    oral = {name: index for name, index in others.items() if name.casefold().startswith(ORAL.casefold())}
    rest = {name.casefold(): index for name, index in others.items()}
    return Columns(header=header, sites=_mended(sites), oral=oral, others=rest)


def _is_round(name: str) -> bool:
    return _ROUND.fullmatch(name) is not None


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
    """The visits that have an oral temperature and one of the site: the mean of the asked ``rounds``.

    ``site`` and ``oral`` are names in ``named``. Days are counted in order of date where dates are written
    year first, else in the table's own order; times order the visits of a day. Without dates the subjects'
    names tell the day, where they begin with one; otherwise all visits are of one.
    """
    offsets = named.sites.get(OFFSET, {})
    skipped: Counter[str] = Counter()
    kept: list[_Visit] = []
    for row in rows[named.header + 1 :]:
        cells = [_cell(row, named.sites[site][each]) for each in rounds if each in named.sites[site]]
        oral_text = _cell(row, named.oral[oral])
        visit = _Visit(
            day=_cell(row, named.others.get("date", len(row))) or _day_of_subject(row, named),
            at_s=_seconds(_cell(row, named.others.get("time", len(row)))),
            surface_c=_mean(cells),
            oral_c=number_of(oral_text),
            offset_c=_mean([_cell(row, index) for each, index in offsets.items() if each in rounds]),
        )
        why = (
            "blank row"
            if not any(map(str.strip, row))
            else _unusable(
                (("oral temperature", visit.oral_c, oral_text), (site, visit.surface_c, "".join(cells)))
            )
        )
        if why:
            skipped[why] += 1
        else:
            kept.append(visit)
    order = _order([visit.day for visit in kept])
    kept.sort(key=lambda visit: (order[visit.day], visit.at_s))
    return Visits(
        surface_c=np.array([visit.surface_c for visit in kept], dtype=np.float64),
        oral_c=np.array([visit.oral_c for visit in kept], dtype=np.float64),
        days=np.array([order[visit.day] for visit in kept], dtype=np.int64),
        offset_c=np.array([visit.offset_c for visit in kept], dtype=np.float64),
        skipped=dict(skipped),
    )


def _day_of_subject(row: Sequence[str], named: Columns) -> str:
    """By the column of subjects, which is the first one where none is called so."""
    read = _SUBJECT.fullmatch(_cell(row, named.others.get("subjectid", 0)))
    return read[1] if read is not None else ""


def _order(days: Sequence[str]) -> Mapping[str, int]:
    found = list(dict.fromkeys(days))
    written_alike = len({len(day) for day in found}) == 1 and all(map(_ORDERED.fullmatch, found))
    return {day: index for index, day in enumerate(sorted(found) if written_alike else found)}


def _unusable(wanted: Sequence[tuple[str, float, str]]) -> str:
    """Why a row cannot be used, from names, values and texts; empty where it can."""
    for name, temp_c, text in wanted:
        if math.isnan(temp_c):
            return f"{name} is not a number" if text else f"no temperature: {name}"
        if not PLAUSIBLE_C[0] <= temp_c <= PLAUSIBLE_C[1]:
            return f"{name} outside {PLAUSIBLE_C[0]:.0f}…{PLAUSIBLE_C[1]:.0f} °C"
    return ""


def _mean(cells: Sequence[str]) -> float:
    """Of those that are numbers; not a number where none is."""
    there = [number for number in map(number_of, cells) if not math.isnan(number)]
    return sum(there) / len(there) if there else math.nan


def name_of(cell: str) -> str:
    """A column's name without the blanks that tables have in them."""
    return "".join(cell.split())


def _cell(row: Sequence[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""


def number_of(text: str) -> float:
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
