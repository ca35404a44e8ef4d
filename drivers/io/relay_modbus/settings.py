"""Settings of a relay and input board on Modbus: what its coils and inputs stand for."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from drivers.api import DeviceSettings, InputKind

Address = Annotated[int, Field(ge=0, le=65535)]
Level = Literal["on", "off"]
WATCHDOG_POLLS_MIN = 3


class PulseRegister(DeviceSettings):
    """A holding register that switches a coil on for a time which the board keeps by itself."""

    address: Address = Field(description="holding register that starts the pulse, counted from 0")
    unit_s: float = Field(default=0.1, gt=0, le=60, description="length of one count, s")
    counts_max: int = Field(default=65535, ge=1, le=65535, description="largest count that the board takes")


class Door(DeviceSettings):
    """A door whose lock hangs on a coil."""

    door: int = Field(ge=1, le=255, description="door number")
    coil: Address = Field(description="coil address, counted from 0")
    release_level: Level = Field(default="on", description="level of the coil that releases the door")
    pulse: PulseRegister | None = Field(
        default=None,
        description="the board's own timed pulse; without it the gateway switches on and off, and the "
        "board's watchdog must be configured",
    )


class Contact(DeviceSettings):
    """A dry contact on a discrete input."""

    input: Address = Field(description="discrete input address, counted from 0")
    contrary_input: Address | None = Field(
        default=None,
        description="discrete input of the second contact of a changeover pair, which always shows the "
        "opposite; when both show the same, the loop is faulty",
    )


class InputContact(Contact):
    """A contact that stands for something other than a door."""

    kind: InputKind = Field(
        description="what it stands for: fire, rex, tamper, occupancy, estop (active = pressed), lockdown, "
        "door (of a zone; active = not closed), arm (key switch; active = armed)"
    )
    channel: int = Field(default=0, ge=0, le=255, description="number among the contacts of its kind")
    normally_closed: bool = Field(
        default=False, description="true: the contact is closed (reads 1) while all is well"
    )


class DoorContact(Contact):
    """A contact that tells whether a door leaf is open."""

    door: int = Field(ge=1, le=255, description="door number")
    normally_closed: bool = Field(
        default=True, description="true: the contact is closed (reads 1) while the door is closed"
    )


class Output(DeviceSettings):
    """A coil that is only ever switched on for a leased time."""

    channel: int = Field(ge=0, le=255, description="output number")
    coil: Address = Field(description="coil address, counted from 0")


class Watchdog(DeviceSettings):
    """The board's communication watchdog: without requests for its time, outputs fall back.

    A board's default may be to hold its last outputs for ever (register 0), so the register is written and
    read back at each start (SAFETY.md D3).
    """

    address: Address = Field(description="holding register of the watchdog, counted from 0")
    value: int = Field(ge=1, le=65535, description="counts to write; 0 would mean: hold the last output")
    unit_s: float = Field(default=0.1, gt=0, le=60, description="length of one count, s")

    @property
    def timeout_s(self) -> float:
        """The watchdog's time."""
        return self.value * self.unit_s


class RelaySettings(DeviceSettings):
    """A relay and input board on a Modbus link."""

    unit: int = Field(ge=1, le=247, description="unit id (slave address) on the line")
    poll_s: float = Field(default=0.1, ge=0.02, le=1.0, description="time between two readings of inputs, s")
    debounce_samples: int = Field(
        default=2,
        ge=1,
        le=20,
        description="equal readings in a row that make a change; a fire contact is told at the first, "
        "because the portal debounces it",
    )
    identification: Literal["none", "read_device_information"] = Field(
        default="none", description="whether to ask the board what it is (FC43/14); many do not know"
    )
    doors: tuple[Door, ...] = Field(default=(), max_length=64, description="locks on coils")
    contacts: tuple[DoorContact, ...] = Field(default=(), max_length=64, description="door contacts")
    inputs: tuple[InputContact, ...] = Field(default=(), max_length=64, description="other contacts")
    outputs: tuple[Output, ...] = Field(default=(), max_length=64, description="coils switched by lease")
    watchdog: Watchdog | None = Field(default=None, description="the board's communication watchdog")

    @model_validator(mode="after")
    def _fits_together(self) -> "RelaySettings":
        if not (self.doors or self.contacts or self.inputs or self.outputs):
            raise ValueError("nothing is connected: give doors, contacts, inputs or outputs")
        _once("doors: door", (door.door for door in self.doors))
        _once("contacts: door", (contact.door for contact in self.contacts))
        _once("inputs: kind and channel", ((i.kind.value, i.channel) for i in self.inputs))
        _once("outputs: channel", (output.channel for output in self.outputs))
        _once("coil of doors and outputs", (each.coil for each in (*self.doors, *self.outputs)))
        needs_watchdog = bool(self.outputs) or any(door.pulse is None for door in self.doors)
        if needs_watchdog and self.watchdog is None:
            raise ValueError(
                "watchdog is needed: outputs, and doors without a pulse register, must fall back by "
                "themselves when the gateway stops"
            )
        if self.watchdog is not None and self.watchdog.timeout_s < WATCHDOG_POLLS_MIN * self.poll_s:
            raise ValueError(
                f"watchdog of {self.watchdog.timeout_s} s is shorter than {WATCHDOG_POLLS_MIN} readings: "
                "raise its value or lower poll_s"
            )
        return self


def _once(what: str, values: Iterable[object]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{what} {twice[0]} is given twice")
