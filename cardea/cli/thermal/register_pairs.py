"""The pairs of ``cardea thermal register``: points from a table, or faces in pictures of both cameras."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cardea.cli.bounded_file import read_bounded
from cardea.cli.errors import CommandError
from cardea.cli.thermal.named_columns import Row, named_rows
from models.thermal.registration.register import Pair

ROWS_MAX = 10_000
FILE_BYTES_MAX = 4 * 1024 * 1024
POINTS = ("visible_x", "visible_y", "thermal_x", "thermal_y", "interocular_px")
PICTURES = ("visible", "thermal")


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was found, and a line for each pair of pictures that gave nothing."""

    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...] = field(default=())


def read_pairs(path: Path) -> Pairs:
    """The pairs of a table.

    Raises:
        CommandError: it cannot be read, has other columns, or holds what is no number.
    """
    columns, rows = _table(path)
    if set(POINTS) <= set(columns):
        return Pairs(tuple(_pair(path, row) for row in rows))
    if set(PICTURES) <= set(columns):
        return _from_pictures(path.parent, rows)
    raise CommandError(f"{path}: needs the columns {','.join(POINTS)} or {','.join(PICTURES)}")


def _table(path: Path) -> tuple[Sequence[str], Sequence[Row]]:
    content = read_bounded(path, FILE_BYTES_MAX)
    try:
        columns, rows = named_rows(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, csv.Error):
        raise CommandError(f"{path}: is no CSV in UTF-8") from None
    return columns, rows[:ROWS_MAX]


def _pair(path: Path, row: Row) -> Pair:
    values: list[float] = []
    for name in POINTS:
        try:
            values.append(row.number(name))
        except ValueError:
            raise CommandError(f"{path}: row {row.line}: {name}: {row.cells[name]!r} is no number") from None
    return Pair(*values)


def _from_pictures(folder: Path, rows: Sequence[Row]) -> Pairs:
    """Two pairs of points, the canthi, for each pair of pictures that shows them."""
    from cardea.cli.thermal.register_pictures import PictureUnusable, canthi_of

    find = canthi_of()
    pairs: list[Pair] = []
    left_out: list[str] = []
    for done, row in enumerate(rows, 1):
        _progress(done, len(rows))
        try:
            pairs += find(folder / row.cells["visible"], folder / row.cells["thermal"])
        except PictureUnusable as error:
            left_out.append(f"row {row.line}: {error}")
    return Pairs(tuple(pairs), tuple(left_out))


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{of} pairs of pictures", end="\n" if done == of else "", file=sys.stderr, flush=True)
