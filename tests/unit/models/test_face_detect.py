"""YuNet: what its outputs mean, that it is the right network, and how it does on real pictures."""

import csv
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import registry
from models.face import detect, onnx
from models.face.detect import FaceDetector, faces, fitted
from models.face.onnx import Network
from models.registry import FoundModel, ModelUnavailable, ModelUnusable

STRIDES = (8, 16, 32)
WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


YUNET = registry.manifest()["yunet_s_dynamic"]


def found(content=b""):
    return FoundModel(YUNET, Path(YUNET.file), content)


# --- what the outputs mean -------------------------------------------------------------------------


def silent(side=64):
    """Outputs of a network that sees nothing on a square canvas."""
    return {
        f"{head}_{stride}": np.zeros((1, (side // stride) ** 2, width), np.float32)
        for stride in STRIDES
        for head, width in WIDTHS.items()
    }


def with_face(outputs, stride, column, row, *, side=64, score=1.0, bbox=(0, 0, 0, 0), kps=None):
    cell = row * (side // stride) + column
    outputs[f"cls_{stride}"][0, cell] = outputs[f"obj_{stride}"][0, cell] = score
    outputs[f"bbox_{stride}"][0, cell] = bbox
    if kps is not None:
        outputs[f"kps_{stride}"][0, cell] = kps
    return outputs


def test_nothing_seen_is_no_face():
    assert faces(silent(), 64, 1.0) == ()


@pytest.mark.parametrize("stride", STRIDES)
def test_a_cell_becomes_a_box_with_landmarks(stride):
    outputs = with_face(
        silent(),
        stride,
        1,
        0,
        score=0.81,
        bbox=(0.5, 0.25, math.log(2), math.log(3)),
        kps=(0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1),
    )
    (face,) = faces(outputs, 64, 0.5)
    assert face.score == pytest.approx(0.81)
    assert (face.width, face.height) == pytest.approx((2 * stride * 2, 3 * stride * 2))
    centre = (face.x + face.width / 2, face.y + face.height / 2)
    assert centre == pytest.approx((1.5 * stride * 2, 0.25 * stride * 2))
    cells = ((1, 0), (2, 0), (1.5, 0.5), (1, 1), (2, 1))
    expected = [(x * stride * 2, y * stride * 2) for x, y in cells]
    assert [pytest.approx(each) for each in expected] == list(face.landmarks)


def test_a_score_is_the_root_of_class_times_objectness():
    outputs = with_face(silent(), 8, 0, 0)
    outputs["cls_8"][0, 0], outputs["obj_8"][0, 0] = 0.9, 0.401
    (face,) = faces(outputs, 64, 1.0)
    assert face.score == pytest.approx(0.6, abs=1e-3)
    outputs["obj_8"][0, 0] = 0.39
    assert faces(outputs, 64, 1.0) == ()


def test_of_two_that_cover_each_other_the_surer_stays():
    size = (math.log(2), math.log(2))
    outputs = with_face(silent(), 16, 1, 1, score=0.7, bbox=(0, 0, *size))
    with_face(outputs, 16, 2, 1, score=0.9, bbox=(-0.5, 0, *size))
    (face,) = faces(outputs, 64, 1.0)
    assert face.score == pytest.approx(0.9)
    with_face(outputs, 16, 2, 1, score=0.9, bbox=(1.5, 0, *size))
    assert [round(face.score, 2) for face in faces(outputs, 64, 1.0)] == [0.9, 0.7], "the surest first"


def test_numbers_that_are_none_are_no_faces():
    outputs = with_face(silent(), 8, 0, 0, bbox=(math.nan, 0, 0, 0))
    with_face(outputs, 8, 3, 3, bbox=(0, 0, 1e30, math.inf))
    with_face(outputs, 8, 5, 5, score=math.nan)
    with_face(outputs, 8, 6, 6, bbox=(math.inf, 0, 0, 0))
    with_face(outputs, 8, 1, 6, bbox=(0, 0, -200, 0))
    (face,) = faces(outputs, 64, 1.0)
    assert math.isfinite(face.width)
    assert face.width < 8 * math.exp(7)


def test_a_crowd_is_bounded():
    outputs = silent(640)
    outputs["cls_8"][:] = outputs["obj_8"][:] = 1.0
    outputs["bbox_8"][..., 2:] = -3.0
    assert len(faces(outputs, 640, 1.0)) == detect.FACES_MAX


@given(
    st.lists(st.tuples(*[st.floats(0, 60, width=32)] * 2, *[st.floats(0.5, 40, width=32)] * 2), max_size=30)
)
def test_no_two_kept_boxes_cover_each_other_and_every_other_is_covered(boxes):
    found = np.array(boxes, np.float32).reshape(-1, 4)
    kept = detect._apart(found)
    for index, box in enumerate(found):
        covered = [other for other in kept if other < index and overlap(found[other], box) > 0.3]
        assert bool(covered) is (index not in kept)


def overlap(one: Any, other: Any) -> float:
    sides = [min(one[i] + one[i + 2], other[i] + other[i + 2]) - max(one[i], other[i]) for i in (0, 1)]
    shared = max(0.0, sides[0]) * max(0.0, sides[1])
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


# --- how a picture is fitted -------------------------------------------------------------------------


@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([None, 640]))
def test_a_picture_is_shrunk_and_padded_and_never_grows(height, width, side):
    picture = np.full((height, width, 3), 200, np.uint8)
    canvas, scale = fitted(picture, side)
    assert canvas.dtype == np.uint8
    assert 0 < scale <= 1
    if side is None:
        assert canvas.shape[0] % 32 == canvas.shape[1] % 32 == 0
        assert max(canvas.shape) <= 320
        assert canvas.shape[0] - round(height * scale) < 32
    else:
        assert canvas.shape == (640, 640, 3)
    filled = np.argwhere(canvas[..., 0] > 0).max(axis=0) + 1
    assert tuple(filled) == (max(1, round(height * scale)), max(1, round(width * scale)))
    if scale == 1.0:
        assert (canvas[:height, :width] == picture).all()


# --- the network -----------------------------------------------------------------------------------


def test_what_is_no_network_is_unusable():
    for content in (b"", b"no network", bytes(1000), b"no PRelu either"):
        with pytest.raises(ModelUnusable, match="cannot load yunet_s_dynamic"):
            FaceDetector(found(content))


def test_a_network_of_two_inputs_is_another(monkeypatch):
    class Session:
        def __init__(self, *_, **__): ...

        def get_inputs(self):
            return [SimpleNamespace(name="a", shape=[1]), SimpleNamespace(name="b", shape=[1])]

    monkeypatch.setattr(onnx._RUNTIME, "InferenceSession", Session)
    with pytest.raises(ModelUnusable, match="2 inputs"):
        Network(found())


def test_without_a_model_there_is_no_detector(tmp_path):
    with pytest.raises(ModelUnavailable, match="cardea models pull yunet_s_dynamic"):
        detect.load([tmp_path])


class Fake:
    """A network with the shapes of another one."""

    def __init__(self, shape, outputs):
        self.input_shape, self._outputs = shape, outputs

    def run(self, tensor):
        return self._outputs


@pytest.mark.parametrize(
    ("shape", "outputs"),
    [
        ((1, 3, 480, 640), {}),
        ((1, 1, None, None), {}),
        ((1, 3), {}),
        ((1, 3, 112, 112), {}),
        ((1, 3, None, None), {"scores": np.zeros(3, np.float32)}),
    ],
)
def test_another_network_is_unusable(monkeypatch, shape, outputs):
    monkeypatch.setattr(detect, "Network", lambda _: Fake(shape, outputs))
    with pytest.raises(ModelUnusable, match="not yunet_s_dynamic"):
        FaceDetector(found())


@pytest.mark.parametrize("wrong", [0.02, math.nan])
def test_a_network_that_computes_something_else_is_unusable(monkeypatch, wrong):
    outputs = {name: np.full(4, mean, np.float32) for name, mean in YUNET.known_answer.means.items()}
    monkeypatch.setattr(detect, "Network", lambda _: Fake((1, 3, None, None), outputs))
    FaceDetector(found())
    outputs["obj_32"] += wrong
    with pytest.raises(ModelUnusable, match=r"self-test on this machine \(output obj_32\)"):
        FaceDetector(found())


# --- on real pictures --------------------------------------------------------------------------------

real = pytest.mark.needs_test_data


@pytest.fixture(scope="module")
def models(test_data):
    return test_data / "models"


@pytest.fixture(scope="module")
def detector(models):
    return detect.load([models])


@pytest.fixture(scope="module")
def fixed(models):
    return FaceDetector(registry.find("yunet_2023mar", [models]))


@real
def test_item_32_the_bytes_that_are_loaded_are_those_that_were_checked(models, tmp_path):
    content = bytearray((models / "yunet_s_dynamic.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "yunet_s_dynamic.onnx").write_bytes(content)
    with pytest.raises(registry.ModelTampered):
        detect.load([tmp_path, models])


@real
def test_changed_weights_fail_the_known_answer(models):
    """Also where a checksum did not tell, the network would: a tenth of the weights' bytes are shifted."""
    content = bytearray((models / "yunet_s_dynamic.onnx").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = content[middle + 4 : middle + 20_004]
    with pytest.raises(ModelUnusable):
        FaceDetector(found(bytes(content)))


@real
def test_the_other_models_are_not_taken_for_a_detector(models):
    for name in (
        "MiniFASNetV2.onnx",
        "RFB-640-masked_face-v2.onnx",
        "face-reidentification-retail-0095.onnx",
    ):
        with pytest.raises(ModelUnusable, match="not yunet_s_dynamic"):
            FaceDetector(found((models / name).read_bytes()))


@real
def test_a_network_refuses_a_tensor_of_another_shape(models):
    network = Network(registry.find("yunet_s_dynamic", [models]))
    with pytest.raises(ModelUnusable, match="cannot run"):
        network.run(np.zeros((1, 4, 64, 64), np.float32))


def pictures_of(test_data, part):
    with (test_data / "face" / "labels.csv").open() as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["path"].startswith(part)]
    for path in paths:
        picture = cv2.imread(str(test_data / "face" / path), cv2.IMREAD_COLOR)
        assert picture is not None
        yield path, picture


def portrait(picture):
    """As FACE.md takes the small ones of AT&T: twice the size, with a margin."""
    twice = cv2.resize(picture, None, fx=2, fy=2)
    return cv2.copyMakeBorder(twice, 60, 60, 60, 60, cv2.BORDER_CONSTANT)


@real
def test_one_face_in_pictures_of_one_person(detector, test_data):
    """In press pictures there may be somebody behind; the face of the person is the largest by far."""
    counts, largest = [], []
    for _, picture in pictures_of(test_data, "deepface"):
        found = detector.detect(picture)
        widths = sorted((face.width for face in found), reverse=True)
        largest.append(bool(widths))
        counts.append(len(widths) == 1)
    assert all(largest)
    counts += [len(detector.detect(portrait(each))) == 1 for _, each in pictures_of(test_data, "att")]
    assert len(counts) == 261
    assert sum(counts) / len(counts) >= 0.95


@real
def test_landmarks_lie_in_the_face_and_the_right_eye_is_on_the_left(detector, test_data):
    for path, picture in list(pictures_of(test_data, "deepface"))[:12]:
        face = max(detector.detect(picture), key=lambda face: face.width)
        right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
        assert right_eye[0] < left_eye[0], path
        assert right_mouth[0] < left_mouth[0], path
        assert right_eye[1] < right_mouth[1], path
        for x, y in (right_eye, left_eye, nose, right_mouth, left_mouth):
            assert face.x - 0.1 * face.width <= x <= face.x + 1.1 * face.width, path
            assert face.y <= y <= face.y + face.height, path


@real
def test_as_opencvs_own_detector(detector, models, test_data):
    """FaceDetectorYN on the very canvas: the same faces at the same places."""
    oracle = cv2.FaceDetectorYN.create(
        str(models / "face_detection_yunet_2023mar.onnx"), "", (320, 320), 0.6, 0.3, 5000
    )
    ours = theirs = met = 0
    for path in sorted((test_data / "face" / "crowd").glob("*.jpg")):
        picture: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
        canvas, scale = fitted(picture, None)
        oracle.setInputSize((canvas.shape[1], canvas.shape[0]))
        _, rows = oracle.detect(canvas)
        expected = [row[:4] / scale for row in rows][: detect.FACES_MAX]
        found = [(f.x, f.y, f.width, f.height) for f in detector.detect(picture)]
        assert found
        ours, theirs = ours + len(found), theirs + len(expected)
        met += sum(any(overlap(one, other) > 0.9 for other in expected) for one in found)
    assert ours == pytest.approx(theirs, rel=0.02)
    assert met / ours >= 0.98


@real
def test_crowds_are_crowds(detector, test_data):
    picture = cv2.imread(str(test_data / "face" / "deepface" / "selfie-many-people.jpg"), cv2.IMREAD_COLOR)
    assert picture is not None
    assert 5 <= len(detector.detect(picture)) <= 8
    couple = cv2.imread(str(test_data / "face" / "deepface" / "couple.jpg"), cv2.IMREAD_COLOR)
    assert couple is not None
    assert len(detector.detect(couple)) == 2


@real
def test_the_fixed_model_finds_the_same_people(detector, fixed, test_data, tmp_path, models):
    for path, picture in list(pictures_of(test_data, "deepface"))[:6]:
        small = max(detector.detect(picture), key=lambda face: face.width)
        large = max(fixed.detect(picture), key=lambda face: face.width)
        boxes = [(face.x, face.y, face.width, face.height) for face in (small, large)]
        assert overlap(*boxes) > 0.7, path
    name = registry.manifest()["yunet_2023mar"].file
    (tmp_path / name).symlink_to(models / name)
    assert detect.load([tmp_path])._side_px == 640


@real
def test_a_blank_picture_has_no_face(detector):
    for shape in ((1, 1, 3), (1, 4000, 3), (480, 640, 3)):
        assert detector.detect(np.zeros(shape, np.uint8)) == ()
