"""The known-answer self-test: the right network with the right preprocessing passes, on other builds of the
runtime too; every trap of preprocessing fails it.
"""

from typing import Any

import msgspec
import numpy as np
import pytest

from models import registry
from models.face import DETECTORS, EMBEDDER, LIVENESS, MASKED, detect, embed, liveness, mask, onnx
from models.face.known_answer import another, known_picture, require
from models.registry import KnownAnswer, ModelUnusable

MODEL = registry.manifest()[EMBEDDER]


def knowing(**known):
    return msgspec.structs.replace(MODEL, known_answer=KnownAnswer(side_px=8, tolerance=0.01, **known))


def out(*numbers):
    return np.array([numbers], np.float32)


def test_the_picture_is_the_same_everywhere_and_differs_in_each_channel():
    picture = known_picture(64)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == [0, 29, 58]
    assert picture[63, 17].tolist() == [(63 * 7 + 17 * 13 + channel * 29) % 256 for channel in range(3)]


def test_means_and_first_values_must_be_near():
    model = knowing(means={"a": 0.5}, values={"b": (1.0, -2.0)})
    require(model, {"a": out(0.4, 0.615), "b": out(1.009, -2.009, 77.0), "more": out(1)})
    with pytest.raises(ModelUnusable, match=rf"{EMBEDDER} fails its self-test on this machine \(output a\)"):
        require(model, {"a": out(0.4, 0.63), "b": out(1.0, -2.0)})
    with pytest.raises(ModelUnusable, match="output b"):
        require(model, {"a": out(0.5), "b": out(1.0, -2.02)})


@pytest.mark.parametrize("wrong", [out(1.0), out(np.nan, -2.0), out(np.inf, -2.0)])
def test_too_few_values_or_none_that_are_numbers_fail(wrong):
    with pytest.raises(ModelUnusable, match="output b"):
        require(knowing(values={"b": (1.0, -2.0)}), {"b": wrong})


@pytest.mark.parametrize("known", [{"means": {"a": 0.5}}, {"values": {"a": (0.5,)}}])
def test_an_output_that_is_missing_is_another_network(known):
    with pytest.raises(ModelUnusable, match=f"not {EMBEDDER}"):
        require(knowing(**known), {"b": out(0.5)})
    assert EMBEDDER in str(another(MODEL))


def test_every_model_of_the_manifest_has_a_known_answer():
    for model in registry.manifest().values():
        known = model.known_answer
        assert known.means or known.values, model.name
        assert 0 < known.tolerance <= 0.01, model.name


# --- with the models ---------------------------------------------------------------------------------

real = pytest.mark.needs_test_data
MAKE: dict[str, Any] = {
    **dict.fromkeys(DETECTORS, detect.FaceDetector),
    EMBEDDER: embed.Embedder,
    **dict.fromkeys(LIVENESS, lambda found: liveness.Liveness([found])),
    MASKED: mask.MaskDetector,
}
PREPROCESSING: dict[str, Any] = {
    **dict.fromkeys(DETECTORS, (detect, "tensor")),
    EMBEDDER: (embed, "tensor"),
    **dict.fromkeys(LIVENESS, (liveness, "tensor")),
    MASKED: (mask, "mask_tensor"),
}
TRAPS: dict[str, Any] = {
    "swapped colours": lambda tensor: np.ascontiguousarray(tensor[:, ::-1]),
    "divided by 255": lambda tensor: tensor / np.float32(255),
    "scaled to -1..1": lambda tensor: tensor / np.float32(127.5) - 1,
    "upside down and mirrored": lambda tensor: np.ascontiguousarray(tensor[:, :, ::-1, ::-1]),
}


@pytest.fixture(scope="module")
def models(test_data):
    return [test_data / "models"]


def test_every_model_of_the_manifest_is_made_here():
    assert set(MAKE) == set(PREPROCESSING) == set(registry.manifest())


@real
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("name", MAKE)
def test_a_trap_of_preprocessing_fails_the_self_test(monkeypatch, models, name, trap):
    found = registry.find(name, models)
    MAKE[name](found)
    module, function = PREPROCESSING[name]
    right = getattr(module, function)
    monkeypatch.setattr(module, function, lambda picture: TRAPS[trap](right(picture)))
    with pytest.raises(ModelUnusable, match=f"{name} fails its self-test"):
        MAKE[name](found)


@real
@pytest.mark.parametrize("name", LIVENESS)
def test_a_forgotten_softmax_fails_the_self_test(monkeypatch, models, name):
    found = registry.find(name, models)
    monkeypatch.setattr(liveness, "softmax", lambda logits: logits)
    with pytest.raises(ModelUnusable, match=f"{name} fails its self-test"):
        liveness.Liveness([found])


@real
def test_an_embedding_that_is_not_normalised_fails_the_self_test(monkeypatch, models):
    monkeypatch.setattr(embed.np.linalg, "norm", lambda _: 1.0)
    with pytest.raises(ModelUnusable, match=f"{EMBEDDER} fails its self-test"):
        embed.Embedder(registry.find(EMBEDDER, models))


@real
@pytest.mark.parametrize("name", MAKE)
def test_the_network_as_published_on_a_runtime_that_optimises_nothing_passes(monkeypatch, models, name):
    """Other kernels add up in another order: the tolerance must cover that, by far."""
    options = onnx._RUNTIME.SessionOptions

    def plain():
        made = options()
        made.graph_optimization_level = onnx._RUNTIME.GraphOptimizationLevel.ORT_DISABLE_ALL
        return made

    monkeypatch.setattr(onnx._RUNTIME, "SessionOptions", plain)
    monkeypatch.setattr(onnx, "_rewritten", lambda content: content)
    found = registry.find(name, models)
    known = found.model.known_answer
    strict = msgspec.structs.replace(known, tolerance=known.tolerance / 20)
    model = msgspec.structs.replace(found.model, known_answer=strict)
    MAKE[name](registry.FoundModel(model, found.path, found.content))


@real
@pytest.mark.parametrize("name", MAKE)
def test_another_network_of_the_same_interface_or_of_none_is_refused(models, name):
    found = registry.find(name, models)
    for other in MAKE:
        if other != name:
            wrong = registry.FoundModel(found.model, found.path, registry.find(other, models).content)
            with pytest.raises(ModelUnusable, match=f"not {name}|{name} fails its self-test"):
                MAKE[name](wrong)
