"""One answer taken apart by the lengths that it declares. Pure.

Never by a search for the boundary: its bytes may stand inside pixels. A length is believed where after so
many bytes the answer ends or a boundary's line begins. Lenient where cameras are: line ends may be LF,
headers come in any case and order, or not at all, text may stand before the first boundary, the last one may
lack.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drivers.thermal.hikvision.declared import Declared, Unreadable, declared_at

HEAD_BYTES_MAX = 8 * 1024
"""Of what stands before the first boundary, and of a part's headers."""
_BOUNDARY_BYTES_MAX = 200
_BLANKS_MAX = 4
"""Between a part and the boundary after it."""
THERMAL, MATRIX, VISIBLE = "jpeg_pic_len", "p2p_data_len", "visible_pic_len"
"""Parts by the name of their length, in the order in which they come."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is wanted of an answer; its pictures are left where they are."""

    declared: Declared
    matrix: memoryview


@dataclass(frozen=True, slots=True)
class _Head:
    body_at: int
    is_picture: bool
    length: int | None


def answer_of(content: bytes) -> Answer:
    """The declaration and the matrix of a whole answer.

    Raises:
        Unreadable: naming what does not fit.
    """
    boundary, at = _first_boundary(content)
    declared = declared_at(content, _head_at(content, at).body_at)
    pending = {
        THERMAL: declared.thermal_bytes,
        MATRIX: declared.matrix_bytes,
        VISIBLE: declared.visible_bytes,
    }
    pending = {name: length for name, length in pending.items() if length}
    matrix, at = memoryview(b""), declared.ends_at
    while pending:
        at = _after_boundary(content, at, boundary)
        if at is None:
            raise Unreadable(f"{next(iter(pending))}_does_not_fit")
        head = _head_at(content, at)
        name = _name(content, head, boundary, pending)
        at = head.body_at + pending.pop(name)
        if name == MATRIX:
            matrix = memoryview(content)[head.body_at : at]
    return Answer(declared, matrix)


def _name(content: bytes, head: _Head, boundary: bytes, pending: dict[str, int]) -> str:
    """Which part this is: the likeliest one of those whose length fits."""
    for name in _likeliest(head, pending):
        if _part_ends(content, head.body_at + pending[name], boundary):
            return name
    raise Unreadable(f"{next(_likeliest(head, pending))}_does_not_fit")


def _part_ends(content: bytes, at: int, boundary: bytes) -> bool:
    if at + _BLANKS_MAX >= len(content):
        return at <= len(content) and not content[at:].strip()
    return _after_boundary(content, at, boundary) is not None


def _likeliest(head: _Head, pending: dict[str, int]) -> Iterator[str]:
    """By its type, then by its own length, then by order."""
    yield from sorted(
        pending, key=lambda name: (head.is_picture != (name != MATRIX), head.length != pending[name])
    )


def _first_boundary(content: bytes) -> tuple[bytes, int]:
    """The boundary with its dashes, in lower case, and where the first part's headers begin."""
    at = 0
    while at < min(len(content), HEAD_BYTES_MAX):
        line, after = _line(content, at)
        if line.startswith(b"--") and 2 < len(line) <= _BOUNDARY_BYTES_MAX:
            return line.lower(), after
        at = after
    raise Unreadable("no_parts")


def _after_boundary(content: bytes, at: int, boundary: bytes) -> int | None:
    """Where the next part's headers begin when a boundary stands at ``at``, after a line end or none.

    The last boundary, with its dashes, counts too.
    """
    between = content[at : at + _BLANKS_MAX]
    at += len(between) - len(between.lstrip())
    end = at + len(boundary)
    if content[at:end].lower() != boundary:
        return None
    line, after = _line(content, end)
    return after if line in {b"", b"--"} else None


def _head_at(content: bytes, at: int) -> _Head:
    begun_at, is_picture, length = at, False, None
    while at - begun_at <= HEAD_BYTES_MAX:
        line, after = _line(content, at)
        name, colon, value = line.partition(b":")
        if not line:
            return _Head(after, is_picture, length)
        if not colon or after == at:
            break
        match name.strip().lower():
            case b"content-type":
                is_picture = value.strip().lower().startswith(b"image/")
            case b"content-length":
                digits = value.strip()
                length = int(digits) if digits.isdigit() and len(digits) < 12 else None
            case _:
                pass
        at = after
    raise Unreadable("part_head_unreadable")


def _line(content: bytes, at: int) -> tuple[bytes, int]:
    """The line at ``at``, stripped, and where the next one begins. A line that never ends is cut."""
    end = content.find(b"\n", at, at + HEAD_BYTES_MAX)
    if end < 0:
        end = min(len(content), at + HEAD_BYTES_MAX)
    return content[at:end].strip(), min(end + 1, len(content))
