"""The known-answer self-test: a network computes, here and now, what the manifest says it must.

A test picture that is the same everywhere goes through the network's own preprocessing, so that swapped
colours, another scale, a forgotten softmax and a processor or runtime that computes something else all show.
"""

from collections.abc import Mapping

import numpy as np

from drivers.api import Picture
from models.face.onnx import Tensor
from models.registry import Model, ModelUnusable


def known_picture(side_px: int) -> Picture:
    """A picture that is the same everywhere, with other values in each channel."""
    row, column, channel = np.ogrid[:side_px, :side_px, :3]
    return ((row * 7 + column * 13 + channel * 29 + row * column % 17 * 5) % 256).astype(np.uint8)


def require(model: Model, outputs: Mapping[str, Tensor]) -> None:
    """Have ``outputs``, by name, be the known answer of ``model``.

    Raises:
        ModelUnusable: one is missing or says something else.
    """
    known = model.known_answer
    for name in (*known.means, *known.values):
        if name not in outputs:
            raise another(model)
    for name, mean in known.means.items():
        _require_near(model, name, np.asarray(outputs[name].mean()), (mean,))
    for name, values in known.values.items():
        _require_near(model, name, outputs[name].reshape(-1)[: len(values)], values)


def another(model: Model) -> ModelUnusable:
    """Its inputs and outputs are not those of ``model``."""
    return ModelUnusable(f"the model is not {model.name}: its inputs and outputs are others")


def _require_near(model: Model, output: str, found: Tensor, known: tuple[float, ...]) -> None:
    near = found.size == len(known) and bool(
        np.all(np.abs(found.reshape(-1) - known) <= model.known_answer.tolerance)
    )
    if not near:
        raise ModelUnusable(f"{model.name} fails its self-test on this machine (output {output})")
