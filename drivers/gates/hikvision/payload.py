"""JSON or XML of a terminal as a table of fields, and fields read without trust."""

import datetime as dt
import math
from collections.abc import Mapping
from typing import cast
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from cardea.contract.time import ClockQuality, Instant

Fields = Mapping[str, object]

NOTHING: Fields = {}
DEPTH_MAX = 6
TEXT_CHARS_MAX = 4096
SERIAL_MAX = 2**63 - 1
_YEARS_BELIEVED = range(2016, 2100)
_AHEAD_MAX = dt.timedelta(days=1)


class Unreadable(Exception):
    """Not the JSON or XML it should be; the message is a counted reason."""


def fields_of(raw: bytes) -> Fields:
    """The fields of a JSON object or of an XML document's root.

    Raises:
        Unreadable: anything else.
    """
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<"):
        return _table(xml_root(text), DEPTH_MAX)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable("not_json_or_xml") from error
    if not isinstance(value, dict):
        raise Unreadable("not_an_object")
    return cast("Fields", value)


def xml_root(raw: bytes) -> Element:
    """The root of an XML document; no DTD, no entities.

    Raises:
        Unreadable: not XML, or XML that tries something.
    """
    try:
        return ElementTree.fromstring(raw, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable("not_json_or_xml") from error


def name_of(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def _table(element: Element, depth: int) -> dict[str, object]:
    if depth == 0:
        raise Unreadable("too_deep")
    return {
        name_of(child): _table(child, depth - 1) if len(child) else (child.text or "") for child in element
    }


def inner(fields: Fields, name: str) -> Fields:
    """A field that is an object itself; empty when it is not."""
    value = fields.get(name)
    return cast("Fields", value) if isinstance(value, dict) else NOTHING


def tables(fields: Fields, name: str) -> list[Fields]:
    """The objects in a field that is a list; of anything else, none."""
    value = fields.get(name)
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Fields", item) for item in items if isinstance(item, dict)]


def text(fields: Fields, *names: str) -> str:
    """The first of these fields that says anything, as text; "" when none does.

    Raises:
        Unreadable: longer than any terminal's field.
    """
    for name in names:
        value = fields.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool) and (said := str(value).strip()):
            if len(said) > TEXT_CHARS_MAX:
                raise Unreadable("field_too_long")
            return said
    return ""


def whole(fields: Fields, *names: str) -> int | None:
    """The first of these fields that is a whole number from 0 up."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= SERIAL_MAX:
            return value
    return None


def number(fields: Fields, name: str) -> float | None:
    """A field as a number; ``None`` when it is absent or says nothing, NaN when it is no number."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def flag(fields: Fields, *names: str) -> bool | None:
    """The first of these fields that is a truth value, in JSON's or XML's spelling."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
    return None


def moment(said: str) -> dt.datetime | None:
    """An ISO 8601 time with an offset; ``None`` for anything else."""
    try:
        time = dt.datetime.fromisoformat(said)
        return time if time.utcoffset() is not None else None
    except (ValueError, OverflowError):
        return None


def believable_utc(said: str, at: Instant) -> dt.datetime | None:
    """The device's time in UTC if it can be true: not before 2016, nor a day ahead of a clock that is kept.

    Without an offset it says nothing.
    """
    time = moment(said)
    if time is None or time.year not in _YEARS_BELIEVED:
        return None
    utc = time.astimezone(dt.UTC)
    ahead = at.quality is not ClockQuality.UNSYNCHRONISED and utc - at.utc > _AHEAD_MAX
    return None if ahead else utc
