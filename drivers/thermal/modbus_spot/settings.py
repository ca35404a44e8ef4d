"""Settings of a pyrometer on Modbus: which register holds what."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from drivers.api import DeviceSettings, Unfit

Address = Annotated[int, Field(ge=0, le=65535)]
Word = Annotated[int, Field(ge=0, le=65535)]
Table = Literal["holding", "input"]
Type = Literal["int16", "uint16", "int32", "uint32", "float32"]
WORDS = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2}
"""How many registers a number takes."""


class Register(DeviceSettings):
    """Where a number stands, and how."""

    address: Address = Field(description="first register of the number, counted from 0")
    table: Table = Field(default="holding", description="holding (FC03) or input (FC04) registers")
    type: Type = Field(
        default="int16", description="int16, uint16, or over two registers int32, uint32, float32"
    )
    word_order: Literal["high_first", "low_first"] = Field(
        default="high_first", description="of two registers, which holds the upper half"
    )

    @property
    def places(self) -> tuple[tuple[Table, int], ...]:
        """The registers it takes, in rising order."""
        return tuple((self.table, self.address + offset) for offset in range(WORDS[self.type]))

    @model_validator(mode="after")
    def _fits_into_the_table(self) -> "Register":
        if self.places[-1][1] > 65535:
            raise ValueError("the number's second register would be 65536: the last address is 65535")
        return self


class TemperatureRegister(Register):
    """A temperature: °C = number times ``scale_c`` plus ``offset_c``."""

    scale_c: float = Field(default=0.1, gt=0, le=100, description="what one count means, °C")
    offset_c: float = Field(
        default=0.0, ge=-10_000, le=10_000, description="°C at count 0: -273.15 for counts of a kelvin scale"
    )


class EmissivityRegister(Register):
    """An emissivity: number divided by ``counts_at_1``."""

    type: Type = Field(default="uint16", description="as of the other registers")
    counts_at_1: int = Field(default=10_000, ge=1, le=65535, description="counts that mean emissivity 1")


class Meaning(DeviceSettings):
    """What some bits of the status word mean."""

    mask: Word = Field(description="which bits to look at")
    value: Word = Field(description="what they must be, of those bits")
    unfit: Unfit = Field(
        description="why nothing is measured then: warming_up, flat_field, out_of_range, frozen, sensor_fault"
    )

    @model_validator(mode="after")
    def _value_is_inside_the_mask(self) -> "Meaning":
        if self.value & ~self.mask:
            raise ValueError("value has bits that mask leaves out: it could never be so")
        return self


class StatusRegister(DeviceSettings):
    """The instrument's status word."""

    address: Address = Field(description="register, counted from 0")
    table: Table = Field(default="holding", description="holding (FC03) or input (FC04) registers")
    meanings: tuple[Meaning, ...] = Field(
        min_length=1, max_length=32, description="the first that is so counts; if none is, all is well"
    )


class SpotSettings(DeviceSettings):
    """One pyrometer on a Modbus link."""

    unit: int = Field(ge=1, le=247, description="unit id (slave address) on the line")
    surface: TemperatureRegister = Field(description="the temperature of what the instrument looks at")
    sensor: TemperatureRegister | None = Field(default=None, description="the instrument's own temperature")
    emissivity: EmissivityRegister | None = Field(default=None, description="the emissivity that it assumes")
    status: StatusRegister | None = Field(default=None, description="its status word")
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

    @model_validator(mode="after")
    def _range_is_one(self) -> "SpotSettings":
        if self.surface_c_min >= self.surface_c_max:
            raise ValueError("surface_c_min must be below surface_c_max")
        return self
