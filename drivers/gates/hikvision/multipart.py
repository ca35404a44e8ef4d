"""Multipart bodies as terminals send them, taken apart without I/O.

Lenient where terminals are: the boundary is read from the bytes themselves and compared without case (the
header's may differ), line ends may be LF, and lengths may be missing or wrong. Pictures are dropped as they
come, unless room is given for one at a time; no byte of them is ever recorded (SAFETY.md, item 18).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

TEXT_BYTES_MAX = 256 * 1024
"""One JSON or XML part."""
PICTURE_BYTES_MAX = 8 * 1024 * 1024
"""One dropped part with a length; a longer one is not believed."""
HEAD_BYTES_MAX = 8 * 1024
LINE_BYTES_MAX = 1024
_BOUNDARY_BYTES_MAX = 200
_SAMPLE_BYTES = 120
_TEXT_TYPES = ("application/json", "application/xml", "text/")
_PICTURE_STARTS = (b"\xff\xd8", b"\x89PNG", b"BM", b"GIF8")


@dataclass(frozen=True, slots=True)
class Part:
    """One text part, whole."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Still:
    """A picture part, whole; only from a parser that was given room for it."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that make no part, once per run of them."""

    reason: str
    sample: bytes = b""


Found = Part | Still | Broken
Keep = Callable[[bytes], None]


