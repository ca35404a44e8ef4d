"""PReLU written as what ONNX Runtime is fast at: its own kernel goes through the numbers one by one.

PReLU(x) is x where x > 0, else s·x (He et al., "Delving Deep into Rectifiers", 2015). With one slope for all
channels that is LeakyReLU, which the runtime merges with the convolution before it; with one for each, it is
max(x, s·x) where s ≤ 1, and s·x + (1 - s)·relu(x) for any s. The same function, no approximation of it.
"""

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, load_from_string
from onnx.helper import make_node
from onnx.numpy_helper import from_array, to_array


def without_prelu(content: bytes) -> bytes:
    """The ONNX model ``content``, its PReLU nodes rewritten; those whose slopes are no constants stay.

    Raises google.protobuf.message.DecodeError if it is no model.
    """
    model = load_from_string(content)
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    nodes: list[NodeProto] = []
    for node in graph.node:
        slopes = constants.get(node.input[1]) if node.op_type == "PRelu" else None
        nodes += [node] if slopes is None else _rewritten(node, slopes, graph)
    del graph.node[:]
    graph.node.extend(nodes)
    return model.SerializeToString()


def _rewritten(node: NodeProto, slopes: TensorProto, graph: GraphProto) -> tuple[NodeProto, ...]:
    """The nodes in place of one; constants that they need are added to ``graph``."""
    values = np.asarray(to_array(slopes))
    source, result = node.input[0], node.output[0]
    if values.size == 1:
        return (make_node("LeakyRelu", [source], [result], alpha=float(values.item())),)
    scaled, rest, positive, raised = (f"{result}/{part}" for part in ("scaled", "rest", "positive", "raised"))
    scale = make_node("Mul", [source, slopes.name], [scaled])
    if np.all(values <= 1):
        return scale, make_node("Max", [source, scaled], [result])
    graph.initializer.append(from_array((1 - values).astype(values.dtype), rest))
    return (
        scale,
        make_node("Relu", [source], [positive]),
        make_node("Mul", [positive, rest], [raised]),
        make_node("Add", [scaled, raised], [result]),
    )
