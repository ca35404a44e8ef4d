"""``cardea thermal``: the checks that a thermal position makes, on files."""

import argparse
import importlib
from collections.abc import Callable, Mapping
from typing import cast

COMMANDS: Mapping[str, str] = {
    "read": "temperatures out of a radiometric file or a clip",
    "screen": "people in a clip, and what the screening says of each",
    "evaluate": "how well a method tells fever, on a table of clinical measurements",
    "register": "where a visible camera's picture lies in a thermal one",
    "selftest": "whether a position meets the standard, clause by clause",
}
"""The module of each command has its name."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the commands."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        module = importlib.import_module(f"cardea.cli.thermal.{name}")
        cast("Callable[[argparse.ArgumentParser], None]", module.configure)(command)
