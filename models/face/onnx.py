"""One neural network under ONNX Runtime: the only place that knows its interface.

CPU, one thread and no spinning: two spinning threads make a picture several times slower as soon as anything
else wants the processor. No arena: it takes a sixth more memory and saves no time.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import onnxruntime

from drivers.api import Picture
from models.registry import FoundModel, ModelUnusable

Tensor = npt.NDArray[np.float32]
_FATAL_ONLY = 4
_PRELU = b"PRelu"
_RUNTIME = cast("Any", onnxruntime)  # it has no types of its own


class _Node(Protocol):
    name: str
    shape: list[int | str | None]


class _Session(Protocol):
    def get_inputs(self) -> list[_Node]: ...
    def get_outputs(self) -> list[_Node]: ...
    def run(self, outputs: list[str] | None, feed: Mapping[str, Tensor]) -> list[Tensor]: ...


class Network:
    """A network with one input."""

    def __init__(self, found: FoundModel) -> None:
        """Make the network of a model's checked bytes.

        Raises:
            ModelUnusable: ONNX Runtime cannot make one of them.
        """
        self._name = found.model.name
        _RUNTIME.set_default_logger_severity(_FATAL_ONLY)
        options = _RUNTIME.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = _FATAL_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            content = _rewritten(found.content)
            session = _RUNTIME.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no base of their own
            raise ModelUnusable(f"ONNX Runtime cannot load {self._name}: {_first_line(error)}") from error
        self._session = cast("_Session", session)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelUnusable(f"{self._name} has {len(inputs)} inputs instead of one")
        self._input = inputs[0].name
        self._outputs = [node.name for node in self._session.get_outputs()]
        self.input_shape = tuple(each if isinstance(each, int) else None for each in inputs[0].shape)
        """Of the one input; ``None`` where any size goes."""

    def run(self, tensor: Tensor) -> dict[str, Tensor]:
        """Every output by name.

        Raises:
            ModelUnusable: the network does not take this tensor.
        """
        try:
            results = self._session.run(None, {self._input: tensor})
        except Exception as error:  # as above
            raise ModelUnusable(f"ONNX Runtime cannot run {self._name}: {_first_line(error)}") from error
        return dict(zip(self._outputs, results, strict=True))


def tensor(picture: Picture) -> Tensor:
    """``picture`` (h, w, 3; uint8) as most networks here take it, (1, 3, h, w): its values as they are."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)


def _rewritten(content: bytes) -> bytes:
    """Without PReLU; the same bytes if it has none."""
    if _PRELU not in content:
        return content
    from models.face.prelu import without_prelu  # imports onnx, which other models do without

    return without_prelu(content)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
