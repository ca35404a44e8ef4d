"""Memory of a demo tower over time: RSS of every process against DESIGN's budgets, and its slope.

    python -m bench.soak [--minutes 60]

Runs `cardea up` in a temporary folder with one console page's worth of API traffic, samples RSS every 10 s,
and fits a line through what comes after minute 10. Budgets: gateway 150 MB, aggregator with console 400 MB,
slope at most 2 MB/h for every process.
"""

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import report

SAMPLE_S = 10.0
SETTLED_MIN = 10.0
BUDGET_MB = {"gateway": 150.0, "cloud": 400.0}
SLOPE_MB_H_MAX = 2.0
NAMES = {"edge": "gateway", "cloud": "cloud", "broker": "broker", "sim": "sim", "up": "up"}


def processes(root: int) -> dict[int, str]:
    """The tower's processes below ``root``, by name; mosquitto by its own."""
    found: dict[int, str] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            continue
        waiting += [int(child) for child in children]
        if not words[0]:
            continue  # between fork and exec, or gone
        found[pid] = name_of([word.decode(errors="replace") for word in words])
    return found


def name_of(words: list[str]) -> str:
    if words[0].endswith("mosquitto"):
        return "mosquitto"
    return next((NAMES[word] for word in words[1:] if word in NAMES), words[0])


def rss_mb(pid: int, which: str = "VmRSS") -> float | None:
    """``which`` as proc(5) names it: VmRSS is now, VmHWM the most there ever was."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{which}:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=8095)
    minutes = parser.parse_args().minutes
    port = parser.parse_args().port
    samples: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        command = [sys.executable, "-m", "cardea.cli.main", "up", f"{folder}/demo", "--port", str(port)]
        tower = subprocess.Popen(command, stdout=log, stderr=log)
        began = time.monotonic()
        try:
            while (minute := (time.monotonic() - began) / 60) < minutes and tower.poll() is None:
                for pid, name in processes(tower.pid).items():
                    if (rss := rss_mb(pid)) is not None:
                        samples.setdefault(name, []).append((minute, rss))
                if sys.stderr.isatty():
                    print(f"\r{minute:5.1f} of {minutes:.0f} min", end="", file=sys.stderr)
                time.sleep(SAMPLE_S)
        finally:
            tower.send_signal(signal.SIGINT)
            status = tower.wait(60)
    if status != 0:
        print(f"the tower ended with status {status}", file=sys.stderr)
        return 1
    rows = []
    for name, seen in sorted(samples.items()):
        settled = [(minute, rss) for minute, rss in seen if minute >= SETTLED_MIN]
        slope = 0.0
        if len(settled) > 2:
            slope = 60 * statistics.linear_regression(*zip(*settled, strict=True)).slope
        rows.append(
            {
                "process": name,
                "minutes": round(minutes, 1),
                "rss_max_mb": max(rss for _, rss in seen),
                "rss_end_mb": seen[-1][1],
                "budget_mb": BUDGET_MB.get(name, 0.0),
                "slope_mb_h": slope,
                "slope_max_mb_h": SLOPE_MB_H_MAX,
            }
        )
    report("soak", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
