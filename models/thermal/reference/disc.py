"""A warm disc in a picture, to a fraction of a pixel: where its edge lies on every side, and how round.

Rays go out from about its middle; each crosses the edge where the temperature has fallen half way from the
disc's to its ring's. A circle through these crossings is the disc, when they lie on one: a face runs into
neck and hair, a cup and a lamp have corners, a hand before the disc bends its edge.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

RAYS = 36
RAYS_MIN = 24
"""So many must lie in the frame and cross the edge: a disc may be cut a little by the frame's border."""
CROSSING_MIN = 0.9
"""Of the rays in the frame."""
CORE = 0.6
"""Within this share of the radius the lens mixes nothing of the surroundings in."""
REACH = 2.2
"""How far a ray goes, in radii; its ring begins at ``RING``."""
RING = 1.5
PAST = 1.2
"""A ray that is still in the frame there crosses the edge in it."""
STEPS = 20
"""To a radius."""
ROUNDS = 3
"""Each begins from the circle of the last; the third moves a disc's by less than 0.01 pixel."""
MOVED_SHARE = 0.03
"""Of the radius: a last round that moves or widens the circle by more has found no edge."""
UNROUND_PX, UNROUND_SHARE = 0.25, 0.05
"""Standard deviation of the crossings from the circle: pixels, and the share of its radius. Real discs show
up to 0.07 of theirs (0.4 px), parts of people 0.11 and more."""
WORST = 2.5
"""The worst crossing may lie so many times further off."""
DROP_MIN, SHARP = 0.5, (0.7, 1.35)
"""Of the contrast that has to be gone between these radii, on nine rays of ten: a sharp edge. Real discs show
0.6 and more."""
SPREAD_C_MAX = 1.5
"""Between the 10th and 90th hundredth of the disc; real ones show 0.2 to 0.8 °C."""
CONTRAST_C_MIN = 2.0
"""A heated disc stands out from its ring (real ones by 4.6 °C and more); a forehead in its place does not."""

Celsius = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Circle:
    """Pixels; the middle of the first pixel is (0, 0)."""

    row: float
    column: float
    radius_px: float

    def away_px(self, other: "Circle") -> float:
        """Between the two centres."""
        return math.hypot(self.row - other.row, self.column - other.column)


@dataclass(frozen=True, slots=True)
class Disc:
    """A disc as it was found, °C and pixels."""

    circle: Circle
    temp_c: float
    """Median of its core."""
    unround: float
    """How far its edge departs from a circle, in what may be; 1 is the limit."""


def fit(temps_c: Celsius, about: Circle) -> Disc | None:
    """The disc whose centre lies within and whose radius is roughly that of ``about``.

    ``temps_c`` is a picture, shape (rows, columns). ``None`` when what is there is no uniform round disc
    with a sharp edge, warmer than its ring.
    """
    last, traced = about, _traced(temps_c, about)
    for _ in range(ROUNDS - 1):
        if traced is not None:
            last, traced = traced.circle, _traced(temps_c, traced.circle)
    if traced is None or not (_near(traced.circle, about) and _same(traced.circle, last)):
        return None
    limit_px = UNROUND_PX + UNROUND_SHARE * traced.circle.radius_px
    off_px = traced.off_px
    unround = max(float(off_px.std()), float(np.abs(off_px).max()) / WORST) / limit_px
    round_one = unround <= 1.0 and _disc_like(traced.rays)
    return Disc(traced.circle, traced.rays.core_c, unround) if round_one else None


@dataclass(frozen=True, slots=True, eq=False)
class _Rays:
    angles: Numbers
    temps_c: Celsius
    """Shape (rays in the frame, steps)."""
    core_c: float
    ring_c: float


@dataclass(frozen=True, slots=True, eq=False)
class _Traced:
    rays: _Rays
    circle: Circle
    """Through the rays' crossings."""
    off_px: Numbers
    """How far each crossing lies outside it."""


def _traced(temps_c: Celsius, circle: Circle) -> _Traced | None:
    rays = _rays(temps_c, circle)
    edge = None if rays is None else _edge(rays, circle.radius_px)
    if rays is None or edge is None:
        return None
    down_px, right_px = edge
    through = _through(down_px, right_px)
    off_px = np.hypot(down_px - through.row, right_px - through.column) - through.radius_px
    placed = Circle(circle.row + through.row, circle.column + through.column, through.radius_px)
    return _Traced(rays, placed, off_px)


