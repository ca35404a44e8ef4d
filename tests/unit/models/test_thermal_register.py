"""From a face in a visible picture to its canthi in the thermal one, and how cameras are registered."""

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import FaceBox
from models.thermal.registration.canthi import canthi
from models.thermal.registration.eye_corners import eye_corners
from models.thermal.registration.parallax import Registration, canthus_regions
from models.thermal.registration.register import NotRegistrable, Pair, fit
from tests.unit.models.thermal_faces import Rig

RIG = Rig()
PLACES = [(x, y, z) for z in (600.0, 800.0, 1100.0, 1500.0) for x in (-120.0, 90.0) for y in (-80.0, 60.0)]


def pairs_of(rig: Rig, places: list[tuple[float, float, float]], noise_px: float = 0.0) -> list[Pair]:
    noise = np.random.default_rng(3).normal(0.0, noise_px, (len(places), 2, 2))
    found: list[Pair] = []
    for (x, y, z), moved in zip(places, noise, strict=True):
        apart = rig.visible_focal_px * 63.0 / z
        for corner, side, off in zip(rig.corners(x, y, z), (-1, 1), moved, strict=True):
            seen = rig.visible(x + side * 16.5, y, z)
            found.append(Pair(*seen, corner[0] + float(off[0]), corner[1] + float(off[1]), apart))
    return found


@pytest.fixture(scope="module")
def registration() -> Registration:
    return fit(pairs_of(RIG, PLACES)).registration


def test_the_box_lies_around_the_inner_corner_two_thirds_toward_the_nose() -> None:
    found = canthi(RIG.face(0.0, 0.0, 700.0))
    assert found is not None
    mm = 700.0 / RIG.visible_focal_px
    xs = [(x - RIG.visible_middle[0]) * mm for x, _ in found.boxes[0]]
    ys = [(y - RIG.visible_middle[1]) * mm for _, y in found.boxes[0]]
    assert (min(xs), max(xs)) == pytest.approx((-16.5 - 20 / 3, -16.5 + 40 / 3))
    assert (min(ys), max(ys)) == pytest.approx((-10.0, 10.0))
    mirrored = [(RIG.visible_middle[0] - x) * mm for x, _ in found.boxes[1]]
    assert (min(mirrored), max(mirrored)) == pytest.approx((min(xs), max(xs)))


def test_the_box_turns_with_the_head() -> None:
    upright = RIG.face(0.0, 0.0, 700.0)
    cx, cy = RIG.visible_middle
    turned = replace(upright, landmarks=tuple((cx - (y - cy), cy + (x - cx)) for x, y in upright.landmarks))
    one, other = canthi(upright), canthi(turned)
    assert one is not None
    assert other is not None
    assert [(cx - (y - cy), cy + (x - cx)) for x, y in one.boxes[0]] == [
        pytest.approx(point) for point in other.boxes[0]
    ]


def test_a_face_that_looks_aside_has_no_canthi() -> None:
    face = RIG.face(0.0, 0.0, 700.0)
    right, left, nose, *mouth = face.landmarks
    for landmarks in (
        (right, left, (nose[0] + 30.0, nose[1]), *mouth),
        (right, right, nose, *mouth),
        (right, left),
        ((math.nan, 0.0), left, nose),
    ):
        assert canthi(replace(face, landmarks=landmarks)) is None


def test_the_cameras_are_found_as_they_stand(registration: Registration) -> None:
    assert registration.scale == pytest.approx(520 / 900, rel=1e-6)
    assert registration.baseline_mm == pytest.approx(RIG.apart_mm, abs=1.0)
    assert registration.residual_px == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("place", [(0.0, 0.0, 650.0), (150.0, -100.0, 1000.0), (-90.0, 40.0, 1400.0)])
def test_a_face_elsewhere_has_its_canthi_inside_the_regions(registration, place) -> None:
    found = canthi(RIG.face(*place))
    assert found is not None
    regions = canthus_regions(found, registration, 512, 640)
    assert len(regions) == 2
    for region, (x, y) in zip(regions, RIG.corners(*place), strict=True):
        assert region.left < x < region.right
        assert region.top < y < region.bottom
        side_px = 20.0 * RIG.thermal_focal_px / place[2]
        assert region.right - region.left == pytest.approx(side_px, abs=2.5)


def test_nearer_or_farther_than_was_calibrated_nothing_is_said(registration: Registration) -> None:
    for z_mm, count in ((600.0, 2), (350.0, 0), (2300.0, 0)):
        found = canthi(RIG.face(0.0, 0.0, z_mm))
        assert found is not None
        assert len(canthus_regions(found, registration, 512, 640)) == count


