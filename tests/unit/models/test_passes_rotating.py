"""Rotating codes: RFC 6238's own vectors, one step either way, and the photograph that is too late."""

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from models.passes import (
    CodeAccepted,
    InvalidPass,
    PassClaims,
    PassStanding,
    Uses,
    VerifiedPass,
    code_at,
    issue,
    keyring,
    verify,
    with_code,
)
from models.passes.rotating import code, split, step_at

NOW = dt.datetime(2026, 11, 23, 8, 0, 15, tzinfo=dt.UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEYS = keyring([KEY.public_key()])
ROOT = b"r" * 32
PASS_ID = "5f1d" * 8
RFC_6238_SECRET = b"12345678901234567890123456789012"


def rotating(uses: Uses = Uses.MANY, pass_id: str = PASS_ID) -> str:
    expires = NOW + dt.timedelta(hours=8)
    asked = PassClaims(person="p-1", pass_id=pass_id, issued=NOW, expires=expires, uses=uses, rotating=True)
    return issue(KEY, asked)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "46119246"),
        (1111111109, "68084774"),
        (1111111111, "67062674"),
        (1234567890, "91819424"),
        (2000000000, "90698825"),
        (20000000000, "77737706"),
    ],
)
def test_the_vectors_of_rfc_6238_appendix_b(seconds: int, expected: str) -> None:
    assert code(RFC_6238_SECRET, step_at(dt.datetime.fromtimestamp(seconds, dt.UTC))) == expected


@pytest.mark.parametrize("skew", [-1, 0, 1])
def test_one_step_either_way_is_accepted_and_reported(skew: int) -> None:
    shown = NOW + dt.timedelta(seconds=30 * skew)
    found = verify(with_code(rotating(), code_at(ROOT, PASS_ID, shown)), KEYS, NOW, code_root=ROOT)
    assert isinstance(found, VerifiedPass)
    assert found.code == CodeAccepted(step_at(NOW) + skew, skew)
    assert found.use_step == step_at(NOW) + skew


@pytest.mark.parametrize("late_s", [-90, -60, 60, 90, 3600])
def test_a_photograph_is_a_replay(late_s: int) -> None:
    text = with_code(rotating(), code_at(ROOT, PASS_ID, NOW))
    found = verify(text, KEYS, NOW + dt.timedelta(seconds=late_s), code_root=ROOT)
    assert isinstance(found, InvalidPass)
    assert found.standing in {PassStanding.REPLAYED, PassStanding.NOT_YET_VALID}


def test_the_pass_without_a_code_is_a_replay() -> None:
    found = verify(rotating(), KEYS, NOW, code_root=ROOT)
    assert isinstance(found, InvalidPass)
    assert (found.standing, found.why) == (PassStanding.REPLAYED, "the rotating code is missing")


def test_another_pass_s_code_is_refused() -> None:
    found = verify(with_code(rotating(), code_at(ROOT, "00" * 16, NOW)), KEYS, NOW, code_root=ROOT)
    assert isinstance(found, InvalidPass)
    assert found.standing is PassStanding.REPLAYED


def test_without_the_root_no_rotating_pass_is_honoured() -> None:
    found = verify(with_code(rotating(), code_at(ROOT, PASS_ID, NOW)), KEYS, NOW)
    assert isinstance(found, InvalidPass)
    assert (found.standing, found.why) == (PassStanding.UNKNOWN, "rotating codes cannot be checked here")


def test_a_single_use_is_one_use_whatever_the_step() -> None:
    found = verify(with_code(rotating(Uses.ONCE), code_at(ROOT, PASS_ID, NOW)), KEYS, NOW, code_root=ROOT)
    assert isinstance(found, VerifiedPass)
    assert found.use_step == 0


@given(st.binary(min_size=16, max_size=16))
def test_text_and_code_are_never_confused(pass_id: bytes) -> None:
    """base45 has digits and a point as well: the pass is still found, with and without its code."""
    text = rotating(pass_id=pass_id.hex())
    coded = with_code(text, code_at(ROOT, pass_id.hex(), NOW))
    assert isinstance(verify(coded, KEYS, NOW, code_root=ROOT), VerifiedPass)
    bare = verify(text, KEYS, NOW, code_root=ROOT)
    assert isinstance(bare, InvalidPass)
    assert bare.claims is not None


@pytest.mark.parametrize(
    "text", ["", "12345678", "CDA1:A.1234567", "CDA1:A.1234567x", "CDA1:A.１２３４５６７８"]
)
def test_what_does_not_end_in_a_code(text: str) -> None:
    assert split(text) is None


def test_what_looks_like_a_code_and_follows_no_pass_is_unknown() -> None:
    found = verify("CDA1:ABC.12345678", KEYS, NOW, code_root=ROOT)
    assert isinstance(found, InvalidPass)
    assert found.standing is PassStanding.UNKNOWN
