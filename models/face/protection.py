"""Renewable templates (ISO/IEC 24745): kept under a secret rotation that can be changed.

Renewable: another key makes other templates, without new pictures. Unlinkable: one person's templates under
two keys are as unlike as two strangers'. Irreversible without the key: what is kept is a direction, turned by
one of at least 2^256 rotations. With the key it can be turned back; who knows both sides of as many templates
as one has numbers can compute the rotation; and two people alike are alike under one key. So the key is kept
apart, and templates are encrypted besides.

The rotation is three rounds of a permutation, changes of sign and a Walsh-Hadamard transform, all drawn by
SHAKE256 (FIPS 202) from the key: in practice as good as a random one (Andoni et al., "Practical and Optimal
LSH for Angular Distance", NIPS 2015), and the same to the bit everywhere, as sums in a fixed order are.
"""

import hashlib
import math

import numpy as np
import numpy.typing as npt

from models.face.look import Embedding
from models.face.template import is_embedding

SIZES = (128, 256, 512)
"""Numbers in an embedding; the transform wants a power of two."""
KEY_BYTES_MIN = 32
_ROUNDS = 3
_DOMAIN = b"cardea face template rotation 1"

_Doubles = npt.NDArray[np.float64]


class Protection:
    """One key's rotation: cosines under it are those without it, up to rounding (1e-6)."""

    def __init__(self, key: bytes, size: int) -> None:
        """``key``: at least ``KEY_BYTES_MIN`` random bytes; ``size``: of the embeddings, one of ``SIZES``.

        Raises ValueError for any other.
        """
        if len(key) < KEY_BYTES_MIN:
            raise ValueError(f"a key has at least {KEY_BYTES_MIN} bytes")
        if size not in SIZES:
            raise ValueError(f"templates of {size} numbers cannot be protected: only of {SIZES}")
        self.size = size
        stream = hashlib.shake_256(_DOMAIN + size.to_bytes(2, "big") + key).digest(_ROUNDS * size * 9)
        octets = np.frombuffer(stream, np.uint8, _ROUNDS * size).reshape(_ROUNDS, size)
        draws = np.frombuffer(stream, "<u8", offset=_ROUNDS * size).reshape(_ROUNDS, size)
        self._signs = 1.0 - 2.0 * (octets & 1)
        self._orders = np.argsort(draws, axis=1, kind="stable")

    def protect(self, embedding: Embedding) -> Embedding:
        """The embedding turned. Raises ValueError if it is none of ``size`` numbers."""
        turned = self._checked(embedding)
        for signs, order in zip(self._signs, self._orders, strict=True):
            turned = _hadamard(turned[order] * signs)
        return turned.astype(np.float32)

    def unprotect(self, protected: Embedding) -> Embedding:
        """The embedding turned back. Raises ValueError if it is none of ``size`` numbers."""
        turned = self._checked(protected)
        for signs, order in zip(self._signs[::-1], self._orders[::-1], strict=True):
            back = np.empty_like(turned)
            back[order] = _hadamard(turned) * signs
            turned = back
        return turned.astype(np.float32)

    def _checked(self, embedding: Embedding) -> _Doubles:
        if not is_embedding(embedding, self.size):
            raise ValueError(f"no embedding of {self.size} numbers")
        return embedding.astype(np.float64)


def renewed(template: Embedding, old: Protection, new: Protection) -> Embedding:
    """The template under the ``new`` key; it never again matches what is kept under the ``old`` one."""
    return new.protect(old.unprotect(template))


def _hadamard(values: _Doubles) -> _Doubles:
    """The orthonormal Walsh-Hadamard transform, its own inverse."""
    half = 1
    while half < values.size:
        pairs = values.reshape(-1, 2, half)
        values = np.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), axis=1).reshape(-1)
        half *= 2
    return values / math.sqrt(values.size)
