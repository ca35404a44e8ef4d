"""Checking a gateway's audit chain where it lies: in its outbox file, or exported with one link a line."""

import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cardea.contract import chain
from cardea.contract.chain import Break, Head
from cardea.contract.encoding import RECORD
from cardea.contract.records import AuditRecord
from edge.audit import LINKS_KEPT
from edge.outbox import NAME

_SQLITE = b"SQLite format 3\0"


class ChainUnreadable(Exception):
    """The file cannot be read, or is nothing that a chain could be checked in."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    first: int
    """Index of the first link that is kept; the ones before it are in the cloud's ledger."""
    result: Head | Break


class _NoLinkError(Exception):
    """Something among the links that is none."""


def check(path: Path, known: Head | None = None) -> Checked:
    """Check the chain in a folder of a gateway's data, in its outbox file, or in a file of JSON lines.

    ``known`` is a head kept elsewhere; with it a chain whose end was cut off shows.

    Raises:
        ChainUnreadable: no such file, or nothing that could be a chain.
    """
    if path.is_dir():
        path = path / f"{NAME}.sqlite"
    try:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                return _check_database(path, known)
            file.seek(0)
            return _check((line for line in file if line.strip()), known)
    except OSError as error:
        raise ChainUnreadable(f"{path}: {error.strerror}") from error


def _check_database(path: Path, known: Head | None) -> Checked:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            own = connection.execute("SELECT length, hash FROM audit_head").fetchall()
            links = connection.execute("SELECT link FROM audit ORDER BY idx")
            checked = _check((link for (link,) in links), known)
    except sqlite3.Error as error:
        raise ChainUnreadable(f"{path}: no audit chain in it: {error}") from error
    return _against_own_head(checked, Head(*own[0]) if own else chain.EMPTY)


def _against_own_head(checked: Checked, own: Head) -> Checked:
    if isinstance(checked.result, Break) or checked.result == own:
        if checked.first > max(0, own.length - LINKS_KEPT):
            return Checked(checked.first, Break(checked.first - 1, "the links before the first are missing"))
        return checked
    why = f"the chain ends here, its own head has {own.length} links"
    return Checked(checked.first, Break(checked.result.length, why))


def _check(raw: Iterable[bytes], known: Head | None) -> Checked:
    read: list[int] = []
    links = _decoded(raw, read)
    try:
        first = next(links, None)
        if first is None:
            return Checked(0, chain.verify((), end=known))
        start = Head(first.index, first.prev) if first.index else chain.EMPTY
        if known is not None and known.length < start.length:
            raise ChainUnreadable(f"link {known.length} is not kept any more: give a head of a later day")
        if known is not None and known.length == start.length and known != start:
            return Checked(first.index, Break(start.length, "differs from the head kept elsewhere"))
        return Checked(first.index, chain.verify(itertools.chain((first,), links), start, known))
    except _NoLinkError as error:
        return Checked(read[0] if read else 0, Break(read[-1] + 1 if read else 0, str(error)))


def _decoded(raw: Iterable[bytes], read: list[int]) -> Iterator[AuditRecord]:
    for text in raw:
        link = RECORD.decode(text)
        if not isinstance(link, AuditRecord):
            raise _NoLinkError("is no link of an audit chain")
        read[:] = [*read[:1], link.index]
        yield link
