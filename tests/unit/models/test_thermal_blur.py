"""In a blurred picture nobody can be known: whatever the frame, nothing person-warm is finer than a block."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.api import LinearScale
from models.thermal.blur import all_blurred, blurred, may_be_person, side_px
from models.thermal.picture import ThermalPicture
from models.thermal.position_picture import blurred_picture, clear_picture
from models.thermal.radiometry import radiometer
from models.thermal.reference.reference import Reference

METER = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)
DISC = Reference(temp_c=37.0, row=20, column=130, radius_px=6.0)

pixels = st.sampled_from([15.0, 21.0, 21.4, 25.9, 26.0, 27.9, 28.0, 33.0, 36.5, 60.0])
frames = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40), elements=pixels
)


def counts(temps_c: Any) -> Any:
    return np.rint((np.asarray(temps_c) + 273.15) * 100).astype(np.uint16)


def temps_of(shown: ThermalPicture | None) -> Any:
    assert shown is not None
    grid = np.frombuffer(shown.grid, np.uint8).reshape(shown.height, shown.width)
    return shown.min_c + grid * (shown.max_c - shown.min_c) / 255


def face(at: tuple[int, int] = (40, 30), high: int = 48, shape: tuple[int, int] = (120, 160)) -> Any:
    """A face with features of their own: warm canthi, a cold nose, a cold pair of glasses, hair, a coat."""
    temps_c = np.full(shape, 21.0)
    row, column = np.mgrid[: shape[0], : shape[1]].astype(float)
    row, column = (row - at[0]) / high, (column - at[1]) / high
    head = ((row - 0.5) / 0.5) ** 2 + ((column - 0.35) / 0.36) ** 2 <= 1
    temps_c[head] = 34.0
    temps_c[head & (row < 0.2)] = 24.5  # hair
    for side in (0.2, 0.5):
        temps_c[(np.abs(row - 0.42) < 0.06) & (np.abs(column - side) < 0.08)] = 22.0  # glasses
        temps_c[(np.abs(row - 0.44) < 0.03) & (np.abs(column - 0.35) < abs(side - 0.26))] = 36.0
    temps_c[(row > 0.5) & (row < 0.65) & (np.abs(column - 0.35) < 0.06)] = 27.0  # nose
    temps_c[(row > 1.0) & (np.abs(column - 0.35) < 0.8)] = 25.0
    return temps_c


def distinct(temps_c: Any, at: tuple[int, int], high: int, wide: int) -> tuple[int, int]:
    """How many rows and columns of blocks there are in a box: changes along each way, plus one."""
    box = temps_c[at[0] : at[0] + high, at[1] : at[1] + wide]
    down = np.count_nonzero(np.any(np.diff(box, axis=0) != 0, axis=1)) + 1
    across = np.count_nonzero(np.any(np.diff(box, axis=1) != 0, axis=0)) + 1
    return int(down), int(across)


@given(frames)
def test_whatever_the_frame_no_block_with_somebody_in_it_is_finer_than_a_fourth_of_a_face(raw: Any) -> None:
    shown = blurred(raw)
    rows, columns = raw.shape
    least = max(side_px(raw), 1)
    assert 4 * least >= 0.5 * min(raw.shape)
    tall, wide = min(least, rows), min(least, columns)
    for row, column in np.argwhere(may_be_person(raw)):
        same = shown == shown[row, column]
        up, left = _run(same[:, column], row), _run(same[row], column)
        assert up >= tall
        assert left >= wide


def _run(same: Any, at: int) -> int:
    """The length of the run of true values around ``at``."""
    before = np.flatnonzero(~same[:at])
    after = np.flatnonzero(~same[at:])
    return int((at + after[0] if after.size else same.size) - (before[-1] + 1 if before.size else 0))


@given(frames)
def test_the_mean_stays_and_only_what_is_colder_than_a_person_may_stay_sharp(raw: Any) -> None:
    shown = blurred(raw)
    assert shown.shape == raw.shape
    assert shown.mean() == pytest.approx(raw.mean())
    assert shown.min() >= raw.min() - 1e-9
    assert shown.max() <= raw.max() + 1e-9


@given(frames)
def test_while_the_sensors_error_is_unknown_a_face_that_fills_the_picture_has_four_blocks(raw: Any) -> None:
    shown = all_blurred(raw)
    assert np.count_nonzero(np.any(np.diff(shown, axis=0) != 0, axis=1)) + 1 <= 4
    wide = np.count_nonzero(np.any(np.diff(shown, axis=1) != 0, axis=0)) + 1
    assert wide <= max(1, raw.shape[1] // -(-raw.shape[0] // 4))


@pytest.mark.parametrize("high", [12, 24, 48, 60, 90])
@pytest.mark.parametrize("at", [(10, 30), (17, 51), (5, 77)])
def test_a_face_of_any_size_is_at_most_five_by_four_blocks(at: tuple[int, int], high: int) -> None:
    raw = face(at, high)
    shown = blurred(raw)
    down, across = distinct(shown, at, high, round(0.7 * high))
    assert down <= 5
    assert across <= 4
    assert distinct(raw, at, high, round(0.7 * high))[0] > down


def test_a_camera_that_hangs_sideways_knows_nobody_either() -> None:
    raw = face((5, 20), 80).T.copy()
    down, across = distinct(blurred(raw), (20, 5), 56, 80)
    assert down <= 4
    assert across <= 5


def test_a_shirt_nearly_as_warm_as_its_wearer_makes_no_block_finer() -> None:
    raw = face()
    raw[raw == 25.0] = 31.0
    assert side_px(raw) >= side_px(face())


def test_hair_glasses_and_collar_go_with_the_face_and_the_room_stays_sharp() -> None:
    raw = face()
    raw[100:, 120:] = 22.2  # a cold shelf
    shown = blurred(raw)
    assert np.array_equal(shown[100:, 130:], raw[100:, 130:])
    glasses = raw == 22.0
    assert glasses.any()
    assert not np.any(shown[glasses] == 22.0)


def test_in_a_room_as_warm_as_people_everything_is_blurred() -> None:
    raw = face() + 8.0
    shown = blurred(raw)
    assert np.count_nonzero(np.any(np.diff(shown, axis=0) != 0, axis=1)) < 12


def test_what_is_not_a_number_is_taken_for_a_person() -> None:
    raw = np.full((24, 32), 20.0)
    raw[3, 3] = np.nan
    assert may_be_person(raw)[3, 3]
    assert np.count_nonzero(np.isnan(blurred(raw))) >= 9


# --- the picture ------------------------------------------------------------------------------------


def test_the_reference_is_painted_in_its_own_temperature_and_people_are_not_shown() -> None:
    raw = face()
    row, column = np.mgrid[:120, :160]
    disc = np.hypot(row - 20, column - 130) <= 6
    raw[disc] = 37.0
    shown = temps_of(blurred_picture(counts(raw - 1.5), METER, (DISC,), 1.5))
    assert shown[disc] == pytest.approx(37.0, abs=0.1)
    assert np.unique(shown[disc]).size == 1
    assert shown[100, 150] == pytest.approx(21.0, abs=0.1)
    clear = temps_of(clear_picture(counts(raw - 1.5), METER, 1.5))
    assert clear == pytest.approx(raw, abs=0.1)


def test_a_face_in_the_references_place_is_no_reference() -> None:
    raw = face((0, 110), 40)
    here = Reference(temp_c=37.0, row=20, column=124, radius_px=12.0)
    shown = temps_of(blurred_picture(counts(raw), METER, (here,), 0.0))
    assert distinct(shown, (0, 110), 40, 28)[0] <= 5


@pytest.mark.parametrize("offset_c", [None, 0.0])
def test_a_large_frame_is_blurred_alike(offset_c: float | None) -> None:
    raw = face((160, 120), 200, (480, 640))
    reference = Reference(temp_c=37.0, row=80, column=520, radius_px=24.0)
    row, column = np.mgrid[:480, :640]
    raw[np.hypot(row - 80, column - 520) <= 24] = 37.0
    shown = temps_of(blurred_picture(counts(raw), METER, (reference,), offset_c))
    assert shown.shape == (120, 160)
    assert shown[20, 130] == pytest.approx(37.0, abs=0.1)
    down, across = distinct(shown, (40, 30), 50, 35)
    assert down <= 5
    assert across <= 4


@pytest.mark.parametrize("raw", [np.zeros((0, 4), np.uint16), np.zeros(4, np.uint16)])
def test_a_frame_that_is_none_makes_no_picture(raw: Any) -> None:
    assert blurred_picture(raw, METER, (), 0.0) is None
    assert clear_picture(raw, METER, None) is None


@given(
    hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30), fill=st.integers(0, 65535)),
    st.none() | st.floats(-8, 8),
)
def test_whatever_a_camera_sends_there_is_a_picture_of_it(raw: Any, offset_c: float | None) -> None:
    assert blurred_picture(raw, METER, (DISC,), offset_c) is not None
    assert clear_picture(raw, METER, offset_c) is not None
