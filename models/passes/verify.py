"""Verifying: any text gives a verdict, none gives an exception."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from models.passes import armour, cose
from models.passes.claims import ClaimsInvalid, PassClaims, Uses, from_cwt
from models.passes.rotating import CodeAccepted, CodeRefused, check_code, split

SKEW_S = 60
"""An issuer's clock may differ from ours by this much, either way."""
_SKEW = dt.timedelta(seconds=SKEW_S)


class PassStanding(StrEnum):
    """Why a pass does not hold; the words are those of ``edge.decide.evidence.Standing``."""

    UNKNOWN = "unknown"
    """No pass of ours, damaged, signed by a key that is not trusted here, or without the claims of a pass."""
    FORGED = "forged"
    """Names a trusted key and does not carry its signature."""
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    """A pass with a rotating code that is missing or old: a photograph of it."""


@dataclass(frozen=True, slots=True)
class VerifiedPass:
    """Signed by a trusted key and valid now. Whether it was used before, the vault says."""

    claims: PassClaims
    kid: bytes
    code: CodeAccepted | None = None

    @property
    def use_step(self) -> int | None:
        """The step under which a use must be marked (``Vault.use_pass``); ``None``: as often as wanted."""
        if self.claims.uses is Uses.ONCE:
            return 0
        return None if self.code is None else self.code.step

    @property
    def until(self) -> dt.datetime:
        """From here on the pass is refused as expired, so a marked use need not be kept longer."""
        return self.claims.expires + _SKEW


@dataclass(frozen=True, slots=True)
class InvalidPass:
    """Not to be honoured; ``why`` is one clause for a log, without anything of the pass's content."""

    standing: PassStanding
    why: str
    claims: PassClaims | None = None
    """What the pass says, where its signature holds."""


def verify(
    text: str,
    keys: Mapping[bytes, Ed25519PublicKey],
    now: dt.datetime,
    *,
    code_root: bytes | None = None,
) -> VerifiedPass | InvalidPass:
    """Check a QR text. ``keys``: trusted keys by key id; ``now``: aware; never raises on any text.

    ``code_root`` is the secret that rotating codes derive from; without it no rotating pass is honoured.
    """
    message, digits = _taken_apart(text)
    if isinstance(message, str):
        return InvalidPass(PassStanding.UNKNOWN, message)
    if message.alg != cose.EDDSA:
        return InvalidPass(PassStanding.UNKNOWN, f"algorithm {message.alg} is not EdDSA")
    kid = message.kid
    key = None if kid is None else keys.get(kid)
    if kid is None or key is None:
        return InvalidPass(PassStanding.UNKNOWN, "signed by a key that is not trusted here")
    if not cose.holds(message, key):
        return InvalidPass(PassStanding.FORGED, "the signature does not hold")
    try:
        claims = from_cwt(message.payload)
    except ClaimsInvalid as error:
        return InvalidPass(PassStanding.UNKNOWN, f"signed, but {error}")
    return _in_time(VerifiedPass(claims, kid), now) or _with_code(claims, kid, digits, code_root, now)


def _taken_apart(text: str) -> tuple[cose.Sign1 | str, str | None]:
    """The message and its rotating code, or why there is none.

    The whole text goes first: base45 has digits and a point too, but a message followed by anything is none,
    so the two readings exclude each other.
    """
    whole = _message(text)
    parts = split(text) if isinstance(whole, str) else None
    if parts is None:
        return whole, None
    body, digits = parts
    return _message(body), digits


def _message(text: str) -> cose.Sign1 | str:
    try:
        return cose.parse(armour.unwrap(text))
    except (armour.ArmourInvalid, cose.CoseInvalid) as error:
        return str(error)


def _in_time(found: VerifiedPass, now: dt.datetime) -> InvalidPass | None:
    claims = found.claims
    if now < claims.starts - _SKEW:
        return InvalidPass(PassStanding.NOT_YET_VALID, f"valid from {claims.starts.isoformat()}", claims)
    if now >= found.until:
        return InvalidPass(PassStanding.EXPIRED, f"expired at {claims.expires.isoformat()}", claims)
    return None


def _with_code(
    claims: PassClaims, kid: bytes, digits: str | None, code_root: bytes | None, now: dt.datetime
) -> VerifiedPass | InvalidPass:
    if not claims.rotating:
        return VerifiedPass(claims, kid)
    if code_root is None:
        return InvalidPass(PassStanding.UNKNOWN, "rotating codes cannot be checked here", claims)
    if digits is None:
        return InvalidPass(PassStanding.REPLAYED, "the rotating code is missing", claims)
    checked = check_code(code_root, claims.pass_id, digits, now)
    if isinstance(checked, CodeRefused):
        return InvalidPass(PassStanding.REPLAYED, checked.why, claims)
    return VerifiedPass(claims, kid, checked)
