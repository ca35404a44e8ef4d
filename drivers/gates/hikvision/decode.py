"""What a terminal sends, as device events. Pure; garbage becomes a counted ``Reject``.

One payload makes up to two events: the temperature first, so that a portal can decide at once when the
credential comes. The device's serial number stands as ``cursor`` on the last event of a payload only: once
that one is committed, the payload is.

Choices: a temperature of 0 or none at all was not measured; one outside ``BELIEVABLE_C``, in an unknown unit
or not a number is a ``Reject`` and leaves the person unscreened; a time that cannot be true is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cardea.contract.records import CredentialKind
from cardea.contract.time import Instant
from drivers.api import (
    CredentialPresented,
    DeviceEvent,
    DoorMoved,
    HeartbeatSeen,
    InputChanged,
    InputKind,
    Reject,
    TemperatureMeasured,
)
from drivers.gates.hikvision import codes
from drivers.gates.hikvision.multipart import Broken, Found, Keep, Multipart, is_multipart, parts_of
from drivers.gates.hikvision.payload import (
    Fields,
    Unreadable,
    believable_utc,
    fields_of,
    flag,
    inner,
    number,
    tables,
    text,
    whole,
)

PUSH_BYTES_MAX = 8 * 1024 * 1024
PAGE_EVENTS_MAX = 1000
_SAMPLE_BYTES = 120
_ACCESS = "AccessControllerEvent"

Payload = Sequence[DeviceEvent]
"""The events of one thing that the terminal told, in the order in which to hand them on."""


class StreamDecoder:
    """Channel ``stream``: the body of ``alertStream``."""

    def __init__(self, keep: Keep | None = None) -> None:
        self._multipart = Multipart(keep)

    def feed(self, chunk: bytes, at: Instant) -> Payload:
        """The next bytes of the stream."""
        return _flat(self.payloads(chunk, at))

    def finish(self, at: Instant) -> Payload:
        """The stream has ended."""
        return _flat(self.end(at))

    def payloads(self, chunk: bytes, at: Instant) -> list[Payload]:
        """As ``feed``, payload by payload."""
        return [_told(found, at) for found in self._multipart.feed(chunk)]

    def end(self, at: Instant) -> list[Payload]:
        """As ``finish``, payload by payload."""
        return [_told(found, at) for found in self._multipart.finish()]


class PushDecoder:
    """Channel ``push``: one HTTP entity: ``Content-Type: …``, an empty line, the body."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes, at: Instant) -> Payload:
        """More of the entity; it is read at its end."""
        del at
        self._size += len(chunk)
        if self._size <= PUSH_BYTES_MAX:
            self._pieces.append(chunk)
        else:
            self._pieces.clear()
        return ()

    def finish(self, at: Instant) -> Payload:
        """The entity is whole."""
        entity, size = b"".join(self._pieces), self._size
        self._pieces, self._size = [], 0
        if size > PUSH_BYTES_MAX:
            return (Reject(at=at, reason="entity_too_long"),)
        if not size:
            return ()
        head, gap, body = entity.partition(b"\r\n\r\n")
        if not gap:
            return (Reject(at=at, reason="no_head", sample=entity[:_SAMPLE_BYTES]),)
        kind = b""
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-type":
                kind = value.strip()
        return _flat(pushed(kind.decode("latin-1"), body, at))


def pushed(content_type: str, body: bytes, at: Instant, keep: Keep | None = None) -> list[Payload]:
    """The payloads of one pushed HTTP body; ``keep`` as in :class:`Multipart`."""
    if is_multipart(content_type):
        return [_told(found, at) for found in parts_of(body, keep)]
    if keep:
        keep(body)
    return [payload(body, at)] if body.strip() else []


