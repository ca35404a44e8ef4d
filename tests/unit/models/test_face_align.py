"""Alignment: the similarity that is nearest, whatever a face has been through."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.face.align import SIDE_PX, TEMPLATE, aligned, similarity
from models.face.known_answer import known_picture

TARGET = [(x * SIDE_PX, y * SIDE_PX) for x, y in TEMPLATE]
turns = st.builds(cmath.rect, st.floats(0.05, 20), st.floats(-math.pi, math.pi))
shifts = st.builds(complex, st.floats(-2000, 2000), st.floats(-2000, 2000))
points = st.tuples(st.floats(-500, 500), st.floats(-500, 500))


def moved(points, turn, shift):
    return [((moved := complex(*point) * turn + shift).real, moved.imag) for point in points]


def applied(transform, points):
    return np.array(points) @ transform[:, :2].T + transform[:, 2]


def error(transform, points):
    return float(((applied(transform, points) - TARGET) ** 2).sum())


@given(turns, shifts)
def test_it_undoes_any_similarity(turn, shift):
    transform = similarity(moved(TARGET, turn, shift))
    assert transform is not None
    assert np.allclose(applied(transform, moved(TARGET, turn, shift)), TARGET, atol=1e-6)


@given(st.lists(points, min_size=5, max_size=5), turns, shifts, st.floats(0.001, 0.1))
def test_no_other_similarity_is_nearer_and_none_mirrors(landmarks, turn, shift, step):
    transform = similarity(landmarks)
    assume(transform is not None)
    assert transform is not None
    assert np.linalg.det(transform[:, :2]) > 0
    least = error(transform, landmarks)
    a, b = complex(transform[0, 0], transform[1, 0]), complex(transform[0, 2], transform[1, 2])
    a, b = a + step * turn, b + step * shift
    other = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    assert error(other, landmarks) >= least * (1 - 1e-9)


@pytest.mark.parametrize(
    "landmarks",
    [
        [(10.0, 10.0)] * 5,
        [(math.nan, 0.0), *TARGET[1:]],
        [(math.inf, 0.0), *TARGET[1:]],
        TARGET[:4],
        [],
        [(x * 1e6, y * 1e6) for x, y in TARGET],
        [(x * 1e-4, y * 1e-4) for x, y in TARGET],
    ],
)
def test_what_is_no_face_has_none(landmarks):
    assert similarity(landmarks) is None
    assert aligned(known_picture(64), landmarks) is None


def test_a_face_where_the_template_has_it_is_taken_as_it_is():
    picture = known_picture(SIDE_PX)
    chip = aligned(picture, TARGET)
    assert chip is not None
    assert (chip == picture).all()


def test_what_lies_outside_the_picture_is_black():
    chip = aligned(np.full((SIDE_PX, SIDE_PX, 3), 200, np.uint8), [(x - 64, y) for x, y in TARGET])
    assert chip is not None
    assert chip.shape == (SIDE_PX, SIDE_PX, 3)
    assert (chip[:, :63] == 0).all()
    assert (chip[:, 65:] == 200).all()
