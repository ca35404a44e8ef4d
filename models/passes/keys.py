"""Ed25519 keys of pass issuers, from and by PEM (RFC 8410), and the id under which a pass names one."""

import hashlib
from collections.abc import Iterable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

KEY_ID_BYTES = 8


class KeyInvalid(ValueError):
    """The bytes are not the key that is needed; one clause saying what would be right."""


def key_id(key: Ed25519PublicKey) -> bytes:
    """The first 8 bytes of SHA-256 of the raw public key, as ``cardea.contract.signed.key_id`` in hex."""
    return hashlib.sha256(key.public_bytes_raw()).digest()[:KEY_ID_BYTES]


def keyring(keys: Iterable[Ed25519PublicKey]) -> dict[bytes, Ed25519PublicKey]:
    """The keys by their ids, as :func:`models.passes.verify.verify` wants them."""
    return {key_id(key): key for key in keys}


def public_key(pem: bytes) -> Ed25519PublicKey:
    """The public key in ``pem``; a private key gives its public half.

    Raises:
        KeyInvalid: not PEM, or another kind of key.
    """
    if b"PRIVATE KEY" in pem:
        return private_key(pem).public_key()
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyInvalid("not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyInvalid("not an Ed25519 key")
    return key


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """The private key in ``pem``, which must not be encrypted.

    Raises:
        KeyInvalid: not PEM, encrypted, or another kind of key.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise KeyInvalid("encrypted; a key without a passphrase is needed") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyInvalid("not a private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyInvalid("not an Ed25519 key")
    return key
