"""Opens files: small ones are read at once, large ones piece by piece while they are open."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from drivers.thermal.flir_file.content import Content

HELD_BYTES_MAX = 32 * 1024 * 1024


@contextmanager
def opened(path: Path) -> Generator[Content]:
    """A file's content: a small file as it is now, a large one as it is when a piece is taken.

    Raises:
        OSError: there is none, it is no ordinary file, or may not be read.
    """
    if not S_ISREG(path.stat().st_mode):
        raise OSError(0, "is no file", str(path))
    with path.open("rb") as file:
        held = file.read(HELD_BYTES_MAX + 1)
        yield held if len(held) <= HELD_BYTES_MAX else FileContent(file)


class FileContent:
    """An open file. One that is cut short meanwhile gives less, where a memory map would end the process."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        self._size = os.fstat(self._descriptor).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, end, _ = part.indices(self._size)
        return os.pread(self._descriptor, max(0, end - start), start)
