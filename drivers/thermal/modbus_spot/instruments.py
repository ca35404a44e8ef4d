"""Registers of known instruments.

Sources: Calex PyroUSB Series, Operator's Guide, pages 11 and 12; Omega OS-MINI Series, User's Guide, list of
Modbus registers (both 9600 Bd, 8N1, FC03 and FC04 alike); InfiRay AT20, User Manual, and ICI Apex 200, User
Manual, 10.1 (Modbus TCP, port 1502).
"""

from collections.abc import Mapping
from typing import Literal

from drivers.api import Unfit
from drivers.thermal.modbus_spot.registers import (
    EmissivityRegister,
    Meaning,
    RegisterMap,
    StatusRegister,
    TemperatureRegister,
    WrittenEmissivity,
)

InstrumentName = Literal["pyrousb", "os_mini", "at20"]

_MEANINGS_OF_CALEX = tuple(
    Meaning(mask=bit, value=bit, unfit=unfit)
    for bit, unfit in (
        (0b00001, Unfit.SENSOR_FAULT),
        (0b00010, Unfit.SENSOR_FAULT),
        (0b00100, Unfit.SENSOR_FAULT),
        (0b01000, Unfit.OUT_OF_RANGE),
        (0b10000, Unfit.OUT_OF_RANGE),
    )
)
"""Measurement error, instrument too cold, too hot, object too cold, too hot; Omega's are built by Calex."""

INSTRUMENTS: Mapping[InstrumentName, RegisterMap] = {
    "pyrousb": RegisterMap(
        surface=TemperatureRegister(address=0x12),
        sensor=TemperatureRegister(address=0x14),
        emissivity=EmissivityRegister(address=0x08),
        emissivity_written=WrittenEmissivity(address=0x18, emissivity_min=0.1),
        status=StatusRegister(address=0x15, meanings=_MEANINGS_OF_CALEX),
    ),
    "os_mini": RegisterMap(
        surface=TemperatureRegister(address=0x0E),
        sensor=TemperatureRegister(address=0x10),
        emissivity=EmissivityRegister(address=0x07),
        emissivity_written=WrittenEmissivity(address=0x17, emissivity_min=0.2),
        status=StatusRegister(address=0x11, meanings=_MEANINGS_OF_CALEX),
    ),
    "at20": RegisterMap(
        surface=TemperatureRegister(address=0x07, type="int32", scale_c=0.1, offset_c=-273.2),
    ),
}
"""Filtered temperatures (the next register is the unfiltered one), and the emissivity that is not kept in
non-volatile memory; of the AT20 the hottest pixel of its picture (mean: 0x09, coldest: 0x0B), in tenths of a
kelvin over two registers."""
