"""Radiometry against the R package Thermimage's own matrix and figures, and its bounds under any input."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.api import Conditions, LinearScale, Planck
from models.thermal.radiometry import (
    ABSOLUTE_ZERO_C,
    BODY_BAND,
    HOTTEST_C,
    Air,
    Radiometer,
    radiometer,
    table,
    transmission,
)

TOLERANCE_C = 1e-4
ROUNDED = 6e-5
"""The expected figures are written with four decimals."""
CAMERA = Planck(r1=21106.77, r2=0.012545258, b=1501.0, f=1.0, o=-7340.0)
LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
SKIN = Conditions()
FILES = ("DJI_XT2.jpg", "FLIR.jpg", "FLIR_B60.jpg", "FLIR_E40.jpg", "IR_2412.jpg", "frame_000000_le.fff")


def camera_of(meta: dict[str, Any]) -> tuple[Planck, Conditions]:
    planck = Planck(
        r1=meta["PlanckR1"],
        r2=meta["PlanckR2"],
        b=meta["PlanckB"],
        f=meta["PlanckF"],
        o=meta["PlanckO"],
        alpha_1=meta["AtmosphericTransAlpha1"],
        alpha_2=meta["AtmosphericTransAlpha2"],
        beta_1=meta["AtmosphericTransBeta1"],
        beta_2=meta["AtmosphericTransBeta2"],
        x=meta["AtmosphericTransX"],
    )
    conditions = Conditions(
        emissivity=meta["Emissivity"],
        distance_m=meta["ObjectDistance"],
        reflected_c=meta["ReflectedApparentTemperature"],
        atmosphere_c=meta["AtmosphericTemperature"],
        humidity=meta["RelativeHumidity"],
        window_c=meta["IRWindowTemperature"],
        window_transmission=meta["IRWindowTransmission"],
    )
    return planck, conditions


@pytest.fixture(scope="module")
def expected(test_data: Path) -> dict[str, Any]:
    return json.loads((test_data / "thermal/expected.json").read_text())


def ends(meter: Radiometer, expected_file: dict[str, Any]) -> list[float]:
    raw = expected_file["raw"]
    return meter.celsius(np.array((raw["min"], raw["max"]), np.uint16)).tolist()


# --- against the oracle -----------------------------------------------------------------------------


@pytest.mark.needs_test_data
def test_the_r_matrix_gives_the_files_own_counts_back_and_these_the_matrix(
    test_data: Path, expected: dict[str, Any]
) -> None:
    """Both ways in one: the counts found from R's temperatures are bit for bit those of the file."""
    file = expected["flir"]["IR_2412.jpg"]
    meter = radiometer(*camera_of(file["meta_exiftool"]))
    path = test_data / "thermal/flir_expected/IR_2412_Thermimage_R_640x480_f32le_C.raw"
    by_r = np.fromfile(path, "<f4").reshape(480, 640).astype(np.float64)
    counts = np.rint(meter.counts(by_r)).astype("<u2")
    assert hashlib.sha256(counts.tobytes()).hexdigest() == file["raw"]["sha256_le"]
    assert np.abs(meter.celsius(counts) - by_r).max() <= TOLERANCE_C
    assert np.abs(table(meter)[counts] - by_r).max() <= TOLERANCE_C


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", FILES)
def test_every_figure_of_the_r_package_is_met(name: str, expected: dict[str, Any]) -> None:
    file = expected["flir"][name]
    planck, conditions = camera_of(file["meta_exiftool"])
    asked = Conditions(emissivity=0.98, distance_m=1.0, humidity=0.4)
    cases = {
        "thermimage_formula_C": radiometer(planck, conditions),
        "flir_single_path_C": radiometer(planck, conditions, air=Air.ONE_LEG),
        "thermimage_override_E0.98_d1_RT22_AT22_RH40": radiometer(planck, conditions, asked),
    }
    for key, meter in cases.items():
        if key in file:
            assert ends(meter, file) == pytest.approx([file[key]["min"], file[key]["max"]], abs=ROUNDED)
    assert transmission(planck, conditions) == pytest.approx(file["tau_thermimage"], abs=6e-7)
    if "tau_single" in file:
        assert transmission(planck, conditions, Air.ONE_LEG) == pytest.approx(file["tau_single"], abs=6e-7)


