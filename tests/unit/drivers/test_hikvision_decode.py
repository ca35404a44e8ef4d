"""Hikvision bytes → events: any cut, any garbage, and every field that a portal relies on."""

import datetime as dt
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.orders import StatusColour
from cardea.contract.records import CredentialKind
from cardea.contract.time import ClockQuality, Instant
from drivers.api import (
    CredentialPresented,
    DoorMoved,
    HeartbeatSeen,
    InputChanged,
    InputKind,
    Reject,
    TemperatureMeasured,
)
from drivers.gates.hikvision import DRIVER, decode, multipart
from drivers.gates.hikvision.access import history_page, told
from drivers.gates.hikvision.payload import Unreadable
from drivers.gates.hikvision.serials import SPANS_MAX, Serials

AT = Instant(5.0, dt.datetime(2024, 7, 3, 6, 0, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
SAID = "2024-07-03T13:30:16+08:00"
UTC = dt.datetime(2024, 7, 3, 5, 30, 16, tzinfo=dt.UTC)


def access(**fields: Any) -> dict[str, Any]:
    return {
        "dateTime": SAID,
        "eventType": "AccessControllerEvent",
        "AccessControllerEvent": {
            "majorEventType": 5,
            "subEventType": 75,
            "serialNo": 42,
            "employeeNoString": "4366",
            "FaceRect": {"height": 0.39, "width": 0.219, "x": 0.392, "y": 0.317},
            **fields,
        },
    }


def payload(raw: bytes, at: Instant) -> Any:
    return told(raw, at).payload


def events_of(event: Any) -> list[Any]:
    return list(payload(json.dumps(event).encode(), AT))


def presented(**fields: Any) -> CredentialPresented:
    event = events_of(access(**fields))[-1]
    assert isinstance(event, CredentialPresented)
    return event


def part(
    body: bytes, kind: str = "application/json", length: int | None = -1, name: str = "event_log"
) -> bytes:
    head = f'--MIME_boundary\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n'
    if length is not None:
        head += f"Content-Length: {len(body) if length < 0 else length}\r\n"
    return head.encode() + b"\r\n" + body + b"\r\n"


HEARTBEAT = json.dumps({"eventType": "heartBeat", "dateTime": SAID}).encode()
FACE = json.dumps(access(currTemperature=36.6, mask="yes")).encode()
XML = (
    b'<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">'
    b"<dateTime>2024-07-03T13:30:16+08:00</dateTime><eventType>AccessControllerEvent</eventType>"
    b"<AccessControllerEvent><majorEventType>5</majorEventType><subEventType>1</subEventType>"
    b"<cardNo>0012</cardNo><serialNo>7</serialNo><remoteCheck>true</remoteCheck>"
    b"<HealthInfo><healthCode>4</healthCode></HealthInfo></AccessControllerEvent></EventNotificationAlert>"
)
JPEG = b"\xff\xd8\xff\xe0" + b"secret face\r\n--not it\r\n" * 40
STREAM = b"".join(
    [
        part(HEARTBEAT),
        part(FACE, name="AccessControllerEvent"),
        part(JPEG, "image/jpeg"),
        part(XML, 'application/xml; charset="UTF-8"'),
        part(FACE, length=None),
        part(JPEG, "image/jpeg", length=None),
        b"noise between\r\n" * 3,
        part(FACE, length=9000),  # says more than it is: the next boundary lies inside
        part(XML, "text/xml", length=50),  # says less than it is
        b"--mime_BOUNDARY\r\nno header here\r\n",
        b"--MIME_boundary\r\n--MIME_boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 900\r\n\r\n"
        + JPEG[:40],
        b"\r\n" + part(HEARTBEAT) * 40,
        b"--MIME_boundary--\r\n"
        + part(HEARTBEAT)
        + b"--MIME_boundary\r\nContent-Type: text/plain\r\n\r\n"
        + XML,
    ]
)


def fed(raw: bytes, cuts: list[int]) -> list[Any]:
    decoder = decode.StreamDecoder()
    at = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    events = [e for a, b in itertools.pairwise(at) for e in decoder.feed(raw[a:b], AT)]
    return [*events, *decoder.finish(AT)]


def test_a_stream_with_every_quirk() -> None:
    events = fed(STREAM, [])
    kinds = [type(e).__name__ if not isinstance(e, Reject) else e.reason for e in events]
    assert kinds == [
        "HeartbeatSeen",
        *["TemperatureMeasured", "CredentialPresented"],
        "CredentialPresented",
        *["TemperatureMeasured", "CredentialPresented"],
        "part_cut_off",
        "not_json_or_xml",
        "bytes_outside_part",
        "part_head_unreadable",
        "part_cut_off",
        *["HeartbeatSeen"] * 41,
        "CredentialPresented",
    ]


@given(st.lists(st.integers(0, 20_000), max_size=40))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    assert fed(STREAM, cuts) == fed(STREAM, [])


def test_byte_by_byte_gives_the_same_events() -> None:
    assert fed(STREAM, list(range(len(STREAM)))) == fed(STREAM, [])


@given(st.data())
def test_a_damaged_stream_gives_the_same_events_for_any_cut(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(STREAM)))
    raw = bytearray(STREAM[start : start + data.draw(st.integers(0, 4000))])
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8)):
        if raw:
            raw[at % len(raw)] = byte
    cuts = data.draw(st.lists(st.integers(0, 4000), max_size=10))
    assert fed(bytes(raw), cuts) == fed(bytes(raw), [])


