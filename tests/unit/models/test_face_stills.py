"""Stills: which get a second look, where faces are in them, and what a border does not get past."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import FaceBox
from models.face import stills
from models.face.look import Look, Poor
from models.face.pipeline import SIDE_PX_MAX, load
from models.face.quality import ENROLMENT, MATCHING
from models.face.stills import BORDER_PX, SMALL_SIDE_PX, look_at_still, prepared
from models.face.turned import Turn

EMBEDDING = np.array([1.0], np.float32)


def face(x, y, width, height):
    landmarks = ((x, y), (x + width, y), (x, y), (x, y), (x, y + height))
    return FaceBox(x=x, y=y, width=width, height=height, landmarks=landmarks, score=0.9)


class Pipeline:
    """Answers by the shape of what it is shown."""

    def __init__(self, looks, sure=()):
        self.looks, self.shown, self.gates = looks, [], []
        self.sure, self.turned = list(sure), []

    def look(self, picture, gates):
        self.shown.append(picture.shape[:2])
        self.gates.append(gates)
        return self.looks[picture.shape[:2]]

    def detect(self, picture):
        self.turned.append(picture.shape[:2])
        score = self.sure.pop(0) if self.sure else None
        return () if score is None else (replace(face(10, 10, 70, 90), score=score),)


def good(*box):
    front = face(*box)
    return Look(faces=(front, face(*box)), face=front, embedding=EMBEDDING, live=0.7)


def none(poor=Poor.NO_FACE):
    return Look(faces=(), face=None, poor=poor)


def picture(height, width):
    return np.full((height, width, 3), 200, np.uint8)


def look(looks, shape, gates=MATCHING) -> tuple[Look, Pipeline]:
    pipeline: Any = Pipeline(looks)
    return look_at_still(pipeline, picture(*shape), gates), pipeline


@given(st.integers(1, 300), st.integers(1, 300))
def test_only_small_pictures_are_prepared(height, width):
    before = picture(height, width)
    after = prepared(before)
    if max(height, width) > SMALL_SIDE_PX:
        assert after is before
        return
    assert after.dtype == np.uint8
    assert after.shape == (2 * height + 2 * BORDER_PX, 2 * width + 2 * BORDER_PX, 3)
    inner = after[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    assert (inner == 200).all()
    assert int(after.sum()) == int(inner.sum()), "the border is black"


def test_a_good_look_is_taken_as_it_is():
    first = good(10, 10, 70, 90)
    found, pipeline = look({(112, 92): first}, (112, 92), ENROLMENT)
    assert found is first
    assert pipeline.gates == [ENROLMENT]


@pytest.mark.parametrize("poor", [Poor.SEVERAL_FACES, Poor.DARK, Poor.FLAT, Poor.TILTED])
def test_what_another_look_would_not_change_is_left(poor):
    found, pipeline = look({(112, 92): none(poor)}, (112, 92))
    assert found.poor is poor
    assert len(pipeline.shown) == 1


@pytest.mark.parametrize("poor", [Poor.NO_FACE, Poor.TOO_SMALL, Poor.CUT_OFF, Poor.BLURRED])
def test_a_small_one_gets_a_border_and_then_twice_its_size(poor):
    looks = {(112, 92): none(poor), (232, 212): none(), (344, 304): good(80, 100, 140, 160)}
    found, pipeline = look(looks, (112, 92), ENROLMENT)
    assert pipeline.shown == list(looks)
    assert pipeline.gates == [ENROLMENT] * 3
    assert found.embedding is EMBEDDING
    assert found.face == face(10, 20, 70, 80)
    assert found.faces == (face(10, 20, 70, 80),) * 2
    assert found.live is None, "a border is no surrounding"
    assert found.too_close


def test_the_first_view_that_works_is_taken():
    looks = {(112, 92): none(), (232, 212): good(70, 80, 70, 80)}
    found, _ = look(looks, (112, 92))
    assert found.face == face(10, 20, 70, 80)


def test_a_larger_one_gets_a_border_only():
    looks = {(400, 300): none(Poor.CUT_OFF), (600, 500): good(90, 100, 310, 400)}
    found, pipeline = look(looks, (400, 300))
    assert pipeline.shown == list(looks)
    assert found.face == face(-10, 0, 310, 400)


def test_where_nothing_helps_the_first_look_stands():
    first = none(Poor.CUT_OFF)
    found, _ = look({(400, 300): first, (600, 500): none()}, (400, 300))
    assert found is first


def test_a_border_makes_no_whole_face_of_half_a_one():
    first = none(Poor.CUT_OFF)
    found, _ = look({(400, 300): first, (600, 500): good(-50, 100, 310, 400)}, (400, 300))
    assert found is first
    nameless = replace(good(90, 100, 310, 400), face=None)
    assert look({(400, 300): first, (600, 500): nameless}, (400, 300))[0] is first


# --- heads that lean ---

TURNED = (137, 125)
"""What 92 x 112 becomes, turned by 20 degrees either way."""


def leaning(first, second, sure):
    pipeline: Any = Pipeline({(112, 92): first, TURNED: second}, sure)
    return look_at_still(pipeline, picture(112, 92)), pipeline


def test_a_still_is_turned_where_the_detector_is_surer_of_it():
    first = replace(good(10, 10, 70, 90), live=0.3)
    found, pipeline = leaning(first, replace(good(28, 24, 70, 90), live=0.9), (0.95, None))
    assert len(pipeline.turned) == 2
    assert found.face is not None
    assert found.face.width == 70
    assert found.live == 0.3, "liveness is not asked of a turned picture"


@pytest.mark.parametrize("sure", [(0.91, 0.91), (None, None), (0.5, None)])
def test_a_still_is_left_where_the_detector_is_not_much_surer(sure):
    first = good(10, 10, 70, 90)
    assert leaning(first, none(), sure)[0] is first


@pytest.mark.parametrize(
    "second", [none(Poor.DARK), good(100, 100, 70, 90), replace(good(1, 1, 9, 9), face=None)]
)
def test_a_turn_that_shows_nothing_leaves_the_first_look(second):
    first = good(10, 10, 70, 90)
    assert leaning(first, second, (0.99, 0.99))[0] is first


def test_a_tilted_head_is_turned():
    first = replace(none(Poor.TILTED), face=face(10, 10, 70, 90))
    assert leaning(first, good(28, 24, 70, 90), (None, 0.99))[0].embedding is EMBEDDING


def test_a_picture_too_long_to_be_turned_is_left():
    first = good(10, 10, 70, 90)
    found, pipeline = look({(30, SIDE_PX_MAX): first}, (30, SIDE_PX_MAX))
    assert found is first
    assert pipeline.turned == []


# --- on real pictures ------------------------------------------------------------------------------------

real = pytest.mark.needs_test_data


@pytest.fixture(scope="module")
def whole(test_data):
    return load([test_data / "models"])


@real
def test_a_face_that_fills_its_picture_is_looked_at(whole, test_data):
    """Cut to its very box, at several sizes; nearer than that, the pipeline alone says that it is cut off."""
    original: Any = cv2.imread(str(test_data / "face" / "deepface" / "img1.jpg"), cv2.IMREAD_COLOR)
    expected = whole.look(original)
    box = expected.face
    cut = 0.1
    rows = slice(round(box.y + cut * box.height), round(box.y + (1 - cut) * box.height))
    columns = slice(round(box.x + cut * box.width), round(box.x + (1 - cut) * box.width))
    tight = original[rows, columns]
    rescued = 0
    for side in (96, 224, 448):
        scale = side / max(tight.shape[:2])
        still = cv2.resize(tight, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
        found = look_at_still(whole, still)
        rescued += whole.look(still).embedding is None
        assert found.embedding is not None
        assert float(found.embedding @ expected.embedding) > 0.6
    assert rescued


@real
def test_small_portraits_can_be_enrolled(whole, test_data):
    poor: list[Poor | None] = []
    for path in sorted((test_data / "face" / "att" / "s01").glob("*.pgm")):
        portrait: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert whole.look(portrait, ENROLMENT).poor is Poor.TOO_SMALL
        poor.append(look_at_still(whole, portrait, ENROLMENT).poor)
    assert poor == [None] * 10


@real
@pytest.mark.parametrize("degrees", [-20.0, 20.0])
def test_leaning_heads_are_more_like_themselves_once_they_are_turned(whole, test_data, monkeypatch, degrees):
    portraits: list[Any] = [
        cv2.imread(str(path), cv2.IMREAD_COLOR)
        for path in sorted((test_data / "face" / "att").glob("s0*/01.pgm"))
    ]

    def alike():
        looks = [[look_at_still(whole, each) for each in (one, Turn(degrees).of(one))] for one in portraits]
        scores = [
            float(upright.embedding @ leaning.embedding)
            for upright, leaning in looks
            if upright.embedding is not None and leaning.embedding is not None
        ]
        return len(scores), float(np.mean(scores))

    seen, turned = alike()
    monkeypatch.setattr(stills, "TURNS", ())
    seen_before, before = alike()
    assert seen >= seen_before
    assert turned > before
