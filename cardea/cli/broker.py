"""``cardea broker``: Mosquitto with Cardea's configuration, as ``cardea up`` runs it, alone."""

import argparse
from pathlib import Path

from cardea.cli.errors import CommandError

FAILED = 1
"""Mosquitto ended or did not start: another try may succeed."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="run the broker until Ctrl-C")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="broker.toml")
    run.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import asyncio

    from cardea.cli.tower.broker import load_broker, serve
    from cardea.runtime.clock import SystemClock
    from cardea.runtime.config import ConfigInvalid
    from cardea.runtime.logs import configure
    from cardea.runtime.mosquitto import BrokerFailed

    configure("broker", SystemClock())
    try:
        asyncio.run(serve(load_broker(arguments.config)))
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error
    except BrokerFailed as error:
        raise CommandError(str(error), FAILED) from error
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror}") from error
    return 0