def test_a_canthus_outside_the_thermal_picture_is_left_out(registration: Registration) -> None:
    found = canthi(RIG.face(0.0, 0.0, 700.0))
    assert found is not None
    x, _ = RIG.thermal(0.0, 0.0, 700.0)
    assert len(canthus_regions(found, registration, 512, round(x))) == 1
    beyond = replace(registration, x=(math.inf, 0.0, 0.0, 0.0))
    assert canthus_regions(found, beyond, 512, 640) == ()


def test_a_far_face_still_has_regions_of_nine_pixels(registration: Registration) -> None:
    small = replace(
        registration, x=tuple(v / 20 for v in registration.x), y=tuple(v / 20 for v in registration.y)
    )
    found = canthi(RIG.face(0.0, 0.0, 1500.0))
    assert found is not None
    for region in canthus_regions(found, small, 26, 32):
        assert (region.bottom - region.top, region.right - region.left) >= (3, 3)


def test_noise_and_wrong_pairs_do_little_harm() -> None:
    pairs = pairs_of(RIG, PLACES, noise_px=0.5)
    wrong = {3: 25.0, 17: -40.0}
    marked = [replace(pair, thermal_x=pair.thermal_x + wrong.get(at, 0.0)) for at, pair in enumerate(pairs)]
    found = fit(marked)
    assert set(wrong) <= set(found.outliers)
    assert len(found.outliers) <= 4
    assert found.left_out_px < 1.5
    assert found.registration.residual_px <= found.left_out_px
    x, y = found.registration.place(RIG.visible(30.0, 10.0, 900.0), 63.0)
    assert (x, y) == pytest.approx(RIG.thermal(30.0, 10.0, 900.0), abs=1.0)


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        (pairs_of(RIG, PLACES[:2]), "too few"),
        (pairs_of(RIG, [(x, y, 800.0) for x, y, _ in PLACES]), "parallax"),
        ([Pair(float(i), float(i), 1.0 * i, 2.0 * i, 50.0 + 9 * i) for i in range(8)], "one line"),
        ([replace(pair, thermal_x=math.nan) for pair in pairs_of(RIG, PLACES)], "no pixel's number"),
        ([replace(pair, visible_y=1e300) for pair in pairs_of(RIG, PLACES)], "no pixel's number"),
    ],
)
def test_pairs_that_say_too_little_are_refused_with_what_to_add(pairs, why) -> None:
    with pytest.raises(NotRegistrable, match=why):
        fit(pairs)


def test_pairs_that_contradict_each_other_are_refused() -> None:
    pairs = [pairs_of(RIG, PLACES)[at] for at in (0, 5, 8, 13, 18, 20, 27)]
    off_px = {2: 40.0, 5: -40.0}
    scattered = [
        replace(pair, thermal_x=pair.thermal_x + off_px.get(at, 0.0)) for at, pair in enumerate(pairs)
    ]
    with pytest.raises(NotRegistrable, match="contradict"):
        fit(scattered)


numbers = st.floats(allow_nan=True, allow_infinity=True)
any_pair = st.builds(Pair, numbers, numbers, numbers, numbers, numbers)


@given(st.lists(any_pair, max_size=12))
def test_whatever_is_marked_there_is_a_registration_or_a_reason(pairs: list[Pair]) -> None:
    with suppress(NotRegistrable):
        assert len(fit(pairs).outliers) <= len(pairs) - 6


@given(landmarks=st.lists(st.tuples(numbers, numbers), max_size=5))
def test_whatever_a_detector_marks_the_regions_lie_in_the_picture(registration, landmarks: Any) -> None:
    face = FaceBox(x=0.0, y=0.0, width=1.0, height=1.0, landmarks=tuple(landmarks), score=0.5)
    found = canthi(face)
    if found is not None:
        for region in canthus_regions(found, registration, 512, 640):
            assert 0 <= region.top < region.bottom <= 512
            assert 0 <= region.left < region.right <= 640


@pytest.mark.parametrize("place", [(0.0, 0.0, 650.0), (60.0, -20.0, 800.0), (-40.0, 20.0, 1000.0)])
def test_the_corners_are_found_in_the_thermal_picture_alone(place) -> None:
    found = eye_corners(RIG.picture_c(*place))
    assert found is not None
    for spot, corner in zip(found, RIG.corners(*place), strict=True):
        assert math.dist(spot, corner) <= 2.5


def test_no_face_has_no_corners() -> None:
    flat = np.full((512, 640), 23.0)
    disc = flat.copy()
    disc[np.hypot(*(np.mgrid[:512, :640] - [[[256]], [[320]]])) < 80] = 35.0
    small = RIG.picture_c(0.0, 0.0, 2500.0)
    noise = np.random.default_rng(2).normal(30.0, 3.0, (512, 640))
    blank = np.full((512, 640), np.nan)
    for picture in (flat, disc, small, noise, blank, flat[:20], flat[0]):
        assert eye_corners(picture) is None