SMALL = st.lists(
    st.sampled_from(
        [
            b"--",
            b"b",
            b"--b",
            b"\r\n",
            b"\n",
            b"Content-Type: image/x",
            b"Content-Length: 7",
            b"x: y",
            b"{}",
            b"-",
            b"zz",
        ]
    ),
    max_size=40,
).map(b"".join)


@given(SMALL, st.lists(st.integers(0, 200), max_size=6))
def test_delimiters_in_any_order_and_cut(raw: bytes, cuts: list[int]) -> None:
    assert fed(raw, cuts) == fed(raw, [])


@given(st.lists(st.binary(max_size=300), max_size=6), st.sampled_from(sorted(DRIVER.decoders)))
def test_garbage_is_rejected_and_never_raises(chunks: list[bytes], channel: str) -> None:
    decoder = DRIVER.decoders[channel](None)  # pyright: ignore[reportArgumentType]  # chosen by the test
    events = [e for chunk in chunks for e in decoder.feed(chunk, AT)] + list(decoder.finish(AT))
    assert all(isinstance(e, Reject | HeartbeatSeen) for e in events)
    assert list(decoder.feed(b"", AT)) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "serialNo",
                        "currTemperature",
                        "mask",
                        "HealthInfo",
                        "healthCode",
                        "cardNo",
                        "subEventType",
                        "majorEventType",
                        "remoteCheck",
                        "thermometryUnit",
                        "employeeNoString",
                        "doorNo",
                        "dateTime",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_fields_of_any_type_never_raise(value: Any) -> None:
    event = access(**value) if isinstance(value, dict) else access(serialNo=value)
    for raw in (json.dumps(event), json.dumps({**event, "dateTime": value}), json.dumps(value)):
        assert len(payload(raw.encode(errors="replace"), AT)) in {1, 2}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"[1]",
        b"null",
        b'"x"',
        b"<a",
        b"<a/>",
        b"{}",
        b"\xff\xfe",
        b'{"a":' * 3000,
        b"<a>" * 3000,
    ],
)
def test_no_event_is_a_reject(raw: bytes) -> None:
    (event,) = payload(raw, AT)
    assert isinstance(event, Reject)
    assert len(event.sample) <= 120


def test_xml_that_tries_something_is_rejected() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    assert [e.reason for e in payload(bomb, AT) if isinstance(e, Reject)] == ["not_json_or_xml"]
    deep = b"<a>" * 20 + b"</a>" * 20
    assert [e.reason for e in payload(deep, AT) if isinstance(e, Reject)] == ["too_deep"]


# --- fields ---------------------------------------------------------------------------------------


def test_temperature_comes_first_and_the_cursor_last() -> None:
    temperature, credential = events_of(access(currTemperature=36.6, isAbnomalTemperature=True))
    assert temperature == TemperatureMeasured(at=AT, device_utc=UTC, value_c=36.6, abnormal=True)
    assert credential == CredentialPresented(
        at=AT, device_utc=UTC, cursor=42, kind=CredentialKind.FACE, value="4366", verified=True, granted=True
    )


