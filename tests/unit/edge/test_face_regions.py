"""The canthi of the face that a visible camera has just seen, in the thermal picture beside it."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from cardea.contract.time import ClockQuality, Instant
from drivers.api import FaceSeen, LinearScale, ThermalFrameCaptured
from edge.thermal.face_regions import TOGETHER_S_MAX, FaceRegions
from edge.thermal.registration_settings import Registration
from edge.thermal.settings import Region, Thermometer
from models.thermal.registration.canthi import canthi
from models.thermal.registration.register import fit
from tests.unit.models.test_thermal_register import PLACES, RIG, pairs_of

FITTED = fit(pairs_of(RIG, PLACES)).registration
REGISTRATION = Registration(
    x=FITTED.x, y=FITTED.y, interocular_px=FITTED.interocular_px, residual_px=FITTED.residual_px
)
NEAR, FAR = RIG.face(0.0, 0.0, 700.0), RIG.face(80.0, -20.0, 1400.0)


def at(seconds: float) -> Instant:
    return Instant(seconds, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)


def frame(seconds: float) -> ThermalFrameCaptured:
    raw = np.full((512, 640), 29815, np.uint16)
    return ThermalFrameCaptured(at=at(seconds), raw=raw, scale=LinearScale(gain_c=0.01, offset_c=-273.15))


def seen(seconds: float, *faces) -> FaceSeen:
    return FaceSeen(at=at(seconds), faces=faces)


@pytest.fixture
def regions() -> FaceRegions:
    door = Region(top=0, left=0, bottom=512, right=640)
    return FaceRegions(
        {
            "thermal-1": Thermometer(roi=door, camera="cam-1", registration=REGISTRATION),
            "thermal-2": Thermometer(roi=door),
        }
    )


def test_the_nearest_face_has_its_canthi_measured(regions: FaceRegions) -> None:
    regions.seen("cam-1", seen(10.0, FAR, NEAR))
    found = regions.of("thermal-1", frame(10.1))
    assert found is not None
    assert len(found) == 2
    for region, (x, y) in zip(found, RIG.corners(0.0, 0.0, 700.0), strict=True):
        assert region.left < x < region.right
        assert region.top < y < region.bottom


def test_a_face_of_another_moment_is_nobodys(regions: FaceRegions) -> None:
    regions.seen("cam-1", seen(10.0, NEAR))
    for late_s, count in ((TOGETHER_S_MAX, 2), (TOGETHER_S_MAX + 0.01, 0), (-1.0, 0)):
        assert len(regions.of("thermal-1", frame(10.0 + late_s)) or ()) == count
    regions.seen("cam-1", seen(10.2))
    assert regions.of("thermal-1", frame(10.2)) == ()


def test_only_what_is_set_up_counts(regions: FaceRegions) -> None:
    assert regions.cameras == {"cam-1"}
    assert regions.of("thermal-1", frame(10.0)) == ()
    regions.seen("cam-2", seen(10.0, NEAR))
    regions.seen("cam-1", replace(seen(10.0, NEAR), offline=True))
    assert regions.of("thermal-1", frame(10.0)) == ()
    assert regions.of("thermal-2", frame(10.0)) is None
    assert regions.of("thermal-3", frame(10.0)) is None


def test_a_face_that_looks_aside_and_an_odd_frame_give_nothing(regions: FaceRegions) -> None:
    aside = replace(NEAR, landmarks=(*NEAR.landmarks[:2], NEAR.landmarks[0], *NEAR.landmarks[3:]))
    assert canthi(aside) is None
    regions.seen("cam-1", seen(10.0, aside))
    assert regions.of("thermal-1", frame(10.0)) == ()
    regions.seen("cam-1", seen(10.0, NEAR))
    assert regions.of("thermal-1", replace(frame(10.0), raw=np.zeros(9, np.uint16))) == ()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"camera": "cam-1"}, "belong together"),
        ({"registration": REGISTRATION}, "belong together"),
        (
            {"camera": "c", "registration": {**REGISTRATION.model_dump(), "interocular_px": (9, 3)}},
            "two dist",
        ),
    ],
)
def test_half_a_set_up_is_refused(wrong, why) -> None:
    with pytest.raises(ValueError, match=why):
        Thermometer.model_validate(wrong)