SENSITIVITY = {
    "emissivity .98 to .95": (Conditions(emissivity=0.95), 0.41),
    "reflected +5": (Conditions(reflected_c=27.0), -0.09),
    "atmosphere +5": (Conditions(atmosphere_c=27.0), -0.03),
    "one metre more": (Conditions(distance_m=2.0), 0.05),
}


@pytest.mark.parametrize("case", SENSITIVITY)
def test_what_an_error_in_the_conditions_costs_at_36_c_and_1_m(case: str) -> None:
    conditions, costs_c = SENSITIVITY[case]
    counts = radiometer(CAMERA, SKIN).counts(36.0)
    assert radiometer(CAMERA, conditions).celsius(counts) - 36.0 == pytest.approx(costs_c, abs=0.012)


def test_humidity_is_a_fraction() -> None:
    """Doubling it costs 0.04 °C; taken for percent it would cost a degree."""
    counts = radiometer(CAMERA, Conditions(humidity=0.4)).counts(36.0)
    doubled = radiometer(CAMERA, Conditions(humidity=0.8)).celsius(counts)
    assert doubled - 36.0 == pytest.approx(0.04, abs=0.01)
    with pytest.raises(ValueError, match="humidity from 0 to 1"):
        radiometer(CAMERA, Conditions(humidity=50.0))


def test_the_one_leg_form_reads_lower() -> None:
    counts = radiometer(CAMERA, SKIN).counts(36.0)
    one_leg = radiometer(CAMERA, SKIN, air=Air.ONE_LEG).celsius(counts)
    assert one_leg - 36.0 == pytest.approx(-0.031, abs=0.005)


# --- linear scales ----------------------------------------------------------------------------------


def test_a_linear_scale_is_left_as_it_is_unless_the_site_knows_better() -> None:
    counts = np.array([30915])
    for meter in (radiometer(LEPTON, None), radiometer(LEPTON, SKIN), radiometer(LEPTON, SKIN, SKIN)):
        assert meter.celsius(counts)[0] == pytest.approx(36.0)
        assert meter.apparent(counts)[0] == pytest.approx(36.0)
        assert meter.counts(36.0) == pytest.approx(30915.0)
    warmer = radiometer(LEPTON, None, Conditions(emissivity=0.95)).celsius(counts)[0]
    from_skin = radiometer(LEPTON, Conditions(emissivity=0.98), Conditions(emissivity=0.95)).celsius(counts)[
        0
    ]
    assert from_skin - 36.0 == pytest.approx(0.41, abs=0.05)
    assert warmer > from_skin > 36.0


def test_a_blackbody_in_surroundings_of_its_own_temperature_is_itself_under_any_conditions() -> None:
    """Kirchhoff: where everything has one temperature, emissivity and air change nothing."""
    same = Conditions(
        emissivity=0.5, distance_m=30.0, reflected_c=30.0, atmosphere_c=30.0, window_c=30.0,
        window_transmission=0.6,
    )  # fmt: skip
    for air in Air:
        counts = radiometer(CAMERA, same, air=air).counts(30.0)
        assert radiometer(CAMERA, same, air=air).apparent(counts) == pytest.approx(30.0)
        linear = radiometer(LEPTON, None, same, air)
        assert linear.celsius(np.array([30315]))[0] == pytest.approx(30.0)


# --- whatever comes ---------------------------------------------------------------------------------

fraction = st.floats(0.05, 1.0)
celsius = st.floats(-50.0, 150.0)
conditions = st.builds(
    Conditions,
    emissivity=fraction,
    distance_m=st.floats(0.0, 50.0),
    reflected_c=celsius,
    atmosphere_c=st.floats(-30.0, 60.0),
    humidity=st.floats(0.0, 1.0),
    window_c=celsius,
    window_transmission=fraction,
)
planck = st.builds(
    Planck,
    r1=st.floats(1e3, 1e6),
    r2=st.floats(1e-3, 1.0),
    b=st.floats(1000.0, 2000.0),
    f=st.floats(0.5, 2.0),
    o=st.floats(-8000.0, 8000.0),
)
linear = st.builds(LinearScale, gain_c=st.floats(1e-3, 0.1), offset_c=st.floats(-300.0, 50.0))
anything = st.floats(allow_nan=True, allow_infinity=True)
any_scale = st.one_of(
    st.builds(LinearScale, gain_c=anything, offset_c=anything),
    st.builds(
        Planck, r1=anything, r2=anything, b=anything, f=anything, o=anything, x=anything, beta_1=anything
    ),
)
any_conditions = st.builds(
    Conditions,
    emissivity=anything,
    distance_m=anything,
    reflected_c=anything,
    atmosphere_c=anything,
    humidity=anything,
    window_c=anything,
    window_transmission=anything,
)
frames = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=1, max_dims=2, max_side=8))


