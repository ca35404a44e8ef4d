"""The threshold that a site's own readings allow, from one column of a CSV file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cardea.cli.errors import CommandError
from cardea.cli.thermal.clinical_table import read_rows
from models.binomial import CONFIDENCE
from models.thermal.decision.threshold import TooFew, choose
from models.thermal.evaluation.clinical import FIRST_ROWS, PLAUSIBLE_C, name_of, number_of


def site_threshold(file: Path, column: str, fpr: float) -> dict[str, Any]:
    """The report. Raises CommandError with one line where the file or its readings do not allow one."""
    cells = _column(file, column)
    skipped: Counter[str] = Counter()
    readings_c: list[float] = []
    for cell in cells:
        value_c = number_of(cell)
        if PLAUSIBLE_C[0] <= value_c <= PLAUSIBLE_C[1]:
            readings_c.append(value_c)
        else:
            skipped["not a temperature" if cell.strip() else "blank"] += 1
    chosen = choose(readings_c, fpr)
    if isinstance(chosen, TooFew):
        raise CommandError(
            f"{file}: a false-positive rate of {fpr:g} needs {chosen.needed} readings, "
            f"there are {chosen.readings}"
        )
    return {
        "file": str(file),
        "column": column,
        "n": chosen.readings,
        "skipped": dict(skipped),
        "fpr": fpr,
        "confidence": CONFIDENCE,
        "threshold_c": chosen.threshold_c,
        "false_positives": chosen.false_positives,
        "fpr_upper": round(chosen.fpr_upper, 5),
    }


def told(report: dict[str, Any]) -> str:
    """The report for reading."""
    lines = [f"{report['column']}: {report['n']} readings"]
    lines += [f"skipped {count} rows: {reason}" for reason, count in report["skipped"].items()]
    so_warm = f"{report['false_positives']} of them are so warm"
    at_most = f"at most {100 * report['fpr_upper']:.2f} % of people like them will be"
    lines += [
        f"elevated from {report['threshold_c']:.2f} °C on: {so_warm}, and {at_most} (95 % sure)",
        "readings of people with a fever among them make the threshold higher, never the rate",
    ]
    return "\n".join(lines)


def _column(file: Path, column: str) -> Sequence[str]:
    """The cells below the first row that has ``column``."""
    wanted = name_of(column).casefold()
    seen: list[str] = []
    for rows in read_rows(file):
        for index, row in enumerate(rows[:FIRST_ROWS]):
            names = [name_of(cell).casefold() for cell in row]
            if wanted in names:
                place = names.index(wanted)
                return [each[place] if place < len(each) else "" for each in rows[index + 1 :]]
        seen = max(seen, [cell.strip() for cell in rows[0] if cell.strip()] if rows else [], key=len)
    raise CommandError(f"{file}: has no column {column!r}; its first row has: {', '.join(seen[:20])}")
