"""Renewable templates: what the secret rotation keeps, and what it hides."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.gallery import Answer, verify
from models.face.look import Embedding
from models.face.protection import KEY_BYTES_MIN, SIZES, Protection, renewed
from models.face.template import is_embedding
from models.face.thresholds import Thresholds

KEYS = st.binary(min_size=KEY_BYTES_MIN, max_size=KEY_BYTES_MIN + 16)
SEEDS = st.integers(0, 2**32 - 1)
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def directions(seed: int, count: int, size: int = 256) -> list[Embedding]:
    rows = np.random.default_rng(seed).standard_normal((count, size))
    return list((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))


@given(KEYS, st.sampled_from(SIZES), SEEDS, st.floats(0.0, 1.0))
def test_cosines_are_kept(key: bytes, size: int, seed: int, mix: float) -> None:
    first, second = directions(seed, 2, size)
    second = mix * first + (1.0 - mix) * second
    second = (second / np.linalg.norm(second)).astype(np.float32)
    protection = Protection(key, size)
    turned = protection.protect(first), protection.protect(second)
    assert all(is_embedding(one, size) and one.dtype == np.float32 for one in turned)
    assert float(turned[0] @ turned[1]) == pytest.approx(float(first @ second), abs=1e-6)


@given(KEYS, st.sampled_from(SIZES), SEEDS)
def test_with_the_key_it_can_be_turned_back(key: bytes, size: int, seed: int) -> None:
    (embedding,) = directions(seed, 1, size)
    protection = Protection(key, size)
    assert protection.unprotect(protection.protect(embedding)) == pytest.approx(embedding, abs=1e-6)
    assert protection.protect(protection.unprotect(embedding)) == pytest.approx(embedding, abs=1e-6)


@given(KEYS, KEYS, SEEDS)
def test_a_renewed_template_is_the_one_made_anew(old_key: bytes, new_key: bytes, seed: int) -> None:
    (embedding,) = directions(seed, 1)
    old, new = Protection(old_key, 256), Protection(new_key, 256)
    template = renewed(old.protect(embedding), old, new)
    assert template == pytest.approx(new.protect(embedding), abs=2e-6)


def test_an_old_template_never_matches_after_renewal() -> None:
    old, new = Protection(KEY, 256), Protection(OTHER, 256)
    for embedding in directions(5, 300):
        kept = old.protect(embedding)
        assert verify(new.protect(embedding), renewed(kept, old, new), Thresholds()) is Answer.MATCH
        assert verify(new.protect(embedding), kept, Thresholds()) is Answer.NO_MATCH


def hashed(count: int) -> list[bytes]:
    return [hashlib.sha256(number.to_bytes(2, "big")).digest() for number in range(count)]


@pytest.mark.parametrize("kind", ["any", "one number", "two numbers", "all alike"])
def test_one_persons_templates_under_two_keys_are_as_strangers(kind: str) -> None:
    """Their cosines have the spread of random directions, 1/sqrt(256), whatever the embedding's shape."""
    basis = np.eye(256, dtype=np.float32)
    embedding = {
        "any": directions(11, 1)[0],
        "one number": basis[0],
        "two numbers": ((basis[0] + basis[128]) / np.sqrt(2.0)).astype(np.float32),
        "all alike": np.full(256, 1.0 / 16.0, np.float32),
    }[kind]
    templates = np.stack([Protection(key, 256).protect(embedding) for key in hashed(120)])
    cosines = (templates @ templates.T)[np.triu_indices(120, 1)]
    assert abs(float(cosines.mean())) < 0.005
    assert float(cosines.std()) == pytest.approx(1.0 / 16.0, rel=0.1)
    assert float(np.abs(cosines).max()) < Thresholds().uncertain_min


