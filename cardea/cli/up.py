"""``cardea up``: a whole tower on one machine, as separate processes, until Ctrl-C."""

import argparse
from pathlib import Path

DEFAULT_FOLDER = Path("demo")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help=f"the tower's folder, made on the first start (default: {DEFAULT_FOLDER})",
    )
    parser.add_argument(
        "--port", type=_port, metavar="PORT", help="the console's port on the first start (default: 8080)"
    )
    parser.set_defaults(run=_run)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1 to 65535")
    return number


def _run(arguments: argparse.Namespace) -> int:
    import asyncio

    from cardea.cli.tower.tower import run_tower

    return asyncio.run(run_tower(arguments.folder.absolute(), arguments.port))
