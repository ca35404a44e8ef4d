"""``cardea edge zone``: what whoever is at the gateway's machine can do about its disinfection zones."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cardea.cli.errors import CommandError

FAILED = 1
ANSWER_S_MAX = 10.0
ANSWER_BYTES_MAX = 1024 * 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``list``, ``stop`` and ``clear``."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="how the zones stand")
    stop = commands.add_parser("stop", help="stop whatever runs in a zone")
    clear = commands.add_parser("clear", help="end a lockout; not by whoever started the cycle")
    for command in (stop, clear):
        command.add_argument("zone", metavar="ZONE", help="name of the zone in gateway.toml")
    stop.add_argument("--by", metavar="NAME", default="on site", help="who stops it, for the record")
    clear.add_argument("--by", metavar="NAME", required=True, help="who has looked at the zone")
    clear.add_argument("--reason", metavar="TEXT", required=True, help="why it may run again")
    for name, command in (("list", listing), ("stop", stop), ("clear", clear)):
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="gateway.toml")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=_run, do=name)


def _run(arguments: argparse.Namespace) -> int:
    import json

    fields = ("zone", "by", "reason")
    given = {field: getattr(arguments, field) for field in fields if hasattr(arguments, field)}
    answer = _ask(_socket_path(arguments.config), {"do": arguments.do, **given})
    if not answer.get("ok"):
        raise CommandError(str(answer.get("why", "the gateway's answer is not understood")), FAILED)
    zones = cast("Mapping[str, Any]", answer.get("zones") or {given.get("zone", ""): answer.get("zone")})
    if arguments.json:
        print(json.dumps(zones, ensure_ascii=False, indent=2))
        return 0
    for name, zone in zones.items():
        print(zone_line(name, zone))
    return 0


def zone_line(name: str, zone: Mapping[str, Any]) -> str:
    """A zone for a person at a terminal."""
    watched = "  watched only" if zone["monitor_only"] else ""
    stopped = f"  {zone['stopped']}" if zone["stopped"] else ""
    open_ = ", ".join(f"{permissive} {how}" for permissive, how in zone["not_ok"].items())
    return f"{name:<16} {zone['state']:<10}{watched}{stopped}  not in order: {open_ or 'nothing'}"


def _socket_path(config: Path) -> Path:
    from cardea.runtime.config import ConfigInvalid
    from drivers.catalog import find
    from edge.configuration.loading import load
    from edge.zone.site_socket import SOCKET_FILE

    try:
        return load(config, find).settings.gateway.data_dir / SOCKET_FILE
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error


def _ask(path: Path, request: Mapping[str, str]) -> Mapping[str, Any]:
    """One request, one answer."""
    import json
    import socket

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(ANSWER_S_MAX)
            asking.connect(str(path))
            asking.sendall(json.dumps(request).encode() + b"\n")
            with asking.makefile("rb") as answering:
                answer = json.loads(answering.readline(ANSWER_BYTES_MAX))
    except (OSError, ValueError) as error:
        why = f"the gateway does not answer on {path}: {error}; is it running, and are you its user?"
        raise CommandError(why, FAILED) from error
    return cast("Mapping[str, Any]", answer) if isinstance(answer, dict) else {}
