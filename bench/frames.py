"""One thermal frame to the temperature of a region, in one thread: the gateway's way and others.

Run: ``python -m bench.frames [rounds]``. Prints one table and writes ``bench/results/frames.json``. The
memory pass reads the frame once: the physical limit. The naive way is every pixel to °C, then the hottest
four; flyr and flirpy do that, in the same run where ``make bench`` has installed them (``bench/peers``).
"""

import datetime as dt
import gc
import json
import subprocess
import sys
import tempfile
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
from models.thermal.reference.reference import Reference, look
from models.thermal.reference.search import find
from models.thermal.roi import Region, hottest
from models.thermal.station import Position, Station, step

TARGETS_US = {"160x120": 50.0, "640x512": 300.0}
"""A frame to the temperature of its region, the whole frame being the region."""
WHOLE = "ROI on raw counts, whole frame"
PEERS = Path(__file__).parent / "peers"
PEERS_PYTHON = Path(__file__).parent.parent / ".venv-peers" / "bin" / "python"
PEER_ROUNDS = 40
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
        WHOLE: lambda: hottest(raw, whole, meter),
        "ROI on raw counts, face region": lambda: hottest(raw, face, meter),
        "reference disc": lambda: look(raw, disc, meter),
        "reference searched for": lambda: find(raw, meter, (disc,)),
        "whole step of a position": stepped,
    }


def measure(rounds: int) -> list[Row]:
    found: list[Row] = []
    for rows, columns, scale in ((120, 160, LEPTON), (512, 640, CAMERA)):
        meter = radiometer(scale, Conditions())
        raw = scene(rows, columns, meter)
        for name, work in cases(raw, scale, meter).items():
            took_us = timed(work, rounds if rows < 500 else rounds // 10)
            found.append(row(f"{columns}x{rows}", name, took_us))
    return [*found, *peers(raw, float(cases(raw, CAMERA, meter)[WHOLE]().mean_c))]


def row(size: str, name: str, took_us: list[float]) -> Row:
    return {
        "what": f"{size}: {name}",
        "best_us": min(took_us),
        "p50_us": percentile(took_us, 0.50),
        "p50_us_asked": TARGETS_US[size] if name == WHOLE else 0.0,
        "p99_us": percentile(took_us, 0.99),
    }


def peers(raw: Counts, ours_c: float) -> list[Row]:
    """The same large frame by other libraries; nothing where they are not installed."""
    if not PEERS_PYTHON.exists():
        print("flyr and flirpy are not installed here: make bench does that", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "raw.npy", raw)
        (Path(folder) / "meta.json").write_text(json.dumps(metadata(CAMERA, Conditions())), encoding="utf-8")
        words = [
            PEERS_PYTHON,
            PEERS / "frames.py",
            f"{folder}/raw.npy",
            f"{folder}/meta.json",
            str(PEER_ROUNDS),
        ]
        done = subprocess.run(words, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout)
    for name, said in found.items():
        print(f"{name}: {said['roi_c']:.4f} °C where ours says {ours_c:.4f}")
    size = f"{raw.shape[1]}x{raw.shape[0]}"
    return [row(size, f"{name}, top 4", said["took_us"]) for name, said in found.items()]


def metadata(planck: Planck, conditions: Conditions) -> dict[str, float]:
    """By the names that FLIR's files use, as these libraries want them."""
    p, c = planck, conditions
    return {
        "emissivity": c.emissivity, "object_distance": c.distance_m,
        "reflected_apparent_temperature": c.reflected_c, "atmospheric_temperature": c.atmosphere_c,
        "ir_window_temperature": c.window_c, "ir_window_transmission": c.window_transmission,
        "relative_humidity": c.humidity,
        "planck_r1": p.r1, "planck_r2": p.r2, "planck_b": p.b, "planck_f": p.f, "planck_o": p.o,
        "atmospheric_trans_alpha1": p.alpha_1, "atmospheric_trans_alpha2": p.alpha_2,
        "atmospheric_trans_beta1": p.beta_1, "atmospheric_trans_beta2": p.beta_2, "atmospheric_trans_x": p.x,
    }  # fmt: skip


def main(folder: Path = RESULTS) -> int:
    """Measure; 1 when a region takes longer than its target."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    found = measure(rounds)
    report("frames", found, folder)
    return int(any(float(each["p50_us"]) > float(each["p50_us_asked"]) > 0 for each in found))


if __name__ == "__main__":
    sys.exit(main())
