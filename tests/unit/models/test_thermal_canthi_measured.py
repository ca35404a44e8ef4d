"""A position with a visible camera beside it: canthi are measured, and nothing else."""

from typing import Any

import numpy as np
import pytest

from cardea.contract.screening import NotScreened
from models.thermal import station
from models.thermal.reading import Reading
from models.thermal.roi import Region
from tests.unit.models.test_thermal_people import ERROR_C, FPS, Hall, scene, temp_c

FACE = (50, 60, 36, 35.0)
CORNER_C = 35.9
RIGHT, LEFT = (Region(top=44, left=left, bottom=47, right=left + 3) for left in (54, 64))


def with_corners(right_c: float = CORNER_C, left_c: float = CORNER_C - 0.3) -> Any:
    raw = scene(FACE)
    for region, corner_c in ((RIGHT, right_c), (LEFT, left_c)):
        raw[region.top : region.bottom, region.left : region.right] = round(
            (corner_c - ERROR_C + 273.15) * 100
        )
    return raw


class Beside(Hall):
    """The hall, and what the camera beside says."""

    canthi: tuple[Region, ...] | None = None

    def look(self, raw: Any, n: int = 12) -> list[Reading]:
        self.steps.clear()
        told: list[Reading] = []
        for _ in range(n):
            told += self.show(raw=raw)
        return told


@pytest.fixture(autouse=True)
def _camera_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(state, frame, position):
        return plain(state, frame, position, Beside.canthi)

    plain = station.step
    monkeypatch.setattr(station, "step", step)
    monkeypatch.setattr(Beside, "canthi", None)


def test_the_warmer_of_both_canthi_is_measured_not_what_is_warmer_elsewhere() -> None:
    hall, raw = Beside(), with_corners()
    raw[60:64, 58:64] = round((36.8 - ERROR_C + 273.15) * 100)
    (whole, *_) = [reading for reading in hall.look(raw) if reading.measurement is not None]
    assert temp_c(whole) == pytest.approx(36.8, abs=0.05)
    Beside.canthi = RIGHT, LEFT
    hall = Beside()
    found = [reading for reading in hall.look(raw) if reading.measurement is not None]
    assert {round(temp_c(reading), 1) for reading in found} == {CORNER_C}


def test_l7_without_a_face_that_can_be_used_nobody_is_measured() -> None:
    Beside.canthi = ()
    hall = Beside()
    told = hall.look(with_corners(), n=round(8 * FPS))
    assert {reading.reason for reading in told} == {NotScreened.FACE_UNSEEN}
    assert hall.condition is NotScreened.FACE_UNSEEN


def test_canthi_of_somebody_elses_face_are_not_this_persons() -> None:
    Beside.canthi = (Region(top=44, left=130, bottom=47, right=133),)
    hall = Beside()
    told = hall.look(with_corners(), n=round(8 * FPS))
    assert {reading.reason for reading in told} == {NotScreened.FACE_UNSEEN}


def test_one_canthus_is_enough() -> None:
    Beside.canthi = (LEFT,)
    found = [reading for reading in Beside().look(with_corners()) if reading.measurement is not None]
    assert {round(temp_c(reading), 1) for reading in found} == {round(CORNER_C - 0.3, 1)}


def test_regions_overlap_where_they_share_a_pixel() -> None:
    one = Region(top=0, left=0, bottom=4, right=4)
    for top, left, share in ((3, 3, True), (4, 0, False), (0, 4, False), (0, 0, True)):
        other = Region(top=top, left=left, bottom=top + 4, right=left + 4)
        assert one.overlaps(other) is share
        assert other.overlaps(one) is share
    assert np.all(one.of(np.zeros((9, 9), np.uint16)) == 0)
