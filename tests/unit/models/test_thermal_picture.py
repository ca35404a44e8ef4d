"""A thermal frame as the console's small picture: right temperatures, never larger than a scene may be."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardea.contract.scenes import SCENE_PIXELS_MAX, MarkKind
from drivers.api import CELSIUS, LinearScale
from models.thermal.picture import SPOT, marks, picture, spot
from models.thermal.radiometry import radiometer
from models.thermal.reference.reference import Reference
from models.thermal.roi import Region

METER = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)


def counts(temps_c: Any) -> Any:
    return np.rint((np.asarray(temps_c) + 273.15) * 100).astype(np.uint16)


def test_a_small_frame_is_shown_pixel_by_pixel() -> None:
    shown = picture(counts([[20.0, 25.0, 30.0], [20.0, 20.0, 70.0]]), METER)
    assert shown is not None
    assert (shown.width, shown.height, shown.min_c, shown.max_c) == (3, 2, 20.0, 70.0)
    assert list(shown.grid) == [0, 26, 51, 0, 0, 255]


def test_a_large_frame_is_averaged_by_blocks() -> None:
    temps_c = np.full((480, 640), 20.0)
    temps_c[:4, :4] = 40.0
    temps_c[4:8, :2] = 40.0
    shown = picture(counts(temps_c), METER)
    assert shown is not None
    assert (shown.width, shown.height) == (160, 120)
    assert (shown.min_c, shown.max_c) == pytest.approx((20.0, 40.0))
    assert shown.grid[0] == 255
    assert shown.grid[160] == pytest.approx(128, abs=1)


def test_a_frame_with_what_is_not_a_number_in_it_makes_no_picture() -> None:
    raw = np.full((4, 4), 21.0, np.float32)
    raw[1, 1] = np.nan
    assert picture(raw, radiometer(CELSIUS, None)) is None


def test_a_uniform_frame_is_one_temperature() -> None:
    shown = picture(counts(np.full((10, 10), 21.0)), METER)
    assert shown is not None
    assert shown.min_c == shown.max_c == 21.0
    assert set(shown.grid) == {0}


@given(
    hnp.arrays(
        np.uint16,
        st.one_of(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=8),
                  st.tuples(st.integers(1, 400), st.integers(1, 3)),
                  st.tuples(st.integers(1, 3), st.integers(1, 700))),
        fill=st.integers(0, 65535),
    )
)  # fmt: skip
def test_whatever_the_frame_the_picture_is_one_that_the_cloud_takes(raw: Any) -> None:
    shown = picture(raw, METER)
    if raw.ndim != 2 or raw.size == 0:
        assert shown is None
        return
    assert shown is not None
    assert len(shown.grid) == shown.width * shown.height <= SCENE_PIXELS_MAX
    assert 1 <= shown.width <= 160
    assert 1 <= shown.height <= 120
    assert np.isfinite((shown.min_c, shown.max_c)).all()
    assert shown.min_c <= shown.max_c


def test_marks_lie_where_they_were_set_and_tell_what_is_there() -> None:
    row, column = np.mgrid[:120, :160]
    temps_c = np.where(np.hypot(row - 20, column - 130) <= 6, 37.0, 24.0)
    temps_c[70:72, 50:54] = 55.0
    region = Region(top=60, left=40, bottom=90, right=80)
    reference = Reference(temp_c=37.0, row=20, column=130, radius_px=6.0)
    roi, disc = marks(counts(temps_c), METER, region, (reference,))
    assert (roi.kind, roi.temp_c) == (MarkKind.ROI, 55.0)
    assert (roi.left, roi.top, roi.width, roi.height) == pytest.approx((0.25, 0.5, 0.25, 0.25))
    assert (disc.kind, disc.temp_c) == (MarkKind.REFERENCE, 37.0)
    assert (disc.left, disc.top) == pytest.approx((124 / 160, 14 / 120))
    assert (disc.width, disc.height) == pytest.approx((12 / 160, 12 / 120))


def test_marks_keep_to_the_frame_and_what_is_not_in_it_has_none() -> None:
    raw = counts(np.full((40, 40), 24.0))
    at_the_edge = Reference(temp_c=37.0, row=1, column=38, radius_px=6.0)
    (disc,) = marks(raw, METER, Region(top=0, left=0, bottom=41, right=40), (at_the_edge,))
    assert disc.top == 0.0
    assert disc.left + disc.width == pytest.approx(1.0)
    assert disc.height == pytest.approx(7 / 40)
    assert marks(raw, METER, None, ()) == ()
    assert marks(raw, METER, None, (Reference(temp_c=37.0, row=90, column=1, radius_px=3.0),)) == ()
    blinded = np.full((40, 40), 65535, np.uint16)
    (roi,) = marks(blinded, METER, Region(top=0, left=0, bottom=40, right=40), ())
    assert roi.temp_c is None


def test_what_is_found_is_corrected_by_the_sensors_error() -> None:
    raw = counts(np.full((40, 40), 24.0))
    (roi,) = marks(raw, METER, Region(top=0, left=0, bottom=40, right=40), (), 1.5)
    assert roi.temp_c == 25.5


def test_the_measured_spot_is_where_the_region_is_hottest() -> None:
    temps_c = np.full((120, 160), 24.0)
    temps_c[70, 50] = 36.0
    temps_c[10, 150] = 60.0
    mark = spot(counts(temps_c), Region(top=60, left=40, bottom=90, right=80), 36.44)
    assert mark is not None
    assert (mark.kind, mark.temp_c) == (MarkKind.SPOT, 36.44)
    assert (mark.left + mark.width / 2, mark.top + mark.height / 2) == pytest.approx((50.5 / 160, 70.5 / 120))
    assert mark.width == pytest.approx(SPOT)
    assert spot(counts(temps_c), Region(top=60, left=40, bottom=90, right=180), 36.4) is None
