"""COSE_Sign1 against the COSE working group's own vectors, and everything that is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.passes import cbor, cose

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
VECTORS = (
    "CWT_A_3.json",
    "eddsa-examples_eddsa-sig-01.json",
    "sign1-tests_sign-fail-02.json",
    "sign1-tests_sign-pass-01.json",
)


def vector(test_data: Path, name: str) -> dict:
    return json.loads((test_data / "access" / "cose" / name).read_text("utf-8"))


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", VECTORS)
def test_what_is_signed_is_what_the_vectors_sign(test_data: Path, name: str) -> None:
    case = vector(test_data, name)
    parts: Any = cbor.decode(bytes.fromhex(case["output"]["cbor"])[1:])
    protected, _, payload, _ = parts
    if case.get("fail"):  # the vector changed the payload after signing it
        payload = case["input"]["plaintext"].encode()
    expected = case["intermediates"]["ToBeSign_hex"]
    assert cose.signed_bytes(protected, payload).hex().upper() == expected


@pytest.mark.needs_test_data
def test_the_eddsa_vector_holds_and_only_untouched(test_data: Path) -> None:
    case = vector(test_data, "eddsa-examples_eddsa-sig-01.json")
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(case["input"]["sign0"]["key"]["d_hex"]))
    raw = bytes.fromhex(case["output"]["cbor"])
    message = cose.parse(raw)
    assert (message.alg, message.kid, message.payload) == (cose.EDDSA, b"11", b"This is the content.")
    assert cose.holds(message, key.public_key())
    assert key.sign(cose.signed_bytes(message.protected, message.payload)) == message.signature
    at = raw.index(b"content")
    assert not cose.holds(cose.parse(raw[:at] + b"C" + raw[at + 1 :]), key.public_key())


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", ["CWT_A_3.json", "sign1-tests_sign-fail-02.json"])
def test_es256_vectors_are_read_and_not_believed(test_data: Path, name: str) -> None:
    message = cose.parse(bytes.fromhex(vector(test_data, name)["output"]["cbor"]))
    assert message.alg == -7
    assert not cose.holds(message, KEY.public_key())


@pytest.mark.needs_test_data
def test_an_algorithm_outside_the_protected_header_is_refused(test_data: Path) -> None:
    raw = bytes.fromhex(vector(test_data, "sign1-tests_sign-pass-01.json")["output"]["cbor"])
    with pytest.raises(cose.CoseInvalid, match="no algorithm in the protected header"):
        cose.parse(raw)


def message(
    protected: object, unprotected: object, payload: object = b"p", signature: object = b"s"
) -> bytes:
    shielded = protected if isinstance(protected, bytes) else cbor.encode(protected)
    return b"\xd2" + cbor.encode([shielded, unprotected, payload, signature])


def test_the_protected_key_id_wins() -> None:
    assert cose.parse(message({1: -8, 4: b"in"}, {4: b"out"})).kid == b"in"
    assert cose.parse(message({1: -8}, {4: b"out"})).kid == b"out"
    assert cose.parse(message({1: -8}, {})).kid is None


def test_a_cwt_tag_may_stand_around_the_cose_tag() -> None:
    raw = cose.sign(KEY, b"kid", b"payload")
    assert cose.parse(b"\xd8\x3d" + raw) == cose.parse(raw)
    assert cose.holds(cose.parse(raw), KEY.public_key())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not tagged"),
        (b"\xd8\x3d" + b"\xd8\x3d" + message({1: -8}, {}), "not tagged"),
        (message({1: -8}, {})[1:], "not tagged"),
        (b"\xd2" + bytes(1100), "longer than 1024"),
        (b"\xd2", "premature"),
        (b"\xd2\x01", "not four parts"),
        (b"\xd2" + cbor.encode([b"", {}, b"p"]), "not four parts"),
        (message({1: -8}, []), "headers of the wrong type"),
        (b"\xd2" + cbor.encode([{1: -8}, {}, b"p", b"s"]), "headers of the wrong type"),
        (message({1: -8}, {}, None), "payload or signature"),
        (message({1: -8}, {}, b"p", "s"), "payload or signature"),
        (message(b"", {1: -8}), "no algorithm"),
        (message(b"\x01", {}), "not a map"),
        (message(b"\xa1\x01", {}), "premature"),
        (message({1: "EdDSA"}, {}), "no algorithm"),
        (message({1: -8, 2: [4]}, {}), "critical"),
        (message({1: -8}, {2: [4]}), "critical"),
        (message({1: -8, 4: "11"}, {}), "key id"),
        (message({1: -8, 4: bytes(33)}, {}), "key id"),
        (message({1: -8}, {}) + b"\x00", "left over"),
        (b"\xd2" + b"\x9f" + cbor.encode(b"") + b"\xff", "indefinite"),
    ],
)
def test_what_is_not_a_strict_message_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(cose.CoseInvalid, match=why):
        cose.parse(raw)


def test_a_signature_of_the_wrong_length_does_not_hold() -> None:
    assert not cose.holds(cose.parse(message({1: -8}, {})), KEY.public_key())


def test_every_tag_inside_is_refused_even_those_the_library_knows() -> None:
    for tag in (0, 1, 2, 4, 5, 18, 28, 29, 30, 35, 37, 258, 55799):
        raw = cbor.cbor2.dumps(cbor.cbor2.CBORTag(tag, 1))
        with pytest.raises(cbor.CborInvalid):
            cbor.decode(raw)


def test_nesting_is_bounded() -> None:
    with pytest.raises(cbor.CborInvalid):
        cbor.decode(b"\x81" * 100 + b"\x01")


def test_no_tag_is_listed_as_allowed() -> None:
    assert (len(cbor._TAGS), list(cbor._TAGS)) == (0, [])
