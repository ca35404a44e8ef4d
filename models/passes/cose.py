"""COSE_Sign1 with EdDSA over Ed25519 (RFC 9052, 4.2 and 4.4; RFC 9053, 2.2)."""

from dataclasses import dataclass
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from models.passes import cbor

MESSAGE_BYTES_MAX = 1024
KID_BYTES_MAX = 32
EDDSA = -8
_ALG, _CRIT, _KID = 1, 2, 4
_CWT_TAG = b"\xd8\x3d"
"""Tag 61: a CWT; legal around the COSE tag (RFC 8392, 6)."""
_SIGN1_TAG = b"\xd2"
"""Tag 18: COSE_Sign1."""
_EMPTY_MAP = b"\xa0"
_NO_HEADERS: dict[int, object] = {}


class CoseInvalid(ValueError):
    """Not a COSE_Sign1 message, or one that says what must not be believed."""


@dataclass(frozen=True, slots=True)
class Sign1:
    """A message taken apart; nothing in it is proven before :func:`holds` says so."""

    protected: bytes
    alg: int
    kid: bytes | None
    payload: bytes
    signature: bytes


def sign(key: Ed25519PrivateKey, kid: bytes, payload: bytes) -> bytes:
    """A tagged COSE_Sign1 message around ``payload``; algorithm and key id are protected."""
    protected = cbor.encode({_ALG: EDDSA, _KID: kid})
    signature = key.sign(signed_bytes(protected, payload))
    parts: list[object] = [protected, _NO_HEADERS, payload, signature]
    return _SIGN1_TAG + cbor.encode(parts)


def parse(raw: bytes) -> Sign1:
    """Take a message apart.

    Raises:
        CoseInvalid: too long, not tagged as COSE_Sign1, wrong shape, no protected algorithm, a critical
            header, or a payload that is elsewhere.
    """
    if len(raw) > MESSAGE_BYTES_MAX:
        raise CoseInvalid(f"longer than {MESSAGE_BYTES_MAX} bytes")
    tagged = raw.removeprefix(_CWT_TAG)
    if not tagged.startswith(_SIGN1_TAG):
        raise CoseInvalid("not tagged as COSE_Sign1")
    protected, unprotected, payload, signature = _parts(tagged[len(_SIGN1_TAG) :])
    shielded = _headers(protected)
    alg = shielded.get(_ALG)
    if type(alg) is not int:
        raise CoseInvalid("no algorithm in the protected header")
    if _CRIT in shielded or _CRIT in unprotected:
        raise CoseInvalid("a critical header that is not understood")
    return Sign1(protected, alg, _kid(shielded.get(_KID, unprotected.get(_KID))), payload, signature)


def holds(message: Sign1, key: Ed25519PublicKey) -> bool:
    """Whether the signature is ``key``'s over the protected header and the payload, by EdDSA."""
    if message.alg != EDDSA:
        return False
    try:
        key.verify(message.signature, signed_bytes(message.protected, message.payload))
    except InvalidSignature:
        return False
    return True


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """The ``Sig_structure``; an empty protected map counts as no bytes at all."""
    shielded = b"" if protected == _EMPTY_MAP else protected
    return cbor.encode(["Signature1", shielded, b"", payload])


def _parts(raw: bytes) -> tuple[bytes, dict[object, object], bytes, bytes]:
    item = _item(raw)
    if not isinstance(item, list) or len(parts := cast("list[object]", item)) != 4:
        raise CoseInvalid("not four parts")
    protected, unprotected, payload, signature = parts
    if not isinstance(protected, bytes) or not isinstance(unprotected, dict):
        raise CoseInvalid("headers of the wrong type")
    if not isinstance(payload, bytes) or not isinstance(signature, bytes):
        raise CoseInvalid("payload or signature is not bytes")
    return protected, cast("dict[object, object]", unprotected), payload, signature


def _headers(protected: bytes) -> dict[object, object]:
    if not protected:
        return {}
    item = _item(protected)
    if not isinstance(item, dict):
        raise CoseInvalid("the protected header is not a map")
    return cast("dict[object, object]", item)


def _kid(value: object) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, bytes) or len(value) > KID_BYTES_MAX:
        raise CoseInvalid(f"the key id is not bytes, {KID_BYTES_MAX} at the most")
    return value


def _item(raw: bytes) -> object:
    try:
        return cbor.decode(raw)
    except cbor.CborInvalid as error:
        raise CoseInvalid(str(error)) from error
