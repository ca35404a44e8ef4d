"""Every benchmark, one after the other: ``make bench``. The soak takes an hour and is asked for by name."""

import subprocess
import sys

BENCHES = (
    "outbox",
    "ledger",
    "bus",
    "passages",
    "frames",
    "faces",
    "thermal_stream",
    "telemetry",
    "tiles",
    "lines",
    "footprint",
)


def main() -> int:
    """Run each in a process of its own; the worst exit status."""
    wanted = sys.argv[1:] or BENCHES
    statuses: list[int] = []
    for name in wanted:
        print(f"\n== {name}", flush=True)
        statuses.append(subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode)
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
