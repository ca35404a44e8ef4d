"""What a file holds, piece by piece, so that no file has to be in memory whole. Pure."""

import io
from typing import BinaryIO, Protocol, cast

SIDE_MAX = 4096


class NotRadiometric(ValueError):
    """The file holds no thermal picture, or not all of it; says why in a word for counting."""


def possible(height: int, width: int) -> bool:
    """Whether a picture may be so large; otherwise nobody makes room for it."""
    return 0 < height <= SIDE_MAX and 0 < width <= SIDE_MAX


class Content(Protocol):
    """A file's bytes, of which anybody takes the pieces that are needed: ``bytes`` are one."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


def stream(content: Content) -> BinaryIO:
    """The same as a file to read from, for libraries that want one."""
    if isinstance(content, bytes):
        return io.BytesIO(content)
    return cast("BinaryIO", io.BufferedReader(_Pieces(content)))


class _Pieces(io.RawIOBase):
    """Reads what is asked for, and nothing else."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._content)}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]  # as it is called
        piece = self._content[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
