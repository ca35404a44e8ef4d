"""Client CPU for each 5-field point into a real VictoriaMetrics: our lines against influxdb-client's points.

Run: ``python -m bench.lines [points]``; needs Debian's ``victoria-metrics``. CPU is this process's own.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import httpx
import numpy as np
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions
from influxdb_client.domain.write_precision import WritePrecision

from bench.report import report
from cloud.ingest.catalogue import Catalogue
from cloud.ingest.readings import Block
from cloud.series.line_client import LINES_MAX, LineClient, Target
from cloud.series.lines import LineEncoder

POINTS = 50_000
FIELDS = 5
DEVICES = 500


def blocks(catalogue: Catalogue, points: int, begun_ms: int) -> list[Block]:
    """``points`` moments of devices with five metrics each, in commits of 20,000 readings."""
    of_device = np.array(
        [
            [catalogue.number("tower-1", f"dev-{device}/metric_{field}_c") for field in range(FIELDS)]
            for device in range(DEVICES)
        ],
        np.int32,
    )
    series = np.concatenate([of_device[n % DEVICES] for n in range(points)])
    t_ms = np.repeat(begun_ms + np.arange(points, dtype=np.int64) // DEVICES * 1000, FIELDS)
    value = np.round(20 + np.arange(points * FIELDS) % 997 / 100, 2)
    size = 20_000
    return [
        Block(series[at : at + size], t_ms[at : at + size], value[at : at + size])
        for at in range(0, len(series), size)
    ]


US_PER_POINT_MAX = 4.5


def ours(url: str, points: int, begun_ms: int, *, compressed: bool) -> Callable[[], None]:
    catalogue = Catalogue()
    made = blocks(catalogue, points, begun_ms)
    encoder = LineEncoder(catalogue)
    client = LineClient(Target(url, "-", "bench", None, compressed, 10.0, 0.0, None))

    def run() -> None:
        for block in made:
            lines = encoder.encode(block).lines
            for at in range(0, len(lines), LINES_MAX):
                client.write(lines[at : at + LINES_MAX])
        client.close()

    return run


def theirs(url: str, points: int, begun_ms: int, options: WriteOptions) -> Callable[[], None]:
    client = InfluxDBClient(url=url, token="", org="-")
    write = cast("Any", client.write_api(write_options=options))

    def point(number: int) -> Point:
        made = Point("bench").tag("gateway", "tower-1").tag("device", f"dev-{number % DEVICES}")
        for field in range(FIELDS):
            made = made.field(f"metric_{field}_c", 20 + number % 997 / 100)
        return made.time(begun_ms + number // DEVICES * 1000, WritePrecision.MS)

    def run() -> None:
        for first in range(0, points, LINES_MAX):
            write.write(
                "bench", "-", [point(number) for number in range(first, min(first + LINES_MAX, points))]
            )
        write.close()
        client.close()

    return run


def main() -> None:
    """Measure and report."""
    points = int(sys.argv[1]) if len(sys.argv) > 1 else POINTS
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    begun_ms = int(time.time() * 1000) - 3_600_000
    with TemporaryDirectory() as folder:
        command = [
            "victoria-metrics",
            f"-storageDataPath={Path(folder)}",
            f"-httpListenAddr=127.0.0.1:{port}",
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(url)
            cases: dict[str, Callable[[], None]] = {
                "own lines, synchronous": ours(url, points, begun_ms, compressed=False),
                "own lines, synchronous, gzip": ours(url, points, begun_ms, compressed=True),
                "Point objects, synchronous": theirs(url, points, begun_ms, SYNCHRONOUS),
                "Point objects, batching": theirs(url, points, begun_ms, WriteOptions(batch_size=5000)),
            }
            report("lines", [_measured(name, run, points) for name, run in cases.items()])
        finally:
            server.kill()
            server.wait()


def _measured(name: str, run: Callable[[], None], points: int) -> dict[str, str | int | float]:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    run()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    asked = US_PER_POINT_MAX if name.endswith("lines, synchronous") else 0.0
    return {
        "case": name,
        "cpu_us_per_point": cpu_s / points * 1e6,
        "cpu_us_asked": asked,
        "points_per_s": points / wall_s,
    }


def _wait(url: str) -> None:
    while True:
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
