"""What sim.toml says of thermometers, cameras, disinfection units and the rooms they stand in."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cardea.runtime.config import RelativePath, Settings

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Port = Annotated[int, Field(ge=0, le=65535)]


class Input(Settings):
    """A contact on a board."""

    board: Id = Field(description="Name of the board")
    input: int = Field(ge=0, le=15, description="Discrete input")
    normally_closed: bool = Field(default=False, description="True: it reads 1 at rest")


class LeptonCamera(Settings):
    """A simulated thermal camera (Lepton 3.5) behind a camera server on TCP."""

    kind: Literal["lepton"]
    port: Port = Field(description="Port on 127.0.0.1 on which it sends frames; 0 = any free one")
    reference_c: float = Field(
        default=37.0, ge=20, le=60, description="Temperature of the blackbody in its picture; °C"
    )
    clips: RelativePath | None = Field(
        default=None,
        description="Folder of recorded door clips (.npz), one played at each visit; without it synthesised",
    )
    clip_names: tuple[str, ...] = Field(
        default=(), max_length=256, description="Which of the clips, without .npz; none named: all"
    )


class SpotPyrometer(Settings):
    """A simulated pyrometer (Calex PyroUSB class) on Modbus TCP."""

    kind: Literal["spot"]
    port: Port = Field(description="Port on 127.0.0.1 on which it answers; 0 = any free one")
    unit: int = Field(default=1, ge=1, le=247, description="Unit id")


class Picture(Settings):
    """A simulated thermal camera that watches an electrical cabinet and writes its picture as a FLIR file."""

    path: RelativePath = Field(description="The file (.fff), which each new picture replaces")
    every_s: float = Field(default=5.0, ge=0.5, le=3600, description="Between two pictures; s")


class Video(Settings):
    """A recording that stands for a camera's stream: moving shapes, nobody in it."""

    path: RelativePath = Field(description="Where the recording is written at the start (.avi)")


class Unit(Settings):
    """A simulated disinfection unit with a 254 nm lamp, on a line."""

    line: Id = Field(description="Name of its line")
    unit: int = Field(ge=1, le=247, description="Unit id on the line")
    irradiance_uw_cm2: float = Field(
        default=120.0, gt=0, le=10_000, description="At its sensor, with a new and warm lamp; µW/cm²"
    )
    warm_up_s: float = Field(default=20.0, gt=0, le=600, description="Until the lamp is warm; s")
    life_h: int = Field(default=9000, ge=1, le=65535, description="Rated life of the lamp; h")
    hours: float = Field(default=0.0, ge=0, description="What it has burned at the start; h")
    acceleration: float = Field(
        default=1.0, ge=1, le=1e6, description="Its hours count so many times faster than they pass"
    )


class Zone(Settings):
    """A volume that is disinfected, with its inputs on a board and its unit."""

    unit: Id = Field(description="Name of its unit")
    door: Input = Field(description="Contact of its door; active while it is not closed")
    pir: Input = Field(description="Passive infrared sensor; active while somebody moves")
    radar: Input = Field(description="Millimetre-wave sensor; active while somebody breathes")
    estop: Input = Field(description="Emergency stop loop; active while it is pressed")
    arm: Input = Field(description="Key switch; active while it is turned on")
    fire: Input = Field(description="Contact of the fire panel")

    @property
    def inputs(self) -> dict[str, Input]:
        """Its contacts, by key."""
        return {
            "door": self.door,
            "pir": self.pir,
            "radar": self.radar,
            "estop": self.estop,
            "arm": self.arm,
            "fire": self.fire,
        }
