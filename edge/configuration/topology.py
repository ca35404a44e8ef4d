"""Which device serves which portal, and as what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import cast

from cardea.contract.records import Side
from drivers.api import (
    AnswerCheck,
    CredentialPresented,
    DoorMoved,
    InputChanged,
    OpenDoor,
    PictureCaptured,
    SpotMeasured,
    TemperatureMeasured,
    ThermalFrameCaptured,
)
from edge.configuration.settings import ChannelRef, Device, DoorRef, Portal
from edge.thermal.settings import Thermometer


class Role(StrEnum):
    """What a device does for a portal; the value is the key below ``portals.<name>``."""

    INGRESS_READER = "ingress.readers"
    INGRESS_THERMOMETER = "ingress.thermometers"
    INGRESS_CAMERA = "ingress.cameras"
    INGRESS_ACTUATOR = "ingress.actuator"
    EGRESS_READER = "egress.readers"
    EGRESS_ACTUATOR = "egress.actuator"
    REX = "egress.rex"
    FIRE = "fire"
    LOCKDOWN = "lockdown"
    DOOR = "door"


EVENTS_OF: Mapping[Role, tuple[type[object], ...]] = {
    Role.INGRESS_READER: (CredentialPresented,),
    Role.EGRESS_READER: (CredentialPresented,),
    Role.INGRESS_THERMOMETER: (TemperatureMeasured, SpotMeasured, ThermalFrameCaptured),
    Role.INGRESS_CAMERA: (PictureCaptured,),
    Role.REX: (InputChanged,),
    Role.FIRE: (InputChanged,),
    Role.LOCKDOWN: (InputChanged,),
    Role.DOOR: (DoorMoved,),
}
"""What a device in this role must be able to say: one of these."""

COMMANDS_OF: Mapping[Role, tuple[type[object], ...]] = {
    Role.INGRESS_ACTUATOR: (OpenDoor, AnswerCheck),
    Role.EGRESS_ACTUATOR: (OpenDoor,),
}
"""What a device in this role must be able to do: one of these."""

SIDE_OF: Mapping[Role, Side] = {Role.INGRESS_READER: Side.INGRESS, Role.EGRESS_READER: Side.EGRESS}


def thresholds(portals: Mapping[str, Portal]) -> Mapping[str, float]:
    """The series ``<thermometer>/elevated_c``: from where on what it reads counts as elevated, °C.

    The lowest, where portals that share a thermometer differ. It goes out as telemetry so that a curve can
    be drawn with its line.
    """
    found: dict[str, float] = {}
    for portal in portals.values():
        for device in portal.ingress.thermometers:
            series, limit_c = f"{device}/elevated_c", portal.screening.elevated_c
            found[series] = min(limit_c, found.get(series, limit_c))
    return found


def shows_faces(portal: Portal, devices: Mapping[str, Device]) -> bool:
    """Whether anything gives pictures of who comes in: a camera, or a terminal set up to (``snapshots``)."""
    readers = [devices[reader] for reader in portal.ingress.readers if reader in devices]
    return bool(portal.ingress.cameras) or any(reader.settings.get("snapshots") is True for reader in readers)


def cameras_of(portals: Mapping[str, Portal], thermometers: Mapping[str, Thermometer]) -> frozenset[str]:
    """The cameras in whose pictures faces are looked for: of portals, and beside thermometers."""
    watching = {camera for portal in portals.values() for camera in portal.ingress.cameras}
    return frozenset(watching | {one.camera for one in thermometers.values() if one.camera is not None})


@dataclass(frozen=True, slots=True)
class Use:
    """A portal's use of a device; ``number`` is the door or channel where the role has one."""

    role: Role
    device: str
    number: int | None = None


def uses(portal: Portal) -> Iterator[Use]:
    """Every use that a portal makes of devices."""
    for role in Role:
        named = cast("tuple[str, ...] | DoorRef | ChannelRef | None", attrgetter(role.value)(portal))
        match named:
            case DoorRef(device=device, door=number) | ChannelRef(device=device, channel=number):
                yield Use(role, device, number)
            case None:
                pass
            case _:
                yield from (Use(role, device) for device in named)