@pytest.mark.parametrize(
    ("fields", "value_c"),
    [
        ({"currTemperature": 98.6, "thermometryUnit": "fahrenheit"}, 37.0),
        ({"currTemperature": 309.15, "thermometryUnit": "kelvin"}, 36.0),
        ({"currTemperature": "36.5", "thermometryUnit": "Celsius"}, 36.5),
        ({"currTemperature": 25.0}, 25.0),
        ({"currTemperature": 45.0}, 45.0),
    ],
)
def test_units_of_temperature(fields: dict[str, Any], value_c: float) -> None:
    assert events_of(access(**fields))[0].value_c == pytest.approx(value_c)


@pytest.mark.parametrize(
    "fields", [{}, {"currTemperature": 0}, {"currTemperature": 0.0}, {"currTemperature": ""}]
)
def test_zero_or_nothing_was_not_measured(fields: dict[str, Any]) -> None:
    (event,) = events_of(access(**fields))
    assert isinstance(event, CredentialPresented)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"currTemperature": 24.9}, "temperature_unbelievable"),
        ({"currTemperature": 45.1}, "temperature_unbelievable"),
        ({"currTemperature": 98.6}, "temperature_unbelievable"),
        ({"currTemperature": "hot"}, "temperature_unbelievable"),
        ({"currTemperature": True}, "temperature_unbelievable"),
        ({"currTemperature": 10**400}, "temperature_unbelievable"),
        ({"currTemperature": 36.6, "thermometryUnit": "reaumur"}, "temperature_unit_unknown"),
    ],
)
def test_what_no_person_can_have_is_counted_and_the_person_stays(fields: dict[str, Any], reason: str) -> None:
    reject, credential = events_of(access(**fields))
    assert (reject.reason, reject.cursor) == (reason, None)
    assert isinstance(credential, CredentialPresented)


@pytest.mark.parametrize("name", ["isAbnomalTemperature", "isAbnormalTemperature"])
def test_both_spellings_of_abnormal(name: str) -> None:
    for said, meant in ((True, True), (False, False), ("true", True), ("maybe", None)):
        assert events_of(access(currTemperature=36.0, **{name: said}))[0].abnormal is meant


@pytest.mark.parametrize(
    ("said", "mask"), [("yes", True), ("no", False), ("unknown", None), (None, None), (3, None)]
)
def test_mask(*, said: Any, mask: bool | None) -> None:
    assert presented(mask=said).mask is mask


@pytest.mark.parametrize(
    ("code", "colour"),
    [
        (0, None),
        (1, None),
        (2, StatusColour.GREEN),
        (3, StatusColour.YELLOW),
        (4, StatusColour.RED),
        (7, None),
    ],
)
def test_health_code(code: int, colour: StatusColour | None) -> None:
    assert presented(HealthInfo={"healthCode": code}).colour is colour


@pytest.mark.parametrize(
    ("minor", "fields", "kind", "value", "granted", "verified"),
    [
        (1, {"cardNo": "0012"}, CredentialKind.CARD, "0012", True, True),
        (9, {"cardNo": "99"}, CredentialKind.CARD, "99", False, False),
        (6, {"cardNo": "0012"}, CredentialKind.CARD, "0012", False, True),
        (6, {}, CredentialKind.FACE, "4366", False, True),
        (6, {"QRCodeInfo": "CDA1:X"}, CredentialKind.QR, "CDA1:X", False, True),
        (38, {}, CredentialKind.PIN, "4366", True, True),
        (39, {}, CredentialKind.PIN, "4366", False, False),
        (75, {"cardNo": "1"}, CredentialKind.FACE, "4366", True, True),
        (75, {"employeeNoString": "", "employeeNo": 17}, CredentialKind.FACE, "17", True, True),
        (76, {}, CredentialKind.FACE, "4366", False, False),
        (80, {"employeeNoString": ""}, CredentialKind.FACE, "", False, False),
        (156, {"QRCodeInfo": "CDA1:X"}, CredentialKind.QR, "CDA1:X", True, True),
    ],
)
def test_minor_codes(
    *, minor: int, fields: dict[str, Any], kind: CredentialKind, value: str, granted: bool, verified: bool
) -> None:
    event = presented(subEventType=minor, **fields)
    assert (event.kind, event.value, event.granted, event.verified) == (kind, value, granted, verified)
    assert event.ask is None


@pytest.mark.parametrize(("minor", "is_open"), [(25, True), (26, False), (27, True)])
def test_the_door_contact(*, minor: int, is_open: bool) -> None:
    assert events_of(access(subEventType=minor, doorNo=2)) == [
        DoorMoved(at=AT, device_utc=UTC, cursor=42, open=is_open, door=2)
    ]


