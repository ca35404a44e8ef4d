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
    example={
        "unit": 1,
        "watchdog": {"address": 0, "value": 20},
        "doors": [{"door": 1, "coil": 0}],
        "contacts": [{"door": 1, "input": 2}],
        "inputs": [{"kind": "fire", "input": 0, "contrary_input": 1, "normally_closed": True}],
    },
)
