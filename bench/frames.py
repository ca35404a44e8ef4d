"""One thermal frame to the temperature of a region, in one thread: the gateway's way and others.

Run: ``python -m bench.frames [rounds]``. Prints one table and writes ``bench/results/frames.json``. The naive
way is what a library does: every pixel to °C, then the hottest four. The memory pass reads the frame once.
"""

import datetime as dt
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.report import RESULTS, percentile, report
from cardea.contract.time import ClockQuality, Instant
from drivers.api import Conditions, Counts, LinearScale, Planck, ThermalFrameCaptured
from models.thermal.radiometry import Radiometer, radiometer, table
from models.thermal.reference import Reference, look
from models.thermal.roi import Region, hottest
from models.thermal.station import Position, Station, step

TARGET_US = 50.0
"""A 160 x 120 frame to the temperature of its region."""
LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
CAMERA = Planck(r1=21106.77, r2=0.012545258, b=1501.0, f=1.0, o=-7340.0)
Row = dict[str, str | int | float]


def scene(rows: int, columns: int, meter: Radiometer) -> Counts:
    """A face and a reference before a wall, with a little noise."""
    row, column = np.mgrid[:rows, :columns]
    unit = rows / 120
    temps_c = 24.0 + np.random.default_rng(1).normal(0, 0.05, (rows, columns))
    temps_c[np.hypot(row - 20 * unit, column - 130 * unit) <= 6 * unit] += 13.0
    temps_c[np.hypot((row - 70 * unit) / 1.3, column - 60 * unit) <= 18 * unit] += 10.5
    return np.rint(meter.counts(temps_c)).astype(np.uint16)


def top_mean(temps_c: npt.NDArray[Any]) -> float:
    return float(np.partition(temps_c, -4, axis=None)[-4:].mean())


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """How long each round takes, µs."""
    took_us: list[float] = []
    for _ in range(rounds // 10 + 1):
        work()
    gc.disable()
    try:
        for _ in range(rounds):
            began_s = time.perf_counter()
            work()
            took_us.append((time.perf_counter() - began_s) * 1e6)
    finally:
        gc.enable()
    return took_us


def cases(raw: Counts, scale: LinearScale | Planck, meter: Radiometer) -> dict[str, Callable[[], Any]]:
    """By name, each from raw counts to a temperature."""
    rows, columns = raw.shape
    unit = rows / 120
    whole = Region(top=0, left=0, bottom=rows, right=columns)
    face = Region(
        top=round(40 * unit), left=round(20 * unit), bottom=round(110 * unit), right=round(110 * unit)
    )
    disc = Reference(temp_c=37.0, row=round(20 * unit), column=round(130 * unit), radius_px=6 * unit)
    position = Position(region=face, references=(disc,))
    now = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    states = [Station()]

    def stepped() -> object:
        at = Instant(time.monotonic(), now, ClockQuality.SYNCHRONISED)
        frame = ThermalFrameCaptured(at=at, raw=raw, scale=scale, conditions=Conditions(), uptime_s=1e5)
        states[0], told = step(states[0], frame, position)
        return told

    return {
        "memory pass": raw.max,
        "every pixel to °C, top 4": lambda: top_mean(meter.celsius(raw)),
        "table, top 4": lambda: top_mean(table(meter)[raw]),
        "ROI on raw counts, whole frame": lambda: hottest(raw, whole, meter),
        "ROI on raw counts, face region": lambda: hottest(raw, face, meter),
        "reference disc": lambda: look(raw, disc, meter),
        "whole step of a position": stepped,
    }


def measure(rounds: int) -> list[Row]:
    found: list[Row] = []
    for rows, columns, scale in ((120, 160, LEPTON), (512, 640, CAMERA)):
        meter = radiometer(scale, Conditions())
        raw = scene(rows, columns, meter)
        for name, work in cases(raw, scale, meter).items():
            took_us = timed(work, rounds if rows < 500 else rounds // 10)
            found.append(
                {
                    "what": f"{columns}x{rows}: {name}",
                    "best_us": min(took_us),
                    "p50_us": percentile(took_us, 0.50),
                    "p50_us_asked": TARGET_US if rows < 500 and name.startswith("ROI") else 0.0,
                    "p99_us": percentile(took_us, 0.99),
                }
            )
    return found


def main(folder: Path = RESULTS) -> int:
    """Measure; 1 when the small frame's region takes longer than the target."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    found = measure(rounds)
    report("frames", found, folder)
    (ours,) = (row for row in found if row["what"] == "160x120: ROI on raw counts, whole frame")
    return 0 if float(ours["p50_us"]) <= TARGET_US else 1


if __name__ == "__main__":
    sys.exit(main())