@given(scale=st.one_of(planck, linear), assumed=st.none() | conditions, wanted=st.none() | conditions,
       air=st.sampled_from(Air), raw=frames)  # fmt: skip
def test_temperatures_are_finite_and_rise_with_the_counts(
    scale: Any, assumed: Any, wanted: Any, air: Air, raw: Any
) -> None:
    try:
        meter = radiometer(scale, assumed, wanted, air)
    except ValueError:
        assume(False)  # beyond the formula of the air
        return
    for temps_c in (meter.celsius(raw), meter.apparent(raw)):
        assert temps_c.shape == raw.shape
        assert np.isfinite(temps_c).all()
    ordered = meter.celsius(np.sort(raw.reshape(-1)))
    assert (np.diff(ordered) >= 0).all()


@given(scale=st.one_of(planck, linear), wanted=conditions, temp_c=st.floats(0.0, 100.0))
def test_there_and_back(scale: Any, wanted: Conditions, temp_c: float) -> None:
    try:
        meter = radiometer(scale, None, wanted)
    except ValueError:
        assume(False)  # beyond the formula of the air
        return
    assert meter.celsius(meter.counts(temp_c)) == pytest.approx(temp_c, abs=1e-4)


@given(scale=any_scale, assumed=st.none() | any_conditions, wanted=st.none() | any_conditions, raw=frames)
def test_nonsense_is_refused_or_gives_finite_temperatures(
    scale: Any, assumed: Any, wanted: Any, raw: Any
) -> None:
    try:
        meter = radiometer(scale, assumed, wanted)
    except ValueError:
        return
    assert np.isfinite(meter.celsius(raw)).all()
    assert np.isfinite(meter.apparent(raw)).all()


def test_what_lies_beyond_a_calibration_is_cut_to_what_is_possible() -> None:
    odd = Planck(r1=1000.0, r2=0.1, b=1400.0, f=0.5, o=-500.0)
    low, high = radiometer(odd, Conditions(emissivity=1.0, distance_m=0.0)).celsius(np.array((0, 65535)))
    assert low == ABSOLUTE_ZERO_C
    assert high == HOTTEST_C
    assert (
        radiometer(LinearScale(gain_c=1e300, offset_c=0.0), None).celsius(np.array([65535]))[0] == HOTTEST_C
    )


WRONG = {
    "a gain of 0": (LinearScale(gain_c=0.0, offset_c=0.0), SKIN),
    "no calibration": (Planck(r1=0.0, r2=0.1, b=1400.0, f=1.0, o=0.0), SKIN),
    "no emissivity": (CAMERA, Conditions(emissivity=0.0)),
    "a distance below 0": (CAMERA, Conditions(distance_m=-1.0)),
    "below absolute zero": (CAMERA, Conditions(reflected_c=-300.0)),
    "air that lets nothing through": (CAMERA, Conditions(distance_m=1e13, humidity=0.0)),
    "air beyond all numbers": (CAMERA, Conditions(atmosphere_c=1e5)),
    "nothing reaches the sensor": (CAMERA, Conditions(emissivity=5e-324, window_transmission=5e-324)),
}


@pytest.mark.parametrize("case", WRONG)
def test_numbers_without_a_temperature_are_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        radiometer(*WRONG[case])


def test_the_table_is_made_anew_only_for_new_parameters() -> None:
    one = table(radiometer(CAMERA, SKIN))
    assert table(radiometer(CAMERA, Conditions())) is one
    other = table(radiometer(CAMERA, Conditions(emissivity=0.97)))
    assert other is not one
    assert not one.flags.writeable
    exact = radiometer(CAMERA, SKIN).celsius(np.arange(65536))
    body = (exact > 0.0) & (exact < 60.0)
    assert np.abs(one - exact)[body].max() <= 1.6e-5
    centikelvin = table(radiometer(LEPTON, None))
    assert centikelvin[30915] == pytest.approx(36.0, abs=1e-5)
    assert math.isclose(float(radiometer(BODY_BAND, SKIN).apparent(np.array([0]))[0]), ABSOLUTE_ZERO_C)
