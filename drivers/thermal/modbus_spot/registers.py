"""Which register of a pyrometer holds what, and how."""

from dataclasses import dataclass
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


class WrittenEmissivity(DeviceSettings):
    """Where an instrument takes an emissivity that it forgets with its power."""

    address: Address = Field(
        description="holding register, counted from 0; it must not be a non-volatile one"
    )
    counts_at_1: int = Field(default=10_000, ge=1, le=65535, description="counts that mean emissivity 1")
    emissivity_min: float = Field(default=0.1, ge=0.01, le=1, description="the least that it takes")

    @property
    def read_back(self) -> EmissivityRegister:
        """The same register, read."""
        return EmissivityRegister(address=self.address, counts_at_1=self.counts_at_1)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMap:
    """All that is known of one sort of instrument."""

    surface: TemperatureRegister
    sensor: TemperatureRegister | None = None
    emissivity: EmissivityRegister | None = None
    emissivity_written: WrittenEmissivity | None = None
    status: StatusRegister | None = None
