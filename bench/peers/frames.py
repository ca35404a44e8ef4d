"""One thermal frame to the temperature of its hottest region by other libraries; run by ``bench.frames``.

Run with the Python of an environment that has them: ``bench/peers/frames.py RAW.npy META.json ROUNDS``.
Prints one JSON object: by library the temperature found, °C, and how long each round took, µs. Each starts
from counts in memory and ends at the mean of the hottest four pixels, as ours does.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[Any]


def flyr_of(raw: Frame, meta: Mapping[str, float]) -> Callable[[], float]:
    """Flyr's own conversion, as its ``celsius`` property does it each time."""
    from flyr.thermogram import FlyrThermogram  # pyright: ignore[reportMissingImports]  # in its own environment

    kelvin = {name: value + 273.15 for name, value in meta.items() if name.endswith("_temperature")}
    frame = FlyrThermogram(raw.astype(np.int64), {**meta, **kelvin})
    return lambda: hottest(frame.celsius)


def flirpy_of(raw: Frame, meta: Mapping[str, float]) -> Callable[[], float]:
    """Flirpy's ``raw2temp``, with humidity as a fraction."""
    from flirpy.util.raw import raw2temp  # pyright: ignore[reportMissingImports]  # in its own environment

    said = {_exiftool(name): value for name, value in meta.items()}
    return lambda: hottest(raw2temp(raw, said))


PEERS = {"flyr": flyr_of, "flirpy": flirpy_of}


def hottest(temps_c: Frame) -> float:
    return float(np.partition(temps_c, -4, axis=None)[-4:].mean())


def _exiftool(name: str) -> str:
    """``planck_r1`` as exiftool writes it: ``Planck R1``."""
    spaced = name.replace("alpha", "alpha ").replace("beta", "beta ").replace("_", " ").title()
    return spaced.replace("Ir ", "IR ").replace("Alpha ", "Alpha ").strip()


def timed(work: Callable[[], float], rounds: int) -> list[float]:
    took_us: list[float] = []
    for _ in range(rounds // 10 + 1):
        work()
    gc.disable()
    for _ in range(rounds):
        began_s = time.perf_counter()
        work()
        took_us.append((time.perf_counter() - began_s) * 1e6)
    return took_us


def main() -> int:
    raw = np.load(sys.argv[1], allow_pickle=False)
    meta = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    rounds = int(sys.argv[3])
    found: dict[str, dict[str, Any]] = {}
    for name, of in PEERS.items():
        work = of(raw, meta)
        found[name] = {"roi_c": work(), "took_us": timed(work, rounds)}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
