"""Models by the manifest: found in order, refused when they are something else (SAFETY.md item 32)."""

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import registry
from models.face import DETECTORS
from models.face.selftest import _TESTS, self_test
from models.registry import (
    KnownAnswer,
    Model,
    ModelTampered,
    ModelUnavailable,
    find,
    first_of,
    folders,
    is_the_model,
    manifest,
)

CONTENT = b"the weights of a network"


def model_of(name, content=CONTENT):
    return Model(
        name=name,
        file=f"{name}.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        licence="Apache-2.0",
        purpose="a test",
        addresses=(f"https://example.org/{name}.onnx",),
        default=True,
        inputs={"input": (1, 3, 8, 8)},
        preprocessing="none",
        known_answer=KnownAnswer(side_px=8, tolerance=0.1),
    )


@pytest.fixture
def known(monkeypatch):
    models = {name: model_of(name) for name in ("one", "two")}
    monkeypatch.setattr(registry, "manifest", lambda: models)
    return models


@pytest.fixture
def where(tmp_path):
    found = (tmp_path / "first", tmp_path / "second")
    for folder in found:
        folder.mkdir()
    return found


# --- the manifest itself ---------------------------------------------------------------------------


def test_the_manifest_pins_everything():
    assert set(DETECTORS) <= set(manifest())
    assert {*DETECTORS[1:]} == {model.name for model in manifest().values() if not model.default}
    assert set(_TESTS) == set(manifest()), "each proves itself"
    for name, model in manifest().items():
        assert name == model.name
        assert re.fullmatch(r"[0-9a-f]{64}", model.sha256)
        assert Path(model.file).name == model.file
        assert 0 < model.size_bytes < 64 * 1024 * 1024
        assert model.licence
        assert model.purpose
        assert model.inputs
        assert model.preprocessing
        assert model.known_answer.means or model.known_answer.values
        assert bool(model.addresses) is not bool(model.derived_from)
        for published in model.published:
            assert published.addresses
            assert all(address.startswith("https://") for address in published.addresses)
            assert re.fullmatch(r"[0-9a-f]{64}", published.sha256)


@pytest.mark.needs_test_data
def test_the_manifest_is_that_of_the_published_files(test_data):
    for name, model in manifest().items():
        content = (test_data / "models" / model.file).read_bytes()
        assert is_the_model(model, content), name
        found = find(name, [test_data / "models"])
        assert found.content == content
        self_test(found)


# --- finding ---------------------------------------------------------------------------------------


def test_the_first_folder_that_has_it_counts(known, where):
    (where[1] / "one.onnx").write_bytes(CONTENT)
    assert find("one", where).path == where[1] / "one.onnx"
    (where[0] / "one.onnx").write_bytes(CONTENT)
    found = find("one", where)
    assert found.path == where[0] / "one.onnx"
    assert found.content == CONTENT
    assert found.model is known["one"]


def test_item_32_a_tampered_model_is_refused_and_named(known, where):
    for content in (CONTENT + b"!", CONTENT[:-1], b"T" + CONTENT[1:], b""):
        (where[0] / "one.onnx").write_bytes(content)
        (where[1] / "one.onnx").write_bytes(CONTENT)
        with pytest.raises(ModelTampered, match=re.escape(str(where[0] / "one.onnx"))):
            find("one", where)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_item_32_one_byte_is_enough(at, change):
    content = bytearray(CONTENT)
    content[at] ^= change
    assert is_the_model(model_of("one"), CONTENT)
    assert not is_the_model(model_of("one"), bytes(content))


def test_no_more_is_read_than_a_model_could_be(known, where, monkeypatch):
    sizes = []
    opened = Path.open

    class Counting:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def read(self, size):
            sizes.append(size)
            return self._file.read(size)

    (where[0] / "one.onnx").write_bytes(bytes(100_000))
    monkeypatch.setattr(Path, "open", lambda path, mode: Counting(opened(path, mode)))
    with pytest.raises(ModelTampered):
        find("one", where)
    assert sizes == [len(CONTENT) + 1]


def test_a_model_that_is_not_here_says_what_to_do(known, where):
    with pytest.raises(ModelUnavailable, match="run: cardea models pull one"):
        find("one", where)
    with pytest.raises(ModelUnavailable, match="no model 'three'; there are: one, two"):
        find("three", where)
    (where[0] / "one.onnx").mkdir()
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        find("one", where)


def test_the_first_of_several(known, where):
    with pytest.raises(ModelUnavailable, match="pull one"):
        first_of(("one", "two"), where)
    (where[0] / "two.onnx").write_bytes(CONTENT)
    assert first_of(("one", "two"), where).model.name == "two"
    (where[1] / "one.onnx").write_bytes(CONTENT)
    assert first_of(("one", "two"), where).model.name == "one"
    (where[1] / "one.onnx").write_bytes(b"something else")
    with pytest.raises(ModelTampered):
        first_of(("one", "two"), where)


def test_folders_by_the_environment(known, monkeypatch, tmp_path):
    home = {"HOME": "/home/staff"}
    assert folders(home) == (Path("/home/staff/.cache/cardea/models"),)
    assert folders({**home, "XDG_CACHE_HOME": "/var/cache"}) == (Path("/var/cache/cardea/models"),)
    assert folders({**home, "XDG_CACHE_HOME": "not/absolute"}) == folders(home)
    assert folders({**home, "CARDEA_MODEL_DIR": "/srv/models"}) == (Path("/srv/models"), *folders(home))
    assert folders({}) == ()
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(tmp_path))
    (tmp_path / "one.onnx").write_bytes(CONTENT)
    assert find("one").path == tmp_path / "one.onnx"
