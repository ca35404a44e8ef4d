"""Quality gates: each one refuses by its name, at its bound."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import FaceBox
from models.face.known_answer import known_picture
from models.face.look import Poor
from models.face.quality import (
    ENROLMENT,
    MATCHING,
    Gates,
    inside,
    poor_box,
    poor_chip,
    roll_deg,
)

PICTURE = np.zeros((480, 640, 3), np.uint8)
EYES = ((130.0, 140.0), (170.0, 140.0), (150.0, 160.0), (135.0, 180.0), (165.0, 180.0))
GOOD = FaceBox(x=100, y=100, width=100, height=120, landmarks=EYES, score=0.9)


def turned(degrees):
    turn = math.radians(degrees)
    return ((0.0, 0.0), (math.cos(turn), math.sin(turn)), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))


@pytest.mark.parametrize(
    ("face", "gates", "expected"),
    [
        (GOOD, MATCHING, None),
        (replace(GOOD, width=60.0), MATCHING, None),
        (replace(GOOD, width=59.9), MATCHING, Poor.TOO_SMALL),
        (replace(GOOD, width=111.9), ENROLMENT, Poor.TOO_SMALL),
        (replace(GOOD, width=112.0), ENROLMENT, None),
        (replace(GOOD, x=-10), MATCHING, None),
        (replace(GOOD, x=-10.1), MATCHING, Poor.CUT_OFF),
        (replace(GOOD, x=550.1), MATCHING, Poor.CUT_OFF),
        (replace(GOOD, y=-12.1), MATCHING, Poor.CUT_OFF),
        (replace(GOOD, y=372.1), MATCHING, Poor.CUT_OFF),
        (replace(GOOD, x=5000), MATCHING, Poor.CUT_OFF),
        (replace(GOOD, landmarks=turned(29.9)), MATCHING, None),
        (replace(GOOD, landmarks=turned(30.1)), MATCHING, Poor.TILTED),
        (replace(GOOD, landmarks=turned(-30.1)), MATCHING, Poor.TILTED),
        (replace(GOOD, landmarks=turned(180)), MATCHING, Poor.TILTED),
        (replace(GOOD, landmarks=((math.nan, 0.0),) * 5), MATCHING, Poor.TILTED),
    ],
)
def test_a_box_is_refused_by_name(face, gates, expected):
    assert poor_box(face, PICTURE, gates) is expected


def grey(values):
    return np.repeat(np.asarray(values, np.uint8)[..., np.newaxis], 3, axis=2)


SHARP = known_picture(128)
SLOPE = np.tile(np.linspace(0, 255, 128), (128, 1))


@pytest.mark.parametrize(
    ("chip", "expected"),
    [
        (SHARP, None),
        (SHARP // 4, Poor.DARK),
        (grey(np.full((128, 128), 255)), Poor.FLAT),
        (grey(np.full((128, 128), 128)), Poor.FLAT),
        (grey(SLOPE), Poor.BLURRED),
        (cv2.GaussianBlur(SHARP, (0, 0), 2).astype(np.uint8) // 2 + grey(SLOPE) // 2, Poor.BLURRED),
    ],
)
def test_a_chip_is_refused_by_name(chip, expected):
    assert poor_chip(chip, MATCHING) is expected


@pytest.mark.parametrize("light", [1.0, 0.7, 0.45])
def test_less_light_is_no_blur_and_blur_stays_blur(light):
    """The Laplacian's variance falls with the square of the light: 118 here, 26 at the least."""
    soft, softer = (cv2.GaussianBlur(SHARP, (0, 0), sigma) for sigma in (1.2, 2.0))
    gates = replace(MATCHING, contrast_min=10.0, sharpness_min=100.0)
    assert poor_chip(cv2.convertScaleAbs(soft, alpha=light).astype(np.uint8), gates) is None
    assert poor_chip(cv2.convertScaleAbs(softer, alpha=light).astype(np.uint8), gates) is Poor.BLURRED


def test_bounds_of_a_chip_are_those_of_its_gates():
    everything = Gates(sharpness_min=0.0, brightness_min=0.0, contrast_min=0.0)
    assert poor_chip(grey(np.zeros((128, 128))), everything) is None
    assert poor_chip(SHARP, replace(everything, sharpness_min=1e6)) is Poor.BLURRED
    assert poor_chip(SHARP, replace(everything, brightness_min=256.0)) is Poor.DARK
    assert poor_chip(SHARP, replace(everything, contrast_min=128.0)) is Poor.FLAT


@given(st.floats(-179, 179))
def test_roll_is_the_slope_of_the_eyes(degrees):
    assert roll_deg(turned(degrees)) == pytest.approx(degrees, abs=1e-6)


@given(st.floats(-200, 800), st.floats(-200, 800), st.floats(1, 1000), st.floats(1, 1000))
def test_how_much_is_inside_is_a_part(x, y, width, height):
    part = inside(replace(GOOD, x=x, y=y, width=width, height=height), PICTURE)
    assert 0.0 <= part <= 1.0 + 1e-9
    if x >= 0 and y >= 0 and x + width <= 640 and y + height <= 480:
        assert part == pytest.approx(1.0)
    if x >= 640 or y >= 480 or x + width <= 0 or y + height <= 0:
        assert part == 0.0
