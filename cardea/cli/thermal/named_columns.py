"""A CSV file with columns of known names, separated as spreadsheets of any country separate them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from cardea.cli.thermal.clinical_table import SEPARATORS


@dataclass(frozen=True, slots=True)
class Row:
    """One line that holds anything."""

    line: int
    """Counted from 1, the names' line included."""
    cells: dict[str, str]
    """By name, in small letters, without the blanks around; an empty one where the line is too short."""

    def number(self, name: str) -> float:
        """With a decimal point or a decimal comma.

        Raises:
            ValueError: the cell holds no number.
        """
        return float(self.cells[name].replace(",", "."))


def named_rows(text: str) -> tuple[Sequence[str], Sequence[Row]]:
    """The names of the first line, in small letters, and the lines below it; blank ones are left out.

    Raises:
        csv.Error: it is no CSV.
    """
    lines = text.splitlines()
    separator = max(SEPARATORS, key=(lines[0] if lines else "").count)
    reader = csv.reader(lines, delimiter=separator)
    first: Sequence[str] = next(reader, ())
    names = [name.strip().casefold() for name in first]
    rows: list[Row] = []
    for cells in reader:
        told = [cell.strip() for cell in cells]
        if any(told):
            padded = told + [""] * (len(names) - len(told))
            rows.append(Row(reader.line_num, dict(zip(names, padded, strict=False))))
    return names, rows
