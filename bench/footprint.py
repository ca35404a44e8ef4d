"""Memory of gateway and aggregator with 50 devices at work, and the time that `cardea --help` takes.

python -m bench.footprint [--seconds 30]

Twice: without face models, and with all of them at work at a door with a camera. The second needs the models
(CARDEA_MODEL_DIR) and labelled pictures of faces (CARDEA_TEST_DATA).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.face_door import pictures_of_one, record
from bench.passages import flood
from bench.report import percentile, report
from bench.rig import Camera, Rig, card, tower
from bench.soak import BUDGET_MB, rss_mb
from cardea.cli.tower.children import cardea
from cardea.cli.tower.layout import Layout
from drivers.sim.hikvision import HikvisionTerminal
from models.face.pipeline import load
from models.registry import ModelProblem

DEVICES = 50
FACES_MB = 280.0
HELP_MS_MAX = 300.0


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    rows = await without_faces(seconds)
    rows.append(help_row())
    report("footprint", rows)
    try:
        faces = await with_faces(seconds)
    except (ModelProblem, LookupError, OSError) as error:
        print(f"gateway with face models: not measured: {error}", file=sys.stderr)
        return 2
    report("footprint_faces", [faces])
    return 0


Row = dict[str, str | int | float]


def rss_of(rig: Rig, name: str, what: str, asked: float, passages: int) -> Row:
    """Of a process that is still at work: now, and the most there ever was."""
    pid = rig.processes[name].pid
    now, peak = (None, None) if pid is None else (rss_mb(pid), rss_mb(pid, "VmHWM"))
    if now is None or peak is None:
        raise LookupError(f"{name} has ended")
    return {"what": what, "measured": now, "asked": asked, "peak": peak, "passages": passages}


async def without_faces(seconds: float) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with tower(Path(folder), DEVICES) as rig:
            passed, _ = await flood(rig, seconds)
            return [
                rss_of(
                    rig, name, f"{name}, RSS in MB with {DEVICES} devices at work", BUDGET_MB[name], passed
                )
                for name in ("gateway", "cloud")
            ]


async def with_faces(seconds: float) -> Row:
    """The person at the first portal has a template, and is filmed and compared again and again."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "door.avi"
        pipeline = load()
        pictures = pictures_of_one(Path(os.environ.get("CARDEA_TEST_DATA", "")) / "face", pipeline)
        record(pictures, pipeline, recording)
        camera = Camera(recording, tuple(pictures))
        async with tower(Path(folder) / "tower", DEVICES, camera=camera) as rig:
            first, *others = rig.terminals
            filming = asyncio.create_task(keep_coming(first))
            passed, _ = await flood(replace(rig, terminals=tuple(others)), seconds)
            filming.cancel()
            compared = compared_in(Path(folder) / "tower")
            if not compared:
                raise LookupError("no face was compared")
            what = f"gateway, RSS in MB with {DEVICES} devices and all face models"
            return {**rss_of(rig, "gateway", what, FACES_MB, passed), "compared": compared}


async def keep_coming(terminal: HikvisionTerminal) -> None:
    while True:
        await terminal.present(card=card(0))


def compared_in(folder: Path) -> int:
    """In how many pictures the gateway has compared a face."""
    config = str(Layout(folder).config("gateway"))
    command = cardea("edge", "status", "--config", config, "--json")
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return int(told["sight"]["compared"])


def help_row() -> Row:
    """The median of eleven starts, and the slowest."""
    times_ms: list[float] = []
    for _ in range(11):
        began = time.perf_counter()
        command = [Path(sys.executable).with_name("cardea"), "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times_ms.append((time.perf_counter() - began) * 1000)
    return {
        "what": "cardea --help, ms",
        "measured": percentile(times_ms, 0.5),
        "asked": HELP_MS_MAX,
        "peak": max(times_ms),
        "passages": 0,
    }


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
