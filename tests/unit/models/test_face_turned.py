"""Turned stills: what was in the picture is in it still, and faces are found back where they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import FaceBox
from models.face.turned import Turn


@given(st.integers(40, 200), st.integers(40, 200), st.sampled_from([-90.0, -20.0, 0.0, 13.0, 20.0, 180.0]))
def test_a_face_comes_back_to_where_it_was(height, width, degrees):
    """A bright spot stands for a landmark."""
    picture = np.zeros((height, width, 3), np.uint8)
    x, y = width // 3, height // 4
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    turn = Turn(degrees)
    turned = turn.of(picture)
    assert turned.dtype == np.uint8
    rows, columns = np.nonzero(turned[..., 0] > 100)
    spot = (float(columns.mean()), float(rows.mean()))
    face = FaceBox(x=spot[0] - 5, y=spot[1] - 5, width=10, height=10, landmarks=(spot,) * 5, score=0.9)
    back = turn.back(face, picture)
    assert back.landmarks[0] == pytest.approx((x, y), abs=1.5)
    assert (back.x + 5, back.y + 5) == pytest.approx((x, y), abs=1.5)
    assert (back.width, back.height, back.score) == (10, 10, 0.9)


def test_the_whole_picture_stays_visible():
    assert Turn(90.0).of(np.zeros((40, 100, 3), np.uint8)).shape == (100, 40, 3)
    assert Turn(20.0).of(np.zeros((112, 92, 3), np.uint8)).shape == (137, 125, 3)
