"""One text of a terminal as device events. Pure; garbage becomes a counted ``Reject``.

One payload makes up to two events: the temperature first, so that a portal can decide at once when the
credential comes. The device's serial number stands as ``cursor`` on the last event of a payload only: once
that one is committed, the payload is.

Choices: a temperature of 0 or none at all was not measured; one outside ``BELIEVABLE_C``, in an unknown unit
or not a number is a ``Reject`` and leaves the person unscreened; a time that cannot be true is left out.
"""

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
from drivers.gates.hikvision.snapshots import Payload, Told

PAGE_EVENTS_MAX = 1000
SAMPLE_BYTES = 120
_ACCESS = "AccessControllerEvent"


def told(raw: bytes, at: Instant) -> Told:
    """The events of one JSON or XML text, and the pictures that it says will follow."""
    try:
        fields = fields_of(raw)
        access = inner(fields, _ACCESS)
        kind = text(fields, "eventType")
        if access and kind in {"", _ACCESS}:
            pictures = whole(access, "picturesNumber") or 0
            return Told(_access(access, text(fields, "dateTime"), at), pictures)
        if not kind or kind == _ACCESS:
            return Told((Reject(at=at, reason="no_event", sample=raw[:SAMPLE_BYTES]),))
        return Told((HeartbeatSeen(at=at, device_utc=believable_utc(text(fields, "dateTime"), at)),))
    except Unreadable as error:
        return Told((Reject(at=at, reason=str(error), sample=raw[:SAMPLE_BYTES]),))


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


def _access(event: Fields, said: str, at: Instant, *, past: bool = False) -> Payload:
    """The events of one access event; ``past``: it was asked for, not told."""
    utc = believable_utc(said, at)
    offline = past or flag(event, "currentEvent") is False
    serial = whole(event, "serialNo")
    measured = _temperature(event, HeartbeatSeen(at=at, device_utc=utc, offline=offline))
    main = _main(event, HeartbeatSeen(at=at, device_utc=utc, offline=offline, cursor=serial))
    return (*measured, main)


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
