"""Lines out of bytes: CR, LF or both end a line; empty lines mean nothing; too long a line is skipped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SAMPLE_BYTES_MAX = 120
_END = re.compile(rb"[\r\n]")


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line without its end; never empty."""

    content: bytes


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that outgrew the cap, said once; the rest of it is thrown away. ``sample`` is its beginning."""

    sample: bytes


class LineFramer:
    """Cuts a stream into lines of at most ``size_max`` bytes."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._pending = b""
        self._skipping = False

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._pending)

    def feed(self, chunk: bytes) -> Iterator[Line | TooLong]:
        """The lines that end in ``chunk``."""
        *ends, rest = _END.split(chunk)
        for end in ends:
            yield from self._grow(end)
            if self._pending:
                yield Line(self._pending)
            self._pending, self._skipping = b"", False
        yield from self._grow(rest)

    def take(self) -> bytes:
        """The line that has begun, as far as it goes; the framer is as new afterwards."""
        taken, self._pending, self._skipping = self._pending, b"", False
        return taken

    def skip(self) -> None:
        """Bytes were lost: whatever comes before the next line end is of no use."""
        self._pending, self._skipping = b"", True

    def _grow(self, piece: bytes) -> Iterator[TooLong]:
        if self._skipping:
            return
        self._pending += piece
        if len(self._pending) > self._size_max:
            yield TooLong(self._pending[:SAMPLE_BYTES_MAX])
            self.skip()
