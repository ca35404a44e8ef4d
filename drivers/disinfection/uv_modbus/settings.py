"""Settings of a disinfection unit on Modbus: makers' register maps differ, so the map is configuration."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from drivers.api import DeviceSettings

Address = Annotated[int, Field(ge=0, le=65535)]
Metric = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Coefficient = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
OUTPUT_ON, CONTACTOR_ON = "output_on", "contactor_on"
LAMP_H, LAMP_LIFE_H, LAMP_LIFE_PCT = "lamp_h", "lamp_life_h", "lamp_life_pct"
WATCHDOG = "watchdog"
METRIC_UNITS = (
    "h", "s", "pct", "c", "uw_cm2", "mw_cm2", "mj_cm2", "ppm", "mg_m3", "m3_h", "v", "ma", "a", "w", "hz",
    "pa",
)  # fmt: skip
"""What the name of a number may end with."""
WATCHDOG_POLLS_MIN = 3
WATCHDOG_S_MAX = 2.0
"""SAFETY.md D3."""
_LAST_ADDRESS = 65535
_ALL = 0xFFFF


class Table(StrEnum):
    """One of the four tables of a Modbus unit."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


BITS = frozenset({Table.COIL, Table.DISCRETE})
"""Tables whose cells are bits."""


class NumberType(StrEnum):
    """How a number stands in its registers."""

    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return 1 if self in {NumberType.INT16, NumberType.UINT16} else 2


class Order(StrEnum):
    """What comes first."""

    BIG = "big"
    LITTLE = "little"


