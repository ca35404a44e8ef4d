"""Liveness: what is cropped, what both networks make of it, and when they cannot tell."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import FaceBox
from models import registry
from models.face import LIVENESS, company, detect, liveness
from models.face.liveness import SCALES, SIDE_PX, Liveness, crop, softmax, too_close
from models.registry import FoundModel, ModelUnusable


def face(x, y, width, height):
    return FaceBox(x=x, y=y, width=width, height=height, landmarks=(), score=1.0)


def positions(width, height):
    """A picture that says of each pixel where it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns % 256, rows % 256, columns // 256 * 16 + rows // 256], axis=2).astype(np.uint8)


def published(picture, box, scale):
    """As Minivision crops (Silent-Face-Anti-Spoofing, src/generate_patches.py), put into other words."""
    height, width = picture.shape[:2]
    x, y, box_width, box_height = box
    scale = min((height - 1) / box_height, (width - 1) / box_width, scale)
    new_width, new_height = box_width * scale, box_height * scale
    left, top = box_width / 2 + x - new_width / 2, box_height / 2 + y - new_height / 2
    right, bottom = left + new_width, top + new_height
    if left < 0:
        left, right = 0, right - left
    if top < 0:
        top, bottom = 0, bottom - top
    if right > width - 1:
        left, right = left - (right - width + 1), width - 1
    if bottom > height - 1:
        top, bottom = top - (bottom - height + 1), height - 1
    return picture[max(int(top), 0) : int(bottom) + 1, max(int(left), 0) : int(right) + 1]


@given(
    st.integers(40, 700),
    st.integers(40, 700),
    st.integers(0, 600),
    st.integers(0, 600),
    st.integers(8, 300),
    st.integers(8, 300),
    st.sampled_from([2.7, 4.0]),
)
def test_it_is_cropped_as_its_publishers_do(width, height, x, y, box_width, box_height, scale):
    """To the pixel; where a sum falls on a whole number, rounding may give or take one."""
    picture = positions(width, height)
    box = (min(x, width - 1), min(y, height - 1), box_width, box_height)
    expected = published(picture, box, scale)
    ours = crop(picture, face(*box), scale)
    assert ours.shape == (SIDE_PX, SIDE_PX, 3)
    corners = [picture_at(expected, 0, 0), picture_at(expected, -1, -1)]
    found = region(picture, box, scale)
    for (column, row), (own_column, own_row) in zip(corners, found, strict=True):
        assert abs(column - own_column) <= 1
        assert abs(row - own_row) <= 1


def picture_at(picture, row, column):
    blue, green, red = (int(value) for value in picture[row, column])
    return (red // 16) * 256 + blue, (red % 16) * 256 + green


def region(picture, box, scale):
    """The first and the last pixel that ``crop`` has taken."""
    taken: list[Any] = []
    resize = liveness.cv2.resize
    liveness.cv2.resize = lambda part, *rest, **more: taken.append(part) or resize(part, *rest, **more)
    try:
        crop(picture, face(*box), scale)
    finally:
        liveness.cv2.resize = resize
    return picture_at(taken[0], 0, 0), picture_at(taken[0], -1, -1)


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.floats(-1000, 1000),
    st.floats(-1000, 1000),
    st.floats(1e-3, 2000),
    st.floats(1e-3, 2000),
)
def test_any_box_has_a_crop(width, height, x, y, box_width, box_height):
    cut = crop(np.zeros((height, width, 3), np.uint8), face(x, y, box_width, box_height), 2.7)
    assert cut.shape == (SIDE_PX, SIDE_PX, 3)
    assert cut.dtype == np.uint8


@pytest.mark.parametrize(
    ("width", "height", "tight"),
    [(270, 540, False), (269, 540, True), (270, 539, True), (2000, 539, True)],
)
def test_too_close_is_less_than_the_close_crop_in_either_direction(width, height, tight):
    assert too_close(np.zeros((height, width, 3), np.uint8), face(0, 0, 100, 200)) is tight


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3))
def test_probabilities_are_probabilities(logits):
    found = softmax(np.array(logits, np.float32))
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    assert found[int(np.argmax(logits))] == found.max()


