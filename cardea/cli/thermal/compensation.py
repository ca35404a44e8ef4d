"""The two tests for terminals that bend what they measure toward 37 °C, on files."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from cardea.cli.bounded_file import read_bounded
from cardea.cli.errors import CommandError
from cardea.cli.thermal.named_columns import Row, named_rows
from models.thermal.condition.selftest import Verdict
from models.thermal.decision.compensation import (
    ORAL_SD_C,
    READINGS,
    RESIDUAL_C_MAX,
    SD_C_MIN,
    SLOPE,
    WINDOW_SLOPE_MIN,
    Sign,
    narrowness,
    sweep,
)

BYTES_MAX = 16 * 1024 * 1024
POINTS_MAX = 1000
"""Of a sweep."""
_STATUS = {Verdict.COMPLIANT: 0, Verdict.NON_COMPLIANT: 1, Verdict.UNKNOWN: 1}


def judge_sweep(path: Path, *, as_json: bool) -> int:
    """The active test; the exit status."""
    rows = _columns(path, ("reference_c", "reading_c"))
    if len(rows) > POINTS_MAX:
        raise CommandError(f"{path}: a sweep has at most {POINTS_MAX} points")
    try:
        found = sweep([(reference_c, reading_c) for reference_c, reading_c in rows])
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    verdict = Verdict.NON_COMPLIANT if found.normalises else Verdict.COMPLIANT
    if as_json:
        figures = {
            "points": found.points,
            "slope": round(found.slope, 4),
            "offset_c": round(found.offset_c, 4),
            "residual_c_max": round(found.residual_c_max, 4),
            "window_slope_min": round(found.window_slope_min, 4),
            "window_from_c": found.window_from_c,
        }
        signs = [sign.value for sign in found.signs]
        print(json.dumps({"verdict": verdict.value, **figures, "signs": signs}, indent=2))
        return _STATUS[verdict]
    at_c, least = found.window_from_c, found.window_slope_min
    lines = {
        Sign.SLOPE: f"slope {found.slope:.3f}, from {SLOPE[0]:.2f} to {SLOPE[1]:.2f}",
        Sign.RESIDUAL: f"off the line by {found.residual_c_max:.2f} °C at most, ≤ {RESIDUAL_C_MAX} °C",
        Sign.WINDOW: f"least slope within 1 °C {least:.3f} (from {at_c:.2f} °C on), ≥ {WINDOW_SLOPE_MIN}",
    }
    for sign, text in lines.items():
        print(f"{'✗' if sign in found.signs else '✓'}  {text}")
    says = "bends what it measures" if found.normalises else "shows what it measures"
    print(f"\n{verdict.value}: over {found.points} points the terminal {says}.")
    return _STATUS[verdict]


def judge_readings(path: Path, *, as_json: bool) -> int:
    """The passive test; the exit status."""
    found = narrowness([reading_c for (reading_c,) in _columns(path, ("reading_c",))])
    verdict = {None: Verdict.UNKNOWN, True: Verdict.NON_COMPLIANT, False: Verdict.COMPLIANT}[found.normalises]
    if as_json:
        figures = {
            "readings": found.readings,
            "sd_c": None if found.sd_c is None else round(found.sd_c, 4),
            "sd_c_min": SD_C_MIN,
            "chance": None if found.chance is None else round(found.chance, 4),
        }
        print(json.dumps({"verdict": verdict.value, **figures}, indent=2))
        return _STATUS[verdict]
    if found.normalises is None:
        print(f"{verdict.value}: {found.readings} believable readings; {READINGS} are needed.")
    elif found.sd_c is None or found.chance is None:
        print(f"{verdict.value}: too many fevers among the readings for them to be narrow.")
    else:
        print(
            f"{verdict.value}: standard deviation of the last {found.readings} readings {found.sd_c:.3f} °C, "
            f"at least {SD_C_MIN} °C; people without fever differ by {ORAL_SD_C} °C, and an honest terminal "
            f"appears so narrow with a probability of {100 * found.chance:.2g} %."
        )
    return _STATUS[verdict]


def _columns(path: Path, names: Sequence[str]) -> list[tuple[float, ...]]:
    """The named columns as numbers; an empty cell and what else is no number are errors.

    Raises:
        CommandError: one line saying what is wrong.
    """
    content = read_bounded(path, BYTES_MAX)
    try:
        columns, rows = named_rows(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CommandError(f"{path}: is not UTF-8 text") from None
    except csv.Error as error:
        raise CommandError(f"{path}: is no CSV: {error}") from error
    missing = [name for name in names if name not in columns]
    if missing:
        raise CommandError(f"{path}: no column {missing[0]!r}; it needs: {', '.join(names)}")
    return [_numbers(path, row, names) for row in rows]


def _numbers(path: Path, row: Row, names: Sequence[str]) -> tuple[float, ...]:
    try:
        return tuple(row.number(name) for name in names)
    except ValueError:
        raise CommandError(f"{path}: line {row.line}: {', '.join(names)} must be numbers") from None
