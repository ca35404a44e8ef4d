"""Settings of a pyrometer on Modbus: which instrument it is, or which register holds what."""

from dataclasses import fields
from typing import Any

from pydantic import Field, model_validator

from drivers.api import DeviceSettings
from drivers.thermal.modbus_spot.instruments import INSTRUMENTS, InstrumentName
from drivers.thermal.modbus_spot.registers import (
    EmissivityRegister,
    RegisterMap,
    StatusRegister,
    TemperatureRegister,
    WrittenEmissivity,
)


class SpotSettings(DeviceSettings):
    """One pyrometer on a Modbus link."""

    unit: int = Field(ge=1, le=247, description="unit id (slave address) on the line")
    instrument: InstrumentName | None = Field(
        default=None,
        description="a known instrument, whose registers need not be named: pyrousb (Calex PyroUSB), os_mini "
        "(Omega OS-MINI), at20 (InfiRay AT20, ICI Apex: the hottest pixel); what is named overrules it",
    )
    surface: TemperatureRegister | None = Field(
        default=None,
        description="the temperature of what the instrument looks at; needed without instrument",
    )
    sensor: TemperatureRegister | None = Field(default=None, description="the instrument's own temperature")
    emissivity: EmissivityRegister | None = Field(default=None, description="the emissivity that it assumes")
    status: StatusRegister | None = Field(default=None, description="its status word")
    emissivity_written: WrittenEmissivity | None = Field(
        default=None, description="where it takes an emissivity that it forgets with its power"
    )
    emissivity_set: float | None = Field(
        default=None,
        ge=0.01,
        le=1,
        description="emissivity to set at the beginning and after each restart of the instrument, where that "
        "wears out no memory; without it the instrument's own setting holds",
    )
    surface_c_min: float = Field(
        default=-40.0, ge=-273.15, le=3000, description="colder is no measurement of this instrument, °C"
    )
    surface_c_max: float = Field(
        default=500.0, ge=-273.15, le=3000, description="hotter is no measurement of this instrument, °C"
    )
    frozen_s: float = Field(
        default=600.0,
        ge=1,
        le=86_400,
        description="when surface and sensor temperature have not changed by a count for so long, they are "
        "frozen, s; longer for coarse instruments that look at a wall",
    )
    poll_s: float = Field(default=0.5, ge=0.05, le=60, description="time between two readings, s")

    @property
    def registers(self) -> RegisterMap:
        """What is named, and beyond that what is known of the instrument."""
        known = None if self.instrument is None else INSTRUMENTS[self.instrument]
        found: dict[str, Any] = {}
        for name in (each.name for each in fields(RegisterMap)):
            named = getattr(self, name)
            found[name] = getattr(known, name, None) if named is None else named
        return RegisterMap(**found)

    @model_validator(mode="after")
    def _range_is_one(self) -> "SpotSettings":
        if self.surface_c_min >= self.surface_c_max:
            raise ValueError("surface_c_min must be below surface_c_max")
        return self

    @model_validator(mode="after")
    def _surface_is_known(self) -> "SpotSettings":
        if self.surface is None and self.instrument is None:
            raise ValueError("name an instrument, or the register of surface")
        return self

    @model_validator(mode="after")
    def _emissivity_can_be_set(self) -> "SpotSettings":
        if self.emissivity_set is None:
            return self
        written = self.registers.emissivity_written
        if written is None:
            raise ValueError("emissivity_set: no register of this instrument takes it")
        if self.emissivity_set < written.emissivity_min:
            raise ValueError(f"emissivity_set must be {written.emissivity_min:g} or more for this instrument")
        return self