# --- both networks -----------------------------------------------------------------------------------


class Fake:
    input_shape: tuple[int, ...] = (1, 3, SIDE_PX, SIDE_PX)

    def __init__(self, model):
        known = np.array(model.known_answer.values["output"], np.float32)
        self.outputs = {"output": np.log(known)[np.newaxis]}

    def run(self, tensor):
        assert tensor.shape == self.input_shape
        return self.outputs


def found(name):
    model = registry.manifest()[name]
    return FoundModel(model, Path(model.file), b"")


@pytest.fixture
def networks(monkeypatch):
    made: list[Fake] = []
    monkeypatch.setattr(liveness, "Network", lambda found: made.append(Fake(found.model)) or made[-1])
    return made


PICTURE = np.zeros((200, 200, 3), np.uint8)
FACE = face(50, 50, 50, 60)


def test_it_is_the_mean_of_both(networks):
    both = Liveness([found(name) for name in LIVENESS])
    networks[0].outputs = {"output": np.log(np.array([[0.1, 0.7, 0.2]], np.float32))}
    networks[1].outputs = {"output": np.log(np.array([[0.5, 0.3, 0.2]], np.float32))}
    assert both.live(PICTURE, FACE) == pytest.approx(0.5)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_probability_never_leaves(networks, wrong):
    both = Liveness([found(name) for name in LIVENESS])
    networks[1].outputs = {"output": np.array([[0.0, wrong, 0.0]], np.float32)}
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ModelUnusable, match="no probability"),
    ):
        both.live(PICTURE, FACE)


def test_another_network_is_unusable(networks, monkeypatch):
    both = Liveness([found(name) for name in LIVENESS])
    networks[0].outputs = {}
    with pytest.raises(ModelUnusable, match="not minifasnet_v2"):
        both.live(PICTURE, FACE)
    monkeypatch.setattr(Fake, "input_shape", (1, 3, 128, 128))
    with pytest.raises(ModelUnusable, match="not minifasnet_v1se"):
        Liveness([found("minifasnet_v1se")])


def test_each_network_has_its_crop():
    assert set(SCALES) == set(LIVENESS)


# --- on real pictures ----------------------------------------------------------------------------------

real = pytest.mark.needs_test_data


@pytest.fixture(scope="module")
def both(test_data):
    return Liveness([registry.find(name, [test_data / "models"]) for name in LIVENESS])


@pytest.fixture(scope="module")
def detector(test_data):
    return detect.load([test_data / "models"])


def live(both, detector, path):
    picture: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    front = company.front(detector.detect(picture))
    assert front is not None
    return both.live(picture, front)


@real
def test_the_publishers_samples(both, detector, test_data):
    samples = {path.stem: live(both, detector, path) for path in (test_data / "face" / "spoof").glob("*.jpg")}
    assert samples["image_T1"] > 0.99
    assert samples["image_F1"] < 0.5
    assert samples["image_F2"] < 0.05


@real
def test_as_measured_elsewhere(both, detector, test_data, monkeypatch):
    """The scores were taken with faces found at 640 px: where a box is, is what they depend on."""
    monkeypatch.setattr(detect, "LONG_SIDE_PX", 640)
    folder = test_data / "face"
    with (folder / "spoof_synth" / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    differences: list[float] = []
    for row in rows:
        original = row["label"] == "live"
        path = (
            folder / "deepface" / row["file"].split()[0] if original else folder / "spoof_synth" / row["file"]
        )
        differences.append(abs(live(both, detector, path) - float(row["avg_real_prob_of_2_models"])))
    assert len(differences) == 32
    assert max(differences) < 0.06
    assert sum(differences) / len(differences) < 0.01
