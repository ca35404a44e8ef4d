"""Masks: what part of a picture is looked at, and what the network's places say of one face."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import FaceBox
from models import registry
from models.face import MASKED, company, detect, mask
from models.face.mask import MaskDetector, around, mask_tensor, verdict
from models.registry import FoundModel, ModelTampered, ModelUnavailable, ModelUnusable

MODEL = registry.manifest()[MASKED]
FACE = np.array([0.4, 0.4, 0.6, 0.6], np.float32)
ELSEWHERE = [0.0, 0.0, 0.2, 0.2]
HERE = [0.42, 0.4, 0.6, 0.62]


def face(x, y, width, height):
    return FaceBox(x=x, y=y, width=width, height=height, landmarks=(), score=1.0)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], None),
        ([((0.1, 0.2, 0.7), HERE)], True),
        ([((0.1, 0.7, 0.2), HERE)], False),
        ([((0.1, 0.7, 0.2), HERE), ((0.1, 0.1, 0.8), HERE)], True),
        ([((0.5, 0.3, 0.59), HERE)], None),
        ([((0.0, 0.0, 1.0), ELSEWHERE)], None),
        ([((0.0, 0.9, 0.1), HERE), ((0.0, 0.0, 1.0), ELSEWHERE)], False),
        ([((0.0, 0.5, 0.5), HERE), ((0.0, 0.65, 0.65), HERE)], False),
        ([((np.nan, np.nan, np.nan), HERE)], None),
        ([((0.0, 0.0, 1.0), [np.nan] * 4)], None),
    ],
)
def test_the_surest_place_at_the_face_tells(places, expected):
    scores = np.array([place[0] for place in places], np.float32).reshape(-1, 3)
    boxes = np.array([place[1] for place in places], np.float32).reshape(-1, 4)
    assert verdict(scores, boxes, FACE) is expected


@given(
    st.integers(1, 500),
    st.integers(1, 500),
    st.floats(-50, 500),
    st.floats(-50, 500),
    st.floats(1, 600),
    st.floats(1, 600),
)
def test_what_is_looked_at_lies_in_the_picture_and_so_does_the_face_in_it(width, height, x, y, wide, high):
    picture = np.zeros((height, width, 3), np.uint8)
    seen, box = around(picture, face(x, y, wide, high))
    assert 1 <= seen.shape[0] <= height
    assert 1 <= seen.shape[1] <= width
    sides = np.array([seen.shape[1], seen.shape[0]])
    assert (box[2:] - box[:2]) * sides == pytest.approx([wide, high], rel=1e-3, abs=1e-3)
    if 0 <= x <= width - wide and 0 <= y <= height - high:
        assert (box >= -1e-3).all()
        assert (box <= 1 + 1e-3).all()


def test_it_is_four_by_three_where_there_is_room():
    seen, box = around(np.zeros((2000, 2000, 3), np.uint8), face(900, 900, 100, 150))
    assert seen.shape == (450, 600, 3)
    assert box == pytest.approx([250 / 600, 150 / 450, 350 / 600, 300 / 450])


def test_the_network_gets_red_first_about_nought():
    tensor = mask_tensor(np.full((20, 30, 3), (0, 127, 255), np.uint8))
    assert tensor.shape == (1, 3, 480, 640)
    assert tensor.dtype == np.float32
    assert tensor[0, :, 100, 100].tolist() == [1.0, 0.0, -127 / 128]


@pytest.mark.parametrize(
    ("shape", "outputs"),
    [((1, 3, 240, 320), {}), ((1, 3, 480, 640), {}), ((1, 3, 480, 640), {"scores": np.zeros((1, 6, 3))})],
)
def test_another_network_is_unusable(monkeypatch, shape, outputs):
    class Fake:
        input_shape = shape

        def run(self, tensor):
            return outputs

    monkeypatch.setattr(mask, "Network", lambda _: Fake())
    with pytest.raises(ModelUnusable, match=f"not {MASKED}"):
        MaskDetector(FoundModel(MODEL, Path(MODEL.file), b""))


# --- on real pictures ----------------------------------------------------------------------------------

real = pytest.mark.needs_test_data


@pytest.fixture(scope="module")
def masks(test_data):
    return MaskDetector(registry.find(MASKED, [test_data / "models"]))


@pytest.fixture(scope="module")
def detector(test_data):
    return detect.load([test_data / "models"])


def verdicts(masks, detector, path):
    picture: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    found = sorted(detector.detect(picture), key=lambda face: face.x)
    return [masks.masked(picture, face) for face in found]


@real
def test_item_32_a_model_that_is_another_or_missing_is_named(tmp_path, test_data):
    with pytest.raises(ModelUnavailable, match=f"cardea models pull {MASKED}"):
        mask.load([tmp_path])
    (tmp_path / MODEL.file).write_bytes(b"something else")
    with pytest.raises(ModelTampered, match=f"is not the model {MASKED}"):
        mask.load([tmp_path])
    assert isinstance(mask.load([test_data / "models"]), MaskDetector)


@real
def test_masks_in_a_crowd(masks, detector, test_data):
    """The man on the left wears none; of the eleven others, no mask is taken for a bare face."""
    first, *others = verdicts(masks, detector, test_data / "face" / "masked" / "img3.jpg")
    assert first is False
    assert len(others) == 11
    assert False not in others
    assert others.count(True) >= 7
    assert verdicts(masks, detector, test_data / "face" / "masked" / "aizoo_demo2.jpg") == [True]


@real
def test_bare_faces_are_bare(masks, detector, test_data):
    said: list[bool | None] = []
    for path in sorted((test_data / "face" / "deepface").glob("img*.jpg"))[:25]:
        picture: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
        front = company.front(detector.detect(picture))
        assert front is not None
        said.append(masks.masked(picture, front))
    assert said == [False] * 25
