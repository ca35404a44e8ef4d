"""A CSV file of whatever encoding and separator, as rows with known columns."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cardea.cli.errors import CommandError
from models.thermal.evaluation.clinical import Columns, NotClinical, columns

SIZE_MAX = 64_000_000
"""The largest table of the study has 0.7 MB."""
SEPARATORS = (",", ";", "\t")
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1f]")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file and what its columns are."""

    file: Path
    rows: Sequence[Sequence[str]]
    named: Columns


def read_table(file: Path) -> Table:
    """Read ``file``. Raises CommandError with one line where it cannot be read or is no such table."""
    found: list[Table] = []
    problem = ""
    for rows in read_rows(file):
        try:
            found.append(Table(file, rows, columns(rows)))
        except NotClinical as error:
            problem = str(error)
    if not found:
        raise CommandError(f"{file}: {problem}")
    return max(found, key=lambda table: len(table.named.sites))


def read_rows(file: Path) -> Iterator[Sequence[Sequence[str]]]:
    """The rows of ``file`` as each separator makes them. Raises CommandError where it cannot be read."""
    text = _text(file)
    for separator in SEPARATORS:
        try:
            yield list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        except csv.Error as error:
            raise CommandError(f"{file}: is not a CSV file: {error}") from error


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(SIZE_MAX + 1)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror or 'cannot be read'}") from error
    if len(raw) > SIZE_MAX:
        raise CommandError(f"{file}: is larger than {SIZE_MAX // 1_000_000} MB")
    text = _decoded(raw)
    if not text.strip():
        raise CommandError(f"{file}: is empty")
    if _BINARY.search(text):
        raise CommandError(f"{file}: is not a text file")
    return text


def _decoded(raw: bytes) -> str:
    """By its byte order mark, else UTF-8, else as bytes one to one: the names that matter are ASCII."""
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return raw.decode("latin-1")
