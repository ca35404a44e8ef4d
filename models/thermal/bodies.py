"""What belongs to a person whose face was found: the body below it, a hand beside it."""

import math
from collections.abc import Iterable

from models.thermal.disc import Circle

BODY = 2.0
"""What lies below a face within so many radii to each side is the same person's body…"""
BELOW = (0.8, 6.0)
"""…from the chin down to where a child before them may begin, in radii."""
REACH = 5.0
"""Within so many radii to each side, what is clearly smaller than a face is a hand."""
SMALLER = 0.75
CHEST = 0.5
"""A face is at least so large, as a share, as what is found of its chest."""

Up = tuple[int, int]
"""Where the tops of heads point in the picture: one row up is (-1, 0); a camera may stand on its side."""
UPS: tuple[Up, ...] = ((-1, 0), (0, -1), (1, 0), (0, 1))


def is_hand(circle: Circle, faces: Iterable[Circle], up: Up | None) -> bool:
    """Whether this is a hand of a person with one of these faces."""
    return any(
        circle.radius_px < SMALLER * face.radius_px and _within_reach(circle, face, up) for face in faces
    )


def is_chest(circle: Circle, faces: Iterable[Circle], up: Up | None) -> bool:
    """Whether this is the chest of a person with one of these faces."""
    return up is not None and any(
        face.radius_px >= CHEST * circle.radius_px and _on_the_body(circle, face, up) for face in faces
    )


def body(face: Circle, up: Up) -> tuple[slice, slice]:
    """Rows and columns that the body below a face fills, for an array."""
    side, length = math.ceil(BODY * face.radius_px), math.ceil(BELOW[1] * face.radius_px)
    return _span(round(face.row), up[0], side, length), _span(round(face.column), up[1], side, length)


def pointing(down: float, right: float) -> Up:
    """The direction nearest to so many rows down and columns to the right."""
    if abs(down) > abs(right):
        return (1, 0) if down > 0 else (-1, 0)
    return (0, 1) if right > 0 else (0, -1)


def _within_reach(circle: Circle, face: Circle, up: Up | None) -> bool:
    if up is None:
        return circle.away_px(face) <= REACH * face.radius_px
    below, beside = _away(circle, face, up)
    return below > BELOW[0] and beside <= REACH


def _on_the_body(circle: Circle, face: Circle, up: Up) -> bool:
    below, beside = _away(circle, face, up)
    return BELOW[0] < below <= BELOW[1] and beside <= BODY


def _away(circle: Circle, face: Circle, up: Up) -> tuple[float, float]:
    """How far below a face and how far to its side, in its radii."""
    down, right = (circle.row - face.row) / face.radius_px, (circle.column - face.column) / face.radius_px
    return -(down * up[0] + right * up[1]), abs(down * up[1] - right * up[0])


def _span(at: int, up: int, side: int, length: int) -> slice:
    """From a face down, or to both sides of it."""
    before, after = (side, side) if up == 0 else (0, length) if up < 0 else (length, 0)
    return slice(max(0, at - before), max(0, at + after + 1))
