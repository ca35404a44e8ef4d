"""Files that only their owner may read: secrets and private keys."""

import os
from pathlib import Path

PRIVATE_BYTES_MAX = 64 * 1024
_GROUP_AND_OTHERS = 0o077


class FileUnusable(Exception):
    """A private file is missing, unreadable, too wide open or too long; one line saying what to do."""


def read_private(path: Path) -> bytes:
    """The bytes of ``path``.

    Raises:
        FileUnusable: it cannot be read, is wider than mode 0600, or longer than ``PRIVATE_BYTES_MAX``.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if mode & _GROUP_AND_OTHERS:
                raise FileUnusable(f"{path}: mode {mode:04o} lets others read it; run: chmod 600 {path}")
            content = file.read(PRIVATE_BYTES_MAX + 1)
    except OSError as error:
        raise FileUnusable(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > PRIVATE_BYTES_MAX:
        raise FileUnusable(f"{path}: longer than {PRIVATE_BYTES_MAX} bytes; this is not a secret or key")
    return content


def write_private(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` with mode 0600, whole or not at all, surviving a power cut.

    Raises:
        OSError: the folder cannot be made or written.
    """
    write_whole(path, content, mode=0o600)


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Put ``content`` at ``path`` by rename, so that a reader sees the old file or the new one.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123  # the descriptor carries the mode
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
