"""Memory of gateway and aggregator with 50 devices at work, and the time that `cardea --help` takes.

python -m bench.footprint [--seconds 30]
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.passages import flood
from bench.report import percentile, report
from bench.rig import tower
from bench.soak import BUDGET_MB, rss_mb

DEVICES = 50
HELP_MS_MAX = 300.0


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    rows: list[dict[str, str | int | float]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with tower(Path(folder), DEVICES) as rig:
            passed, _ = await flood(rig, seconds)
            for name in ("gateway", "cloud"):
                pid = rig.processes[name].pid
                assert pid is not None
                rows.append(
                    {
                        "what": f"{name}, RSS in MB with {DEVICES} devices at work",
                        "measured": rss_mb(pid) or 0.0,
                        "asked": BUDGET_MB[name],
                        "passages": passed,
                    }
                )
    rows.append({"what": "cardea --help, ms", "measured": help_ms(), "asked": HELP_MS_MAX, "passages": 0})
    report("footprint", rows)
    return 0


def help_ms() -> float:
    times: list[float] = []
    for _ in range(11):
        began = time.perf_counter()
        command = [Path(sys.executable).with_name("cardea"), "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - began) * 1000)
    return percentile(times, 0.5)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
