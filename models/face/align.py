"""A face turned upright: the similarity that brings its five landmarks nearest to where the embedder expects
them (Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991).

In the plane it has a closed form: with points as complex numbers, z ↦ a·z + b.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from drivers.api import Picture

SIDE_PX = 128
TEMPLATE = (
    (0.31557, 0.46157),
    (0.68262, 0.46157),
    (0.50026, 0.64051),
    (0.34947, 0.82469),
    (0.65344, 0.82469),
)
"""Right eye, left eye, nose, mouth corners in a chip of side 1 (Open Model Zoo,
face-reidentification-retail-0095)."""
_SCALE_MIN, _SCALE_MAX = 1e-3, 1e2
_TARGET = np.array(TEMPLATE, np.float64) @ (1.0, 1.0j) * SIDE_PX

Point = tuple[float, float]
Transform = npt.NDArray[np.float64]
"""Shape (2, 3), of pixels of the picture to pixels of the chip."""


def similarity(landmarks: Sequence[Point]) -> Transform | None:
    """What brings five ``landmarks`` nearest to the template; ``None`` if they are no face: all at one place,
    far apart beyond measure, or not finite.
    """
    pairs = np.array(landmarks, np.float64).reshape(-1, 2)
    if len(pairs) != len(_TARGET) or not np.all(np.isfinite(pairs)):
        return None
    points = pairs @ (1.0, 1.0j)
    centre, target_centre = points.mean(), _TARGET.mean()
    about = points - centre
    spread = float(np.sum(np.abs(about) ** 2))
    if not spread > 0.0:
        return None
    turn = complex(np.sum(np.conj(about) * (_TARGET - target_centre))) / spread
    if not _SCALE_MIN <= abs(turn) <= _SCALE_MAX:
        return None
    shift = complex(target_centre) - turn * complex(centre)
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def aligned(picture: Picture, landmarks: Sequence[Point]) -> Picture | None:
    """The chip (128, 128, 3) of a face in ``picture`` (h, w, 3); ``None`` as for :func:`similarity`."""
    transform = similarity(landmarks)
    if transform is None:
        return None
    chip = cv2.warpAffine(picture, transform, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)
    return chip.astype(np.uint8, copy=False)
