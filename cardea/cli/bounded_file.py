"""A file that somebody named, read whole and only if it is not too long."""

from pathlib import Path

from cardea.cli.errors import CommandError


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """Its content.

    Raises:
        CommandError: it cannot be read, or is longer than ``bytes_max``; one line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > bytes_max:
        raise CommandError(f"{path}: longer than {bytes_max} bytes")
    return content
