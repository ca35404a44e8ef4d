"""PReLU rewritten: the same numbers come out, and models without it are left alone."""

import subprocess
import sys
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, load_from_string
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

from models.face import onnx
from models.face.prelu import without_prelu

CHANNELS, SIDE = 4, 3
moderate = st.floats(-100, 100, width=32, allow_subnormal=False)


def model(slopes, *, constant=True):
    """x (1, 4, 3, 3) through two PReLU, one after the other, with the same slopes."""
    shape = (1, CHANNELS, SIDE, SIDE)
    value = from_array(slopes, "slopes")
    given = [] if constant else [make_tensor_value_info("slopes", TensorProto.FLOAT, slopes.shape)]
    graph = make_graph(
        [make_node("PRelu", ["x", "slopes"], ["between"]), make_node("PRelu", ["between", "slopes"], ["y"])],
        "test",
        [make_tensor_value_info("x", TensorProto.FLOAT, shape), *given],
        [make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        initializer=[value] if constant else [],
    )
    return make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8).SerializeToString()


def run(content, tensor) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": tensor})[0]


def operators(content):
    return [node.op_type for node in load_from_string(content).graph.node]


@given(
    arrays.arrays(
        np.float32, st.sampled_from([(CHANNELS, 1, 1), (1, 1, 1), (1,)]), elements=st.floats(-2, 2, width=32)
    ),
    arrays.arrays(np.float32, (1, CHANNELS, SIDE, SIDE), elements=moderate),
)
def test_the_same_numbers_come_out(slopes, tensor):
    content = model(slopes)
    rewritten = without_prelu(content)
    assert "PRelu" not in operators(rewritten)
    np.testing.assert_allclose(run(rewritten, tensor), run(content, tensor), rtol=1e-5, atol=1e-4)


@given(
    arrays.arrays(np.float32, (CHANNELS, 1, 1), elements=st.floats(-2, 1, width=32)),
    arrays.arrays(np.float32, (1, CHANNELS, SIDE, SIDE), elements=moderate),
)
def test_a_maximum_is_exact(slopes, tensor):
    content = model(slopes)
    rewritten = without_prelu(content)
    assert operators(rewritten) == ["Mul", "Max"] * 2
    np.testing.assert_array_equal(run(rewritten, tensor), run(content, tensor))


def test_what_it_becomes_depends_on_the_slopes():
    assert operators(without_prelu(model(np.full((1, 1, 1), 1.7, np.float32)))) == ["LeakyRelu"] * 2
    steep = np.array([0.1, 0.2, 1.0, 1.001], np.float32).reshape(-1, 1, 1)
    assert operators(without_prelu(model(steep))) == ["Mul", "Relu", "Mul", "Add"] * 2


def test_slopes_that_are_computed_stay():
    content = model(np.ones((CHANNELS, 1, 1), np.float32), constant=False)
    assert operators(without_prelu(content)) == ["PRelu"] * 2


def test_a_model_without_it_is_left_alone():
    content = b"anything at all"
    assert onnx._rewritten(content) is content


@pytest.mark.needs_test_data
def test_a_detector_alone_does_without_the_onnx_package(test_data):
    code = (
        "import sys; from pathlib import Path; from models.face.detect import load; "
        f"load([Path({str(test_data / 'models')!r})]); print('onnx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
