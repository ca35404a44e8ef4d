"""Lines and codes, without any I/O."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import CredentialPresented, Reject
from drivers.readers.qr_serial.decode import line_decoder as serial_decoder
from drivers.readers.qr_serial.settings import QrSerialSettings
from drivers.readers.qr_tcp.decode import line_decoder as tcp_decoder
from drivers.readers.qr_tcp.settings import QrTcpSettings
from drivers.scanner.framing import Line, LineFramer, TooLong


def at(mono_s=0.0):
    return Instant(mono_s, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)


def tcp(**settings):
    return tcp_decoder(QrTcpSettings.model_validate(settings))


def said(events):
    return [e.value if isinstance(e, CredentialPresented) else e.reason for e in events]


@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(1, 10))
def test_framing_loses_nothing_and_keeps_to_its_size(chunks, size_max):
    framer = LineFramer(size_max)
    items = [item for chunk in chunks for item in framer.feed(chunk)]
    lines = list(b"".join(chunks).replace(b"\r", b"\n").split(b"\n"))
    *ended, rest = lines
    wanted = [Line(x) if len(x) <= size_max else TooLong(x[: size_max + 1]) for x in ended if x]
    if len(rest) > size_max:
        wanted.append(TooLong(rest[: size_max + 1]))
        rest = b""
    assert [type(item) for item in items] == [type(item) for item in wanted]
    assert [item for item in items if isinstance(item, Line)] == [i for i in wanted if isinstance(i, Line)]
    assert framer.take() == rest


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (b"CDA1:ABC", ["CDA1:ABC"]),
        ("通行证".encode(), ["通行证"]),
        (b"\xef\xbb\xbfcode \0", ["code"]),
        (b"a\x1db", ["a\x1db"]),
        (b"\xff\xfe", ["not_utf8"]),
        (b"a\x07b", ["control_characters"]),
        (b"   ", ["empty_code"]),
        (b"x" * 65, ["line_too_long"]),
    ],
)
def test_what_is_a_code(line, wanted):
    assert said(tcp(code_bytes_max=64).feed(line + b"\r\n", at())) == wanted


def test_affixes_are_stripped_and_needed():
    decoder = tcp(prefix="<", suffix=">")
    assert said(decoder.feed(b"<one>\ntwo\n<\n<three>\n", at())) == [
        "one",
        "affix_missing",
        "affix_missing",
        "three",
    ]
    shared = serial_decoder(QrSerialSettings(prefix="A"))
    assert said(shared.feed(b"Aone\nBtwo\n", at())) == ["one"]


def test_a_repeat_of_the_scanner_is_ignored_for_a_while():
    decoder = tcp(repeat_s=3)
    assert said(decoder.feed(b"a\na\n", at(0))) == ["a"]
    assert said(decoder.feed(b"a\n", at(2.9))) == []
    assert said(decoder.feed(b"a\n", at(3.0))) == ["a"]
    assert said(decoder.feed(b"b\na\n", at(3.1))) == ["b", "a"]
    decoder.forget()
    assert said(decoder.feed(b"a\n", at(3.2))) == ["a"]
    assert said(tcp(repeat_s=0).feed(b"a\na\n", at())) == ["a", "a"]


def test_bytes_after_a_silence_begin_a_new_line():
    decoder = tcp(idle_s=0.5)
    assert decoder.feed(b"half", at(0)) == []
    assert said(decoder.feed(b"whole\n", at(0.6))) == ["line_without_end", "whole"]
    patient = tcp(idle_s=0.5, unterminated="accept")
    patient.feed(b"half", at(0))
    assert said(patient.flush(at(0.5))) == ["half"]


def test_lost_bytes_cost_the_line_they_are_missing_from():
    decoder = tcp()
    decoder.feed(b"begun", at())
    assert said(decoder.overrun(at())) == ["bytes_lost"]
    assert said(decoder.feed(b"rest\nnext\n", at())) == ["next"]


def test_a_sample_is_short():
    (reject,) = tcp().feed(b"\xff" * 500 + b"\n", at())
    assert isinstance(reject, Reject)
    assert len(reject.sample) == 120
