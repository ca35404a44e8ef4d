"""Embeddings: directions and nothing else; the same as the network's before anything was rewritten."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest

from models import registry
from models.face import EMBEDDER, company, detect, embed
from models.face.align import SIDE_PX, aligned
from models.face.embed import Embedder
from models.registry import FoundModel, ModelUnusable

MODEL = registry.manifest()[EMBEDDER]
FOUND = FoundModel(MODEL, Path(MODEL.file), b"")
CHIP = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)


class Fake:
    """A network that says what it is told to."""

    input_shape: tuple[int, ...] = (1, 3, SIDE_PX, SIDE_PX)

    def __init__(self, vector):
        self.outputs = {"embedding": np.asarray(vector, np.float32).reshape(1, -1, 1, 1)}

    def run(self, tensor):
        assert tensor.shape == self.input_shape
        assert tensor.dtype == np.float32
        return self.outputs


KNOWN = [*MODEL.known_answer.values["embedding"], *[0.0] * 239]
KNOWN.append((1.0 - sum(x * x for x in KNOWN)) ** 0.5)


def made(monkeypatch, network):
    monkeypatch.setattr(embed, "Network", lambda _: network)
    return Embedder(FOUND)


def test_an_embedding_has_length_one(monkeypatch):
    network = Fake(np.array(KNOWN) * 17)
    embedder = made(monkeypatch, network)
    assert embedder.model_sha256 == MODEL.sha256
    network.outputs = Fake([3, 4]).outputs
    found = embedder.embed(CHIP)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("vector", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [1.0, -np.inf]])
def test_what_is_no_direction_never_leaves(monkeypatch, vector):
    network = Fake(KNOWN)
    embedder = made(monkeypatch, network)
    network.outputs = Fake(vector).outputs
    with pytest.raises(ModelUnusable, match=f"{EMBEDDER} computes no embedding"):
        embedder.embed(CHIP)


def test_another_network_is_unusable(monkeypatch):
    network = Fake(KNOWN)
    network.outputs = {"scores": network.outputs["embedding"]}
    with pytest.raises(ModelUnusable, match=f"not {EMBEDDER}"):
        made(monkeypatch, network)
    network = Fake(KNOWN)
    network.input_shape = (1, 3, 112, 112)
    with pytest.raises(ModelUnusable, match=f"not {EMBEDDER}"):
        made(monkeypatch, network)


@pytest.mark.needs_test_data
def test_as_the_published_network_computes_it(test_data):
    models = [test_data / "models"]
    embedder, detector = Embedder(registry.find(EMBEDDER, models)), detect.load(models)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    reference = onnxruntime.InferenceSession(
        str(models[0] / MODEL.file), options, providers=["CPUExecutionProvider"]
    )
    compared = 0
    for path in sorted((test_data / "face" / "deepface").glob("*.jpg"))[:20]:
        picture: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
        face = company.front(detector.detect(picture))
        assert face is not None
        chip = aligned(picture, face.landmarks)
        assert chip is not None
        tensor = chip.astype(np.float32).transpose(2, 0, 1)[np.newaxis]
        raw: Any = reference.run(None, {"input": tensor})[0]
        expected = raw.reshape(-1) / np.linalg.norm(raw)
        ours = embedder.embed(chip)
        assert np.abs(ours - expected).max() <= 2e-6
        assert float(ours @ expected) > 0.99999
        compared += 1
    assert compared == 20
