"""One face followed: where it was lately, how large, and whether it stands still.

Lengths are told in widths of the face: skin of a face is about 0.14 m wide, whatever the camera.
"""

import math
from dataclasses import dataclass, replace

from models.thermal.people.heads import Head
from models.thermal.reference.disc import Circle

STAND_S = 0.5
"""For at least so long somebody must keep still, in at least ``LOOKS_MIN`` looks."""
STAND_S_MAX = 1.5
LOOKS_MIN = 3
WIDTHS_PER_S_MAX = 0.9
"""0.12 m/s: between who stands (sways by 0.03 m/s) and who walks (0.5 m/s and more)."""
RESIZED_STANDING = 0.2
"""Largest less smallest of the sizes found, as a share: 0.28 m/s toward the camera at 0.7 m."""
STIRS = 0.15
"""What has never moved by so many radii (1 cm) is a lamp or a warm pipe: people come, and sway."""
LATELY_S = 0.8


@dataclass(frozen=True, slots=True)
class Look:
    """One face at one moment."""

    at_s: float
    """Monotonic."""
    head: Head


@dataclass(frozen=True, slots=True)
class Places:
    """The smallest rectangle that holds every centre of a face, pixels."""

    top: float
    left: float
    bottom: float
    right: float

    def over(self, circle: Circle) -> "Places":
        """With one centre more."""
        row, column = circle.row, circle.column
        return Places(
            min(self.top, row), min(self.left, column), max(self.bottom, row), max(self.right, column)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One person, for as long as they are followed."""

    number: int
    began_as: int
    """Its first number: who is recognised again has the old one from then on."""
    first: Look
    looks: tuple[Look, ...]
    """The last ones, as far back as standing still is judged by."""
    places: Places
    """Between which rows and columns the face has been."""
    overlapped: bool = False
    """Whether another face overlaps theirs, or is hidden behind it, at the last look."""

    @property
    def last(self) -> Look:
        """The newest look."""
        return self.looks[-1]

    @property
    def usual(self) -> Circle:
        """Where the face was last, as large as it has been lately."""
        newest = self.last.head.circle
        lately = [look.head.circle.radius_px for look in self.looks if self.last.at_s - look.at_s <= LATELY_S]
        return replace(newest, radius_px=sorted(lately)[len(lately) // 2])

    @property
    def stirred(self) -> bool:
        """Whether this ever moved, as everybody alive does."""
        extent_px = max(self.places.bottom - self.places.top, self.places.right - self.places.left)
        return extent_px > STIRS * self.last.head.circle.radius_px

    @property
    def standing(self) -> bool:
        """Whether the face keeps its place and its size."""
        window = _window(self.looks)
        if window is None:
            return False
        circles = [look.head.circle for look in window]
        radii_px = sorted(circle.radius_px for circle in circles)
        width_px = 2.0 * radii_px[len(radii_px) // 2]
        ends = 1 if len(circles) < 4 else 2
        way = [
            sum(getattr(circle, axis) for circle in circles[-ends:])
            - sum(getattr(circle, axis) for circle in circles[:ends])
            for axis in ("row", "column")
        ]
        elapsed_s = window[-1].at_s - window[0].at_s
        still = math.hypot(*way) / ends <= WIDTHS_PER_S_MAX * elapsed_s * width_px
        return still and radii_px[-1] - radii_px[0] <= RESIZED_STANDING * 0.5 * width_px


def _window(looks: tuple[Look, ...]) -> tuple[Look, ...] | None:
    """The newest looks that are long enough to tell; ``None`` when there are none."""
    for first in range(len(looks) - LOOKS_MIN, -1, -1):
        elapsed_s = looks[-1].at_s - looks[first].at_s
        if elapsed_s >= STAND_S:
            return looks[first:] if elapsed_s <= STAND_S_MAX else None
    return None
