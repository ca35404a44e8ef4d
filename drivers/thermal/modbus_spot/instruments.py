"""Settings of known instruments, to copy into a configuration. Not read by the driver.

Sources: Calex PyroUSB Series, Operator's Guide, pages 11 and 12 (9600 Bd, 8N1); Omega OS-MINI Series, User's
Guide, list of Modbus registers (9600 Bd, 8N1); InfiRay AT20 as seen in public code (Modbus TCP, port 1502).
"""

from collections.abc import Mapping
from typing import Any

_STATUS_OF_CALEX = [
    {"mask": 0b00001, "value": 0b00001, "unfit": "sensor_fault"},
    {"mask": 0b00010, "value": 0b00010, "unfit": "sensor_fault"},
    {"mask": 0b00100, "value": 0b00100, "unfit": "sensor_fault"},
    {"mask": 0b01000, "value": 0b01000, "unfit": "out_of_range"},
    {"mask": 0b10000, "value": 0b10000, "unfit": "out_of_range"},
]
"""Measurement error, instrument too cold, too hot, object too cold, too hot; Omega's are built by Calex."""

PYROUSB: Mapping[str, Any] = {
    "unit": 1,
    "surface": {"address": 0x12},
    "sensor": {"address": 0x14},
    "emissivity": {"address": 0x08},
    "status": {"address": 0x15, "meanings": _STATUS_OF_CALEX},
}
"""The filtered temperature; 0x13 is the unfiltered one."""

OS_MINI: Mapping[str, Any] = {
    "unit": 1,
    "surface": {"address": 0x0E},
    "sensor": {"address": 0x10},
    "emissivity": {"address": 0x07},
    "status": {"address": 0x11, "meanings": _STATUS_OF_CALEX},
}
"""The filtered temperature; 0x0F is the unfiltered one."""

AT20: Mapping[str, Any] = {
    "unit": 1,
    "surface": {"address": 0x07, "type": "int32", "scale_c": 0.1, "offset_c": -273.2},
}
"""The hottest pixel of its picture, over two registers in tenths of a kelvin; 0x09 is the mean."""
