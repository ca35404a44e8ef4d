"""What a file holds, piece by piece: bytes in memory, or an open file that is never read whole."""

import io
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Protocol

HELD_BYTES_MAX = 32 * 1024 * 1024


class NotRadiometric(ValueError):
    """The file holds no thermal picture, or not all of it; says why in a word for counting."""


class Content(Protocol):
    """A file's bytes, of which anybody takes the pieces that are needed."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


class FileContent:
    """An open file. One that is cut short meanwhile gives less, where a memory map would end the process."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._size = os.fstat(file.fileno()).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, end, _ = part.indices(self._size)
        return os.pread(self.file.fileno(), max(0, end - start), start)


@contextmanager
def opened(path: Path) -> Generator[Content]:
    """A file's content: a small file as it is now, a large one to be read bit by bit.

    Raises:
        OSError: there is none, it is no ordinary file, or may not be read.
    """
    if not S_ISREG(path.stat().st_mode):
        raise OSError(0, "is no file", str(path))
    with path.open("rb") as file:
        held = file.read(HELD_BYTES_MAX + 1)
        yield held if len(held) <= HELD_BYTES_MAX else FileContent(file)


def stream(content: Content) -> BinaryIO:
    """The same as a file to read from, for libraries that want one; nobody closes it."""
    if not isinstance(content, FileContent):
        return io.BytesIO(content[:])
    content.file.seek(0)
    return content.file
