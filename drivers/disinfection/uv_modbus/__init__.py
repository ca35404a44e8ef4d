"""Disinfection units on Modbus, such as 254 nm luminaires: watched, and driven by leases only."""

from drivers.api import DeviceIdentified, Driver, HeartbeatSeen, LeaseOutput, LinkKind, Reject, UnitReported
from drivers.disinfection.uv_modbus.decode import LineDecoder
from drivers.disinfection.uv_modbus.session import open_unit
from drivers.disinfection.uv_modbus.settings import UvSettings

DRIVER = Driver(
    settings=UvSettings,
    open=open_unit,
    decoders={"line": LineDecoder},
    link=LinkKind.MODBUS,
    events=(DeviceIdentified, HeartbeatSeen, Reject, UnitReported),
    commands=(LeaseOutput,),
    example={
        "unit": 1,
        "emitter": {"coil": 0},
        "contactor": {"coil": 1},
        "watchdog": {"address": 0, "value": 10},
        "signals": [
            {"metric": "output_on", "address": 0},
            {"metric": "contactor_on", "address": 1},
            {"metric": "enclosure_closed", "address": 2},
            {"metric": "fault_on", "address": 3},
        ],
        "registers": [
            {"metric": "irradiance_uw_cm2", "address": 0, "type": "float32", "plausible": [0, 5000]},
            {
                "metric": "lamp_h",
                "address": 2,
                "type": "uint32",
                "linear": [0.1, 0],
                "plausible": [0, 100000],
            },
            {"metric": "lamp_life_h", "address": 4, "plausible": [1, 65535]},
            {
                "metric": "temperature_c",
                "address": 5,
                "type": "int16",
                "linear": [0.1, 0],
                "plausible": [-40, 120],
            },
        ],
    },
)