def test_tamper() -> None:
    (event,) = events_of(access(majorEventType=1, subEventType=0x404))
    assert event == InputChanged(at=AT, device_utc=UTC, cursor=42, kind=InputKind.TAMPER, active=True)


@pytest.mark.parametrize(("major", "minor"), [(5, 21), (5, 22), (3, 0x400), (2, 39), (5, 9999), (0, 0)])
def test_what_is_no_credential_moves_the_cursor_and_no_more(major: int, minor: int) -> None:
    assert events_of(access(majorEventType=major, subEventType=minor)) == [
        HeartbeatSeen(at=AT, device_utc=UTC, cursor=42)
    ]


# --- verdicts -------------------------------------------------------------------------------------


def test_an_undecided_event_asks_under_its_serial_number() -> None:
    event = presented(remoteCheck=True)
    assert (event.ask, event.granted, event.cursor) == (42, None, 42)


def test_an_undecided_event_of_unknown_kind_asks_too() -> None:
    event = presented(remoteCheck=True, subEventType=777, cardNo="5")
    assert (event.ask, event.kind, event.value, event.verified) == (42, CredentialKind.CARD, "5", False)


def test_with_a_front_serial_it_is_decided() -> None:
    event = presented(remoteCheck=True, frontSerialNo=41)
    assert (event.ask, event.granted) == (None, True)


@pytest.mark.parametrize("result", ["success", "failed"])
def test_the_echo_of_our_verdict_is_no_second_person(result: str) -> None:
    assert isinstance(events_of(access(remoteCheckResult=result))[0], HeartbeatSeen)


def test_a_verdict_that_came_too_late_leaves_the_terminals_own() -> None:
    assert presented(remoteCheckResult="timeout", subEventType=6).granted is False


def test_a_replayed_event_is_offline_and_asks_nothing() -> None:
    for event in events_of(access(currentEvent=False, remoteCheck=True, currTemperature=36.5)):
        assert event.offline
        assert getattr(event, "ask", None) is None


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "",
        "yesterday",
        "1970-01-01T00:00:12+08:00",
        "2024-07-03T13:30:16",
        "1971--10--29 -23:-27:-54",
        "9999-12-31T23:59:59-23:59",
        "2024-07-05T13:30:16+08:00",
        7,
        None,
    ],
)
def test_a_time_that_cannot_be_true_is_left_out(said: Any) -> None:
    assert events_of({**access(), "dateTime": said})[0].device_utc is None


def test_a_gateway_without_time_does_not_judge_the_devices() -> None:
    boot = Instant(5.0, dt.datetime(1970, 1, 1, tzinfo=dt.UTC), ClockQuality.UNSYNCHRONISED)
    assert payload(FACE, boot)[0].device_utc == UTC


# --- channels -------------------------------------------------------------------------------------


def push(raw: bytes) -> list[Any]:
    decoder = decode.PushDecoder()
    assert list(decoder.feed(raw[:7], AT)) == []
    assert list(decoder.feed(raw[7:], AT)) == []
    events = list(decoder.finish(AT))
    assert list(decoder.finish(AT)) == []
    return events


@pytest.mark.parametrize("kind", [b"application/json", b"text/plain; charset=utf-8", b""])
def test_push_of_json(kind: bytes) -> None:
    assert len(push(b"Content-Type: " + kind + b"\r\n\r\n" + FACE)) == 2


def test_push_of_xml() -> None:
    (event,) = push(b"Host: x\r\ncontent-type: application/xml\r\n\r\n" + XML)
    assert (event.kind, event.value, event.ask, event.colour) == (
        CredentialKind.CARD,
        "0012",
        7,
        StatusColour.RED,
    )


def test_push_of_a_form_with_pictures() -> None:
    form = part(FACE) + part(JPEG, "image/jpeg", name="Picture") + b"--MIME_boundary--\r\n"
    events = push(b"Content-Type: multipart/form-data; boundary=MIME_BOUNDARY\r\n\r\n" + form)
    assert [type(e) for e in events] == [TemperatureMeasured, CredentialPresented]


def test_a_picture_that_is_not_called_one_is_dropped() -> None:
    assert (
        push(b"Content-Type: multipart/form-data\r\n\r\n--b\r\nx: y\r\n\r\n" + JPEG[:300] + b"\r\n--b--")
        == []
    )