class Register(DeviceSettings):
    """A number that the unit tells of itself."""

    metric: Metric = Field(
        description="name with the unit last; known to Cardea: irradiance_uw_cm2, lamp_h (burned), "
        "lamp_life_h (rated), lamp_life_pct (left)"
    )
    table: Literal[Table.HOLDING, Table.INPUT] = Field(
        default=Table.INPUT, description="holding or input registers"
    )
    address: Address = Field(description="first register, counted from 0")
    type: NumberType = Field(
        default=NumberType.UINT16, description="int16, uint16 (one register), int32, uint32, float32 (two)"
    )
    byte_order: Order = Field(default=Order.BIG, description="big: the high byte of a register comes first")
    word_order: Order = Field(default=Order.BIG, description="big: the high register of two comes first")
    linear: tuple[Coefficient, Coefficient] = Field(
        default=(1.0, 0.0),
        description="scale and offset, each -1e9…1e9, scale not 0: value = scale · count + offset, in the "
        "unit of the metric",
    )
    plausible: tuple[Coefficient, Coefficient] = Field(
        description="least and greatest value to believe, in the unit of the metric; one outside is as none"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "Register":
        if not self.metric.endswith(tuple(f"_{unit}" for unit in METRIC_UNITS)):
            raise ValueError(f"metric {self.metric} must end with its unit: {', '.join(METRIC_UNITS)}")
        if self.address + self.type.words - 1 > _LAST_ADDRESS:
            raise ValueError(f"a {self.type} does not fit at address {self.address}")
        if self.linear[0] == 0:
            raise ValueError("linear: a scale of 0 says nothing")
        if not self.plausible[0] < self.plausible[1]:
            raise ValueError("plausible: the least value must be below the greatest")
        return self


class Signal(DeviceSettings):
    """Something that is on or off, told by a bit, or by a register such as a lamp current."""

    metric: Metric = Field(
        description="name; known to Cardea: output_on (feedback of the emitter), contactor_on"
    )
    table: Table = Field(
        default=Table.DISCRETE, description="coil or discrete (bits), holding or input (registers)"
    )
    address: Address = Field(description="bit or register, counted from 0")
    mask: int = Field(default=_ALL, ge=1, le=_ALL, description="bits of a register that count")
    on_min: int = Field(
        default=1, ge=1, le=_ALL, description="least count of a register, after the mask, that means on"
    )
    inverted: bool = Field(default=False, description="true: what would mean on means off")

    @model_validator(mode="after")
    def _can_be_on(self) -> "Signal":
        if self.table in BITS and (self.mask != _ALL or self.on_min != 1):
            raise ValueError("mask and on_min are for registers; a bit is 0 or 1")
        if self.on_min > self.mask:
            raise ValueError(f"on_min {self.on_min} is more than the mask {self.mask} lets through")
        return self


class Relay(DeviceSettings):
    """A relay that is only ever switched on for a leased time."""

    coil: Address = Field(description="coil address, counted from 0")


class Watchdog(DeviceSettings):
    """The unit's communication watchdog: without requests for its time, outputs fall back.

    A unit's default may be to hold its last outputs for ever (register 0), so the register is written and
    read back at each start, and read with every reading (SAFETY.md D3).
    """

    address: Address = Field(description="holding register of the watchdog, counted from 0")
    value: int = Field(ge=1, le=65535, description="counts to write; 0 would mean: hold the last output")
    unit_s: float = Field(default=0.1, gt=0, le=60, description="length of one count, s")

    @property
    def timeout_s(self) -> float:
        """The watchdog's time."""
        return self.value * self.unit_s


class UvSettings(DeviceSettings):
    """A disinfection unit on a Modbus link; without an emitter it is only watched."""

    unit: int = Field(ge=1, le=247, description="unit id (slave address) on the line")
    poll_s: float = Field(default=0.2, ge=0.05, le=0.3, description="time between two readings, s")
    identification: Literal["none", "read_device_information"] = Field(
        default="none", description="whether to ask the unit what it is (FC43/14); many do not know"
    )
    emitter: Relay | None = Field(
        default=None, description="relay of the emitter (output 0); needs a watchdog and the signal output_on"
    )
    contactor: Relay | None = Field(
        default=None, description="contactor upstream of it (output 1), which cuts a relay that is welded"
    )
    watchdog: Watchdog | None = Field(
        default=None, description="the unit's communication watchdog; none: its emitter cannot be driven"
    )
    signals: tuple[Signal, ...] = Field(
        default=(), max_length=32, description="what is on or off: feedback, contactor, enclosure, fault"
    )
    registers: tuple[Register, ...] = Field(
        default=(), max_length=32, description="numbers: irradiance, lamp hours and life, temperature"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "UvSettings":
        if not (self.signals or self.registers):
            raise ValueError("nothing is read: give signals or registers")
        metrics = [each.metric for each in (*self.signals, *self.registers)]
        _once("metric", [*metrics, WATCHDOG])
        _once("coil", [relay.coil for relay in (self.emitter, self.contactor) if relay is not None])
        if self.contactor is not None and self.emitter is None:
            raise ValueError("a contactor is upstream of an emitter: give the emitter")
        if self.emitter is not None and OUTPUT_ON not in metrics:
            raise ValueError(f"an emitter needs the signal {OUTPUT_ON}: feedback that is not the command")
        for metric, relay in ((OUTPUT_ON, self.emitter), (CONTACTOR_ON, self.contactor)):
            self._refuse_echo(metric, relay)
        if self.watchdog is not None:
            self._refuse_watchdog_beyond_limits(self.watchdog)
        return self

    def _refuse_echo(self, metric: str, relay: Relay | None) -> None:
        """A coil that we write tells what we wrote, and not whether it came true (SAFETY.md D6)."""
        read = {(signal.table, signal.address) for signal in self.signals if signal.metric == metric}
        if relay is not None and (Table.COIL, relay.coil) in read:
            raise ValueError(f"{metric}: coil {relay.coil} is the command itself, no feedback")

    def _refuse_watchdog_beyond_limits(self, watchdog: Watchdog) -> None:
        if watchdog.timeout_s < WATCHDOG_POLLS_MIN * self.poll_s:
            raise ValueError(
                f"watchdog of {watchdog.timeout_s:.3g} s is shorter than {WATCHDOG_POLLS_MIN} readings: "
                "raise its value or lower poll_s"
            )
        if watchdog.timeout_s > WATCHDOG_S_MAX:
            raise ValueError(
                f"watchdog of {watchdog.timeout_s:.3g} s: an output may outlive its gateway by no more than "
                f"{WATCHDOG_S_MAX} s"
            )


def _once(what: str, values: Iterable[object]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{what} {twice[0]} is given twice")