def test_people_who_are_alike_cannot_be_linked_across_keys_either() -> None:
    """Under another key even the nearest of a hundred is anybody: right as often as chance is."""
    embeddings = np.stack(directions(13, 100)) + 2.0 * directions(14, 1)[0]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    right = 0
    for one, two in zip(hashed(20)[::2], hashed(20)[1::2], strict=True):
        kept = [np.stack([Protection(key, 256).protect(each) for each in embeddings]) for key in (one, two)]
        right += int(((kept[0] @ kept[1].T).argmax(axis=1) == np.arange(100)).sum())
    assert right < 40  # of a thousand; ten are expected


def test_how_large_the_numbers_are_is_hidden_too() -> None:
    """A permutation with changes of sign alone would leave their sizes to be recognised by."""
    for size in SIZES:
        turned = Protection(KEY, size).protect(np.eye(size, dtype=np.float32)[3])
        assert float(np.abs(turned).max()) < 5.0 / size**0.5
        assert np.unique(np.abs(turned)).size > 4


def test_the_wrong_key_turns_nothing_back() -> None:
    for embedding in directions(17, 100):
        wrong = Protection(OTHER, 256).unprotect(Protection(KEY, 256).protect(embedding))
        assert abs(float(wrong @ embedding)) < Thresholds().uncertain_min


def dense(key: bytes, size: int) -> np.ndarray:
    """The rotation as a matrix, written another way: Sylvester's matrices, and orders by sorting tuples."""
    stream = hashlib.shake_256(
        b"cardea face template rotation 1" + bytes([size // 256, size % 256]) + key
    ).digest(27 * size)
    hadamard = np.ones((1, 1))
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    rotation = np.eye(size)
    for turn in range(3):
        signs = [-1.0 if octet & 1 else 1.0 for octet in stream[turn * size : (turn + 1) * size]]
        at = [3 * size + (turn * size + index) * 8 for index in range(size)]
        draws = [int.from_bytes(stream[begin : begin + 8], "little") for begin in at]
        order = sorted(range(size), key=lambda index, draws=draws: (draws[index], index))
        rotation = hadamard @ np.diag(signs) @ np.eye(size)[order] @ rotation / size**0.5
    return rotation


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_rotation_that_is_described(size: int) -> None:
    rotation = dense(KEY, size)
    assert rotation @ rotation.T == pytest.approx(np.eye(size), abs=1e-12)
    for embedding in directions(size, 3, size):
        turned = Protection(KEY, size).protect(embedding)
        assert turned == pytest.approx(rotation @ embedding.astype(np.float64), abs=1e-6)


KNOWN = {
    128: "5b1b96db809242ab2ee13211cf73217f50ecd5a27f46a05b8dc2d90b2f7f2d04",
    256: "d03b5a9715e632ba790bda6ff00f6eba942e3cc64ba2d9c8606ce4f0e7c03659",
    512: "1a1e301b47a21653da2699d529274a50fe0ddb7d34d2d0453bbaaea924b600ad",
}


@pytest.mark.parametrize("size", SIZES)
def test_templates_of_other_machines_and_versions_are_the_same_to_the_bit(size: int) -> None:
    ramp = np.arange(size, dtype=np.float64) - 5.0
    embedding = (ramp / np.sqrt((ramp * ramp).sum())).astype(np.float32)
    turned = Protection(KEY, size).protect(embedding)
    assert hashlib.sha256(turned.astype("<f4").tobytes()).hexdigest() == KNOWN[size]


def test_short_keys_and_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Protection(KEY[:-1], 256)
    for size in (0, 1, 2, 100, 255, 1024):
        with pytest.raises(ValueError, match=f"templates of {size} numbers"):
            Protection(KEY, size)


@pytest.mark.parametrize("size", [128, 512])
def test_what_is_no_embedding_of_its_size_is_refused(size: int) -> None:
    protection = Protection(KEY, 256)
    (other,), (own,) = directions(1, 1, size), directions(1, 1)
    spoilt = own.copy()
    spoilt[0] = np.nan
    for wrong in (other, own * 2.0, np.zeros(256, np.float32), spoilt):
        with pytest.raises(ValueError, match="no embedding of 256 numbers"):
            protection.protect(wrong)
        with pytest.raises(ValueError, match="no embedding of 256 numbers"):
            protection.unprotect(wrong)
