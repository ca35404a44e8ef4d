"""Whether a face is alive or a picture of one: both MiniFASNet (Minivision, Silent-Face-Anti-Spoofing, 2020).

Basic and uncertified: a screen that fills the picture passes most of the time. BGR, 0..255, no mean and no
scale; in RGB, attacks look alive.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from drivers.api import FaceBox, Picture
from models.face.known_answer import another, known_picture, require
from models.face.onnx import Network, Tensor, tensor
from models.registry import FoundModel, ModelUnusable

SIDE_PX = 80
SCALES = {"minifasnet_v2": 2.7, "minifasnet_v1se": 4.0}
"""By network: how many times as large as the face what it sees is."""
SCALE_MIN = min(SCALES.values())
_LIVE = 1
_OUTPUT = "output"


def known_face(side_px: int, scale: float) -> FaceBox:
    """In the middle of a square picture, so large that its crop is taken as it is."""
    length = (SIDE_PX - 1) / scale
    corner = (side_px - length) / 2
    return FaceBox(x=corner, y=corner, width=length, height=length, landmarks=(), score=1.0)


class _Net:
    """One of both."""

    def __init__(self, found: FoundModel) -> None:
        self._model = found.model
        self._scale = SCALES[found.model.name]
        self._network = Network(found)
        if self._network.input_shape != (1, 3, SIDE_PX, SIDE_PX):
            raise another(found.model)
        side_px = found.model.known_answer.side_px
        known = self.probabilities(known_picture(side_px), known_face(side_px, self._scale))
        require(found.model, {_OUTPUT: known})

    def probabilities(self, picture: Picture, face: FaceBox) -> Tensor:
        """Of its three classes; shape (3,)."""
        outputs = self._network.run(tensor(crop(picture, face, self._scale)))
        if _OUTPUT not in outputs:
            raise another(self._model)
        return softmax(outputs[_OUTPUT].reshape(-1))


class Liveness:
    """Both networks, ready; used by one thread at a time."""

    def __init__(self, found: Sequence[FoundModel]) -> None:
        """Make them of checked bytes, and have each pass its known-answer test.

        Raises:
            ModelUnusable: one cannot be loaded, is another network, or computes something else here.
        """
        self._nets = tuple(_Net(each) for each in found)

    def live(self, picture: Picture, face: FaceBox) -> float:
        """How probably ``face`` in ``picture`` (h, w, 3; BGR, uint8) is alive, 0..1; the mean of both.

        It says nothing where :func:`too_close`.

        Raises:
            ModelUnusable: a network failed.
        """
        said = [float(net.probabilities(picture, face)[_LIVE]) for net in self._nets]
        live = sum(said) / len(said)
        if not 0.0 <= live <= 1.0:
            raise ModelUnusable("the liveness networks compute no probability on this machine")
        return live


def softmax(logits: Tensor) -> Tensor:
    """Probabilities of ``logits`` (n,)."""
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def too_close(picture: Picture, face: FaceBox) -> bool:
    """Whether less than 2.7 times the face is in the picture, in either direction: nobody can tell then."""
    height, width = picture.shape[:2]
    return width < SCALE_MIN * face.width or height < SCALE_MIN * face.height


def crop(picture: Picture, face: FaceBox, scale: float) -> Picture:
    """``scale`` times the box of ``face``, or as much as there is, shifted into the picture; (80, 80, 3)."""
    height, width = picture.shape[:2]
    scale = min(scale, (width - 1) / face.width, (height - 1) / face.height)
    columns = _shifted(face.x + face.width / 2, face.width * scale, width)
    rows = _shifted(face.y + face.height / 2, face.height * scale, height)
    resized = cv2.resize(picture[rows, columns], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)


def _shifted(centre: float, length: float, whole: int) -> slice:
    """``length`` pixels about ``centre``, inside 0..``whole``."""
    first = min(max(centre - length / 2, 0.0), whole - 1 - length)
    return slice(int(first), int(first + length) + 1)
