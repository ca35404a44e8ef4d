"""Whether a face wears a mask: RFB-640 of Linzaer's Ultra-Light-Fast-Generic-Face-Detector, trained on masks.

RGB, (value - 127) / 128, 640 × 480; of 17,640 places each, how probable background, a face and a face with a
mask are, and the corners of its box as parts of the picture's sides. It sees the face and some way around it:
in a whole picture, faces farther away were missed or taken for bare.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from drivers.api import FaceBox, Picture
from models.face import MASKED
from models.face.known_answer import another, known_picture, require
from models.face.onnx import Network, Tensor
from models.registry import FoundModel, find

WIDTH_PX, HEIGHT_PX = 640, 480
SCORE_MIN = 0.6
OVERLAP_MIN = 0.3
AROUND = 3
"""What it sees is so many times as wide or as high as the face's box."""
_CLASSES = ("background", "face", "masked")
_FACE = 1

Floats = npt.NDArray[np.float32]


class MaskDetector:
    """The network, ready; used by one thread at a time."""

    def __init__(self, found: FoundModel) -> None:
        """Make it of checked bytes, and have it pass its known-answer test.

        Raises:
            ModelUnusable: it cannot be loaded, is another network, or computes something else here.
        """
        self._model = found.model
        self._network = Network(found)
        if self._network.input_shape != (1, 3, HEIGHT_PX, WIDTH_PX):
            raise another(found.model)
        scores, boxes = self._run(known_picture(found.model.known_answer.side_px)[:HEIGHT_PX, :WIDTH_PX])
        require(found.model, {"boxes": boxes} | dict(zip(_CLASSES, scores.T, strict=True)))

    def masked(self, picture: Picture, face: FaceBox) -> bool | None:
        """Whether ``face`` in ``picture`` (h, w, 3; BGR, uint8) wears a mask; ``None`` if it cannot tell.

        Raises:
            ModelUnusable: the network failed.
        """
        seen, box = around(picture, face)
        scores, boxes = self._run(seen)
        return verdict(scores, boxes, box)

    def _run(self, picture: Picture) -> tuple[Floats, Floats]:
        """Scores (n, 3) and boxes (n, 4)."""
        outputs: Mapping[str, Tensor] = self._network.run(mask_tensor(picture))
        scores, boxes = outputs.get("scores"), outputs.get("boxes")
        if scores is None or boxes is None:
            raise another(self._model)
        return scores.reshape(-1, len(_CLASSES)), boxes.reshape(-1, 4)


def load(where: Sequence[Path] | None = None) -> MaskDetector:
    """The network, of the model in the folders ``where`` (the user's by default).

    Raises:
        ModelProblem: it is not here, is not what it should be, or fails its self-test.
    """
    return MaskDetector(find(MASKED, where))


def around(picture: Picture, face: FaceBox) -> tuple[Picture, Floats]:
    """The part of ``picture`` about ``face`` that is looked at, in the shape of 4:3 where there is as much,
    and the face's box in it: left, top, right, bottom as parts of its sides.
    """
    quarter = max(face.width * AROUND / 4, face.height * AROUND / 3)
    columns = _about(face.x + face.width / 2, 4 * quarter, picture.shape[1])
    rows = _about(face.y + face.height / 2, 3 * quarter, picture.shape[0])
    corners = np.array([face.x, face.y, face.x + face.width, face.y + face.height], np.float32)
    origin = np.array([columns.start, rows.start] * 2, np.float32)
    seen = picture[rows, columns]
    height, width = seen.shape[:2]
    return seen, (corners - origin) / np.array([width, height] * 2, np.float32)


def verdict(scores: Floats, boxes: Floats, face: Floats) -> bool | None:
    """Whether what is seen most surely where ``face`` (4,) is has a mask; ``None`` if nothing is seen there.

    ``scores`` (n, 3) are those of background, face and masked face in ``boxes`` (n, 4).
    """
    there = _overlap(boxes, face) >= OVERLAP_MIN
    seen = scores[there, _FACE:].max(axis=0, initial=0.0)
    return bool(seen[1] > seen[0]) if seen.max() >= SCORE_MIN else None


def mask_tensor(picture: Picture) -> Tensor:
    """``picture`` as the network takes it."""
    resized = cv2.resize(picture, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    rgb = resized[..., ::-1].transpose(2, 0, 1)[np.newaxis]
    return (np.ascontiguousarray(rgb, dtype=np.float32) - 127.0) / 128.0


def _about(centre: float, length: float, whole: int) -> slice:
    """``length`` pixels about ``centre`` or as many as there are, inside 0..``whole``, at least one."""
    pixels = max(1, min(round(length), whole))
    first = min(max(round(centre - length / 2), 0), whole - pixels)
    return slice(first, first + pixels)


def _overlap(boxes: Floats, own: Floats) -> Floats:
    """Intersection over union of each box (left, top, right, bottom) with ``own``."""
    sides = np.minimum(boxes[:, 2:], own[2:]) - np.maximum(boxes[:, :2], own[:2])
    shared = np.maximum(sides, 0.0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / (areas + (own[2:] - own[:2]).prod() - shared)
