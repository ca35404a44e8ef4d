"""Real radiometric files through the real decoder, against the matrices and figures of other software."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cardea.contract.time import ClockQuality, Instant
from drivers.api import Conditions, ThermalFrameCaptured
from drivers.thermal.flir_file.recording import recording
from models.thermal.radiometry import Air, radiometer, table

AT = Instant(0.0, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
FILES = ("DJI_XT2.jpg", "FLIR.jpg", "FLIR_B60.jpg", "FLIR_E40.jpg", "IR_2412.jpg", "frame_000000_le.fff")
FLYR = {"FLIR.jpg": 5e-5, "FLIR_B60.jpg": 3e-4, "FLIR_E40.jpg": 5e-5, "IR_2412.jpg": 5e-5}
"""flyr's matrices, and by how much they themselves differ from the R package's formula."""


def frame_of(path: Path) -> ThermalFrameCaptured:
    (frame,) = (
        event
        for event in recording(path.read_bytes()).shown(0, AT)
        if isinstance(event, ThermalFrameCaptured)
    )
    return frame


def figures(temps_c: Any) -> dict[str, Any]:
    rows, columns = temps_c.shape
    row, column = np.unravel_index(int(temps_c.argmax()), temps_c.shape)
    low, middle, high, higher, highest = np.percentile(temps_c, (1, 50, 95, 99, 99.9))
    return {
        "shape": [rows, columns],
        "min": temps_c.min(),
        "max": temps_c.max(),
        "mean": temps_c.mean(),
        "std": temps_c.std(),
        "p1": low,
        "p50": middle,
        "p95": high,
        "p99": higher,
        "p999": highest,
        "argmax_rc": [int(row), int(column)],
        "center": temps_c[rows // 2, columns // 2],
    }


@pytest.mark.needs_test_data
def test_a_file_gives_the_r_packages_matrix_within_a_tenth_of_a_millikelvin(test_data: Path) -> None:
    folder = test_data / "thermal"
    frame = frame_of(folder / "flir/IR_2412.jpg")
    by_r = np.fromfile(folder / "flir_expected/IR_2412_Thermimage_R_640x480_f32le_C.raw", "<f4")
    meter = radiometer(frame.scale, frame.conditions)
    ours = meter.celsius(frame.raw)
    assert np.abs(ours - by_r.reshape(480, 640)).max() <= 1e-4
    assert np.abs(table(meter)[frame.raw.astype(np.uint16)] - by_r.reshape(480, 640)).max() <= 1e-4


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", FILES)
def test_every_file_gives_the_figures_of_the_r_formula(name: str, test_data: Path) -> None:
    frame = frame_of(test_data / "thermal/flir" / name)
    expected = json.loads((test_data / "thermal/expected.json").read_text())["flir"][name]
    asked = Conditions(emissivity=0.98, distance_m=1.0, humidity=0.4)
    meters = {
        "thermimage_formula_C": radiometer(frame.scale, frame.conditions),
        "flir_single_path_C": radiometer(frame.scale, frame.conditions, air=Air.ONE_LEG),
        "thermimage_override_E0.98_d1_RT22_AT22_RH40": radiometer(frame.scale, frame.conditions, asked),
    }
    for key, meter in meters.items():
        if key in expected:
            found = figures(meter.celsius(frame.raw))
            for figure, value in expected[key].items():
                assert found[figure] == pytest.approx(value, abs=1e-4), (key, figure)


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", FLYR)
def test_every_pixel_agrees_with_a_second_library(name: str, test_data: Path) -> None:
    frame = frame_of(test_data / "thermal/flir" / name)
    other = np.load(test_data / "thermal/flir_expected" / f"{name.removesuffix('.jpg')}_flyr_C.npy")
    ours = radiometer(frame.scale, frame.conditions).celsius(frame.raw)
    assert np.abs(ours - other).max() <= FLYR[name]
