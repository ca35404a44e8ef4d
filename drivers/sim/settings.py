"""sim.toml: which devices are simulated, on which ports and lines, and which portals they make up."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cardea.runtime.config import RelativePath, Settings
from drivers.sim.people import PEOPLE_MAX, PEOPLE_MIN

ENTRIES_MAX = 64
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Port = Annotated[int, Field(ge=0, le=65535)]


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone of the IANA database such as 'Asia/Shanghai'") from None
    return name


class Sim(Settings):
    """The world as a whole."""

    seed: int = Field(default=7, ge=0, description="The same seed is the same people and the same day")
    people: int = Field(default=200, ge=PEOPLE_MIN, le=PEOPLE_MAX, description="How many people work here")
    speed: float = Field(default=1.0, gt=0, le=100, description="2 makes people come twice as often")
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
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


class TcpReader(Settings):
    """A simulated QR reader on TCP."""

    kind: Literal["tcp"]
    port: Port = Field(description="Port on 127.0.0.1 on which it waits for the gateway; 0 = any free one")


class SerialReader(Settings):
    """A simulated QR reader on a serial line of its own."""

    kind: Literal["serial"]
    path: RelativePath = Field(description="Where a link to its serial device is made")


class Line(Settings):
    """A simulated RS-485 line with relay boards on it."""

    path: RelativePath = Field(description="Where a link to its serial device is made")


class Board(Settings):
    """A simulated relay and input board."""

    line: Id = Field(description="Name of its line")
    unit: int = Field(ge=1, le=247, description="Unit id on the line")


class Coil(Settings):
    """A lock on a board."""

    board: Id = Field(description="Name of the board")
    coil: int = Field(ge=0, le=15, description="Coil that releases the door while it is on")


class Input(Settings):
    """A contact on a board."""

    board: Id = Field(description="Name of the board")
    input: int = Field(ge=0, le=15, description="Discrete input")
    normally_closed: bool = Field(default=False, description="True: it reads 1 at rest")


class Portal(Settings):
    """A way through, as people meet it."""

    device: Id = Field(description="Terminal or reader at which people present themselves")
    lock: Coil | None = Field(default=None, description="Lock on a board; without it the terminal's own")
    contact: Input | None = Field(default=None, description="Contact of the door leaf")
    rex: Input | None = Field(
        default=None, description="Request-to-exit button; people leave where there is one"
    )


class TowerSettings(Settings):
    """sim.toml as a whole."""

    sim: Sim = Field(description="The world as a whole")
    terminals: dict[Id, Terminal] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Face terminals, by name"
    )
    readers: dict[Id, Annotated[TcpReader | SerialReader, Field(discriminator="kind")]] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="QR readers, by name"
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
        problems = [*self._unknown_lines(), *self._unknown_in_portals()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _unknown_lines(self) -> Iterator[str]:
        for name, board in self.boards.items():
            if board.line not in self.lines:
                yield f"boards.{name}.line: no line is called {board.line!r}"

    def _unknown_in_portals(self) -> Iterator[str]:
        for name, portal in self.portals.items():
            if portal.device not in self.terminals and portal.device not in self.readers:
                yield f"portals.{name}.device: no terminal or reader is called {portal.device!r}"
            if portal.device in self.readers and portal.lock is None:
                yield f"portals.{name}.lock: a QR reader opens nothing by itself; name the lock's coil"
            for key, wired in (("lock", portal.lock), ("contact", portal.contact), ("rex", portal.rex)):
                if wired is not None and wired.board not in self.boards:
                    yield f"portals.{name}.{key}: no board is called {wired.board!r}"
