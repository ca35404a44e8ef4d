"""What a Hikvision terminal writes, built from the vendor's documents alone (PROTOCOLS.md)."""

import datetime as dt
from collections.abc import Mapping
from xml.sax.saxutils import escape

import msgspec

NAMESPACE = "http://www.isapi.org/ver20/XMLSchema"
JSON = "application/json"
XML = "application/xml"
MAJOR_EVENT, MAJOR_OPERATION = 5, 3
CARD_OK, NO_RIGHT, CARD_UNKNOWN, LOCK_OPENED, LOCK_CLOSED = 1, 6, 9, 21, 22
FACE_OK, FACE_UNKNOWN, QR_OK = 75, 80, 156

Inner = dict[str, object]


def status(code: int, text: str, sub: str) -> bytes:
    """A ResponseStatus in JSON."""
    return msgspec.json.encode({"statusCode": code, "statusString": text, "subStatusCode": sub})


def xml(root: str, fields: Mapping[str, object]) -> bytes:
    """A document with these fields, nested where they are tables."""
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} version="2.0" xmlns="{NAMESPACE}">'
    return f"{head}{_elements(fields)}</{root}>".encode()


def _elements(fields: Mapping[str, object]) -> str:
    said: list[str] = []
    for name, value in fields.items():
        match value:
            case dict():
                said.append(f"<{name}>{_elements(value)}</{name}>")  # pyright: ignore[reportUnknownArgumentType]  # our own tables
            case bool():
                said.append(f"<{name}>{str(value).lower()}</{name}>")
            case _:
                said.append(f"<{name}>{escape(str(value))}</{name}>")
    return "".join(said)


def envelope(inner: Inner, time: str, ip: str) -> Inner:
    """The event around an ``AccessControllerEvent``."""
    return {
        "ipAddress": ip,
        "portNo": 80,
        "protocol": "HTTP",
        "macAddress": "44:a6:42:00:00:01",
        "channelID": 1,
        "dateTime": time,
        "activePostCount": 1,
        "eventType": "AccessControllerEvent",
        "eventState": "active",
        "eventDescription": "Access Controller Event",
        "AccessControllerEvent": inner,
    }


def heartbeat(time: str, ip: str) -> Inner:
    """The sign of life between events."""
    return {
        "ipAddress": ip,
        "portNo": 80,
        "protocol": "HTTP",
        "dateTime": time,
        "activePostCount": 1,
        "eventType": "heartBeat",
        "eventState": "active",
        "eventDescription": "Heartbeat",
    }


def encoded(event: Inner, form: str) -> bytes:
    """An event as JSON or XML text."""
    return msgspec.json.encode(event) if form == JSON else xml("EventNotificationAlert", event)


def part(name: str, kind: str, body: bytes, boundary: str, extra: str = "") -> bytes:
    """One part of a multipart body."""
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n'
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n"


def picture(size: int) -> bytes:
    """Bytes that look like the start of a JPEG and hold no face; none where ``size`` is 0."""
    return b"\xff\xd8\xff\xe0" + bytes(range(1, 256)) * (size // 255) if size else b""


def searched(
    entries: list[Inner], position: int, most: int, total: int, search_id: object
) -> dict[str, object]:
    """One answer of the history search."""
    page = entries[position : position + most]
    more = position + len(page) < total
    return {
        "AcsEvent": {
            "searchID": search_id,
            "totalMatches": total,
            "responseStatusStrg": "MORE" if more else ("OK" if page else "NO MATCH"),
            "numOfMatches": len(page),
            "InfoList": page,
        }
    }


def time_text(time: dt.datetime) -> str:
    """ISO 8601 with the offset, to the second."""
    return time.isoformat(timespec="seconds")
