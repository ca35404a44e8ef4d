"""Entry point: finds the group that was asked for and hands over to it.

A group module has ``configure(parser)``, which adds its arguments and sets ``run``, a function from the
parsed arguments to the exit status. Only the module that was asked for is imported: ``--help`` is quick.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from cardea.cli.errors import CommandError

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Group:
    """One word after ``cardea``: the module that implements it, and its line in the help."""

    module: str
    help: str


GROUPS: dict[str, Group] = {
    "up": Group("cardea.cli.up", "run a whole tower on this machine, with simulated devices"),
    "edge": Group("cardea.cli.edge", "the gateway daemon: run, check, schema, status, import-people, zone"),
    "cloud": Group("cardea.cli.cloud", "the aggregator with API and console: run, check"),
    "broker": Group("cardea.cli.broker", "the MQTT broker with Cardea's configuration: run"),
    "sim": Group("cardea.cli.sim", "simulated devices on real sockets: run, people"),
    "decode": Group("cardea.cli.decode", "print the events in what a device sent"),
    "thermal": Group(
        "cardea.cli.thermal.command", "thermal checks on files: read, screen, evaluate, register, selftest"
    ),
    "face": Group(
        "cardea.cli.face.command",
        "face checks on pictures: enrol, compare, identify, evaluate, calibrate, forget, renew",
    ),
    "pass": Group("cardea.cli.pass_", "QR passes: issue, verify, decode"),
    "safety": Group("cardea.cli.safety", "the machines that doors rest on: prove"),
    "models": Group("cardea.cli.models", "models of the gateway's own checks: list, verify, pull"),
    "audit": Group("cardea.cli.audit", "the gateway's hash chain: verify"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status.

    Bad input ends with status 2 and one line on standard error, an interruption with 130.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        parsed = _parser(next((word for word in arguments if word in GROUPS), None)).parse_args(arguments)
        status = cast("Callable[[argparse.Namespace], int]", parsed.run)(parsed)
        print(end="", flush=True)  # while a reader who has gone away can still be told from a success
    except CommandError as error:
        print(f"cardea: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


class _OneLine(argparse.ArgumentParser):
    """Wrong arguments are bad input like any other; the parsers of commands below are of this kind too."""

    def error(self, message: str) -> NoReturn:
        """End with one line that names the way to the help."""
        raise CommandError(f"{message} (see {self.prog} --help)")


def _parser(asked: str | None) -> argparse.ArgumentParser:
    parser = _OneLine(prog="cardea", description="Edge gateway for building access and thermal devices.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, group in GROUPS.items():
        child = groups.add_parser(name, help=group.help, description=group.help)
        if name == asked:
            _configure(group, child)
    return parser


def _configure(group: Group, parser: argparse.ArgumentParser) -> None:
    configure = cast(
        "Callable[[argparse.ArgumentParser], None]", importlib.import_module(group.module).configure
    )
    configure(parser)


class _Version(argparse.Action):
    """Looks the version up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"cardea {version('cardea-gateway')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
