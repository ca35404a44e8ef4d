"""The command ``cardea sim fleet``."""

import argparse
from collections.abc import Callable
from pathlib import Path

TOWERS_MAX = 300
"""Each tower takes three file descriptors, and paho selects on descriptors below 1024."""
DEVICES_MAX = 250
"""A moment's readings of a tower fit one message (``cardea.contract.batches.ROWS_MAX``)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--towers", type=_number(1, TOWERS_MAX), default=20, metavar="N", help="how many (20)"
    )
    parser.add_argument(
        "--devices", type=_number(1, DEVICES_MAX), default=50, metavar="M", help="devices of each tower (50)"
    )
    parser.add_argument(
        "--hz", type=_rate(0.001, 10.0), default=1.0, help="how often each device tells its 4 numbers (1)"
    )
    parser.add_argument(
        "--passages-per-s", type=_rate(0.0, 50.0), default=0.2, metavar="P", help="people at each tower (0.2)"
    )
    parser.add_argument(
        "--seconds", type=_rate(0.1, 1e7), metavar="S", help="how long; default: until Ctrl-C"
    )
    parser.add_argument(
        "--seed", type=_number(0, 1_000_000), default=7, help="the same seed, the same day (7)"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("fleet"), metavar="DIR",
        help="certificates and configurations, made on the first run (fleet)",
    )  # fmt: skip
    parser.add_argument("--up", action="store_true", help="start broker and aggregator, too")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import json

    from cardea.cli.fleet.report import in_words
    from cardea.runtime.clock import SystemClock
    from cardea.runtime.logs import configure as configure_logs
    from cardea.runtime.loop import run

    configure_logs("fleet", SystemClock())
    found = run(_load(arguments))
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print(in_words(found, arguments.folder))
    return 0 if found["lost"] == found["phantom"] == found["pending"] == 0 else 1


async def _load(arguments: argparse.Namespace) -> "dict[str, object]":
    import asyncio
    import signal
    import sys

    from cardea.cli.fleet.report import Progress
    from cardea.cli.fleet.run import run_fleet
    from drivers.sim.fleet_gateway import FleetPlan
    from drivers.sim.fleet_state import FleetState

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    progress = Progress()

    def tell(state: FleetState) -> None:
        if sys.stderr.isatty():
            print(progress(state), file=sys.stderr, flush=True)

    plan = FleetPlan(
        devices=arguments.devices,
        hz=arguments.hz,
        passages_per_s=arguments.passages_per_s,
        seed=arguments.seed,
    )
    folder: Path = arguments.folder.absolute()
    return await run_fleet(
        folder, arguments.towers, plan, arguments.seconds, up=arguments.up, stop=stop, report=tell
    )


def _number(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from {low} to {high}")
        return value

    return number


def _rate(low: float, high: float) -> Callable[[str], float]:
    def rate(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: give a number from {low:g} to {high:g}")
        return value

    return rate