class Multipart:
    """Feed bytes cut anywhere; get parts. ``keep`` gets every byte again, with zeros for pictures.

    ``still_bytes_max``: pictures up to this size become a ``Still``, larger ones an empty ``Still``; without
    room for them there is none.
    """

    def __init__(self, keep: Keep | None = None, still_bytes_max: int = 0) -> None:
        self._keep = keep
        self._still_bytes_max = still_bytes_max
        self._begin()

    def _begin(self) -> None:
        self._buffer = bytearray()
        self._boundary = b""
        self._confirmed = False
        self._state: Callable[[], Found | bool] = self._seek
        self._in_long_line = False
        self._noisy = False
        self._searched = 0
        self._head: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._left: int | None = None
        self._still: bytearray | None = None
        self._still_room = 0

    def feed(self, chunk: bytes) -> list[Found]:
        """Take the next bytes."""
        self._buffer += chunk
        return self._steps()

    def finish(self) -> list[Found]:
        """The bytes have ended."""
        found: list[Found] = []
        while self._state == self._text and self._left is not None:
            at = self._find_boundary(len(self._buffer))
            found.append(Broken("part_cut_off"))
            self._drop(len(self._buffer) if at < 0 else at)
            self._state = self._seek
            found += self._steps()
        found += self._last()
        self._begin()
        return found

    def _last(self) -> list[Found]:
        if self._state == self._seek and self._buffer:
            self._buffer += b"\n"
            return self._steps()
        if self._state == self._text:
            return self._text_ending_at(len(self._buffer))
        if self._state == self._headers and (self._head_bytes or self._buffer):
            self._drop(len(self._buffer))
            return [Broken("part_cut_off")]
        self._drop(len(self._buffer))
        return []

    def _steps(self) -> list[Found]:
        found: list[Found] = []
        while progress := self._state():
            if progress is not True:
                found.append(progress)
        return found

    # --- between parts: look for a line that is the boundary -------------------------------------

    def _seek(self) -> Found | bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            if not self._in_long_line and len(self._buffer) <= LINE_BYTES_MAX:
                return False
            noise = self._noise(len(self._buffer))
            self._in_long_line = True
            self._drop(len(self._buffer))
            return noise or False
        if self._in_long_line or end > LINE_BYTES_MAX:
            noise = self._noise(end)
            self._in_long_line = False
            self._drop(end + 1)
            return noise or True
        line = bytes(self._buffer[:end]).strip()
        if not self._is_boundary(line):
            noise = self._noise(end) if line else None
            self._drop(end + 1)
            return noise or True
        self._take(end + 1)
        if not self._boundary:
            self._boundary = line.lower()
        self._noisy = False
        if line.lower() != self._boundary + b"--":
            self._start_head()
        return True

    def _is_boundary(self, line: bytes) -> bool:
        if self._boundary:
            return line.lower() in {self._boundary, self._boundary + b"--"}
        return line.startswith(b"--") and 2 < len(line) <= _BOUNDARY_BYTES_MAX

    def _noise(self, line_end: int) -> Broken | None:
        if self._noisy:
            return None
        self._noisy = True
        sample = b"" if self._confirmed else bytes(self._buffer[: min(line_end, _SAMPLE_BYTES)])
        return Broken("bytes_outside_part", sample)

    # --- the head of a part ----------------------------------------------------------------------

    def _start_head(self) -> None:
        self._head = {}
        self._head_bytes = 0
        self._state = self._headers

    def _headers(self) -> Found | bool:
        end = self._buffer.find(b"\n")
        if self._head_bytes + (len(self._buffer) if end < 0 else end) > HEAD_BYTES_MAX:
            return self._lose_head()
        if end < 0:
            return False
        line = bytes(self._buffer[:end]).strip()
        if line.startswith(b"--") and b":" not in line:
            if not self._confirmed:
                self._boundary = line.lower()
            self._take(end + 1)
            self._start_head()
            return True
        name, colon, value = line.partition(b":")
        if line and not colon:
            return self._lose_head()
        self._take(end + 1)
        self._head_bytes += end + 1
        if line:
            self._head[name.strip().lower()] = value.strip()
            return True
        return self._body()

    def _lose_head(self) -> Broken:
        if not self._confirmed:
            self._boundary = b""
        self._noisy = True
        self._state = self._seek
        return Broken("part_head_unreadable")

    def _body(self) -> Found | bool:
        kind = self._head.get(b"content-type", b"").lower().decode("latin-1")
        digits = self._head.get(b"content-length", b"")
        self._left = int(digits) if digits.isdigit() and len(digits) < 12 else None
        is_text = not kind or kind.startswith(_TEXT_TYPES)
        self._searched = 0
        self._confirmed = True
        if self._left is not None and self._left > (TEXT_BYTES_MAX if is_text else PICTURE_BYTES_MAX):
            self._left = None
            self._state = self._picture
            return Broken("part_too_long")
        self._state = self._text if is_text else self._picture
        self._still = None if is_text or not self._still_bytes_max else bytearray()
        self._still_room = self._still_bytes_max
        return True

    # --- a text part -----------------------------------------------------------------------------

    def _text(self) -> Found | bool:
        if self._left is not None:
            if len(self._buffer) < self._left:
                return False
            at = self._find_boundary(self._left)
            if at < 0:
                self._state = self._seek
                return _text_part(self._take(self._left)) or True
            self._drop(at)
            self._state = self._seek
            return Broken("part_cut_off")
        at = self._find_boundary(len(self._buffer))
        if at > TEXT_BYTES_MAX or (at < 0 and len(self._buffer) > TEXT_BYTES_MAX + len(self._boundary) + 1):
            self._state = self._picture
            return Broken("part_too_long")
        if at < 0:
            self._searched = max(0, len(self._buffer) - len(self._boundary) - 1)
            return False
        self._state = self._seek
        return _text_part(self._take(at)) or True

    def _text_ending_at(self, end: int) -> list[Found]:
        part = _text_part(self._take(end))
        return [part] if part else []

    # --- a part that passes as it comes ----------------------------------------------------------

    def _picture(self) -> Found | bool:
        size = len(self._buffer)
        at = self._find_boundary(size if self._left is None else min(size, self._left))
        if at >= 0:
            still = self._ended(at)
            return still if self._left is None else Broken("part_cut_off")
        if self._left is not None and size >= self._left:
            return self._ended(self._left)
        done = max(0, size - len(self._boundary) - 1)
        self._see(done)
        self._drop(done)
        if self._left is not None:
            self._left -= done
        return False

    def _ended(self, size: int) -> Found | bool:
        self._see(size)
        self._drop(size)
        self._state = self._seek
        still, self._still = self._still, None
        return True if still is None else Still(bytes(still).rstrip(b"\r\n"))

    def _see(self, size: int) -> None:
        """Keep a picture's bytes while there is room for them."""
        if self._still is None:
            return
        room = self._still_room
        self._still_room = room - size if size <= room else 0
        self._still = self._still + self._buffer[:size] if size <= room else bytearray()

    # --- bytes -----------------------------------------------------------------------------------

    def _find_boundary(self, end: int) -> int:
        """Where the boundary's line begins (its line feed, or 0), or -1; only before ``end``."""
        if (
            self._searched == 0
            and bytes(self._buffer[: min(end, len(self._boundary))]).lower() == self._boundary
        ):
            return 0
        at = self._buffer[self._searched : end].lower().find(b"\n" + self._boundary)
        return at + self._searched if at >= 0 else -1

    def _take(self, size: int) -> bytes:
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched = 0
        if self._keep:
            self._keep(piece)
        return piece

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._searched = 0
        if self._keep and size:
            self._keep(bytes(size))


def _text_part(body: bytes) -> Part | None:
    """A part, unless it is blank or a picture that is not called one."""
    body = body.strip()
    return Part(body) if body and not body.startswith(_PICTURE_STARTS) else None


def is_multipart(content_type: str) -> bool:
    """Whether a Content-Type announces parts."""
    return content_type.lstrip().lower().startswith("multipart/")


def parts_of(body: bytes, keep: Keep | None = None, still_bytes_max: int = 0) -> Sequence[Found]:
    """The parts of a body that is here already."""
    parser = Multipart(keep, still_bytes_max)
    return [*parser.feed(body), *parser.finish()]
