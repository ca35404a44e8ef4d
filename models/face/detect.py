"""Faces in a picture: YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023).

Preprocessing as its publishers trained it: BGR, 0..255, no mean and no scale, padded on the right and below
to a multiple of 32. Three heads with strides 8, 16 and 32; a cell's score is the root of class times
objectness.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from drivers.api import FaceBox, Picture
from models.face import DETECTORS
from models.face.known_answer import another, known_picture, require
from models.face.onnx import Network, Tensor, tensor
from models.registry import FoundModel, first_of

LONG_SIDE_PX = 320
"""Larger pictures are made this small; smaller ones are left as they are."""
SCORE_MIN = 0.6
OVERLAP_MAX = 0.3
FACES_MAX = 64
_STRIDES = (8, 16, 32)
_MULTIPLE = 32
_LOG_SIZE_MAX = 6.0
_CANDIDATES_MAX = 256

Floats = npt.NDArray[np.float32]


class FaceDetector:
    """YuNet, ready; used by one thread at a time."""

    def __init__(self, found: FoundModel) -> None:
        """Make a detector of a model's checked bytes, and have it pass its known-answer test.

        Raises:
            ModelUnusable: it cannot be loaded, is another network, or computes something else here.
        """
        self._network = Network(found)
        shape = self._network.input_shape
        if len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:
            raise another(found.model)
        self._side_px = shape[2]
        canvas, _ = fitted(known_picture(found.model.known_answer.side_px), self._side_px)
        require(found.model, self._network.run(tensor(canvas)))

    def detect(self, picture: Picture) -> tuple[FaceBox, ...]:
        """The faces in ``picture`` (h, w, 3; BGR, uint8), the surest first, in its own pixels.

        Raises:
            ModelUnusable: the network failed.
        """
        canvas, scale = fitted(picture, self._side_px)
        outputs = self._network.run(tensor(canvas))
        return faces(outputs, canvas.shape[1], scale)


def load(where: Sequence[Path] | None = None) -> FaceDetector:
    """The detector, of the first of ``DETECTORS`` that is here.

    Raises:
        ModelProblem: none is here, one is not what it should be, or it fails its self-test.
    """
    return FaceDetector(first_of(DETECTORS, where))


def fitted(picture: Picture, side_px: int | None) -> tuple[Picture, float]:
    """``picture`` as the network takes it, and by how much it was scaled: to ``side_px`` squared, or padded
    to the next multiple of 32.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, (side_px or LONG_SIDE_PX) / max(height, width))
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    if scale < 1.0:
        shrunk = cv2.resize(picture, (new_width, new_height), interpolation=cv2.INTER_AREA)
        picture = shrunk.astype(np.uint8, copy=False)
    rows, columns = side_px or _padded(new_height), side_px or _padded(new_width)
    canvas = np.zeros((rows, columns, 3), np.uint8)
    canvas[:new_height, :new_width] = picture
    return canvas, scale


def faces(outputs: Mapping[str, Tensor], width_px: int, scale: float) -> tuple[FaceBox, ...]:
    """Faces of the network's raw outputs for a canvas ``width_px`` wide, in pixels before scaling."""
    found = np.concatenate([_candidates(outputs, stride, width_px // stride) for stride in _STRIDES])
    found = found[np.argsort(-found[:, 0], kind="stable")][:_CANDIDATES_MAX]
    kept = found[_apart(found[:, 1:5])][:FACES_MAX]
    kept[:, 1:] /= scale
    return tuple(_box([float(value) for value in row]) for row in kept)


def _candidates(outputs: Mapping[str, Tensor], stride: int, columns: int) -> Floats:
    """Rows of score, left, top, width, height and five landmarks (x, y), in pixels of the canvas."""
    certainty = outputs[f"cls_{stride}"].reshape(-1) * outputs[f"obj_{stride}"].reshape(-1)
    at = np.flatnonzero(certainty >= SCORE_MIN**2)
    cell = np.stack([at % columns, at // columns], axis=1).astype(np.float32)
    raw = outputs[f"bbox_{stride}"].reshape(-1, 4)[at]
    centre = (cell + raw[:, :2]) * stride
    size = np.exp(np.minimum(raw[:, 2:], _LOG_SIZE_MAX)) * stride
    marks = (outputs[f"kps_{stride}"].reshape(-1, 5, 2)[at] + cell[:, np.newaxis]) * stride
    score = np.sqrt(np.minimum(certainty[at], 1.0))[:, np.newaxis]
    rows = np.concatenate([score, centre - size / 2, size, marks.reshape(-1, 10)], axis=1)
    return rows[np.isfinite(rows).all(axis=1) & (size > 0.0).all(axis=1)].astype(np.float32)


def _apart(boxes: Floats) -> list[int]:
    """Which boxes (left, top, width, height; the surest first) no surer one covers."""
    low, high, area = boxes[:, :2], boxes[:, :2] + boxes[:, 2:], boxes[:, 2] * boxes[:, 3]
    sides = np.minimum(high[:, np.newaxis], high) - np.maximum(low[:, np.newaxis], low)
    shared = np.maximum(sides, 0.0).prod(axis=2)
    covers = shared > OVERLAP_MAX * (area[:, np.newaxis] + area - shared)
    free = np.ones(len(boxes), np.bool_)
    kept: list[int] = []
    for index in range(len(boxes)):
        if free[index]:
            kept.append(index)
            free &= ~covers[index]
    return kept


def _box(row: Sequence[float]) -> FaceBox:
    score, x, y, width, height, *marks = row
    landmarks = tuple(zip(marks[::2], marks[1::2], strict=True))
    return FaceBox(x=x, y=y, width=width, height=height, landmarks=landmarks, score=score)


def _padded(length: int) -> int:
    return -(-length // _MULTIPLE) * _MULTIPLE
