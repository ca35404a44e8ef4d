"""Faces are found by warmth and shape: upright or not, with glasses, hat, warm shirt, beside others."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.api import CELSIUS, Conditions, LinearScale, Planck
from models.thermal.people import heads as module
from models.thermal.people.bodies import UPS, Up, is_chest, is_colder, is_hand, pointing
from models.thermal.people.face_shape import faces
from models.thermal.people.heads import Head, heads
from models.thermal.people.tracks import VOTES_MIN, Tracks
from models.thermal.people.warm_regions import GROUPS_MAX, Known
from models.thermal.radiometry import radiometer
from models.thermal.reference.disc import Circle

METER = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)
DEGREES = radiometer(CELSIUS, None)
ERROR_C = 1.8
"""The sensor of these tests reads this much too low."""
SKIN_C, CLOTHES_C, WALL_C = 34.6, 30.5, 28.5
TOP: Up = (-1, 0)


def wall(rows: int = 120, columns: int = 160) -> Any:
    return np.full((rows, columns), WALL_C, np.float32)


def ellipse(temps_c: Any, row: float, column: float, high: float, wide: float, temp_c: float) -> None:
    middle = round(column), round(row)
    cv2.ellipse(temps_c, middle, (round(wide), round(high)), 0, 0, 360, temp_c, cv2.FILLED)


def person(
    temps_c: Any,
    row: float,
    column: float,
    width_px: float,
    *,
    skin_c: float = SKIN_C,
    clothes_c: float = CLOTHES_C,
) -> Any:
    """Head, neck and shoulders; the face is 1.4 times as long as wide, ``row`` and ``column`` its middle."""
    half = 0.5 * width_px
    ellipse(temps_c, row + 5.2 * half, column, 3.2 * half, 3.0 * half, clothes_c)
    neck = temps_c[
        round(row) : round(row + 2.2 * half), round(column - 0.6 * half) : round(column + 0.6 * half)
    ]
    neck[:] = skin_c - 0.6
    ellipse(temps_c, row - 0.5 * half, column, 1.3 * half, 1.15 * half, skin_c - 4.0)
    ellipse(temps_c, row, column, 1.4 * half, half, skin_c - 0.8)
    for side in (-0.35, 0.35):
        ellipse(temps_c, row - 0.2 * half, column + side * half, 2, 2, skin_c)
    return temps_c


def counts(temps_c: Any) -> Any:
    blurred = cv2.GaussianBlur(np.asarray(temps_c, np.float32), (0, 0), 0.7)
    return np.rint((blurred - ERROR_C + 273.15) * 100).astype(np.uint16)


def found(temps_c: Any, up: Up | None = TOP, besides: tuple[Circle, ...] = ()) -> tuple[Head, ...]:
    return heads(counts(temps_c), METER, ERROR_C, known=Known(besides, up))


def near(head: Head, row: float, column: float, width_px: float) -> bool:
    circle = head.circle
    apart = circle.away_px(Circle(row, column, 1.0)) <= 0.35 * width_px
    return apart and 0.8 * width_px <= 2.0 * circle.radius_px <= 1.3 * width_px


@pytest.mark.parametrize("width_px", [14, 22, 34, 44])
@pytest.mark.parametrize("up", [TOP, None])
def test_a_face_is_found_where_it_is_and_as_wide_as_it_is(width_px: int, up: Up | None) -> None:
    (head,) = found(person(wall(), 45, 70, width_px), up)
    assert near(head, 45, 70, width_px)
    assert head.whole


@pytest.mark.parametrize("turns", range(4))
def test_a_camera_may_stand_on_its_side_and_people_say_so(turns: int) -> None:
    upright = person(wall(160, 160), 60, 80, 34)
    ellipse(upright, 98, 80, 34, 4, SKIN_C - 0.5)
    turned = np.ascontiguousarray(np.rot90(upright, turns))
    head = found(turned, None)[0]
    assert head.up == UPS[turns]
    (again,) = found(turned, UPS[turns])
    assert 2.0 * again.circle.radius_px == pytest.approx(34, rel=0.25)


def buttoned_up(temps_c: Any, row: float, column: float, width_px: float, skin_c: float = SKIN_C) -> Any:
    """Somebody whose clothes begin below the neck and are as cold as any."""
    person(temps_c, row, column, width_px, skin_c=skin_c)
    half = 0.5 * width_px
    temps_c[round(row + 2.2 * half) :, round(column - 3 * half) : round(column + 3 * half)] = CLOTHES_C
    return temps_c


@pytest.mark.parametrize("turns", range(4))
def test_a_bare_neck_alone_says_where_up_is(turns: int) -> None:
    frame = np.rot90(counts(buttoned_up(wall(), 45.0, 80.0, 34.0)), turns).copy()
    (head,) = heads(frame, METER, ERROR_C, known=Known())
    assert head.up == UPS[turns]


def test_who_is_well_beside_somebody_with_a_fever_is_another_person() -> None:
    alone = counts(buttoned_up(wall(), 45.0, 45.0, 32.0))
    tracks = Tracks()
    for number in range(VOTES_MIN):
        tracks = tracks.step(heads(alone, METER, ERROR_C), number / 9.0)
    both = buttoned_up(buttoned_up(wall(), 45.0, 45.0, 32.0), 45.0, 105.0, 32.0, skin_c=38.0)
    faces_c = [
        head.warmest_c + ERROR_C for head in heads(counts(both), METER, ERROR_C, known=Known(up=tracks.up))
    ]
    assert sorted(faces_c) == pytest.approx([SKIN_C, 38.0], abs=0.3)


def test_glasses_do_not_cut_a_face_in_two() -> None:
    worn = person(wall(), 50, 70, 36)
    worn[45:54, 54:87] = np.where(worn[45:54, 54:87] > 31.0, 27.5, worn[45:54, 54:87])
    (head,) = found(worn)
    assert near(head, 50, 70, 36)


def test_a_hat_and_a_mask_leave_a_face() -> None:
    worn = person(wall(), 50, 70, 36)
    worn[20:38, 50:92] = 30.0
    worn[62:80, 58:83] = 31.0
    (head,) = found(worn)
    assert 20.0 <= 2.0 * head.circle.radius_px <= 40.0


@pytest.mark.parametrize("up", [TOP, None])
@pytest.mark.parametrize("clothes_c", [26.0, 30.5, 32.4, 33.0])
def test_a_warm_shirt_is_no_face(clothes_c: float, up: Up | None) -> None:
    (head,) = found(person(wall(), 40, 70, 30, clothes_c=clothes_c), up)
    assert near(head, 40, 70, 30)


def test_a_room_as_warm_as_clothes_is_no_face_and_hides_none() -> None:
    warm = np.maximum(person(wall(), 40, 70, 30), np.float32(32.6))
    (head,) = found(warm)
    assert near(head, 40, 70, 30)


def test_two_people_are_two() -> None:
    both = person(person(wall(), 45, 40, 30), 40, 118, 32)
    assert sorted(round(head.circle.column, -1) for head in found(both)) == [40, 120]
    assert len(found(both, None)) == 2


def test_two_whose_clothes_touch_are_two_once_up_is_known() -> None:
    both = person(person(wall(), 45, 50, 24, clothes_c=32.6), 42, 100, 24, clothes_c=32.6)
    assert len(found(both)) == 2


@pytest.mark.parametrize("turns", range(4))
def test_two_cheek_to_cheek_are_two_for_who_knows_how_large_one_was(turns: int) -> None:
    both = person(person(wall(160, 160), 60, 60, 34), 60, 92, 34)
    turned = np.ascontiguousarray(np.rot90(both, turns))
    before = {0: (60, 60), 1: (99, 60), 2: (99, 99), 3: (60, 99)}[turns]
    known = Known(up=UPS[turns], faces=(Circle(*before, 17.0),))
    first, second = heads(counts(turned), METER, ERROR_C, known=known)
    assert first.circle.away_px(second.circle) == pytest.approx(32, abs=8)
    assert (first.up, second.up) == (None, None)


def test_who_came_nearer_is_one_person_though_larger_than_before() -> None:
    frame = counts(person(wall(), 45, 70, 40))
    (head,) = heads(frame, METER, ERROR_C, known=Known(up=TOP, faces=(Circle(45.0, 70.0, 11.0),)))
    assert near(head, 45, 70, 40)


def test_a_child_before_a_grown_up_is_another_person() -> None:
    both = person(wall(160, 120), 22, 60, 20)
    person(both, 110, 60, 20, clothes_c=WALL_C)
    assert len(found(both)) == 2


def test_a_bare_chest_and_a_raised_hand_are_no_people() -> None:
    bare = person(wall(), 35, 70, 28)
    ellipse(bare, 72, 70, 9, 9, SKIN_C - 0.5)
    ellipse(bare, 78, 112, 8, 8, SKIN_C - 0.8)
    (head,) = found(bare)
    assert near(head, 35, 70, 28)


def test_a_chest_that_is_found_first_gives_way_to_the_face() -> None:
    chest, above = Circle(80.0, 70.0, 20.0), Circle(40.0, 70.0, 15.0)
    assert is_chest(chest, (above,), TOP)
    assert not is_chest(above, (chest,), TOP)
    assert not is_chest(chest, (Circle(40.0, 70.0, 5.0),), TOP)
    assert not is_chest(chest, (Circle(40.0, 140.0, 15.0),), TOP)


def test_a_colder_piece_near_a_face_is_its_body() -> None:
    face_there = (Circle(40.0, 70.0, 16.0), 34.8)
    assert is_colder(Circle(80.0, 70.0, 22.0), 33.8, [face_there])
    assert not is_colder(Circle(80.0, 70.0, 22.0), 34.2, [face_there])
    assert not is_colder(Circle(40.0, 155.0, 16.0), 33.8, [face_there])


def test_a_hand_is_smaller_than_a_face_and_below_it() -> None:
    face_there = Circle(40.0, 70.0, 16.0)
    assert is_hand(Circle(70.0, 100.0, 9.0), (face_there,), TOP)
    assert not is_hand(Circle(70.0, 100.0, 15.0), (face_there,), TOP)
    assert not is_hand(Circle(40.0, 100.0, 9.0), (face_there,), TOP)
    assert not is_hand(Circle(70.0, 159.0, 9.0), (face_there,), TOP)
    assert is_hand(Circle(40.0, 100.0, 9.0), (face_there,), None)
    assert not is_hand(Circle(40.0, 155.0, 9.0), (face_there,), None)


def test_directions_point_where_they_say() -> None:
    assert [pointing(*way) for way in ((-3, 1), (1, -3), (3, 1), (1, 3))] == list(UPS)


@pytest.mark.parametrize(("row", "column"), [(103, 70), (60, 15), (60, 145)])
def test_a_face_that_the_frame_cuts_is_not_whole(row: int, column: int) -> None:
    cut = [head for head in found(person(wall(), row, column, 34)) if head.circle.radius_px > 8]
    assert cut
    assert not any(head.whole for head in cut)


def test_a_face_that_fills_the_frame_is_found_but_never_whole() -> None:
    (head,) = found(person(wall(), 60, 80, 110))
    assert 2.0 * head.circle.radius_px > module.WIDE_MAX * 120
    assert not head.whole


def test_the_reference_and_its_housing_are_no_face() -> None:
    scene = wall()
    ellipse(scene, 90, 130, 6, 6, 37.0)
    assert found(scene, besides=(Circle(90.0, 130.0, 6.0),)) == ()
    ellipse(scene, 90, 108, 12, 12, 33.8)
    assert found(scene, besides=(Circle(90.0, 130.0, 6.0),)) == ()
    assert len(found(scene)) >= 1


def test_what_is_hotter_than_people_is_none_and_neither_is_its_edge() -> None:
    scene = wall()
    ellipse(scene, 60, 60, 20, 20, 85.0)
    assert found(scene) == ()
    (head,) = found(person(scene, 50, 120, 30))
    assert near(head, 50, 120, 30)


def test_a_hot_pipe_is_no_face() -> None:
    scene = wall()
    cv2.line(scene, (0, 118), (28, 70), 35.0, 6)
    assert found(scene) == ()


def test_a_cold_scene_has_nobody() -> None:
    assert found(wall()) == ()
    assert found(person(wall(), 50, 70, 34, skin_c=32.0)) == ()


def test_who_is_too_far_to_be_looked_for_is_not_found() -> None:
    assert found(person(wall(), 50, 70, 6)) == ()


def test_a_larger_frame_shows_the_same_face_larger() -> None:
    small = person(wall(), 50, 70, 34)
    large = cv2.resize(small, (384, 288), interpolation=cv2.INTER_LINEAR)
    (head,) = found(large)
    assert near(head, 50 * 2.4, 70 * 2.4, 34 * 2.4)


def test_frames_of_degrees_are_looked_at_as_well() -> None:
    temps_c = person(wall(), 50, 70, 34) - np.float32(ERROR_C)
    temps_c[100:110, :40] = np.nan
    (head,) = heads(temps_c, DEGREES, ERROR_C, known=Known(up=TOP))
    assert near(head, 50, 70, 34)


def test_a_crowd_is_bounded() -> None:
    crowd = wall(480, 640)
    for row in range(40, 480, 90):
        for column in range(40, 640, 80):
            person(crowd, row, column, 36)
    assert 1 <= len(found(crowd)) <= GROUPS_MAX * module.HEADS_MAX


def test_other_arrays_and_scales_show_nobody() -> None:
    frame = counts(person(wall(), 50, 70, 34))
    assert heads(frame.astype(np.int16), METER, ERROR_C) == ()
    assert heads(frame[0], METER, ERROR_C) == ()
    assert heads(frame[:4], METER, ERROR_C) == ()
    assert heads(frame, METER, float("nan")) == ()
    assert heads(frame, radiometer(LinearScale(gain_c=1e-320, offset_c=0.0), None), 0.0) == ()


def test_a_thin_piece_is_not_closed_into_a_face() -> None:
    thin = np.zeros((40, 40), np.uint8)
    thin[20, 2:38] = 1
    assert list(faces(np.ones((40, 40), np.uint16), thin, None, 1.0, (0, 0), (120, 160))) == []


any_meter = st.sampled_from(
    (
        METER,
        DEGREES,
        radiometer(Planck(r1=21106.77, r2=0.012545258, b=1501.0, f=1.0, o=-7340.0), Conditions()),
    )
)


@given(
    raw=st.one_of(
        hnp.arrays(np.uint16, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=40)),
        hnp.arrays(np.uint16, (24, 32), elements=st.integers(30400, 31100)),
        hnp.arrays(np.float32, (16, 16), elements=st.floats(width=32)),
    ),
    meter=any_meter,
    offset_c=st.floats(),
    known=st.builds(
        Known,
        discs=st.just((Circle(5.0, 5.0, 3.0),)),
        up=st.none() | st.sampled_from(UPS),
        faces=st.just(()) | st.just((Circle(12.0, 12.0, 5.0),)),
    ),
)
@settings(max_examples=200)
def test_whatever_the_frame_faces_lie_in_it(raw: Any, meter: Any, offset_c: float, known: Known) -> None:
    for head in heads(raw, meter, offset_c, known=known):
        assert 0 <= head.circle.row < raw.shape[0]
        assert 0 <= head.circle.column < raw.shape[1]
        assert 0 < head.circle.radius_px <= max(raw.shape)