def _rays(temps_c: Celsius, circle: Circle) -> _Rays | None:
    angles, steps = _fan()
    rows = circle.row + circle.radius_px * np.outer(np.sin(angles), steps)
    columns = circle.column + circle.radius_px * np.outer(np.cos(angles), steps)
    past, ring = _at(PAST), _at(RING)
    inside = (rows[:, past] >= 0) & (rows[:, past] <= temps_c.shape[0] - 1)
    inside &= (columns[:, past] >= 0) & (columns[:, past] <= temps_c.shape[1] - 1)
    if np.count_nonzero(inside) < RAYS_MIN:
        return None
    import cv2  # which a gateway that only names a reference need not load

    along_c: Any = cv2.remap(
        temps_c,
        columns[inside].astype(np.float32),
        rows[inside].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    core_c, ring_c = _middle(along_c[:, : _at(CORE) + 1]), _middle(along_c[:, ring:])
    if not core_c - ring_c >= CONTRAST_C_MIN:
        return None
    return _Rays(angles[inside], along_c, core_c, ring_c)


def _edge(rays: _Rays, radius_px: float) -> tuple[Numbers, Numbers] | None:
    """Where the rays cross the edge, pixels down and right of where they begin."""
    half_c = 0.5 * (rays.core_c + rays.ring_c)
    warm = rays.temps_c > half_c
    first = np.argmin(warm, axis=1)
    beyond = np.maximum(first, 1)
    number = np.arange(len(first))
    before_c, beyond_c = rays.temps_c[number, beyond - 1], rays.temps_c[number, beyond]
    share = (before_c - half_c) / np.maximum(before_c - beyond_c, 1e-6)
    crossing = warm[:, 0] & (first > 0) & np.isfinite(share)
    if np.count_nonzero(crossing) < max(RAYS_MIN, CROSSING_MIN * len(first)):
        return None
    away_px = radius_px / STEPS * (beyond - 1 + share)[crossing]
    return away_px * np.sin(rays.angles[crossing]), away_px * np.cos(rays.angles[crossing])


def _through(down_px: Numbers, right_px: Numbers) -> Circle:
    """The circle through points: least squares of r² - R² (Kåsa 1976)."""
    points = np.stack((2.0 * down_px, 2.0 * right_px, np.ones_like(down_px)))
    row, column, power = np.linalg.solve(points @ points.T, points @ (down_px**2 + right_px**2))
    square = float(power + row**2 + column**2)
    return Circle(float(row), float(column), math.sqrt(square))


def _near(found: Circle, about: Circle) -> bool:
    return (
        found.away_px(about) <= about.radius_px
        and 0.5 * about.radius_px <= found.radius_px <= 2.0 * about.radius_px
    )


def _same(found: Circle, last: Circle) -> bool:
    moved_px = max(found.away_px(last), abs(found.radius_px - last.radius_px))
    return moved_px <= MOVED_SHARE * found.radius_px


def _disc_like(rays: _Rays) -> bool:
    core_c = np.sort(rays.temps_c[:, : _at(CORE) + 1], axis=None)
    tenth = core_c.size // 10
    drop_c = np.sort(rays.temps_c[:, _at(SHARP[0])] - rays.temps_c[:, _at(SHARP[1])])
    sharp = float(drop_c[drop_c.size // 10]) >= DROP_MIN * (rays.core_c - rays.ring_c)
    return sharp and float(core_c[-1 - tenth] - core_c[tenth]) <= SPREAD_C_MAX


def _middle(temps_c: Celsius) -> float:
    return float(np.partition(temps_c, temps_c.size // 2, axis=None)[temps_c.size // 2])


def _at(radii: float) -> int:
    """The step of a ray at so many radii."""
    return round(radii * STEPS)


@lru_cache(maxsize=1)
def _fan() -> tuple[Numbers, Numbers]:
    return np.linspace(0.0, 2.0 * math.pi, RAYS, endpoint=False), np.arange(_at(REACH) + 1) / STEPS
