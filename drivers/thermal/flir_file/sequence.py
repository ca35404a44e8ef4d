"""Where the frames of a recording begin: FFF files one after another (SEQ; CSQ with packed counts). Pure.

Each frame is left by its directory, never by looking for the next ``FFF``, which can stand inside pixels.
Only where a directory leads nowhere, or something unknown lies between, the next header is searched for.
"""

import re
from dataclasses import dataclass

from drivers.thermal.flir_file.content import Content, NotRadiometric
from drivers.thermal.flir_file.fff import (
    HEADER_BYTES,
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    START,
    Entry,
    Header,
    entries,
    header,
)

FRAMES_MAX = 200_000
"""Two hours at 30 frames a second."""
_HEADER = re.compile(rb"[FA]FF\0.{16}(?:[\x64-\xc7]\0\0\0|\0\0\0[\x64-\xc7])", re.DOTALL)
"""Start, creator and version, in either byte order."""
_HEAD_BYTES = 24
_NEAR_BYTES, _SEARCHED_BYTES = 1 << 12, 1 << 20
"""Mostly the next frame follows at once."""
_DIRECTORY_MAX = 1 << 24
"""No frame's directory lies farther from its start."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a frame begins, or ``why`` nothing of what lies there can be read."""

    at: int
    why: str | None = None


def spans(content: Content) -> list[Span]:
    """The frames, at least one: that at the very start, whether or not it can be read."""
    found: list[Span] = []
    at: int | None = 0
    while at is not None and len(found) < FRAMES_MAX:
        found.append(Span(at))
        end, whole = _end(content, at)
        at = _next(content, end)
        if whole and at is not None and _meant_something(content[end : min(at, end + _SEARCHED_BYTES)]):
            found.append(Span(end, "bytes_between_frames"))
    if at is not None:
        found.append(Span(at, "too_many_frames"))
    return found


def _end(content: Content, at: int) -> tuple[int, bool]:
    """Where the frame ends, and whether its own directory says so; else where to search on."""
    try:
        head = header(content, at)
    except NotRadiometric:
        return at + len(START[0]), False
    try:
        found = list(entries(content, head))
    except NotRadiometric:
        return (len(content) if _reachable(head) else at + HEADER_BYTES), False
    if any(entry.end > len(content) and _cut_short(entry, content) for entry in found):
        return len(content), False
    ends = (entry.end for entry in found if entry.end <= len(content))
    return max(head.at + HEADER_BYTES, head.directory_end, *ends), True


def _reachable(head: Header) -> bool:
    """Whether the directory could be where it should, had the file not ended before."""
    return head.records <= RECORDS_MAX and HEADER_BYTES <= head.directory_at - head.at <= _DIRECTORY_MAX


def _cut_short(entry: Entry, content: Content) -> bool:
    """Whether a record could be as long as it says, had the file not ended before."""
    return entry.at <= len(content) and entry.size <= RECORD_BYTES_MAX


def _next(content: Content, end: int) -> int | None:
    """Where the next frame begins, also one of which little more than the start is left."""
    at, size = end, _NEAR_BYTES
    while at + _HEAD_BYTES <= len(content):
        piece = content[at : at + size]
        for match in _HEADER.finditer(piece):
            if _plausible(content, at + match.start()):
                return at + match.start()
        if len(piece) < _HEAD_BYTES:
            break  # the file has become shorter meanwhile
        at, size = at + len(piece) - _HEAD_BYTES + 1, _SEARCHED_BYTES
    tail = content[max(end, len(content) - _HEAD_BYTES + 1) : len(content)]
    left = tail.lstrip(b"\0")
    cut = left and any(left.startswith(start) or start.startswith(left) for start in START)
    return len(content) - len(left) if cut else None


def _plausible(content: Content, at: int) -> bool:
    try:
        head = header(content, at)
    except NotRadiometric:
        return True  # all but its first bytes are missing
    return _reachable(head)


def _meant_something(between: bytes) -> bool:
    """Whether more than padding lies between two frames: one whose start is damaged, for example."""
    return len(between) >= HEADER_BYTES and bool(between.strip(b"\0\xff"))
