"""Pictures that somebody names, read with bounds."""

from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.bounded_file import read_bounded
from cardea.cli.errors import CommandError
from cardea.cli.face.picture_size import picture_size

if TYPE_CHECKING:
    from drivers.api import Picture

PIXELS_MAX = 40_000_000
BYTES_MAX = 4 * PIXELS_MAX
"""A BMP or PPM of so many pixels, uncompressed, and what stands before them."""
KINDS = "JPEG, PNG, BMP, WebP, PGM or PPM"


def read_picture(path: Path) -> "Picture":
    """The picture in a file (h, w, 3; BGR, uint8), turned upright where its file says how.

    Raises:
        CommandError: it cannot be read, is no picture of a known kind, too large or damaged; one line.
    """
    content = read_bounded(path, BYTES_MAX)
    size = picture_size(content)
    if size is None:
        raise CommandError(f"{path}: is no picture ({KINDS})")
    width, height = size
    if not 0 < width * height <= PIXELS_MAX:
        raise CommandError(f"{path}: is {width} x {height}; make it smaller than {PIXELS_MAX} pixels")

    import cv2
    import numpy as np

    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None or picture.ndim != 3:  # pyright: ignore[reportUnnecessaryComparison]  # garbage gives None, whatever its stubs say
        raise CommandError(f"{path}: is a damaged picture")
    return np.ascontiguousarray(picture, dtype=np.uint8)
