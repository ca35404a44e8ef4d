"""What a pass says: CWT claims (RFC 8392, 3.1) and three of our own from the private range (below -65536)."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from models.passes import cbor

ISS, SUB, EXP, NBF, IAT, CTI = 1, 2, 4, 5, 6, 7
USES, PORTALS, ROTATING = -65537, -65538, -65539
PASS_ID_BYTES = 16
PORTALS_MAX = 16
_SECONDS_MAX = 253402300799
_PASS_ID = re.compile(r"[0-9a-f]{32}")
_PERSON = re.compile(r"[!-~]{1,64}")
_PORTAL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ISSUER_CHARS_MAX = 64


class ClaimsInvalid(ValueError):
    """The claims cannot be those of a pass; one clause saying why."""


class Uses(StrEnum):
    """How often a pass opens a portal."""

    MANY = "many"
    ONCE = "once"


_USES_CODE = {Uses.MANY: 0, Uses.ONCE: 1}
_USES_OF = {code: uses for uses, code in _USES_CODE.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PassClaims:
    """The claims of one pass; times are whole seconds of UTC.

    Raises:
        ClaimsInvalid: a value out of its bounds.
    """

    person: str
    """``sub``: the vault's opaque id of the person, 1 to 64 visible ASCII characters; never a name."""
    pass_id: str
    """``cti``: 16 random bytes as 32 hex digits."""
    issued: dt.datetime
    expires: dt.datetime
    not_before: dt.datetime | None = None
    """``None`` means from ``issued`` on."""
    issuer: str = ""
    """``iss``; empty where the key says enough."""
    uses: Uses = Uses.MANY
    portals: tuple[str, ...] = ()
    """Where the pass opens; empty means everywhere."""
    rotating: bool = False
    """Only together with the rotating code of the moment (``models.passes.rotating``)."""

    def __post_init__(self) -> None:
        _require(_PERSON.fullmatch(self.person), "the person's id is 1 to 64 visible ASCII characters")
        _require(_PASS_ID.fullmatch(self.pass_id), "the pass id is 32 lower-case hex digits")
        _require(
            len(self.issuer) <= _ISSUER_CHARS_MAX, f"the issuer has {_ISSUER_CHARS_MAX} characters at most"
        )
        _require(len(self.portals) <= PORTALS_MAX, f"a pass names {PORTALS_MAX} portals at most")
        _require(all(map(_PORTAL.fullmatch, self.portals)), "a portal's name is a-z, 0-9 and '-'")
        for moment in (self.issued, self.starts, self.expires):
            _require(moment.tzinfo is not None and moment.microsecond == 0, "times are whole seconds of UTC")
        _require(self.starts < self.expires, "the pass ends before it begins")

    @property
    def starts(self) -> dt.datetime:
        """When the pass begins to hold."""
        return self.issued if self.not_before is None else self.not_before

    def opens(self, portal: str) -> bool:
        """Whether the pass is meant for ``portal``."""
        return not self.portals or portal in self.portals


def to_cwt(claims: PassClaims) -> bytes:
    """The claims as a CBOR map; what has its default value is left out."""
    optional: dict[int, object] = {
        ISS: claims.issuer,
        NBF: claims.not_before and _seconds(claims.not_before),
        USES: _USES_CODE[claims.uses],
        PORTALS: list(claims.portals),
        ROTATING: claims.rotating,
    }
    return cbor.encode(
        {
            SUB: claims.person,
            EXP: _seconds(claims.expires),
            IAT: _seconds(claims.issued),
            CTI: bytes.fromhex(claims.pass_id),
            **{label: value for label, value in optional.items() if value},
        }
    )


def from_cwt(payload: bytes) -> PassClaims:
    """The claims in ``payload``; labels that are not ours are passed over.

    Raises:
        ClaimsInvalid: not a CBOR map, or a claim missing, of the wrong type or out of bounds.
    """
    try:
        item = cbor.decode(payload)
    except cbor.CborInvalid as error:
        raise ClaimsInvalid(str(error)) from error
    if not isinstance(item, dict):
        raise ClaimsInvalid("the claims are not a map")
    found = cast("Mapping[object, object]", item)
    return PassClaims(
        person=_text(found.get(SUB), "sub"),
        pass_id=_bytes(found.get(CTI), "cti").hex(),
        issued=_moment(found.get(IAT), "iat"),
        expires=_moment(found.get(EXP), "exp"),
        not_before=_moment(found[NBF], "nbf") if NBF in found else None,
        issuer=_text(found.get(ISS, ""), "iss"),
        uses=_uses(found.get(USES, 0)),
        portals=_portals(found.get(PORTALS, [])),
        rotating=_truth(found.get(ROTATING, False), "rotating"),
    )


def _require(condition: object, otherwise: str) -> None:
    if not condition:
        raise ClaimsInvalid(otherwise)


def _seconds(moment: dt.datetime) -> int:
    return int(moment.timestamp())


def _moment(value: object, claim: str) -> dt.datetime:
    if type(value) is not int or not 0 <= value <= _SECONDS_MAX:
        raise ClaimsInvalid(f"{claim} is not a whole number of seconds since 1970")
    return dt.datetime.fromtimestamp(value, dt.UTC)


def _text(value: object, claim: str) -> str:
    if not isinstance(value, str):
        raise ClaimsInvalid(f"{claim} is not a text")
    return value


def _bytes(value: object, claim: str) -> bytes:
    if not isinstance(value, bytes):
        raise ClaimsInvalid(f"{claim} is not bytes")
    return value


def _truth(value: object, claim: str) -> bool:
    if not isinstance(value, bool):
        raise ClaimsInvalid(f"{claim} is neither true nor false")
    return value


def _uses(value: object) -> Uses:
    uses = _USES_OF.get(value) if type(value) is int else None
    if uses is None:
        raise ClaimsInvalid("uses is neither 0 (many) nor 1 (once)")
    return uses


def _portals(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ClaimsInvalid("portals is not a list")
    return tuple(_text(name, "portals") for name in cast("list[object]", value))
