"""Who stands in front, and who beside them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import FaceBox
from models.face.company import front, several


def wide(*widths):
    return [FaceBox(x=100, y=100, width=width, height=120, landmarks=(), score=0.9) for width in widths]


def test_the_widest_is_in_front():
    assert front([]) is None
    faces = wide(80.0, 120.0, 60.0)
    assert front(faces) is faces[1]


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ((), False),
        ((200.0,), False),
        ((200.0, 140.0), True),
        ((200.0, 139.9), False),
        ((80.0, 59.9), False),
        ((60.0, 80.0), True),
        ((50.0, 50.0), False),
        ((30.0, 200.0, 150.0), True),
    ],
)
def test_several_are_two_nearly_as_wide(widths, expected):
    assert several(wide(*widths)) is expected


@given(st.lists(st.floats(1, 2000), max_size=8), st.floats(1, 59))
def test_small_faces_behind_change_nothing(widths, small):
    assert several(wide(*widths, small)) is several(wide(*widths))
