"""The pairs of ``cardea thermal register``: points from a table, or faces in pictures of both cameras."""

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cardea.cli.bounded_file import read_bounded
from cardea.cli.errors import CommandError
from models.thermal.register import Pair

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
    rows = _rows(path)
    columns = rows[0].keys() if rows else frozenset[str]()
    if set(POINTS) <= columns:
        return Pairs(tuple(_pair(path, number, row) for number, row in enumerate(rows, 2)))
    if set(PICTURES) <= columns:
        return _from_pictures(path.parent, rows)
    raise CommandError(f"{path}: needs the columns {','.join(POINTS)} or {','.join(PICTURES)}")


def _rows(path: Path) -> list[Mapping[str, str]]:
    content = read_bounded(path, FILE_BYTES_MAX)
    try:
        lines = content.decode("utf-8-sig").splitlines()
        rows = [row for row, _ in zip(csv.DictReader(lines), range(ROWS_MAX), strict=False)]
    except (UnicodeDecodeError, csv.Error):
        raise CommandError(f"{path}: is no CSV in UTF-8") from None
    return [{key.strip(): (value or "").strip() for key, value in row.items() if key} for row in rows]


def _pair(path: Path, number: int, row: Mapping[str, str]) -> Pair:
    values: list[float] = []
    for name in POINTS:
        try:
            values.append(float(row[name]))
        except ValueError:
            raise CommandError(f"{path}: row {number}: {name}: {row[name]!r} is no number") from None
    return Pair(*values)


def _from_pictures(folder: Path, rows: Sequence[Mapping[str, str]]) -> Pairs:
    """Two pairs of points, the canthi, for each pair of pictures that shows them."""
    from cardea.cli.thermal.register_pictures import PictureUnusable, canthi_of

    find = canthi_of()
    pairs: list[Pair] = []
    left_out: list[str] = []
    for number, row in enumerate(rows, 2):
        _progress(number - 1, len(rows))
        try:
            pairs += find(folder / row["visible"], folder / row["thermal"])
        except PictureUnusable as error:
            left_out.append(f"row {number}: {error}")
    return Pairs(tuple(pairs), tuple(left_out))


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{of} pairs of pictures", end="\n" if done == of else "", file=sys.stderr, flush=True)
