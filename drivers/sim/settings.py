"""sim.toml: which devices are simulated, on which ports and lines, and which portals they make up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cardea.runtime.config import RelativePath, Settings, TimeZoneName
from drivers.sim.people import PEOPLE_MAX, PEOPLE_MIN
from drivers.sim.plant_settings import (
    Id,
    Input,
    LeptonCamera,
    Picture,
    Port,
    SpotPyrometer,
    Unit,
    Video,
    Zone,
)

ENTRIES_MAX = 64


class Sim(Settings):
    """The world as a whole."""

    seed: int = Field(default=7, ge=0, description="The same seed is the same people and the same day")
    people: int = Field(default=200, ge=PEOPLE_MIN, le=PEOPLE_MAX, description="How many people work here")
    speed: float = Field(default=1.0, gt=0, le=100, description="2 makes people come twice as often")
    time_zone: TimeZoneName = Field(
        default="UTC", description="IANA time zone of the tower: it says when rush hours are"
    )
    secrets_dir: RelativePath = Field(
        default=Path("secrets"), validate_default=True, description="Folder of the terminals' passwords"
    )
    pass_key_file: RelativePath = Field(description="Private key (PEM) that issues passes, mode 0600")


class Terminal(Settings):
    """A simulated Hikvision face terminal."""

    port: Port = Field(description="Port on 127.0.0.1 on which it answers; 0 = any free one")
    user: str = Field(default="cardea", min_length=1, max_length=64, description="User for the gateway")
    password_secret: str = Field(min_length=1, max_length=128, description="Name of the secret that holds it")
    decides: Literal["gateway", "terminal"] = Field(
        default="gateway", description="Who decides: the gateway, whom it asks, or the terminal by itself"
    )
    normalises: bool = Field(
        default=False, description="Whether it bends what it measures toward a healthy temperature"
    )


class TcpReader(Settings):
    """A simulated QR reader on TCP."""

    kind: Literal["tcp"]
    port: Port = Field(description="Port on 127.0.0.1 on which it waits for the gateway; 0 = any free one")


class SerialReader(Settings):
    """A simulated QR reader on a serial line of its own."""

    kind: Literal["serial"]
    path: RelativePath = Field(description="Where a link to its serial device is made")


class Line(Settings):
    """A simulated RS-485 line with relay boards and units on it."""

    path: RelativePath = Field(description="Where a link to its serial device is made")


class Board(Settings):
    """A simulated relay and input board."""

    line: Id = Field(description="Name of its line")
    unit: int = Field(ge=1, le=247, description="Unit id on the line")


class Coil(Settings):
    """A lock on a board."""

    board: Id = Field(description="Name of the board")
    coil: int = Field(ge=0, le=15, description="Coil that releases the door while it is on")


class Portal(Settings):
    """A way through, as people meet it."""

    device: Id = Field(description="Terminal or reader at which people present themselves")
    thermometer: Id | None = Field(default=None, description="Thermometer that looks at them, besides")
    lock: Coil | None = Field(default=None, description="Lock on a board; without it the terminal's own")
    contact: Input | None = Field(default=None, description="Contact of the door leaf")
    rex: Input | None = Field(
        default=None, description="Request-to-exit button; people leave where there is one"
    )
    fire: Input | None = Field(default=None, description="Contact of the fire panel that releases the door")
    tamper: Input | None = Field(default=None, description="Contact of the board's cabinet")

    @property
    def inputs(self) -> dict[str, Input | None]:
        """Its contacts, by key."""
        return {"contact": self.contact, "rex": self.rex, "fire": self.fire, "tamper": self.tamper}


class TowerSettings(Settings):
    """sim.toml as a whole."""

    sim: Sim = Field(description="The world as a whole")
    terminals: dict[Id, Terminal] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Face terminals, by name"
    )
    readers: dict[Id, Annotated[TcpReader | SerialReader, Field(discriminator="kind")]] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="QR readers, by name"
    )
    thermometers: dict[Id, Annotated[LeptonCamera | SpotPyrometer, Field(discriminator="kind")]] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Thermometers without a terminal, by name"
    )
    pictures: dict[Id, Picture] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Thermal cameras of things, by name"
    )
    videos: dict[Id, Video] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Cameras that see a recording, by name"
    )
    units: dict[Id, Unit] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Disinfection units, by name"
    )
    zones: dict[Id, Zone] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Volumes that are disinfected, by name"
    )
    lines: dict[Id, Line] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="RS-485 lines, by name"
    )
    boards: dict[Id, Board] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Relay boards, by name"
    )
    portals: dict[Id, Portal] = Field(
        min_length=1, max_length=ENTRIES_MAX, description="Ways through, by name"
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> "TowerSettings":
        problems = [*self._unknown_lines(), *self._unknown_in_portals(), *self._unknown_in_zones()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _unknown_lines(self) -> Iterator[str]:
        for table, entries in (("boards", self.boards), ("units", self.units)):
            for name, entry in entries.items():
                if entry.line not in self.lines:
                    yield f"{table}.{name}.line: no line is called {entry.line!r}"

    def _unknown_in_portals(self) -> Iterator[str]:
        for name, portal in self.portals.items():
            if portal.device not in self.terminals and portal.device not in self.readers:
                yield f"portals.{name}.device: no terminal or reader is called {portal.device!r}"
            if portal.device in self.readers and portal.lock is None:
                yield f"portals.{name}.lock: a QR reader opens nothing by itself; name the lock's coil"
            if portal.thermometer is not None and portal.thermometer not in self.thermometers:
                yield f"portals.{name}.thermometer: no thermometer is called {portal.thermometer!r}"
            for key, wired in {"lock": portal.lock, **portal.inputs}.items():
                if wired is not None and wired.board not in self.boards:
                    yield f"portals.{name}.{key}: no board is called {wired.board!r}"

    def _unknown_in_zones(self) -> Iterator[str]:
        for name, zone in self.zones.items():
            if zone.unit not in self.units:
                yield f"zones.{name}.unit: no unit is called {zone.unit!r}"
            for key, wired in zone.inputs.items():
                if wired.board not in self.boards:
                    yield f"zones.{name}.{key}: no board is called {wired.board!r}"