def test_empty_parts_are_nothing() -> None:
    raw = b"--b\r\nContent-Type: text/xml\r\n\r\n--b\r\n\r\n--b\r\nContent-Length: 0\r\n\r\n\r\n--b--"
    assert fed(raw, []) == fed(raw, list(range(len(raw)))) == []


def test_push_without_a_head_or_too_long_is_rejected() -> None:
    assert [e.reason for e in push(b"no head at all")] == ["no_head"]
    assert push(b"Content-Type: application/json\r\n\r\n   ") == []
    decoder = decode.PushDecoder()
    for _ in range(9):
        decoder.feed(bytes(1024 * 1024), AT)
    assert [e.reason for e in decoder.finish(AT) if isinstance(e, Reject)] == ["entity_too_long"]


def test_no_byte_of_a_picture_is_kept() -> None:
    kept: list[bytes] = []
    parser = multipart.Multipart(kept.append)
    raw = part(FACE) + part(JPEG, "image/jpeg") + part(JPEG, "image/jpeg", None) + part(XML, "text/xml")
    found = [p for at in range(0, len(raw), 7) for p in parser.feed(raw[at : at + 7])] + parser.finish()
    assert [type(p) for p in found] == [multipart.Part] * 2
    assert b"secret" not in b"".join(kept)
    assert len(b"".join(kept)) == len(raw)
    assert FACE in b"".join(kept)
    assert XML in b"".join(kept)


# --- pictures that were asked for -----------------------------------------------------------------

ROOM = 4096
WITH_PICTURE = json.dumps(access(currTemperature=36.6, picturesNumber=1)).encode()


def snapshots(raw: bytes, cuts: list[int], room: int = ROOM) -> list[Any]:
    """Of every credential in a stream: its employee number and the picture that came with it."""
    decoder = decode.StreamDecoder(None, room)
    at = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    events = [e for a, b in itertools.pairwise(at) for e in decoder.feed(raw[a:b], AT)]
    events += decoder.finish(AT)
    return [e.snapshot for e in events if isinstance(e, CredentialPresented)]


@pytest.mark.parametrize("length", [-1, None])
def test_a_picture_comes_with_the_person_who_announced_it(length: int | None) -> None:
    picture = part(JPEG, "image/jpeg", length)
    raw = part(WITH_PICTURE) + picture + part(FACE) + picture + part(WITH_PICTURE) + part(HEARTBEAT)
    assert snapshots(raw, []) == snapshots(raw, list(range(len(raw)))) == [JPEG.rstrip(b"\r\n"), None, None]
    assert snapshots(raw, [], room=0) == [None, None, None], "nobody asked for one"


@pytest.mark.parametrize(
    "after",
    [
        part(JPEG * 5, "image/jpeg"),
        part(JPEG * 5, "image/jpeg", None),
        part(JPEG, "image/jpeg", 99_999_999),
        b"--MIME_boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 900\r\n\r\n\xff\xd8",
        part(b"", "image/jpeg"),
        b"--MIME_boundary\r\nno header here\r\n",
        b"",
    ],
    ids=["too large", "too large, no length", "unbelievable", "cut off", "empty", "broken", "nothing"],
)
def test_a_person_is_told_of_whatever_becomes_of_the_picture(after: bytes) -> None:
    raw = part(WITH_PICTURE) + after
    assert snapshots(raw, []) == snapshots(raw, list(range(len(raw)))) == [None]


def test_a_picture_that_is_too_large_keeps_nobody_waiting() -> None:
    decoder = decode.StreamDecoder(None, ROOM)
    assert list(decoder.feed(part(WITH_PICTURE), AT)) == []
    (_, credential) = decoder.feed(part(JPEG * 5, "image/jpeg"), AT)
    assert isinstance(credential, CredentialPresented)


def test_what_does_not_tell_of_a_person_who_is_here_does_not_wait() -> None:
    decoder = decode.StreamDecoder(None, ROOM)
    for fields in ({"currentEvent": False}, {"subEventType": 21}):
        event = json.dumps(access(picturesNumber=1, **fields)).encode()
        assert len(decoder.feed(part(event), AT)) == 1


@given(st.lists(st.integers(0, 20_000), max_size=40))
def test_room_for_pictures_changes_no_event(cuts: list[int]) -> None:
    decoder = decode.StreamDecoder(None, ROOM)
    at = [0, *sorted(cut % (len(STREAM) + 1) for cut in cuts), len(STREAM)]
    events = [e for a, b in itertools.pairwise(at) for e in decoder.feed(STREAM[a:b], AT)]
    assert [*events, *decoder.finish(AT)] == fed(STREAM, [])


