"""Clauses, the figures behind them, and what a clip of a position shows."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import LinearScale
from drivers.thermal.lepton.recording import read_clip
from models.thermal.condition.clauses import CLAUSES, YES, Figure
from models.thermal.condition.clip_facts import ClipFacts, Footage, look_at
from models.thermal.condition.selftest import Figures, Known, Origin, Verdict, selftest
from models.thermal.geometry import face_px, longer_first, sensor_of, spot_mm, spot_through_lens_mm
from models.thermal.radiometry import radiometer
from models.thermal.reference.reference import Reference

TLINEAR = LinearScale(gain_c=0.01, offset_c=-273.15)
PLACE = Reference(temp_c=37.0, row=20, column=130, radius_px=6.0)


def meeting() -> dict[Figure, Known]:
    """Figures that meet every clause."""
    return {
        clause.figure: Known(
            tuple(bound.low if math.isfinite(bound.low) else bound.high for bound in clause.bounds),
            Origin.DECLARED,
        )
        for clause in CLAUSES
    }


def test_every_figure_has_one_clause_with_a_source() -> None:
    assert sorted(clause.figure for clause in CLAUSES) == sorted(Figure)
    assert all(clause.source and clause.text for clause in CLAUSES)


def test_a_position_that_meets_every_limit_exactly_is_compliant() -> None:
    report = selftest(meeting())
    assert report.verdict is Verdict.COMPLIANT
    assert report.failing == ()


@pytest.mark.parametrize("figure", Figure)
def test_one_missing_figure_is_enough(figure: Figure) -> None:
    figures = meeting()
    del figures[figure]
    report = selftest(figures)
    assert report.verdict is Verdict.NON_COMPLIANT
    assert [(one.clause.figure, one.verdict) for one in report.failing] == [(figure, Verdict.UNKNOWN)]


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.figure.value)
@pytest.mark.parametrize("wrong", [-1.0, 1.0])
def test_one_figure_beyond_its_limit_is_enough(clause: Any, wrong: float) -> None:
    figures = meeting()
    for at, bound in enumerate(clause.bounds):
        end = bound.low if wrong < 0 else bound.high
        if not math.isfinite(end):
            continue
        values = list(figures[clause.figure].values)
        values[at] = end + wrong * 0.001
        report = selftest(figures | {clause.figure: Known(tuple(values), Origin.DECLARED)})
        assert [one.clause for one in report.failing] == [clause]
        assert report.failing[0].verdict is Verdict.NON_COMPLIANT


@pytest.mark.parametrize("values", [(math.nan,), (), (0.0, 0.0, 0.0)])
def test_what_is_no_figure_meets_nothing(values: tuple[float, ...]) -> None:
    report = selftest({figure: Known(values, Origin.DECLARED) for figure in Figure})
    assert {one.verdict for one in report.findings} == {Verdict.NON_COMPLIANT}


def test_what_was_measured_overrules_and_says_so() -> None:
    measured: Figures = {Figure.WARM_UP: Known((12.0,), Origin.MEASURED)}
    (failing,) = selftest(meeting(), measured).failing
    assert failing.known == Known((12.0,), Origin.MEASURED)
    assert failing.overruled == Known((30.0,), Origin.DECLARED)
    same = selftest(meeting(), {Figure.WARM_UP: Known((30.0,), Origin.MEASURED)}).findings
    (found,) = [one for one in same if one.clause.figure is Figure.WARM_UP]
    assert (found.known, found.overruled) == (Known((30.0,), Origin.MEASURED), None)


@given(st.dictionaries(st.sampled_from(Figure), st.lists(st.floats(), max_size=3)))
def test_compliant_is_only_what_meets_all(said: dict[Figure, list[float]]) -> None:
    figures = {figure: Known(tuple(values), Origin.DECLARED) for figure, values in said.items()}
    report = selftest(figures)
    met = all(
        clause.figure in figures
        and len(said[clause.figure]) == len(clause.bounds)
        and all(
            b.low - 1e-9 <= v <= b.high + 1e-9
            for b, v in zip(clause.bounds, said[clause.figure], strict=True)
        )
        for clause in CLAUSES
    )
    assert (report.verdict is Verdict.COMPLIANT) == met


# --- geometry ---------------------------------------------------------------------------------------


def test_a_lepton_at_an_arms_length_sees_nearly_five_millimetres_with_a_pixel() -> None:
    sensor = sensor_of("", "thermal.lepton")
    assert sensor is not None
    assert sensor.fov_horizontal_deg is not None
    assert spot_mm(0.7, sensor.fov_horizontal_deg, sensor.columns_px) == pytest.approx(4.75, abs=0.01)


def test_names_of_sensors() -> None:
    assert sensor_of("FLIR LEPTON 3.5") == sensor_of("", "thermal.lepton")
    assert sensor_of("A655sc", "thermal.flir_file") is None
    assert sensor_of("Melexis MLX90640BAA") is not None


def test_a_lens_says_the_same_as_its_angle() -> None:
    angle_deg = 2 * math.degrees(math.atan(640 * 0.012 / 2 / 13))
    assert spot_through_lens_mm(0.7, 13, 12) == pytest.approx(spot_mm(0.7, angle_deg, 640))


def test_a_face_has_no_more_pixels_than_the_sensor() -> None:
    assert longer_first(240, 320) == (320.0, 240.0)
    assert face_px(1.0, 640, 480) == (240.0, 180.0)
    assert face_px(0.1, 160, 120) == (160.0, 120.0)
    assert face_px(0.5, 480, 640) == (480.0, 360.0)


# --- clips ------------------------------------------------------------------------------------------


def clip(
    n: int = 40, *, noise_c: float = 0.03, face: bool = True, disc_c: float = 35.2, wobble_c: float = 0.0
) -> Any:
    """A face of 24 x 18 pixels, a disc that reads 1.8 °C low, a room."""
    dice = np.random.default_rng(11)
    row, column = np.mgrid[:120, :160]
    temps_c = np.full((n, 120, 160), 22.0) + dice.normal(0.0, noise_c, (n, 120, 160))
    temps_c[:, np.hypot(row - 20, column - 130) <= 6.0] += disc_c - 22.0
    temps_c[::2, np.hypot(row - 20, column - 130) <= 6.0] += wobble_c
    if face:
        temps_c[:, 60:84, 40:58] += 12.0
    temps_c += np.linspace(0.0, 1.0, n)[:, None, None]  # the sensor drifts
    return np.rint((temps_c + 273.15) * 100).astype(np.uint16)


def footage(frames: Any, uptime_s: float = 3600.0, corrected: tuple[int, ...] = ()) -> Footage:
    at = np.zeros(len(frames), np.bool_)
    at[list(corrected)] = True
    return Footage(frames=frames, uptime_s=uptime_s, corrected=at)


def shown(frames: Any, place: Reference | None = PLACE) -> ClipFacts:
    return look_at(footage(frames), radiometer(TLINEAR, None), place)


def test_a_clip_shows_noise_steadiness_and_the_face() -> None:
    found = shown(clip())
    assert (found.frames, found.columns_px, found.rows_px, found.uptime_s) == (40, 160, 120, 3600.0)
    assert found.noise_c == pytest.approx(0.03, abs=0.004)
    assert found.face_px == (18, 24)
    assert found.reference_stability_c is not None
    assert found.reference_stability_c < 0.03


def test_a_correction_within_a_clip_is_no_noise() -> None:
    frames = clip()
    frames[20:] += 130
    jumped = look_at(footage(frames, corrected=(20,)), radiometer(TLINEAR, None), None)
    assert jumped.noise_c == pytest.approx(0.03, abs=0.004)


def test_somebody_who_walks_through_is_no_noise() -> None:
    frames = clip()
    for n, frame in enumerate(frames):
        frame[30:110, 2 * n : 2 * n + 40] += 1100
    assert shown(frames).noise_c == pytest.approx(0.03, abs=0.006)


def test_an_unsteady_reference_is_seen_against_its_surroundings() -> None:
    found = shown(clip(wobble_c=0.3))
    assert found.reference_stability_c == pytest.approx(2 * 1.4826 * 0.15, abs=0.05)


@pytest.mark.parametrize("place", [None, Reference(temp_c=37.0, row=60, column=20, radius_px=6.0)])
def test_without_a_reference_nothing_is_known_to_be_as_warm_as_skin(place: Reference | None) -> None:
    found = shown(clip(), place)
    assert (found.reference_stability_c, found.face_px) == (None, None)


def test_nobody_has_no_face() -> None:
    assert shown(clip(face=False)).face_px is None


def test_a_frame_or_two_show_little() -> None:
    found = shown(clip(3))
    assert (found.noise_c, found.reference_stability_c, found.face_px) == (None, None, (18, 24))


def facts(**changed: Any) -> ClipFacts:
    known: dict[str, Any] = {
        "frames": 90, "columns_px": 160, "rows_px": 120, "uptime_s": 720.0, "noise_c": 0.05,
        "reference_stability_c": 0.04, "face_px": (30, 40),
    }  # fmt: skip
    return ClipFacts(**(known | changed))


def said(mrtd_c: float) -> Figures:
    return {Figure.MRTD: Known((mrtd_c,), Origin.DECLARED)}


def test_what_was_measured_becomes_figures() -> None:
    found = {figure: known.values for figure, known in facts().figures(said(0.08), 0.03).items()}
    assert found == {
        Figure.SENSOR: (160.0, 120.0),
        Figure.WARM_UP: (12.0,),
        Figure.FACE: (40.0, 30.0),
        Figure.REFERENCE: (pytest.approx(0.07),),
    }
    assert Figure.FACE not in facts(face_px=None).figures({}, None)


@pytest.mark.parametrize(
    ("noise_c", "declared", "mrtd"),
    [
        (0.05, said(0.04), (0.05,)),
        (0.05, said(0.06), None),
        (0.05, {}, None),
        (0.15, {}, (0.15,)),
        (None, said(0.04), None),
    ],
)
def test_nothing_finer_than_the_noise_is_resolved(
    noise_c: float | None, declared: Figures, mrtd: tuple[float, ...] | None
) -> None:
    found = facts(noise_c=noise_c).figures(declared, None).get(Figure.MRTD)
    assert (found.values if found else None) == mrtd


@pytest.mark.parametrize(
    ("stability_c", "drift_c", "figure"),
    [(0.04, None, None), (0.04, 0.05, 0.09), (0.2, None, 0.2), (None, 0.05, None)],
)
def test_a_clip_is_too_short_for_the_drift(
    stability_c: float | None, drift_c: float | None, figure: float | None
) -> None:
    found = facts(reference_stability_c=stability_c).figures({}, drift_c).get(Figure.REFERENCE)
    assert (found.values[0] if found else None) == (figure if figure is None else pytest.approx(figure))


@pytest.mark.needs_test_data
def test_real_clips(test_data: Path) -> None:
    folder = test_data / "thermal"
    expected = json.loads((folder / "expected.json").read_text())["lepton_screening"]
    looked_at = 0
    for path in sorted((folder / "lepton_screening").glob("*.npz")):
        about = expected[path.name]
        disc = about["reference_disc"]
        row, column = disc["center_rc"]
        place = Reference(
            temp_c=about["reference_calibrated_C"], row=row, column=column, radius_px=disc["radius_px"]
        )
        recorded = read_clip(path)
        found = shown(recorded.frames, place)
        looked_at += 1
        assert (found.columns_px, found.rows_px) == (160, 120)
        assert found.noise_c is not None
        assert 0.5 * disc["pix_netd_mK"] <= 1000 * found.noise_c <= 3 * disc["pix_netd_mK"]
        assert found.reference_stability_c is not None
        assert found.reference_stability_c < 0.15
        report = selftest(meeting(), found.figures(meeting(), 0.0))
        failing = {one.clause.figure for one in report.failing}
        assert {Figure.SENSOR, Figure.FACE} <= failing
    assert looked_at == len(expected) or looked_at > 0


def test_yes_is_one_bound() -> None:
    assert {len(clause.bounds) for clause in CLAUSES if clause.unit == ""} == {len(YES)}


def test_no_sensor_that_is_known_by_name_is_fine_enough() -> None:
    """They are listed because they are not; the drivers' own names lead to them."""
    for driver in ("thermal.lepton", "thermal.mlx90640", "thermal.htpa", "thermal.infiray"):
        sensor = sensor_of("", driver)
        assert sensor is not None, driver
        assert longer_first(sensor.columns_px, sensor.rows_px) < (320.0, 240.0)
    assert sensor_of("InfiRay AT600") is None
