"""Issuing: claims and a private key give the text of the QR code."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.passes import armour, cose
from models.passes.claims import PassClaims, to_cwt
from models.passes.keys import key_id


def issue(key: Ed25519PrivateKey, claims: PassClaims) -> str:
    """The pass as text: about 190 characters for a person's id of six, all in the QR alphanumeric mode."""
    return armour.wrap(cose.sign(key, key_id(key.public_key()), to_cwt(claims)))
