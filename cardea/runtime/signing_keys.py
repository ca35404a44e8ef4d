"""Ed25519 key pairs as PEM files: orders and passes are signed with them (RFC 8410)."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from cardea.runtime.clock import Entropy
from cardea.runtime.private_files import FileUnusable, read_private, write_private, write_whole

_PUBLIC_BYTES_MAX = 4096


def ensure_signing_key(private: Path, public: Path, entropy: Entropy) -> Ed25519PrivateKey:
    """The key at ``private``, made if there is none; ``public`` is written whenever it differs.

    Raises:
        FileUnusable: ``private`` is too wide open or no Ed25519 key; it is never overwritten.
        OSError: a folder cannot be written.
    """
    if not private.exists():
        write_private(private, private_pem(Ed25519PrivateKey.from_private_bytes(entropy.token(32))))
    key = read_signing_key(private)
    pem = public_pem(key.public_key())
    if not public.exists() or public.read_bytes() != pem:
        write_whole(public, pem)
    return key


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file of mode 0600.

    Raises:
        FileUnusable: one line saying what is wrong with the file.
    """
    try:
        key = load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise FileUnusable(f"{path}: is no private key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FileUnusable(f"{path}: is no Ed25519 key")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file.

    Raises:
        FileUnusable: one line saying what is wrong with the file.
    """
    try:
        with path.open("rb") as file:
            key = load_pem_public_key(file.read(_PUBLIC_BYTES_MAX))
    except OSError as error:
        raise FileUnusable(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FileUnusable(f"{path}: is no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise FileUnusable(f"{path}: is no Ed25519 key")
    return key


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """PKCS #8 in PEM, unencrypted: the file's mode protects it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Ed25519PublicKey) -> bytes:
    """SubjectPublicKeyInfo in PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
