"""Signed envelopes: Ed25519 over the exact bytes of ``body`` (RFC 8032; SAFETY.md item 12)."""

import base64
import binascii
import hashlib
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cardea.contract.encoding import Codec, Undecodable, encode
from cardea.contract.reasons import RefusalReason


class Envelope(msgspec.Struct, frozen=True):
    """``body`` is JSON text kept as a string, so that what was signed is what is verified."""

    kid: str
    sig: str
    body: str


_ENVELOPE = Codec[Envelope](Envelope)


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, body: object) -> bytes:
    """An envelope around ``body``, as bytes for the wire."""
    text = encode(body)
    signature = base64.b64encode(key.sign(text)).decode()
    return encode(Envelope(key_id(key.public_key()), signature, text.decode()))


def verify(raw: bytes, keys: Mapping[str, Ed25519PublicKey]) -> bytes | RefusalReason:
    """The signed bytes of ``body``, or why they must not be believed. ``keys`` maps key id to key."""
    envelope = _ENVELOPE.decode(raw)
    if isinstance(envelope, Undecodable):
        return RefusalReason.UNDECODABLE
    key = keys.get(envelope.kid)
    if key is None:
        return RefusalReason.UNKNOWN_KEY
    body = envelope.body.encode()
    try:
        key.verify(base64.b64decode(envelope.sig, validate=True), body)
    except (InvalidSignature, binascii.Error, ValueError):
        return RefusalReason.BAD_SIGNATURE
    return body
