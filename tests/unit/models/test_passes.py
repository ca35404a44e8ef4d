"""Issuing and verifying: what is issued is verified, and nothing else is."""

import datetime as dt
import hashlib
import zlib
from dataclasses import replace
from typing import Any

import base45
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edge.decide.evidence import Standing
from models.passes import (
    ClaimsInvalid,
    InvalidPass,
    PassClaims,
    PassStanding,
    Uses,
    VerifiedPass,
    armour,
    cbor,
    cose,
    issue,
    key_id,
    keyring,
    verify,
)
from models.passes.claims import CTI, EXP, IAT, ISS, NBF, PORTALS, ROTATING, SUB, USES, from_cwt, to_cwt

NOW = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
KEYS = keyring([KEY.public_key()])
PASS_ID = hashlib.sha256(b"a pass").hexdigest()[:32]


BASE = PassClaims(person="p-0042", pass_id=PASS_ID, issued=NOW, expires=NOW + dt.timedelta(hours=8))


def claims(**changes: Any) -> PassClaims:
    return replace(BASE, **changes)


def refused(text: str, now: dt.datetime = NOW, **options: Any) -> InvalidPass:
    found = verify(text, KEYS, now, **options)
    assert isinstance(found, InvalidPass)
    return found


def signed_text(payload: bytes, key: Ed25519PrivateKey = KEY) -> str:
    return armour.wrap(cose.sign(key, key_id(KEY.public_key()), payload))


moments = st.integers(10**8, 7 * 10**9).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC))


@st.composite
def any_claims(draw: st.DrawFn) -> PassClaims:
    issued = draw(moments)
    lasts = draw(st.timedeltas(dt.timedelta(seconds=1), dt.timedelta(days=400)))
    starts = draw(st.none() | st.just(issued - dt.timedelta(days=1)))
    return PassClaims(
        person=draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)),
        pass_id=draw(st.binary(min_size=16, max_size=16)).hex(),
        issued=issued,
        expires=issued + lasts - dt.timedelta(microseconds=lasts.microseconds),
        not_before=starts,
        issuer=draw(st.text(st.characters(codec="utf-8"), max_size=64)),
        uses=draw(st.sampled_from(Uses)),
        portals=tuple(draw(st.lists(st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True), max_size=16))),
        rotating=draw(st.booleans()),
    )


@given(any_claims())
def test_claims_survive_their_encoding(asked: PassClaims) -> None:
    assert from_cwt(to_cwt(asked)) == asked


def test_an_issued_pass_is_verified_with_its_claims() -> None:
    found = verify(issue(KEY, claims()), KEYS, NOW)
    assert found == VerifiedPass(claims(), key_id(KEY.public_key()))


def test_a_pass_stays_small_enough_for_a_coarse_qr_code() -> None:
    text = issue(KEY, claims())
    assert len(text) <= 191
    assert set(text) <= set(base45.BASE45_CHARSET)


def test_the_key_id_is_the_begin_of_the_key_s_digest() -> None:
    assert key_id(KEY.public_key()) == hashlib.sha256(KEY.public_key().public_bytes_raw()).digest()[:8]


def test_standings_are_those_that_decisions_know() -> None:
    assert {standing.value for standing in PassStanding} <= {standing.value for standing in Standing}


@pytest.mark.parametrize(
    ("shift_s", "standing"),
    [
        (-61, PassStanding.NOT_YET_VALID),
        (-60, None),
        (0, None),
        (3659, None),
        (3660, PassStanding.EXPIRED),
    ],
)
def test_validity_ends_a_minute_of_skew_beyond_the_claims(
    shift_s: int, standing: PassStanding | None
) -> None:
    text = issue(KEY, claims(expires=NOW + dt.timedelta(hours=1)))
    found = verify(text, KEYS, NOW + dt.timedelta(seconds=shift_s))
    assert (found.standing if isinstance(found, InvalidPass) else None) == standing
    assert found.claims == claims(expires=NOW + dt.timedelta(hours=1))


def test_a_later_start_counts_instead_of_the_issue() -> None:
    text = issue(KEY, claims(not_before=NOW + dt.timedelta(hours=1)))
    assert refused(text).standing is PassStanding.NOT_YET_VALID
    assert isinstance(verify(text, KEYS, NOW + dt.timedelta(hours=1)), VerifiedPass)


def test_a_trusted_key_s_name_without_its_signature_is_forged() -> None:
    found = refused(signed_text(to_cwt(claims()), STRANGER))
    assert found.standing is PassStanding.FORGED
    assert found.claims is None


def test_another_key_is_unknown() -> None:
    found = refused(issue(STRANGER, claims()))
    assert (found.standing, found.why) == (PassStanding.UNKNOWN, "signed by a key that is not trusted here")


def test_a_pass_without_key_id_is_unknown() -> None:
    protected = cbor.encode({1: -8})
    signature = KEY.sign(cose.signed_bytes(protected, to_cwt(claims())))
    text = armour.wrap(b"\xd2" + cbor.encode([protected, {}, to_cwt(claims()), signature]))
    assert refused(text).why == "signed by a key that is not trusted here"


