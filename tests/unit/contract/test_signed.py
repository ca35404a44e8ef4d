"""Signed envelopes: only the exact bytes, only by a trusted key."""

import base64
import datetime as dt

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract import signed
from cardea.contract.encoding import ORDER, encode
from cardea.contract.orders import Order, ReleasePortal
from cardea.contract.reasons import RefusalReason
from cardea.contract.signed import Envelope

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = {signed.key_id(KEY.public_key()): KEY.public_key()}
NOW = dt.datetime(2024, 2, 3, tzinfo=dt.UTC)
ORDERED = Order("1", "tower-1", "n", NOW, NOW + dt.timedelta(seconds=60), ReleasePortal("大厅"))
RAW = signed.sign(KEY, ORDERED)


def _envelope() -> Envelope:
    return msgspec.json.decode(RAW, type=Envelope)


def test_what_was_signed_is_what_is_verified() -> None:
    body = signed.verify(RAW, TRUSTED)
    assert isinstance(body, bytes)
    assert ORDER.decode(body) == ORDERED


def test_key_ids_tell_keys_apart() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    assert signed.key_id(KEY.public_key()) != signed.key_id(other)
    assert signed.key_id(other) == "139e3940e64b5491"


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_no_flipped_byte_gets_through(place: int, flip: int) -> None:
    touched = bytearray(RAW)
    touched[place] ^= flip
    found = signed.verify(bytes(touched), TRUSTED)
    assert isinstance(found, RefusalReason) or found == signed.verify(RAW, TRUSTED)


@given(st.integers(0, len(_envelope().body.encode()) - 1), st.integers(1, 127))
def test_no_changed_body_gets_through(place: int, flip: int) -> None:
    body = bytearray(_envelope().body.encode())
    body[place] ^= flip
    text = body.decode(errors="replace")
    touched = encode(msgspec.structs.replace(_envelope(), body=text))
    assert signed.verify(touched, TRUSTED) is RefusalReason.BAD_SIGNATURE


@given(st.binary(max_size=100))
def test_garbage_is_undecodable(raw: bytes) -> None:
    assert signed.verify(raw, TRUSTED) is RefusalReason.UNDECODABLE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kid": "0" * 16}, RefusalReason.UNKNOWN_KEY),
        ({"sig": "not base64!"}, RefusalReason.BAD_SIGNATURE),
        ({"sig": "ß"}, RefusalReason.BAD_SIGNATURE),
        ({"sig": ""}, RefusalReason.BAD_SIGNATURE),
        ({"sig": base64.b64encode(bytes(64)).decode()}, RefusalReason.BAD_SIGNATURE),
        ({"sig": base64.b64encode(bytes(63)).decode()}, RefusalReason.BAD_SIGNATURE),
    ],
)
def test_why_it_is_not_believed(change: dict[str, str], reason: RefusalReason) -> None:
    assert signed.verify(encode(msgspec.structs.replace(_envelope(), **change)), TRUSTED) is reason


def test_a_key_that_is_not_trusted_is_unknown() -> None:
    assert signed.verify(RAW, {}) is RefusalReason.UNKNOWN_KEY


def test_another_key_under_the_same_id_does_not_help() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    assert signed.verify(RAW, dict.fromkeys(TRUSTED, other)) is RefusalReason.BAD_SIGNATURE
