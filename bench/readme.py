"""Puts the figures of bench/results into the README: ``python bench/readme.py``.

Only what stands between the two markers is rewritten. A result that is missing or cannot be read is shown as
not measured: no figure is ever made up.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BEGIN = "<!-- figures: written by bench/readme.py -->"
END = "<!-- end of figures -->"
NOT_MEASURED = "not measured"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """One number of a row: its key, how it is written, and the key of the bound that is asked of it."""

    key: str
    text: str
    asked: str
    relation: str = "≤"

    def measured(self, row: Row) -> str | None:
        return _written(self.text, row.get(self.key))

    def bound(self, row: Row) -> str | None:
        written = _written(self.text, row.get(self.asked))
        number = row.get(self.asked)
        if written is None or not number:
            return None
        return self.text.replace("{}", f"{self.relation} {_number(number)}")


@dataclass(frozen=True)
class Figure:
    """The rows of one result: what is measured, which key tells its cases apart, and the numbers."""

    result: str
    title: str
    case: str
    measures: tuple[Measure, ...]


def _delays() -> tuple[Measure, ...]:
    return (Measure("p50_ms", "p50 {} ms", "p50_ms_asked"), Measure("p99_ms", "p99 {} ms", "p99_ms_asked"))


FIGURES = (
    Figure("release", "credential presented → release received", "run", _delays()),
    Figure(
        "throughput",
        "whole path to a row in the ledger",
        "run",
        (Measure("per_s", "{} passages/s", "per_s_asked", "≥"),),
    ),
    Figure("acknowledged", "outbox append → acknowledged", "case", _delays()),
    Figure(
        "telemetry",
        "telemetry over MQTT into DuckDB, aggregator and store together",
        "case",
        (
            Measure("readings_per_s", "{} readings/s", "readings_per_s_asked", "≥"),
            Measure("cpu_percent_of_a_core", "{} % of a core", "cpu_percent_asked"),
            Measure("commit_p99_ms", "commit p99 {} ms", "commit_p99_ms_asked"),
            Measure("loop_lag_p99_ms", "loop lag p99 {} ms", "loop_lag_p99_ms_asked"),
        ),
    ),
    Figure("tiles", "meanwhile, of 40,000 series", "case", (Measure("p50_ms", "p50 {} ms", "p50_ms_asked"),)),
    Figure(
        "lines",
        "line protocol, 5 fields a point",
        "case",
        (Measure("cpu_us_per_point", "{} µs a point", "cpu_us_asked"),),
    ),
    Figure(
        "frames",
        "thermal frame",
        "what",
        (Measure("p50_us", "p50 {} µs", "p50_us_asked"),),
    ),
    Figure(
        "thermal_stream",
        "thermal stream through a whole position",
        "what",
        (
            Measure("cpu_percent_of_a_core", "{} % of a core", "cpu_percent_asked"),
            Measure("rss_grown_mb", "memory grown by {} MB", "rss_grown_mb_asked"),
        ),
    ),
    Figure(
        "faces_accuracy",
        "faces",
        "what",
        (
            Measure("percent", "{} %", "percent_asked", "≥"),
            Measure("percent_low", "95 % limit {} %", ""),
        ),
    ),
    Figure("faces", "faces, one thread", "what", (Measure("p50_ms", "p50 {} ms", "p50_ms_asked"),)),
    Figure("footprint", "size and start", "what", (Measure("measured", "{}", "asked"),)),
    Figure("footprint_faces", "with face models", "what", (Measure("measured", "{}", "asked"),)),
    Figure(
        "soak",
        "memory of `cardea up`",
        "process",
        (
            Measure("rss_max_mb", "{} MB", "budget_mb"),
            Measure("slope_mb_h", "{} MB/h", "slope_max_mb_h"),
        ),
    ),
)


def table(results: Path) -> str:
    """The figures as a Markdown table."""
    lines = ["| what | measured | asked |", "|---|---|---|"]
    for figure in FIGURES:
        lines += _lines(figure, _rows(results / f"{figure.result}.json"))
    return "\n".join(lines)


def rewritten(text: str, figures: str) -> str:
    """``text`` with ``figures`` between the markers; raises ValueError without them."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the two markers {BEGIN} and {END} are not there")
    return f"{head}{BEGIN}\n{figures}\n{END}{tail}"


def _lines(figure: Figure, rows: list[Row]) -> Iterator[str]:
    if not rows:
        yield f"| {figure.title} | {NOT_MEASURED} | |"
    for row in rows:
        measured = [text for measure in figure.measures if (text := measure.measured(row))]
        asked = [text for measure in figure.measures if (text := measure.bound(row))]
        case = str(row.get(figure.case, "")).replace("|", "/")
        yield f"| {figure.title}: {case} | {', '.join(measured) or NOT_MEASURED} | {', '.join(asked)} |"


def _rows(file: Path) -> list[Row]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _written(text: str, number: object) -> str | None:
    return text.replace("{}", _number(number)) if isinstance(number, int | float) else None


def _number(number: float) -> str:
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}".removesuffix(".0") if abs(number) >= 1 else f"{number:.2g}"


def main(readme: Path = ROOT / "README.md", results: Path = ROOT / "bench" / "results") -> int:
    try:
        text = rewritten(readme.read_text(encoding="utf-8"), table(results))
    except (OSError, ValueError) as error:
        print(f"{readme}: {error}", file=sys.stderr)
        return 1
    readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