def test_another_algorithm_is_not_tried() -> None:
    protected = cbor.encode({1: -7, 4: key_id(KEY.public_key())})
    text = armour.wrap(b"\xd2" + cbor.encode([protected, {}, to_cwt(claims()), b""]))
    assert refused(text).why == "algorithm -7 is not EdDSA"


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert refused(text).standing is PassStanding.UNKNOWN
    assert refused(armour.PREFIX + text).standing is PassStanding.UNKNOWN


@given(st.binary(max_size=300))
def test_no_bytes_raise(message: bytes) -> None:
    assert refused(armour.wrap(message)).standing is PassStanding.UNKNOWN
    assert refused(armour.wrap(b"\xd2" + message)).standing is PassStanding.UNKNOWN


@given(st.binary(max_size=120))
def test_no_signed_payload_raises(payload: bytes) -> None:
    found = verify(signed_text(payload), KEYS, NOW)
    assert isinstance(found, InvalidPass)


@given(st.data())
def test_no_changed_character_is_honoured(data: st.DataObject) -> None:
    text = issue(KEY, claims())
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(sorted(set(base45.BASE45_CHARSET) - {text[at]})))
    assert isinstance(verify(text[:at] + other + text[at + 1 :], KEYS, NOW), InvalidPass)


@given(st.integers(0, 190))
def test_no_cut_pass_is_honoured(length: int) -> None:
    assert isinstance(verify(issue(KEY, claims())[:length], KEYS, NOW), InvalidPass)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("HC1:ABC", "does not begin with CDA1:"),
        ("CDA1:" + "0" * 1600, "longer than 1600 characters"),
        ("CDA1:abc", "not base45"),
        ("CDA1:" + base45.b45encode(b"\x78\x9c\xff\xff").decode(), "a broken zlib stream"),
        ("CDA1:" + base45.b45encode(zlib.compress(b"a")[:-1]).decode(), "cut or followed"),
        ("CDA1:" + base45.b45encode(zlib.compress(b"a") + b"b").decode(), "cut or followed"),
        ("CDA1:" + base45.b45encode(zlib.compress(b"a" * 100_000, 9)).decode(), "more than 1024 bytes"),
    ],
)
def test_armour_says_what_is_wrong(text: str, why: str) -> None:
    assert why in refused(text).why


def test_what_compresses_is_compressed() -> None:
    portals = tuple(f"portal-number-{n:02d}" for n in range(16))
    text = issue(KEY, claims(portals=portals))
    assert base45.b45decode(text.removeprefix("CDA1:")).startswith(b"\x78")
    found = verify(text, KEYS, NOW)
    assert isinstance(found, VerifiedPass)
    assert found.claims.portals == portals


GOOD: dict[int, object] = {SUB: "p-1", EXP: 2_000_000_000, IAT: 1_700_000_000, CTI: bytes(16)}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({SUB: 5}, "sub is not a text"),
        ({SUB: "Zhang Wei"}, "visible ASCII"),
        ({CTI: "x"}, "cti is not bytes"),
        ({CTI: bytes(15)}, "32 lower-case hex digits"),
        ({EXP: 1.5}, "exp is not a whole number"),
        ({EXP: -1}, "exp is not a whole number"),
        ({EXP: True}, "exp is not a whole number"),
        ({EXP: 1_600_000_000}, "ends before it begins"),
        ({NBF: "soon"}, "nbf is not a whole number"),
        ({ISS: 1}, "iss is not a text"),
        ({ISS: "x" * 65}, "64 characters at most"),
        ({USES: 2}, "uses is neither"),
        ({USES: "once"}, "uses is neither"),
        ({PORTALS: "lobby"}, "portals is not a list"),
        ({PORTALS: [1]}, "portals is not a text"),
        ({PORTALS: ["Lobby A"]}, "a portal's name"),
        ({PORTALS: ["a"] * 17}, "16 portals at most"),
        ({ROTATING: 1}, "rotating is neither"),
    ],
)
def test_signed_claims_out_of_bounds_are_not_honoured(change: dict[int, object], why: str) -> None:
    found = refused(signed_text(cbor.encode({**GOOD, **change})))
    assert found.standing is PassStanding.UNKNOWN
    assert why in found.why


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\xa1\x01\xc1\x00", b"\xbf\xff", b"\xa2\x01\x01\x01\x02"])
def test_payloads_that_are_no_strict_map_are_not_honoured(payload: bytes) -> None:
    assert refused(signed_text(payload)).why.startswith("signed, but ")


def test_times_must_be_whole_seconds_with_a_zone() -> None:
    for wrong in (NOW.replace(tzinfo=None), NOW.replace(microsecond=1)):
        with pytest.raises(ClaimsInvalid, match="whole seconds of UTC"):
            claims(issued=wrong)


def test_a_pass_opens_where_it_says() -> None:
    assert claims().opens("anywhere")
    assert claims(portals=("garage",)).opens("garage")
    assert not claims(portals=("garage",)).opens("lobby-a")


def test_single_use_is_marked_once_for_ever_and_kept_until_it_cannot_be_shown_again() -> None:
    once, many = (
        verify(issue(KEY, claims(uses=Uses.ONCE)), KEYS, NOW),
        verify(issue(KEY, claims()), KEYS, NOW),
    )
    assert isinstance(once, VerifiedPass)
    assert isinstance(many, VerifiedPass)
    assert (once.use_step, many.use_step) == (0, None)
    assert isinstance(verify(issue(KEY, claims()), KEYS, many.until), InvalidPass)
