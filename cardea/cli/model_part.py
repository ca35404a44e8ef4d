"""What has come of a file so far, beside its place."""

import contextlib
from pathlib import Path

from models.registry import Published


class Part:
    """A ``.part`` file; what is longer than the file it is to become is forgotten at once."""

    def __init__(self, folder: Path, published: Published) -> None:
        self.published = published
        self.path = folder / f"{published.file}.part"
        if self.size > published.size_bytes:
            self.drop()

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def add(self, piece: bytes) -> None:
        """Keep more. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(piece)

    def read(self) -> bytes:
        """All that is kept."""
        try:
            return self.path.read_bytes()
        except OSError:
            return b""

    def drop(self) -> None:
        """Keep nothing."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
