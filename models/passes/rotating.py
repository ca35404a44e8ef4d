"""The rotating code: eight digits that only hold for half a minute, so that a photograph of a pass does not.

TOTP (RFC 6238) with HMAC-SHA256, 30 s steps and one step either way; the secret is bound to the pass.
"""

import datetime as dt
import hmac
from dataclasses import dataclass

STEP_S = 30
STEPS_EITHER_WAY = 1
DIGITS = 8
SECRET_BYTES = 32
SEPARATOR = "."
_LABEL = b"cardea pass code 1"


@dataclass(frozen=True, slots=True)
class CodeAccepted:
    """The code is that of ``step``; ``skew_steps`` < 0: the holder's clock is behind ours, > 0: ahead."""

    step: int
    skew_steps: int


@dataclass(frozen=True, slots=True)
class CodeRefused:
    """The code is not one of this moment, and why."""

    why: str


def pass_secret(root: bytes, pass_id: str) -> bytes:
    """The secret of one pass, 32 bytes, from the root that issuer and gateways share."""
    return hmac.digest(root, _LABEL + bytes.fromhex(pass_id), "sha256")


def step_at(moment: dt.datetime) -> int:
    """The number of the 30 s step that ``moment`` (aware) lies in."""
    return int(moment.timestamp()) // STEP_S


def code(secret: bytes, step: int) -> str:
    """The code of ``step``: HOTP's dynamic truncation (RFC 4226, 5.3) of HMAC-SHA256."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha256")
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def code_at(root: bytes, pass_id: str, moment: dt.datetime) -> str:
    """The code that the holder's phone shows at ``moment``."""
    return code(pass_secret(root, pass_id), step_at(moment))


def with_code(text: str, digits: str) -> str:
    """The text of the QR code of this half minute."""
    return f"{text}{SEPARATOR}{digits}"


def split(text: str) -> tuple[str, str] | None:
    """The pass and the code in ``text``; ``None`` when it does not end like one with a code."""
    body, separator, digits = text.rpartition(SEPARATOR)
    if not separator or len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    return body, digits


def check_code(root: bytes, pass_id: str, digits: str, now: dt.datetime) -> CodeAccepted | CodeRefused:
    """Whether ``digits`` is the pass's code now, or one step earlier or later."""
    secret = pass_secret(root, pass_id)
    present = step_at(now)
    for skew in sorted(range(-STEPS_EITHER_WAY, STEPS_EITHER_WAY + 1), key=abs):
        if hmac.compare_digest(code(secret, present + skew), digits):
            return CodeAccepted(present + skew, skew)
    return CodeRefused("the rotating code is not that of this minute")
