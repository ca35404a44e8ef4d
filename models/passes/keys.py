"""The id under which a pass names the issuer's key."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardea.contract import signed


def key_id(key: Ed25519PublicKey) -> bytes:
    """Eight bytes, the key id that signed envelopes write in hex."""
    return bytes.fromhex(signed.key_id(key))


def keyring(keys: Iterable[Ed25519PublicKey]) -> dict[bytes, Ed25519PublicKey]:
    """The keys by their ids, as :func:`models.passes.verify.verify` wants them."""
    return {key_id(key): key for key in keys}
