"""Hikvision face terminals over ISAPI: events by push or stream, verdicts, doors, history."""

from drivers.api import (
    AnswerCheck,
    CredentialPresented,
    Device,
    DeviceContext,
    DeviceIdentified,
    DoorMoved,
    Driver,
    HeartbeatSeen,
    HoldOpen,
    InputChanged,
    LinkKind,
    OpenDoor,
    Reject,
    TemperatureMeasured,
)
from drivers.gates.hikvision.decode import PushDecoder, StreamDecoder
from drivers.gates.hikvision.settings import HikvisionSettings, Transport


def _open(settings: HikvisionSettings, context: DeviceContext) -> Device:
    from drivers.gates.hikvision.session import Terminal  # brings httpx, which only a live session needs

    return Terminal(settings, context)


def _link_for(settings: HikvisionSettings) -> LinkKind | None:
    """Only a terminal that pushes calls us."""
    return LinkKind.HTTP_LISTENER if settings.transport is Transport.PUSH else None


DRIVER = Driver(
    settings=HikvisionSettings,
    open=_open,
    decoders={"stream": lambda _: StreamDecoder(), "push": lambda _: PushDecoder()},
    events=(
        CredentialPresented,
        TemperatureMeasured,
        DoorMoved,
        InputChanged,
        DeviceIdentified,
        HeartbeatSeen,
        Reject,
    ),
    commands=(AnswerCheck, OpenDoor, HoldOpen),
    example={"base_url": "http://192.0.2.21", "user": "cardea", "password_secret": "gate-1"},
    link_for=_link_for,
)
