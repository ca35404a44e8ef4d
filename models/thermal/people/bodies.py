"""What belongs to a person whose face was found: the body below it, a hand beside it."""

import math
from collections.abc import Iterable

from models.thermal.reference.disc import Circle

BODY = 2.0
"""What lies below a face within so many radii to each side is the same person's body…"""
BELOW = (0.8, 6.0)
"""…from the chin down to where a child before them may begin, in radii."""
REACH = 5.0
"""Within so many radii to each side, what is clearly smaller than a face is a hand."""
SMALLER = 0.75
CHEST = 0.5
"""A face is at least so large, as a share, as what is found of its chest."""

COLDER_C = 0.8
"""Clothes are colder than the face above them by more, two faces side by side hardly."""
HEAD = 1.25
ABOVE = 1.8
"""A head reaches so many radii to each side of the middle of its face, and above it."""

Area = tuple[slice, slice]
Up = tuple[int, int]
"""Where the tops of heads point in the picture: one row up is (-1, 0); a camera may stand on its side."""
UPS: tuple[Up, ...] = ((-1, 0), (0, -1), (1, 0), (0, 1))


def is_hand(circle: Circle, faces: Iterable[Circle], up: Up | None) -> bool:
    """Whether this is a hand of a person with one of these faces."""
    return any(
        circle.radius_px < SMALLER * face.radius_px and _within_reach(circle, face, up) for face in faces
    )


def is_chest(circle: Circle, faces: Iterable[Circle], up: Up) -> bool:
    """Whether this is the chest of a person with one of these faces."""
    return any(
        face.radius_px >= CHEST * circle.radius_px and _on_the_body(circle, face, up) for face in faces
    )


def is_colder(circle: Circle, warmest_c: float, faces: Iterable[tuple[Circle, float]]) -> bool:
    """Whether this is the body of one of these faces, each with its warmest, for it is near and colder."""
    return any(
        face_c - warmest_c >= COLDER_C and circle.away_px(face) <= REACH * face.radius_px
        for face, face_c in faces
    )


def areas(face: Circle, up: Up) -> tuple[Area, Area]:
    """Rows and columns that the head of this face and the body below it fill, for an array."""
    return _area(face, up, HEAD, ABOVE, BELOW[0]), _area(face, up, BODY, -BELOW[0], BELOW[1])


def _area(face: Circle, up: Up, beside: float, above: float, below: float) -> Area:
    side_px, above_px, below_px = (math.ceil(radii * face.radius_px) for radii in (beside, above, below))
    rows = _span(round(face.row), up[0], side_px, above_px, below_px)
    return rows, _span(round(face.column), up[1], side_px, above_px, below_px)


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


def _span(at: int, up: int, side: int, above: int, below: int) -> slice:
    """To both sides of a face, or from above it to below it."""
    before, after = (side, side) if up == 0 else (above, below) if up < 0 else (below, above)
    return slice(max(0, at - before), max(0, at + after + 1))
