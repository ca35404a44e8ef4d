"""A visible camera registered with a thermal one, from points that were found in both pictures.

Least squares on the linear model of :mod:`models.thermal.registration.parallax`, with Huber's weights (Huber
1981, *Robust Statistics*) so that a few wrong points do no harm, and the error by leaving each pair out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.thermal.registration.parallax import Registration

PAIRS_MIN = 6
"""Four unknowns an axis, and something left to judge them by."""
SPAN_MIN = 1.25
"""Between the nearest and the farthest pair: less shows no parallax."""
HUBER = 1.345
"""In robust standard deviations; 95 % efficient where all points are right."""
MAD_TO_SD = 1.4826
NOISE_PX = 0.1
"""Nobody marks a point more exactly."""
OUTLIER_SD = 4.0
PX_MAX = 1e6
"""No picture has so many rows or columns."""
ROUNDS = 30
WELL_POSED = 1e-4
"""Least singular value against the greatest, columns scaled: below, some direction was not shown."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """The same point of a face (or of a target held in its place) in both pictures; pixels."""

    visible_x: float
    visible_y: float
    thermal_x: float
    thermal_y: float
    interocular_px: float
    """In the visible picture."""


class NotRegistrable(ValueError):
    """The pairs say too little; says what to add."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A registration and how good it is; thermal pixels."""

    registration: Registration
    left_out_px: float
    """Root mean square of the error at a pair that the model was not told, outliers not counted."""
    worst_px: float
    outliers: tuple[int, ...]
    """Pairs, counted from 0, that do not agree with the others."""


def fit(pairs: Sequence[Pair]) -> Fit:
    """The registration that the pairs agree on.

    Raises:
        NotRegistrable: too few, all at one distance, all in one line, or no numbers.
    """
    design, wanted = _tables(pairs)
    scales = np.linalg.norm(design, axis=0)
    singular = np.linalg.svd(design / scales, compute_uv=False)
    if singular[-1] < WELL_POSED * singular[0]:
        raise NotRegistrable(
            "the points lie in one line: mark points over the whole picture, up and down too"
        )
    weights = np.ones(len(pairs))
    errors_px, spread_px = np.zeros(len(pairs)), NOISE_PX
    for _ in range(ROUNDS):
        errors_px = _errors(design, wanted, _solve(design, wanted, weights))
        spread_px = max(MAD_TO_SD * float(np.median(errors_px)), NOISE_PX)
        weights = np.minimum(1.0, HUBER * spread_px / np.maximum(errors_px, 1e-12))
    outlying = errors_px > OUTLIER_SD * spread_px
    kept = ~outlying
    if int(kept.sum()) < PAIRS_MIN:
        raise NotRegistrable("the pairs contradict each other: fewer than six agree; mark them again")
    solved = _solve(design[kept], wanted[kept], np.ones(int(kept.sum())))
    errors_px = _errors(design[kept], wanted[kept], solved)
    apart = design[kept][:, 3]
    registration = Registration(
        x=_row(solved[:, 0]),
        y=_row(solved[:, 1]),
        interocular_px=(float(apart.min()), float(apart.max())),
        residual_px=_rms(errors_px),
    )
    left_out = errors_px / np.maximum(1.0 - _leverage(design[kept]), 1e-6)
    return Fit(
        registration=registration,
        left_out_px=_rms(left_out),
        worst_px=float(errors_px.max()),
        outliers=tuple(int(at) for at in np.flatnonzero(outlying)),
    )


def _tables(pairs: Sequence[Pair]) -> tuple[Matrix, Matrix]:
    if len(pairs) < PAIRS_MIN:
        raise NotRegistrable(f"{len(pairs)} pairs are too few: at least {PAIRS_MIN}, better 20")
    design = np.array([(p.visible_x, p.visible_y, 1.0, p.interocular_px) for p in pairs])
    wanted = np.array([(p.thermal_x, p.thermal_y) for p in pairs])
    pixels = np.hstack((design, wanted))
    if not ((np.abs(pixels) <= PX_MAX).all() and (design[:, 3] > 0).all()):
        raise NotRegistrable("a pair holds something that is no pixel's number, or eyes without a distance")
    if design[:, 3].max() < SPAN_MIN * design[:, 3].min():
        raise NotRegistrable(
            "all pairs are about equally far away, which shows no parallax: "
            f"the nearest must be {SPAN_MIN:g} times nearer than the farthest"
        )
    return design, wanted


def _solve(design: Matrix, wanted: Matrix, weights: Matrix) -> Matrix:
    """Weighted least squares, shape (4, 2)."""
    root = np.sqrt(weights)[:, None]
    return np.asarray(np.linalg.lstsq(design * root, wanted * root)[0], dtype=np.float64)


def _errors(design: Matrix, wanted: Matrix, solved: Matrix) -> Matrix:
    """How far each pair lies from where the model puts it."""
    return np.hypot(*(wanted - design @ solved).T)


def _row(column: Matrix) -> tuple[float, float, float, float]:
    across, down, shift, parallax = column.tolist()
    return across, down, shift, parallax


def _leverage(design: Matrix) -> Matrix:
    """How much each pair decides its own prediction: the diagonal of the hat matrix."""
    q = np.asarray(np.linalg.qr(design)[0], dtype=np.float64)
    return np.asarray((q * q).sum(axis=1), dtype=np.float64)


def _rms(errors_px: Matrix) -> float:
    return math.sqrt(float(np.mean(errors_px**2)))
