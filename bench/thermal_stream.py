"""A thermal stream through a whole position: reference, people, temperature; CPU time and memory.

Run: ``python -m bench.thermal_stream [frames]``. A 384x288 camera at 25 frames a second looks at a door where
people come and go. Prints one table and writes ``bench/results/thermal_stream.json``. CPU time counts, not
the clock on the wall: other work on the machine does not touch it. Memory is read when every cache is warm
and at the end, 100,000 frames later.
"""

import datetime as dt
import gc
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from bench.report import RESULTS, report
from cardea.contract.time import ClockQuality, Instant
from drivers.api import Counts, LinearScale, ThermalFrameCaptured
from drivers.sim.thermal_scene import DISC, ThermalScene
from models.thermal.reference.reference import Blackbody
from models.thermal.roi import Region
from models.thermal.station import Position, Station, step

ROWS, COLUMNS, FPS = 288, 384, 25
SCENE_S = 40
VISITS_S = (2.0, 22.0)
STAYS_S = 9.0
FRAMES = 100_000
WARM_FRAMES = 10_000
SHARE_MAX = 15.0
"""Of a core, percent."""
GROWTH_MB_MAX = 1.0
NETD_C = 0.03
REFERENCE_C = 37.0
SCALE = LinearScale(gain_c=0.01, offset_c=-273.15)


def scene() -> list[Counts]:
    """Frames of ``SCENE_S``, each with noise of its own."""
    door = ThermalScene(3, REFERENCE_C, DISC)
    noise = np.random.default_rng(4)
    visits, frames = list(VISITS_S), list[Counts]()
    for number in range(SCENE_S * FPS):
        at_s = number / FPS
        if visits and at_s >= visits[0]:
            visits.pop(0)
            door.enter(36.4, STAYS_S)
        raw, _ = door.frame(at_s)
        large = cv2.resize(raw.astype(np.float32), (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC)
        frames.append(np.rint(large + noise.normal(0, NETD_C * 100, large.shape)).astype(np.uint16))
    return frames


def rss_mb() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1024


def main(folder: Path = RESULTS) -> int:
    """Measure; 1 when a core or memory is used beyond what is asked."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    frames = scene()
    position = Position(
        region=Region(top=0, left=0, bottom=ROWS, right=COLUMNS), references=(Blackbody(temp_c=REFERENCE_C),)
    )
    state, began = Station(), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    took_ms, told = np.zeros(count), Counter[str]()  # memory for the figures is taken before it is measured
    warm_mb = 0.0
    gc.collect()
    for number in range(WARM_FRAMES + count):
        if number == WARM_FRAMES:
            gc.collect()
            warm_mb = rss_mb()
        at_s = 1e5 + number / FPS
        at = Instant(at_s, began + dt.timedelta(seconds=number / FPS), ClockQuality.SYNCHRONISED)
        frame = ThermalFrameCaptured(at=at, raw=frames[number % len(frames)], scale=SCALE, uptime_s=at_s)
        began_s = time.process_time()
        state, found = step(state, frame, position)
        took_ms[max(0, number - WARM_FRAMES)] = (time.process_time() - began_s) * 1000
        told.update(reading.reason or "measured" for reading in found.readings)
        if sys.stderr.isatty() and number % 1000 == 0:
            print(f"\r{number:,} of {WARM_FRAMES + count:,} frames", end="", file=sys.stderr, flush=True)
    gc.collect()
    share = float(took_ms.mean()) * FPS / 10
    grown_mb = rss_mb() - warm_mb
    rows = [
        {
            "what": f"{COLUMNS}x{ROWS} at {FPS} frames/s, {count:,} frames",
            "cpu_percent_of_a_core": share,
            "cpu_percent_asked": SHARE_MAX,
            "p50_ms": float(np.percentile(took_ms, 50)),
            "p99_ms": float(np.percentile(took_ms, 99)),
            "rss_mb": rss_mb(),
            "rss_grown_mb": grown_mb,
            "rss_grown_mb_asked": GROWTH_MB_MAX,
            "readings": told["measured"],
        }
    ]
    report("thermal_stream", rows, folder)
    print(", ".join(f"{what}: {times:,}" for what, times in told.most_common()))
    return int(share > SHARE_MAX or grown_mb > GROWTH_MB_MAX or not told["measured"])


if __name__ == "__main__":
    sys.exit(main())
