"""``cardea audit``: is the gateway's hash chain whole?"""

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from cardea.contract.chain import Head
    from edge.audit_check import Checked

WHOLE, BROKEN = 0, 1
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    verify = commands.add_parser(
        "verify", help="check every link; exit status 0 = whole, 1 = broken, 2 = not readable"
    )
    verify.add_argument(
        "path", type=Path, help="a gateway's data folder, its outbox.sqlite, or links as JSON lines"
    )
    verify.add_argument("--head", help="LENGTH:HASH of a head kept elsewhere; shows an end that was cut off")
    verify.add_argument("--json", action="store_true", help="the answer as JSON")
    verify.set_defaults(run=_verify)


def _verify(args: argparse.Namespace) -> int:
    from cardea.contract.chain import Break
    from edge.audit_check import ChainUnreadable, check

    try:
        checked = check(args.path, _head(args.head))
    except ChainUnreadable as error:
        raise CommandError(str(error)) from error
    print(_json(checked) if args.json else _text(checked))
    return BROKEN if isinstance(checked.result, Break) else WHOLE


def _head(text: str | None) -> "Head | None":
    from cardea.contract.chain import Head

    if text is None:
        return None
    match = _HEAD.fullmatch(text)
    if match is None:
        raise CommandError(f"--head {text!r}: give LENGTH:HASH, a number and 64 hex digits")
    return Head(int(match[1]), match[2])


def _json(checked: "Checked") -> str:
    from cardea.contract.chain import Break

    result = checked.result
    if isinstance(result, Break):
        return json.dumps(
            {"whole": False, "first": checked.first, "broken_at": result.index, "why": result.why}
        )
    return json.dumps({"whole": True, "first": checked.first, "length": result.length, "hash": result.hash})


def _text(checked: "Checked") -> str:
    from cardea.contract.chain import Break

    result = checked.result
    if isinstance(result, Break):
        return f"broken at link {result.index}: {result.why}"
    kept = result.length - checked.first
    return f"whole: {kept} links from {checked.first} on, head {result.length}:{result.hash}"
