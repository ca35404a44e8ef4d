"""``cardea face``: the gateway's own face checks, on pictures that somebody hands in."""

import argparse
import importlib
from collections.abc import Callable, Mapping
from typing import cast

COMMANDS: Mapping[str, str] = {
    "enrol": "a person's template from three pictures or more, on their consent",
    "compare": "whether two pictures show the same person",
    "identify": "who of many a face is; a suggestion, which opens no door",
    "forget": "destroy a person's template: consent withdrawn",
    "renew": "turn every template by a new secret; what leaked of the old ones is void",
    "evaluate": "how well faces are told apart, or the living from pictures of them, on labelled pictures",
    "calibrate": "this site's thresholds from its own labelled pictures, with their confidence",
}
"""The module of each command has its name."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the commands."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        module = importlib.import_module(f"cardea.cli.face.{name}")
        cast("Callable[[argparse.ArgumentParser], None]", module.configure)(command)
