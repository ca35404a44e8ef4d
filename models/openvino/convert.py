"""OpenVINO IR to ONNX (opset 13), to the byte: names and order are those of the file that the manifest pins.

FP16 weights become float32; a constant added to each channel after a convolution becomes its bias. Layers
that such networks do not have are refused by name.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

from models.openvino.graph import Array, Graph, Layer, dtype, ints, parse
from models.registry import ModelUnusable

OPSET, IR_VERSION, PRODUCER = 13, 8, "ir2onnx"


def onnx_of(graph: bytes, weights: bytes, *, input_name: str, output_name: str) -> bytes:
    """The ONNX file of an IR with one input and one output.

    Raises:
        ModelUnusable: it is no IR, or has what is not converted; one line.
    """
    try:
        model = _Conversion(parse(graph, weights), input_name, output_name).model()
        return model.SerializeToString()
    except (KeyError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise ModelUnusable(f"no OpenVINO IR that can be converted: {error!r}"[:200]) from error


class _Conversion:
    """One network on its way."""

    def __init__(self, graph: Graph, input_name: str, output_name: str) -> None:
        self._graph = graph
        self._input_name = input_name
        self._output_name = output_name
        self._constants: dict[str, Array] = {}
        """By layer."""
        self._tensors: dict[str, str] = {}
        """By layer: the name of what comes out of it."""
        self._nodes: list[NodeProto] = []
        self._numbers: dict[str, Array] = {}
        """By name, as they go into the file."""
        self._shapes: dict[str, tuple[int, ...]] = {}

    def model(self) -> ModelProto:
        for layer in self._graph.layers:
            self._take(layer)
        if set(self._shapes) != {self._input_name, self._output_name}:
            raise ModelUnusable("a network with one input and one output is expected")
        nodes = self._biased()
        used = {name for node in nodes for name in node.input}
        ends = {
            name: make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self._shapes.items()
        }
        made = make_graph(
            nodes,
            self._graph.name,
            [ends[self._input_name]],
            [ends[self._output_name]],
            [from_array(each, name) for name, each in self._numbers.items() if name in used],
        )
        return make_model(
            made, opset_imports=[make_opsetid("", OPSET)], producer_name=PRODUCER, ir_version=IR_VERSION
        )

    def _take(self, layer: Layer) -> None:
        sources = layer.sources
        match layer.kind:
            case "Const":
                self._constants[layer.id] = self._graph.constant(layer)
            case "Convert" if sources[0] in self._constants:
                numbers = self._constants[sources[0]]
                self._constants[layer.id] = numbers.astype(dtype(layer.data["destination_type"]))
            case "Parameter":
                self._tensors[layer.id] = self._input_name
                self._end(self._input_name, tuple(ints(layer.data["shape"])))
            case "Result":
                self._nodes.append(make_node("Identity", [self._name(sources[0])], [self._output_name]))
                self._end(self._output_name, layer.shape)
            case kind if kind in _MAKERS:
                self._tensors[layer.id] = f"t{layer.id}"
                self._nodes.append(_MAKERS[kind](self, layer))
            case kind:
                raise ModelUnusable(f"layers of type {kind!r} are not converted")

    def _end(self, name: str, shape: tuple[int, ...]) -> None:
        if name in self._shapes:
            raise ModelUnusable("a network with one input and one output is expected")
        self._shapes[name] = shape

    def _name(self, source: str) -> str:
        """Of what comes out of a layer; numbers go into the file as soon as somebody asks for them."""
        if source not in self._constants:
            return self._tensors[source]
        name = f"c{source}"
        numbers = self._constants[source]
        half = numbers.dtype == np.float16
        self._numbers.setdefault(name, numbers.astype(np.float32) if half else numbers)
        return name

    def convolution(self, layer: Layer) -> NodeProto:
        weights, groups = self._constants[layer.sources[1]].astype(np.float32), 1
        if layer.kind == "GroupConvolution":
            groups = weights.shape[0]
            weights = weights.reshape((weights.shape[0] * weights.shape[1], *weights.shape[2:]))
        name = f"w{layer.id}"
        self._numbers[name] = np.ascontiguousarray(weights)
        padding = _padding(layer.data, len(weights.shape) - 2)
        return make_node(
            "Conv",
            [self._name(layer.sources[0]), name],
            [self._tensors[layer.id]],
            strides=ints(layer.data["strides"]),
            dilations=ints(layer.data["dilations"]),
            group=groups,
            kernel_shape=list(weights.shape[2:]),
            **padding,
        )

    def elementwise(self, layer: Layer) -> NodeProto:
        names = [self._name(source) for source in layer.sources]
        if len(names) != _ARITIES[layer.kind]:
            raise ModelUnusable(f"layer {layer.id}: has {len(names)} inputs")
        return make_node(_OPERATORS[layer.kind], names, [self._tensors[layer.id]])

    def prelu(self, layer: Layer) -> NodeProto:
        slopes, name = self._constants[layer.sources[1]].astype(np.float32), f"s{layer.id}"
        self._numbers[name] = slopes.reshape(-1, 1, 1)
        return make_node("PRelu", [self._name(layer.sources[0]), name], [self._tensors[layer.id]])

    def pool(self, layer: Layer) -> NodeProto:
        data = layer.data
        shared: dict[str, Any] = {
            "kernel_shape": ints(data["kernel"]),
            "strides": ints(data["strides"]),
            "pads": ints(data["pads_begin"]) + ints(data["pads_end"]),
            "ceil_mode": int(data.get("rounding_type") == "ceil"),
        }
        if layer.kind == "AvgPool":
            shared["count_include_pad"] = int(data.get("exclude-pad") != "true")
        return make_node(
            _OPERATORS[layer.kind], [self._name(layer.sources[0])], [self._tensors[layer.id]], **shared
        )

    def _biased(self) -> list[NodeProto]:
        """The nodes, each constant that is added to every channel of a convolution made its bias."""
        readers = Counter(name for node in self._nodes for name in node.input)
        reader = {name: node for node in self._nodes for name in node.input}
        dropped: set[int] = set()
        for node in self._nodes:
            if node.op_type != "Conv" or readers[node.output[0]] != 1:
                continue
            adding = reader[node.output[0]]
            bias = _bias(adding, node, self._numbers)
            if bias is None:
                continue
            name = f"b_{node.output[0]}"
            self._numbers[name] = bias
            node.input.append(name)
            node.output[0] = adding.output[0]
            dropped.add(id(adding))
        return [node for node in self._nodes if id(node) not in dropped]


def _bias(adding: NodeProto, convolution: NodeProto, numbers: Mapping[str, Array]) -> Array | None:
    if adding.op_type != "Add":
        return None
    others = [name for name in adding.input if name != convolution.output[0]]
    added = numbers.get(others[0]) if others else None
    channels = numbers[convolution.input[1]].shape[0]
    if added is None or added.size != channels or added.ndim != 4:
        return None
    return added.reshape(-1).astype(np.float32)


def _padding(data: Mapping[str, str], dimensions: int) -> dict[str, Any]:
    match data.get("auto_pad", "explicit"):
        case "explicit" | "notset":
            return {"pads": ints(data["pads_begin"]) + ints(data["pads_end"])}
        case "valid":
            return {"pads": [0] * (2 * dimensions)}
        case "same_upper" | "same_lower" as same:
            return {"auto_pad": same.upper()}
        case other:
            raise ModelUnusable(f"padding {other!r} is not converted")


_OPERATORS: Mapping[str, str] = {
    "Add": "Add",
    "Multiply": "Mul",
    "ReLU": "Relu",
    "Sigmoid": "Sigmoid",
    "AvgPool": "AveragePool",
    "MaxPool": "MaxPool",
}
_ARITIES: Mapping[str, int] = {"Add": 2, "Multiply": 2, "ReLU": 1, "Sigmoid": 1}
_MAKERS: Mapping[str, Callable[[_Conversion, Layer], NodeProto]] = {
    "Convolution": _Conversion.convolution,
    "GroupConvolution": _Conversion.convolution,
    "PReLU": _Conversion.prelu,
    "AvgPool": _Conversion.pool,
    "MaxPool": _Conversion.pool,
    **dict.fromkeys(_ARITIES, _Conversion.elementwise),
}
