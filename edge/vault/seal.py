"""Sealing: AES-256-GCM with the row's identity as associated data, so that a row opens only in its place."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cardea.runtime.clock import Entropy

_NONCE_BYTES = 12
DATA_KEY_BYTES = 32


class SealBroken(Exception):
    """The bytes were changed, stand in another row than their own, or were sealed with another key."""


class Seal:
    """One key that seals and opens."""

    def __init__(self, key: bytes, entropy: Entropy) -> None:
        self._cipher = AESGCM(key)
        self._entropy = entropy

    def close(self, content: bytes, row: bytes) -> bytes:
        """``content`` sealed for ``row``: nonce, ciphertext, tag."""
        nonce = self._entropy.token(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, row)

    def open(self, sealed: bytes, row: bytes) -> bytes:
        """The content again.

        Raises:
            SealBroken: not what was sealed for ``row``.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], row)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the row does not open") from error
