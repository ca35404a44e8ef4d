"""The reference disc where it is told to be: in synthetic frames and in eleven real clips."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.api import LinearScale
from models.thermal.radiometry import radiometer
from models.thermal.reference.disc import CONTRAST_C_MIN, SPREAD_C_MAX
from models.thermal.reference.offset import Offset
from models.thermal.reference.reference import ERROR_C_MAX, Reference, look

METER = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)
DISC = Reference(temp_c=37.0, row=93, column=132, radius_px=6.0)
CLIPS = (
    "20210325-091249", "20210326-110819", "810440", "810781", "814484", "814652", "815161", "816619",
    "816672", "816699", "816709",
)  # fmt: skip


def count(temp_c: Any) -> Any:
    return np.rint((np.asarray(temp_c) + 273.15) * 100).astype(np.uint16)


def scene(disc_c: float = 35.2, wall_c: float = 29.0, disc: Reference = DISC, slope_c: float = 0.0) -> Any:
    """A disc before a wall; ``slope_c`` is the difference from its one edge to the other."""
    row, column = np.mgrid[:120, :160]
    away = np.hypot(row - disc.row, column - disc.column)
    tilted = disc_c + slope_c * (column - disc.column) / (2 * disc.radius_px)
    return count(np.where(away <= disc.radius_px, tilted, wall_c))


# --- the disc ---------------------------------------------------------------------------------------


@pytest.mark.needs_test_data
@pytest.mark.parametrize("clip", CLIPS)
def test_the_disc_of_a_real_clip_is_seen_in_every_frame_and_reads_as_expected(
    clip: str, test_data: Path
) -> None:
    name = f"lepton35_{clip}.npz"
    expected = json.loads((test_data / "thermal/expected.json").read_text())["lepton_screening"][name]
    frames = np.load(test_data / "thermal/lepton_screening" / name)["frames"]
    disc = expected["reference_disc"]
    reference = Reference(
        temp_c=expected["reference_calibrated_C"],
        row=disc["center_rc"][0],
        column=disc["center_rc"][1],
        radius_px=disc["radius_px"],
    )
    seen = [found for frame in frames if (found := look(frame, reference, METER)) is not None]
    assert len(seen) == expected["frames"]
    assert all(found.there for found in seen)
    assert np.median([found.median_c for found in seen]) == pytest.approx(disc["raw_C_median"], abs=0.03)
    assert seen[0].median_c == pytest.approx(disc["raw_C_first"], abs=0.06)
    offset = Offset()
    for number, found in enumerate(seen):
        offset = offset.looked(found.error_c(reference), number / 9)
        assert not offset.drifting
    errors_c = [found.error_c(reference) for found in seen]
    assert np.median(errors_c) == pytest.approx(-disc["sensor_offset_C"], abs=0.03)
    assert offset.value_c == pytest.approx(float(np.mean(errors_c[-9:])), abs=0.05)
    for row, column in ((-12, 0), (0, -15)):
        elsewhere = replace(reference, row=reference.row + row, column=reference.column + column)
        found = [look(frame, elsewhere, METER) for frame in frames[::10]]
        assert not any(seen.there for seen in found if seen is not None)


def test_the_disc_is_told_with_its_spread_and_its_ring() -> None:
    seen = look(scene(35.2, 29.0), DISC, METER)
    assert seen is not None
    assert seen.there
    assert (seen.median_c, seen.spread_c, seen.ring_c) == pytest.approx((35.2, 0.0, 29.0), abs=1e-6)
    assert seen.error_c(DISC) == pytest.approx(1.8)


NOT_THE_REFERENCE = {
    "a forehead in its place": scene(35.2, 35.2 - CONTRAST_C_MIN + 0.1),
    "half hidden": scene(35.2, slope_c=4.0 * SPREAD_C_MAX),
    "switched off": scene(29.0),
    "something else": scene(37.0 + ERROR_C_MAX + 0.1),
    "colder than its ring": scene(33.0, 36.0),
}


@pytest.mark.parametrize("case", NOT_THE_REFERENCE)
def test_something_else_in_its_place_is_not_the_reference(case: str) -> None:
    seen = look(NOT_THE_REFERENCE[case], DISC, METER)
    assert seen is not None
    assert not seen.there


@pytest.mark.parametrize(
    "reference",
    [
        replace(DISC, row=120),
        replace(DISC, column=160),
        replace(DISC, radius_px=0.5),
        replace(DISC, radius_px=200.0),
    ],
)
def test_a_place_outside_the_frame_shows_nothing(reference: Reference) -> None:
    assert look(scene(), reference, METER) is None


@given(
    raw=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=12)),
    row=st.integers(0, 14),
    column=st.integers(0, 14),
    radius_px=st.floats(0.5, 20.0),
)
def test_whatever_the_frame_the_look_is_a_number_or_nothing(
    raw: Any, row: int, column: int, radius_px: float
) -> None:
    seen = look(raw, Reference(temp_c=37.0, row=row, column=column, radius_px=radius_px), METER)
    if seen is not None:
        assert all(math.isfinite(value) for value in (seen.median_c, seen.spread_c, seen.ring_c))
        assert seen.spread_c >= 0.0
