"""The audit hash chain: each link binds the one before it (SAFETY.md items 29 and 30)."""

import hashlib
from collections.abc import Iterable

import msgspec

from cardea.contract.encoding import encode
from cardea.contract.records import AuditRecord
from cardea.contract.time import WireTime

GENESIS = "0" * 64


class Head(msgspec.Struct, frozen=True):
    """The end of a chain: how many links it has, and the hash of the last."""

    length: int
    hash: str


EMPTY = Head(0, GENESIS)


class Break(msgspec.Struct, frozen=True):
    """The first link that does not hold, by index, and why."""

    index: int
    why: str


def link_hash(record: AuditRecord) -> str:
    """SHA-256 over the canonical JSON of the link without its own hash."""
    return hashlib.sha256(encode(msgspec.structs.replace(record, hash=""))).hexdigest()


def append(
    head: Head, record_id: str, at: WireTime, event: str, actor: str, detail: dict[str, str]
) -> AuditRecord:
    """The next link after ``head``."""
    bare = AuditRecord(record_id, at, head.length, event, actor, detail, head.hash, "")
    return msgspec.structs.replace(bare, hash=link_hash(bare))


def head_of(record: AuditRecord) -> Head:
    """The head after ``record`` was appended."""
    return Head(record.index + 1, record.hash)


def verify(links: Iterable[AuditRecord], start: Head = EMPTY, end: Head | None = None) -> Head | Break:
    """The head that the links lead to from ``start``, or the first break.

    ``end`` is a head kept elsewhere: a chain that stops short of it was cut.
    """
    head = start
    for link in links:
        if link.index != head.length:
            return Break(head.length, f"link {link.index} stands where {head.length} belongs")
        if link.prev != head.hash:
            return Break(link.index, "does not follow the link before it")
        if link.hash != link_hash(link):
            return Break(link.index, "was changed after it was written")
        head = head_of(link)
        if end is not None and head.length == end.length and head.hash != end.hash:
            return Break(link.index, "differs from the head kept elsewhere")
    if end is not None and head.length < end.length:
        return Break(head.length, f"the chain ends here, the head kept elsewhere has {end.length} links")
    return head
