"""``cardea sim``: simulated devices on real sockets, and the people of their world."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from drivers.sim.settings import TowerSettings
    from drivers.sim.tower import Tower

RECORDINGS = "CARDEA_TEST_DATA"
"""Names the folder whose recordings of real doors are played where they fit."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the commands."""
    from cardea.cli.fleet.command import configure as configure_fleet

    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="run the simulated devices until Ctrl-C")
    people = commands.add_parser("people", help="print the world's people, for cardea edge import-people")
    for command, function in ((run, _run), (people, _people)):
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="sim.toml")
        command.set_defaults(run=function)
    configure_fleet(commands.add_parser("fleet", help="load an aggregator with the traffic of many towers"))


def _people(arguments: argparse.Namespace) -> int:
    from drivers.sim.tower import world_of

    print(world_of(_settings(arguments.config)).people_csv(), end="")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    import asyncio
    import os

    from cardea.runtime.clock import SystemClock, SystemEntropy
    from cardea.runtime.config import Secrets
    from cardea.runtime.logs import configure
    from cardea.runtime.private_files import FileUnusable
    from cardea.runtime.signing_keys import read_signing_key
    from drivers.sim.recordings import with_recordings
    from drivers.sim.tower import Tower

    clock = SystemClock()
    configure("sim", clock)
    data = os.environ.get(RECORDINGS)
    settings = with_recordings(_settings(arguments.config), Path(data) if data else None)
    try:
        key = read_signing_key(settings.sim.pass_key_file)
        tower = Tower(settings, clock, SystemEntropy(), Secrets(settings.sim.secrets_dir), key)
        asyncio.run(_until_stopped(tower))
    except FileUnusable as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"a simulated device cannot start: {error}; see {arguments.config}", 1) from None
    return 0


async def _until_stopped(tower: "Tower") -> None:
    """Run until SIGINT or SIGTERM; then people go home and the sockets close in order."""
    import asyncio
    import contextlib
    import signal

    from cardea.runtime.notify import READY, STOPPING, notify

    running = asyncio.create_task(tower.run(ready=lambda: notify(READY)))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    notify(STOPPING)


def _settings(path: Path) -> "TowerSettings":
    from cardea.runtime.config import ConfigInvalid, load
    from drivers.sim.settings import TowerSettings

    try:
        return load(path, TowerSettings)
    except ConfigInvalid as error:
        raise CommandError(str(error)) from None
