"""How a benchmark reports: one table for people, one JSON file for comparison."""

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Cell = str | int | float


def report(name: str, rows: Sequence[Mapping[str, Cell]], folder: Path = RESULTS) -> Path:
    """Print ``rows`` (all with the same keys) as a table and write them to ``<folder>/<name>.json``.

    Returns:
        The file.
    """
    heads = list(rows[0])
    cells = [heads, *([_text(row[head]) for head in heads] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    file.write_text(
        json.dumps({"name": name, "on": machine, "rows": rows}, indent=2) + "\n", encoding="utf-8"
    )
    return file


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0…1) of ``values`` lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _text(cell: Cell) -> str:
    return f"{cell:,.2f}" if isinstance(cell, float) else str(cell)