def test_a_pushed_form_brings_its_picture() -> None:
    form = part(WITH_PICTURE) + part(JPEG, "image/jpeg", name="Picture") + b"--MIME_boundary--\r\n"
    kept: list[bytes] = []
    (payloads,) = decode.pushed("multipart/form-data; boundary=x", form, AT, kept.append, ROOM)
    assert payloads[-1].snapshot == JPEG.rstrip(b"\r\n")  # pyright: ignore[reportAttributeAccessIssue]  # the last is the credential
    assert b"secret" not in b"".join(kept)
    assert "secret" not in repr(payloads)


def test_what_a_terminal_can_make_us_hold_is_bounded() -> None:
    parser = multipart.Multipart()
    for raw in (b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 8000000\r\n\r\n", bytes(3_000_000)):
        parser.feed(raw)
    assert len(parser._buffer) < 100
    for head in (b"", b"--b\r\n", b"--b\r\nContent-Type: text/xml\r\n\r\n"):
        parser = multipart.Multipart()
        parser.feed(head)
        for _ in range(100):
            parser.feed(b"x" * 5000)
        assert len(parser._buffer) < multipart.TEXT_BYTES_MAX + 6000


@pytest.mark.parametrize(
    ("head", "reasons"),
    [
        (b"Content-Type: text/xml\r\nContent-Length: 999999", ["part_too_long"]),
        (b"Content-Type: image/x\r\nContent-Length: 99999999", ["part_too_long"]),
        (b"Content-Type: text/xml", ["part_too_long"]),
        (b"y: " + b"z" * 9000, ["part_head_unreadable"]),
    ],
)
def test_parts_that_are_too_long(head: bytes, reasons: list[str]) -> None:
    raw = b"--b\r\n" + head + b"\r\n\r\n" + b"a" * 300_000 + b"\r\n--b\r\n\r\n" + HEARTBEAT + b"\r\n--b--"
    for cuts in ([], list(range(0, len(raw), 999))):
        events = fed(raw, cuts)
        assert [e.reason for e in events if isinstance(e, Reject)] == reasons
        assert isinstance(events[-1], HeartbeatSeen)


# --- history --------------------------------------------------------------------------------------

PAGE = {
    "AcsEvent": {
        "searchID": "202307041",
        "totalMatches": 153,
        "responseStatusStrg": "MORE",
        "numOfMatches": 3,
        "InfoList": [
            {
                "major": 5,
                "minor": 75,
                "time": "2024-07-03T05:30:16+08:00",
                "employeeNoString": "4366",
                "serialNo": 85793,
                "thermometryUnit": "celsius",
                "currTemperature": 36.600000,
                "isAbnomalTemperature": False,
                "remoteCheck": True,
                "HealthInfo": {"healthCode": 1},
            },
            {"major": 5, "minor": 1, "cardNo": "x" * 9999, "serialNo": 85794},
            "nonsense",
        ],
    }
}


def test_a_page_of_history_is_offline() -> None:
    page = history_page(json.dumps(PAGE).encode(), AT)
    assert (page.matches, page.more) == (2, True)
    (temperature, credential), (reject,) = page.payloads
    assert all(e.offline for e in (temperature, credential, reject))
    assert isinstance(credential, CredentialPresented)
    assert (credential.cursor, credential.ask) == (85793, None)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"AcsEvent": 3}', b"<x/>"])
def test_no_history(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        history_page(raw, AT)


# --- serial numbers -------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 60)))
def test_serials_are_a_set(numbers: list[int]) -> None:
    serials, model = Serials(), set[int]()
    for number in numbers:
        serials.add(number)
        model.add(number)
        assert all((n in serials) == (n in model) for n in range(62))
    for number in range(61):
        end = number
        while end + 1 in model:
            end += 1
        assert serials.unbroken_from(number) == end
    assert serials._firsts == sorted(serials._firsts)
    assert len(serials._firsts) == sum(n - 1 not in model for n in model)


def test_serials_stay_small() -> None:
    serials = Serials()
    for number in range(0, 4 * SPANS_MAX, 2):
        serials.add(number)
    assert len(serials._firsts) == SPANS_MAX
    assert 4 * SPANS_MAX - 2 in serials
    assert 4 * SPANS_MAX - 3 not in serials