def payload(raw: bytes, at: Instant) -> Payload:
    """The events of one JSON or XML text."""
    try:
        fields = fields_of(raw)
        access = inner(fields, _ACCESS)
        kind = text(fields, "eventType")
        if access and kind in {"", _ACCESS}:
            return _access(access, text(fields, "dateTime"), at)
        if not kind or kind == _ACCESS:
            return (Reject(at=at, reason="no_event", sample=raw[:_SAMPLE_BYTES]),)
        return (HeartbeatSeen(at=at, device_utc=believable_utc(text(fields, "dateTime"), at)),)
    except Unreadable as error:
        return (Reject(at=at, reason=str(error), sample=raw[:_SAMPLE_BYTES]),)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One answer of the history search: ``matches`` entries stood in it, ``more`` follow."""

    payloads: tuple[Payload, ...]
    matches: int
    more: bool


def history_page(raw: bytes, at: Instant) -> HistoryPage:
    """An answer of ``AcsEvent``; every event in it is offline.

    Raises:
        Unreadable: no such answer.
    """
    found = inner(fields_of(raw), "AcsEvent")
    if not found:
        raise Unreadable("no_history")
    entries = tables(found, "InfoList")[:PAGE_EVENTS_MAX]
    payloads = tuple(_entry(entry, at) for entry in entries)
    return HistoryPage(payloads, len(entries), more=text(found, "responseStatusStrg") == "MORE")


def _entry(entry: Fields, at: Instant) -> Payload:
    try:
        return _access(entry, text(entry, "time"), at, past=True)
    except Unreadable as error:
        return (Reject(at=at, reason=str(error), offline=True),)


def _flat(payloads: list[Payload]) -> Payload:
    return [event for events in payloads for event in events]


def _told(found: Found, at: Instant) -> Payload:
    if isinstance(found, Broken):
        return (Reject(at=at, reason=found.reason, sample=found.sample),)
    return payload(found.body, at)


def _access(event: Fields, said: str, at: Instant, *, past: bool = False) -> Payload:
    """The events of one access event; ``past``: it was asked for, not told."""
    utc = believable_utc(said, at)
    offline = past or flag(event, "currentEvent") is False
    serial = whole(event, "serialNo")
    events = _temperature(event, HeartbeatSeen(at=at, device_utc=utc, offline=offline))
    events.append(_main(event, HeartbeatSeen(at=at, device_utc=utc, offline=offline, cursor=serial)))
    return events


def _main(event: Fields, seen: HeartbeatSeen) -> DeviceEvent:
    """What the event is about; ``seen`` carries what every event carries, and stands for "no more"."""
    major, minor = whole(event, "majorEventType", "major"), whole(event, "subEventType", "minor")
    meaning = codes.MEANINGS.get((major or 0, minor or 0))
    asks = flag(event, "remoteCheck") is True and "frontSerialNo" not in event
    if text(event, "remoteCheckResult").lower() in codes.ANSWERED:
        return seen
    at, utc, offline, cursor = seen.at, seen.device_utc, seen.offline, seen.cursor
    door = whole(event, "doorNo") or 1
    match meaning:
        case codes.Contact(open=is_open):
            return DoorMoved(at=at, device_utc=utc, offline=offline, cursor=cursor, open=is_open, door=door)
        case codes.Tampered(active=active):
            return InputChanged(
                at=at, device_utc=utc, offline=offline, cursor=cursor, kind=InputKind.TAMPER, active=active
            )
        case None if not asks:
            return seen
        case _:
            kind, value = _credential(event, meaning)
            return CredentialPresented(
                at=at,
                device_utc=utc,
                offline=offline,
                cursor=cursor,
                kind=kind,
                value=value,
                door=door,
                ask=cursor if asks and not offline else None,
                verified=meaning is not None and meaning.verified,
                granted=None if asks or meaning is None else meaning.granted,
                mask=codes.MASK.get(text(event, "mask").lower()),
                colour=codes.HEALTH.get(whole(inner(event, "HealthInfo"), "healthCode") or 0),
            )


def _credential(event: Fields, meaning: codes.Presented | None) -> tuple[CredentialKind, str]:
    """The kind that the code names or, where it names none, the most telling field does; and its value."""
    values = {
        CredentialKind.QR: text(event, "QRCodeInfo"),
        CredentialKind.CARD: text(event, "cardNo"),
        CredentialKind.FACE: text(event, "employeeNoString", "employeeNo"),
    }
    values[CredentialKind.PIN] = values[CredentialKind.FACE]
    if meaning is not None and meaning.kind is not None:
        return meaning.kind, values[meaning.kind]
    return next(((kind, value) for kind, value in values.items() if value), (CredentialKind.FACE, ""))


def _temperature(event: Fields, seen: HeartbeatSeen) -> list[DeviceEvent]:
    measured = number(event, "currTemperature")
    if measured is None or measured == 0:
        return []
    at, utc, offline = seen.at, seen.device_utc, seen.offline
    convert = codes.TO_CELSIUS.get(text(event, "thermometryUnit").lower())
    if convert is None:
        return [Reject(at=at, device_utc=utc, offline=offline, reason="temperature_unit_unknown")]
    value_c = round(convert(measured), 2)
    low_c, high_c = codes.BELIEVABLE_C
    if not low_c <= value_c <= high_c:
        return [Reject(at=at, device_utc=utc, offline=offline, reason="temperature_unbelievable")]
    abnormal = flag(event, "isAbnomalTemperature", "isAbnormalTemperature")
    return [TemperatureMeasured(at=at, device_utc=utc, offline=offline, value_c=value_c, abnormal=abnormal)]
