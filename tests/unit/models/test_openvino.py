"""OpenVINO IR to ONNX: to the byte for the pinned model, right for a small one, one error for all else."""

import contextlib
import hashlib

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.openvino.convert import onnx_of
from models.registry import ModelUnusable, manifest

WEIGHTS = np.arange(1, 13, dtype=np.float16).tobytes() + np.array([0.5, -1.0], np.float16).tobytes()
"""A kernel (2, 6, 1, 1), then a bias (1, 2, 1, 1)."""


def layer(number, kind, data="", dims=(1, 2, 4, 4), ports=1):
    inputs = "".join(
        f'<port id="{each}">{"".join(f"<dim>{dim}</dim>" for dim in dims)}</port>' for each in range(ports)
    )
    return f'<layer id="{number}" type="{kind}"><data {data}/><input>{inputs}</input></layer>'


def ir(*layers, edges, version="11"):
    lines = "".join(
        f'<edge from-layer="{a}" from-port="0" to-layer="{b}" to-port="{port}"/>' for a, b, port in edges
    )
    inside = f"<layers>{''.join(layers)}</layers><edges>{lines}</edges>"
    return f'<net name="n" version="{version}">{inside}</net>'.encode()


CONV = (
    layer(0, "Parameter", 'shape="1,6,4,4" element_type="f32"'),
    layer(1, "Const", 'element_type="f16" shape="2, 6, 1, 1" offset="0" size="24"'),
    layer(2, "Convert", 'destination_type="f32"'),
    layer(
        3,
        "Convolution",
        'strides="1, 1" dilations="1, 1" pads_begin="0, 0" pads_end="0, 0" auto_pad="explicit"',
    ),
    layer(4, "Const", 'element_type="f16" shape="1, 2, 1, 1" offset="24" size="4"'),
    layer(5, "Add"),
    layer(6, "ReLU"),
    layer(7, "Result"),
)
EDGES = [(1, 2, 0), (0, 3, 0), (2, 3, 1), (3, 5, 0), (4, 5, 1), (5, 6, 0), (6, 7, 0)]
SMALL = ir(*CONV, edges=EDGES)


def converted(graph=SMALL, weights=WEIGHTS):
    return onnx_of(graph, weights, input_name="in", output_name="out")


def test_a_small_network_computes_what_its_layers_say():
    session = onnxruntime.InferenceSession(converted(), providers=["CPUExecutionProvider"])
    shown = np.random.default_rng(1).standard_normal((1, 6, 4, 4)).astype(np.float32)
    kernel = np.frombuffer(WEIGHTS[:24], np.float16).astype(np.float32).reshape(2, 6)
    bias = np.frombuffer(WEIGHTS[24:], np.float16).astype(np.float32)
    expected = np.maximum(np.einsum("oc,bchw->bohw", kernel, shown) + bias[:, None, None], 0)
    (found,) = session.run(["out"], {"in": shown})
    assert np.allclose(np.asarray(found), expected, atol=1e-4)
    assert converted() == converted(), "deterministic"


@pytest.mark.needs_test_data
def test_the_pinned_model_comes_out_to_the_byte(test_data):
    model = manifest()["face_reid_0095"]
    at = test_data / "models" / "omz" / "face-reidentification-retail-0095" / "FP16"
    graph, weights = ((at / each.file).read_bytes() for each in model.derived_from)
    made = onnx_of(graph, weights, input_name="input", output_name="embedding")
    assert hashlib.sha256(made).hexdigest() == model.sha256


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (b"", "no XML"),
        (b"<net", "no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><net/>', "no XML"),
        (b"<other/>", "version 10 or 11"),
        (ir(*CONV, edges=EDGES, version="9"), "version 10 or 11"),
        (b'<net name="n" version="11"/>', "version 10 or 11"),
        (b" " * (9 * 1024 * 1024), "too long"),
        (ir(*CONV, edges=[*EDGES, (6, 5, 2)]), "fed by what does not come before"),
        (ir(*CONV, CONV[6], edges=EDGES), "fed by what does not come before"),
        (ir(*CONV, edges=[*EDGES, ("99", 3, 5)]), "fed by what does not come before"),
        (SMALL.replace(b"ReLU", b"Softplus"), "'Softplus' are not converted"),
        (SMALL.replace(b'"f16"', b'"bf16"'), "'bf16' are not converted"),
        (SMALL.replace(b'offset="24"', b'offset="26"'), "outside the weights"),
        (SMALL.replace(b'offset="24"', b'offset="-2"'), "outside the weights"),
        (SMALL.replace(b'auto_pad="explicit"', b'auto_pad="odd"'), "padding 'odd'"),
        (SMALL.replace(b'type="ReLU"', b'type="Add"'), "has 1 inputs"),
        (ir(*CONV[:7], edges=EDGES[:-1]), "one input and one output"),
        (SMALL.replace(b"<dim>4</dim>", b"<dim>x</dim>"), "no numbers"),
        (SMALL.replace(b'to-port="0"', b'to-port="x"'), "edge leads nowhere"),
        (SMALL.replace(b'shape="2, 6, 1, 1"', b'shape="2, 5, 1, 1"'), "that can be converted"),
        (SMALL.replace(b'strides="1, 1"', b""), "that can be converted"),
    ],
)
def test_what_is_not_converted_is_said_in_one_line(graph, said):
    with pytest.raises(ModelUnusable, match=said) as refused:
        converted(graph)
    assert "\n" not in str(refused.value)


@given(st.integers(0, len(SMALL)), st.integers(0, len(WEIGHTS)))
def test_any_cut_gives_a_model_or_the_one_error(graph, weights):
    try:
        converted(SMALL[:graph], WEIGHTS[:weights])
    except ModelUnusable:
        assert (graph, weights) != (len(SMALL), len(WEIGHTS))


@given(st.data())
def test_any_garbage_gives_a_model_or_the_one_error(data):
    raw = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelUnusable):
        assert converted(bytes(raw))
