"""An OpenVINO IR as data: the layers of its XML (version 10 or 11) in their order, and the weights' bytes.

Source: OpenVINO, "Operation Sets" and the IR's own files; only what small convolutional networks need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import numpy.typing as npt
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from models.registry import ModelUnusable

GRAPH_BYTES_MAX = 8 * 1024 * 1024
LAYERS_MAX = 5000
VERSIONS = frozenset({"10", "11"})
_TYPES: Mapping[str, npt.DTypeLike] = {
    "f32": np.float32,
    "f16": np.float16,
    "i64": np.int64,
    "i32": np.int32,
    "u8": np.uint8,
    "i8": np.int8,
}

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; ``sources`` are the layers its inputs come from, in the order of its ports."""

    id: str
    kind: str
    data: Mapping[str, str]
    sources: tuple[str, ...]
    shape: tuple[int, ...]
    """Of what goes into a result."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A network's layers in topological order, as the file has them."""

    name: str
    layers: tuple[Layer, ...]
    weights: bytes

    def constant(self, layer: Layer) -> Array:
        """The numbers of a ``Const``. Raises ModelUnusable where they do not lie in the weights."""
        kind = dtype(layer.data["element_type"])
        first, size = int(layer.data["offset"]), int(layer.data["size"])
        if not (first >= 0 and size >= 0 and first + size <= len(self.weights)):
            raise ModelUnusable(f"layer {layer.id}: its numbers lie outside the weights")
        return np.frombuffer(self.weights[first : first + size], kind).reshape(
            ints(layer.data.get("shape", ""))
        )


def parse(graph: bytes, weights: bytes) -> Graph:
    """The graph in an IR's two files.

    Raises:
        ModelUnusable: it is no IR, of another version, or refers to what is not there.
    """
    if len(graph) > GRAPH_BYTES_MAX:
        raise ModelUnusable("no OpenVINO IR: its graph is too long")
    try:
        root = ElementTree.fromstring(graph, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ModelUnusable("no OpenVINO IR: its graph is no XML") from error
    layers = list(root.iterfind("./layers/layer"))
    if root.tag != "net" or root.get("version") not in VERSIONS or not 0 < len(layers) <= LAYERS_MAX:
        raise ModelUnusable("no OpenVINO IR of version 10 or 11")
    edges = _edges(root)
    found = tuple(_layer(element, edges.get(element.get("id", ""), {})) for element in layers)
    _require_order(found)
    return Graph(root.get("name", ""), found, weights)


def dtype(name: str) -> npt.DTypeLike:
    """The numpy type of an element type. Raises ModelUnusable for one that small networks do not use."""
    if name not in _TYPES:
        raise ModelUnusable(f"numbers of type {name!r} are not converted")
    return _TYPES[name]


def ints(text: str) -> list[int]:
    """A list as attributes hold it: ``"1, 3, 1, 1"``. Raises ValueError."""
    return [int(each) for each in text.split(",")] if text.strip() else []


def _edges(root: Element) -> dict[str, dict[int, str]]:
    """By layer: from which layer each port is fed."""
    edges: dict[str, dict[int, str]] = {}
    try:
        for edge in root.iterfind("./edges/edge"):
            edges.setdefault(edge.attrib["to-layer"], {})[int(edge.attrib["to-port"])] = edge.attrib[
                "from-layer"
            ]
    except (KeyError, ValueError) as error:
        raise ModelUnusable("no OpenVINO IR: an edge leads nowhere") from error
    return edges


def _layer(element: Element, ports: Mapping[int, str]) -> Layer:
    data = element.find("data")
    try:
        shape = tuple(int(dim.text or "") for dim in element.iterfind("./input/port/dim"))
    except ValueError as error:
        raise ModelUnusable(f"layer {element.get('id')}: its shape is no numbers") from error
    return Layer(
        id=element.get("id", ""),
        kind=element.get("type", ""),
        data={} if data is None else dict(data.attrib),
        sources=tuple(ports[port] for port in sorted(ports)),
        shape=shape,
    )


def _require_order(layers: tuple[Layer, ...]) -> None:
    """Whatever feeds a layer comes before it: then there is no cycle."""
    before: set[str] = set()
    for layer in layers:
        if layer.id in before or not before.issuperset(layer.sources):
            raise ModelUnusable(f"no OpenVINO IR: layer {layer.id!r} is fed by what does not come before it")
        before.add(layer.id)
