"""What tells one face from another: face-reidentification-retail-0095 of the Open Model Zoo, 256 numbers.

BGR, 0..255, no mean and no scale: divided by 255, everybody would be alike.
"""

import numpy as np

from drivers.api import Picture
from models.face.align import SIDE_PX, TEMPLATE, aligned
from models.face.known_answer import another, known_picture, require
from models.face.look import Embedding
from models.face.onnx import Network, tensor
from models.registry import FoundModel, ModelUnusable

_OUTPUT = "embedding"


class Embedder:
    """The network, ready; used by one thread at a time."""

    def __init__(self, found: FoundModel) -> None:
        """Make it of checked bytes, and have it pass its known-answer test.

        Raises:
            ModelUnusable: it cannot be loaded, is another network, or computes something else here.
        """
        self._model = found.model
        self._network = Network(found)
        if self._network.input_shape != (1, 3, SIDE_PX, SIDE_PX):
            raise another(found.model)
        self.model_sha256 = found.model.sha256
        """Of the file as published: what is rewritten before it runs computes the same."""
        side = found.model.known_answer.side_px
        chip = aligned(known_picture(side), [(x * side, y * side) for x, y in TEMPLATE])
        assert chip is not None, "the template is a face"
        require(found.model, {_OUTPUT: self.embed(chip)})

    def embed(self, chip: Picture) -> Embedding:
        """Of an aligned ``chip`` (128, 128, 3; BGR, uint8).

        Raises:
            ModelUnusable: the network failed, or what it says is no direction.
        """
        outputs = self._network.run(tensor(chip))
        raw = outputs.get(_OUTPUT)
        if raw is None:
            raise another(self._model)
        vector = raw.reshape(-1).astype(np.float64)
        length = float(np.linalg.norm(vector))
        if not 0.0 < length < np.inf:
            raise ModelUnusable(f"{self._model.name} computes no embedding of a face on this machine")
        return (vector / length).astype(np.float32)
