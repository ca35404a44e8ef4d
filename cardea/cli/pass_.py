"""``cardea pass``: issue, verify and decode QR passes, on any machine that has the keys."""

import argparse
import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.passes import CodeAccepted, PassClaims

VALID, NOT_VALID = 0, 1
HOURS_MAX = 24 * 366
_TEXT_BYTES_MAX = 64 * 1024
T = TypeVar("T")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the three commands."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _configure_issue(commands.add_parser("issue", help="print the text of a new pass"))
    verify = commands.add_parser(
        "verify", help="tell whether a pass holds now; exit status 0 = valid, 1 = not valid, 2 = bad input"
    )
    verify.add_argument("--key", type=Path, action="append", required=True, help="trusted public key, PEM")
    verify.add_argument("--code-root", type=Path, help="secret file that rotating codes derive from")
    _add_text(verify)
    verify.set_defaults(run=_verify)
    decode = commands.add_parser(
        "decode", help="print what a pass says, believed or not; checks no signature"
    )
    _add_text(decode)
    decode.set_defaults(run=_decode)


def _configure_issue(issue: argparse.ArgumentParser) -> None:
    issue.add_argument(
        "--key", type=Path, required=True, help="the issuer's Ed25519 private key, PEM, mode 0600"
    )
    issue.add_argument("--person", required=True, help="the vault's id of the person; never a name")
    issue.add_argument("--valid-hours", type=float, default=24.0, help="from now on (default 24)")
    issue.add_argument("--once", action="store_true", help="opens one portal once")
    issue.add_argument("--rotating", action="store_true", help="holds only with the code of the half minute")
    issue.add_argument("--portals", default="", help="names, separated by commas (default: all)")
    issue.add_argument("--issuer", default="", help="who issues, where the key does not say enough")
    issue.add_argument("--json", action="store_true", help="the pass and its claims as JSON")
    issue.set_defaults(run=_issue)


def _add_text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text", metavar="PASS", help="the text of the QR code, or - to read it from standard input"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def _issue(args: argparse.Namespace) -> int:
    from cardea.runtime.clock import SystemClock, SystemEntropy
    from cardea.runtime.signing_keys import read_signing_key
    from models.passes import ClaimsInvalid, PassClaims, Uses, issue

    key = _read(lambda: read_signing_key(args.key))
    if not 0 < args.valid_hours <= HOURS_MAX:
        raise CommandError(
            f"--valid-hours {args.valid_hours:g}: give a number above 0, {HOURS_MAX} at the most"
        )
    now = SystemClock().now().utc.replace(microsecond=0)
    try:
        claims = PassClaims(
            person=args.person,
            pass_id=SystemEntropy().new_id(),
            issued=now,
            expires=now + dt.timedelta(seconds=max(1, round(args.valid_hours * 3600))),
            issuer=args.issuer,
            uses=Uses.ONCE if args.once else Uses.MANY,
            portals=tuple(name.strip() for name in args.portals.split(",") if name.strip()),
            rotating=args.rotating,
        )
    except ClaimsInvalid as error:
        raise CommandError(f"no such pass can be issued: {error}") from None
    text = issue(key, claims)
    print(json.dumps({"pass": text, **_shown(claims)}) if args.json else text)
    return VALID


def _verify(args: argparse.Namespace) -> int:
    from cardea.runtime.clock import SystemClock
    from cardea.runtime.config import Secrets
    from cardea.runtime.signing_keys import read_public_key
    from models.passes import VerifiedPass, keyring, verify

    keys = keyring(_read(lambda: [read_public_key(path) for path in args.key]))
    root: Path | None = args.code_root
    code_root = None if root is None else _read(lambda: Secrets(root.parent)(root.name)).encode()
    found = verify(_text(args.text), keys, SystemClock().now().utc, code_root=code_root)
    valid = isinstance(found, VerifiedPass)
    answer: dict[str, object] = {"valid": valid, **(_shown(found.claims) if found.claims else {})}
    if isinstance(found, VerifiedPass):
        answer |= {"standing": "valid", "kid": found.kid.hex(), **_code(found.code)}
    else:
        answer |= {"standing": found.standing.value, "why": found.why}
    _print(answer, as_json=args.json)
    return VALID if valid else NOT_VALID


def _decode(args: argparse.Namespace) -> int:
    from models.passes import armour, cose
    from models.passes.claims import ClaimsInvalid, from_cwt
    from models.passes.rotating import split

    text = _text(args.text)
    problem = ""
    for candidate in (text, *(split(text) or ())[:1]):
        try:
            message = cose.parse(armour.unwrap(candidate))
            claims = from_cwt(message.payload)
        except (armour.ArmourInvalid, cose.CoseInvalid, ClaimsInvalid) as error:
            problem = problem or str(error)
            continue
        kid = None if message.kid is None else message.kid.hex()
        _print({"algorithm": message.alg, "kid": kid, **_shown(claims)}, as_json=args.json)
        return VALID
    raise CommandError(f"this is no pass: {problem}")


def _read(read: "Callable[[], T]") -> T:
    from cardea.runtime.private_files import FileUnusable

    try:
        return read()
    except FileUnusable as error:
        raise CommandError(str(error)) from None


def _text(argument: str) -> str:
    """The pass without the line end that came with it; base45 never ends in a blank."""
    if argument != "-":
        return argument.strip()
    raw = sys.stdin.buffer.read(_TEXT_BYTES_MAX + 1)
    if len(raw) > _TEXT_BYTES_MAX:
        raise CommandError(f"standard input holds more than {_TEXT_BYTES_MAX} bytes; give one pass")
    return raw.decode(errors="replace").strip()


def _shown(claims: "PassClaims") -> dict[str, object]:
    return {
        "person": claims.person,
        "pass_id": claims.pass_id,
        "issuer": claims.issuer,
        "issued": claims.issued.isoformat(),
        "not_before": claims.starts.isoformat(),
        "expires": claims.expires.isoformat(),
        "uses": claims.uses.value,
        "portals": list(claims.portals),
        "rotating": claims.rotating,
    }


def _code(code: "CodeAccepted | None") -> dict[str, object]:
    return {} if code is None else {"code_skew_steps": code.skew_steps}


def _print(answer: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer))
        return
    for name, value in answer.items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # only our own lists of names
        print(f"{name:<15} {words}")
