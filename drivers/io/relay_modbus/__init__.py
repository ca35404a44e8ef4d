"""Relay and input boards on Modbus: door locks, door contacts, fire and exit contacts, leased outputs."""

from drivers.api import (
    DeviceIdentified,
    DoorMoved,
    Driver,
    HeartbeatSeen,
    HoldOpen,
    InputChanged,
    LeaseOutput,
    LinkKind,
    OpenDoor,
    Reject,
)
from drivers.io.relay_modbus.decode import LineDecoder
from drivers.io.relay_modbus.session import open_board
from drivers.io.relay_modbus.settings import RelaySettings

DRIVER = Driver(
    settings=RelaySettings,
    open=open_board,
    decoders={"line": LineDecoder},
    link=LinkKind.MODBUS,
    events=(DeviceIdentified, DoorMoved, HeartbeatSeen, InputChanged, Reject),
    commands=(OpenDoor, HoldOpen, LeaseOutput),
)
