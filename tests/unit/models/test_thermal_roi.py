"""The hottest pixels of a region: the right ones, robust against single hot pixels and dead sensors."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.api import CELSIUS, Conditions, LinearScale, Planck
from models.thermal.radiometry import radiometer
from models.thermal.roi import Region, hottest

METER = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)
CAMERA = radiometer(Planck(r1=21106.77, r2=0.012545258, b=1501.0, f=1.0, o=-7340.0), Conditions())
WHOLE = Region(top=0, left=0, bottom=120, right=160)


def frame(*hot: tuple[int, int, float], wall_c: float = 22.0) -> Any:
    raw = np.full((120, 160), round((wall_c + 273.15) * 100), np.uint16)
    for row, column, temp_c in hot:
        raw[row, column] = round((temp_c + 273.15) * 100)
    return raw


def test_the_mean_of_the_four_hottest_pixels_is_told() -> None:
    raw = frame((10, 10, 36.0), (10, 11, 36.2), (11, 10, 35.8), (90, 150, 35.6), (40, 40, 35.0))
    found = hottest(raw, WHOLE, METER)
    assert found is not None
    assert found.mean_c == pytest.approx(35.9)
    assert found.apparent_c == pytest.approx(35.9)
    assert found.median_c == pytest.approx(22.0)


def test_what_lies_outside_the_region_counts_nothing() -> None:
    raw = frame(*((60 + i, 80, 36.0) for i in range(4)), *((5 + i, 5, 80.0) for i in range(9)))
    found = hottest(raw, Region(top=30, left=40, bottom=110, right=120), METER)
    assert found is not None
    assert found.mean_c == pytest.approx(36.0)


def test_a_single_hot_pixel_is_not_a_fever() -> None:
    skin = tuple((60 + i, 80, 36.0) for i in range(5))
    for hot_c in (37.5, 60.0, 381.0):
        found = hottest(frame(*skin, (5, 5, hot_c)), WHOLE, METER)
        assert found is not None
        assert found.mean_c == pytest.approx(36.0)


def test_the_raw_reading_is_that_of_the_same_pixels() -> None:
    raw = np.full((20, 20), 18000, np.uint16)
    raw[5, 5:9] = 20100, 20110, 20120, 20130
    found = hottest(raw, Region(top=0, left=0, bottom=20, right=20), CAMERA)
    assert found is not None
    counts = np.array((20100, 20110, 20120, 20130))
    assert found.mean_c == pytest.approx(CAMERA.celsius(counts).mean())
    assert found.apparent_c == pytest.approx(CAMERA.apparent(counts).mean())
    assert found.apparent_c != pytest.approx(found.mean_c, abs=0.1)


@pytest.mark.parametrize("median", [0, 65535])
def test_a_dead_or_blinded_sensor_says_nothing(median: int) -> None:
    raw = np.full((120, 160), median, np.uint16)
    raw[50, 50:60] = 30915
    assert hottest(raw, WHOLE, METER) is None


def test_saturated_pixels_are_no_temperature() -> None:
    raw = frame()
    raw[10, 10:20] = 65535
    assert hottest(raw, WHOLE, METER) is None


REGIONS = {
    "too low": Region(top=0, left=0, bottom=121, right=160),
    "too wide": Region(top=0, left=0, bottom=120, right=161),
    "upside down": Region(top=20, left=0, bottom=10, right=160),
    "too small": Region(top=0, left=0, bottom=2, right=2),
    "before the frame": Region(top=-1, left=0, bottom=10, right=10),
}


@pytest.mark.parametrize("case", REGIONS)
def test_a_region_that_is_not_in_the_frame_says_nothing(case: str) -> None:
    assert hottest(frame(), REGIONS[case], METER) is None


def test_a_region_of_few_rows_is_looked_at_as_a_whole() -> None:
    raw = frame(*((10, 20 + i, 35.0 + 0.1 * i) for i in range(5)))
    found = hottest(raw, Region(top=9, left=10, bottom=12, right=60), METER)
    assert found is not None
    assert found.mean_c == pytest.approx(35.25)


edge = st.integers(-2, 12)


@given(
    raw=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=10)),
    region=st.builds(Region, top=edge, left=edge, bottom=edge, right=edge),
    meter=st.sampled_from((METER, CAMERA)),
)
def test_whatever_the_frame_there_is_a_number_or_nothing(raw: Any, region: Region, meter: Any) -> None:
    found = hottest(raw, region, meter)
    if found is not None:
        part = meter.celsius(region.of(raw))
        assert part.min() - 1e-6 <= found.mean_c <= part.max() + 1e-6
        assert np.isfinite((found.mean_c, found.apparent_c, found.median_c)).all()


@given(raw=hnp.arrays(np.uint16, (9, 9), elements=st.integers(29000, 31000)), by=st.integers(1, 3000))
def test_a_warmer_frame_is_warmer_by_as_much(raw: Any, by: int) -> None:
    region = Region(top=0, left=0, bottom=9, right=9)
    before, after = hottest(raw, region, METER), hottest(raw + np.uint16(by), region, METER)
    assert before is not None
    assert after is not None
    assert after.mean_c - before.mean_c == pytest.approx(0.01 * by, abs=1e-6)


def celsius(*hot: tuple[int, int, float], wall_c: float = 22.0) -> Any:
    raw = np.full((24, 32), wall_c, np.float32)
    for row, column, temp_c in hot:
        raw[row, column] = temp_c
    return raw


SMALL = Region(top=0, left=0, bottom=24, right=32)
DEGREES = radiometer(CELSIUS, None)


def test_a_frame_of_degrees_is_measured_like_one_of_counts() -> None:
    face = tuple((10, column, 34.5 + 0.1 * column) for column in range(8))
    found = hottest(celsius(*face, wall_c=-3.0), SMALL, DEGREES)
    assert found is not None
    assert found.mean_c == pytest.approx(35.05, abs=1e-5)
    assert found.median_c == pytest.approx(-3.0)


@pytest.mark.parametrize("pixel", [float("nan"), float("inf"), -float("inf")])
def test_a_frame_of_degrees_that_are_no_numbers_says_nothing(pixel) -> None:
    part = celsius()
    part[:13] = pixel
    assert hottest(part, SMALL, DEGREES) is None
    few = celsius(*((3, column, float("nan")) for column in range(4)))
    assert hottest(few, SMALL, DEGREES) is None


def test_other_kinds_of_frames_are_not_measured() -> None:
    assert hottest(np.zeros((24, 32), np.int16), SMALL, DEGREES) is None  # type: ignore[arg-type]  # as a driver could send
