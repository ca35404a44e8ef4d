"""A table of labelled pictures: CSV in UTF-8 with a path, relative to the table's folder, and a label."""

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cardea.cli.bounded_file import read_bounded
from cardea.cli.errors import CommandError

FILE_BYTES_MAX = 4 * 1024 * 1024
ROWS_MAX = 4000
LABEL_CHARS_MAX = 200
SEPARATORS = (",", ";", "\t")
PATH = "path"
IDENTITY = ("identity",)
KIND = ("kind", "species", "label")
LIVING = frozenset({"bona_fide", "bonafide", "live", "living", "real", "genuine"})


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture of the table."""

    line: int
    """Where it stands in the file, from 1."""
    path: Path
    shown: str
    """As the table names it."""
    label: str


def read_labels(file: Path, columns: Sequence[str]) -> tuple[Labelled, ...]:
    """The pictures of ``file``, labelled by the first of ``columns`` that it has; other columns are ignored.

    Raises:
        CommandError: it cannot be read or is no such table, a cell is empty, a picture is not there or is
            named twice; one line that names the line.
    """
    rows = _rows(file)
    try:
        head_line, head = next(rows)
    except StopIteration:
        raise CommandError(f"{file}: is empty; the first line is {PATH},{columns[0]}") from None
    at_path, at_label = _places(file, head_line, head, columns)
    found: list[Labelled] = []
    seen: dict[str, Labelled] = {}
    for line, row in rows:
        if len(found) == ROWS_MAX:
            raise CommandError(f"{file}: line {line}: more than {ROWS_MAX} pictures are not compared")
        each = _labelled(file, line, row, at_path, at_label)
        before = seen.setdefault(os.path.normpath(each.path), each)
        if before is not each:
            raise CommandError(f"{file}: line {line}: {each.shown} stands in line {before.line} already")
        found.append(each)
    if not found:
        raise CommandError(f"{file}: names no picture")
    _require_files(file, found)
    return tuple(found)


def read_kinds(file: Path) -> tuple[Labelled, ...]:
    """The pictures of ``file``, labelled by their kind: bona fide, or the name of a species of attack.

    A table of path and identity will do where somebody in it is called living: its identities are kinds.

    Raises:
        CommandError: as for :func:`read_labels`.
    """
    try:
        return read_labels(file, KIND)
    except CommandError as error:
        try:
            labelled = read_labels(file, IDENTITY)
        except CommandError:
            raise error from None
        if not any(is_living(each.label) for each in labelled):
            raise
        return labelled


def is_living(kind: str) -> bool:
    """Whether a kind of presentation is the living person."""
    return kind.casefold().replace(" ", "_").replace("-", "_") in LIVING


def _rows(file: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Rows that are not blank, with the line each ends in."""
    content = read_bounded(file, FILE_BYTES_MAX)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CommandError(f"{file}: line {line}: is not UTF-8; save the table as CSV UTF-8") from None
    first = next((line for line in text.splitlines() if line.strip()), "").casefold()
    separator = next((each for each in SEPARATORS if len(first.split(each)) > 1), SEPARATORS[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise CommandError(f"{file}: line {reader.line_num}: is no CSV: {error}") from None


def _places(file: Path, line: int, head: Sequence[str], columns: Sequence[str]) -> tuple[int, int]:
    names = [name.casefold() for name in head]
    label = next((name for name in columns if name in names), None)
    if PATH not in names or label is None:
        other = next((name for name in (*IDENTITY, *KIND) if name in names), None)
        hint = f"; {other} is for {_OTHER[other]}" if other is not None and other not in columns else ""
        shown = ",".join(head)[:80]
        raise CommandError(f"{file}: line {line}: needs the columns {PATH},{columns[0]}, has {shown!r}{hint}")
    return names.index(PATH), names.index(label)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OTHER = {
    "identity": "an evaluation without --liveness",
    "kind": "cardea face evaluate --liveness",
    "species": "cardea face evaluate --liveness",
    "label": "cardea face evaluate --liveness",
}


def _labelled(file: Path, line: int, row: Sequence[str], at_path: int, at_label: int) -> Labelled:
    path, label = (row[at] if at < len(row) else "" for at in (at_path, at_label))
    if not path or not label:
        raise CommandError(f"{file}: line {line}: {'the label' if path else 'the path'} is missing")
    for text in (path, label):
        if _CONTROL.search(text):
            raise CommandError(f"{file}: line {line}: {text!r} holds a control character")
    if len(label) > LABEL_CHARS_MAX:
        raise CommandError(f"{file}: line {line}: a label has at most {LABEL_CHARS_MAX} characters")
    return Labelled(line, file.parent / path, path, label)


def _require_files(file: Path, found: Sequence[Labelled]) -> None:
    missing = [each for each in found if not _is_file(each.path)]
    if missing:
        more = f", and {len(missing) - 1} more are not either" if len(missing) > 1 else ""
        raise CommandError(f"{file}: line {missing[0].line}: {missing[0].shown} is not there{more}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
