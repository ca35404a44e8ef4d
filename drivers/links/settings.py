"""What a configuration says of a link; ``kind`` picks the model."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, ValidationInfo, model_validator

from cardea.runtime.config import RelativePath, Settings
from drivers.links.http_listener import HttpListenerSettings

Host = Annotated[str, Field(min_length=1, max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]
Parity = Literal["none", "even", "odd"]


class TcpSettings(Settings):
    """A TCP connection to a device (or a serial converter), or a port that devices connect to."""

    kind: Literal["tcp"]
    host: Host = Field(description="device to connect to; with listen: own address to bind")
    port: int = Field(ge=0, le=65535, description="TCP port; 0 only with listen: any free port")
    listen: bool = Field(default=False, description="devices connect to us, instead of us to the device")
    connect_s_max: float = Field(default=3.0, gt=0, le=30, description="how long to try one connection, s")
    silence_s_max: float = Field(
        default=30.0, ge=2, le=600, description="a peer that does not answer keep-alives this long is gone, s"
    )
    connections_max: int = Field(default=16, ge=1, le=256, description="with listen: connections at a time")

    @model_validator(mode="after")
    def _port_is_named(self) -> "TcpSettings":
        if self.port == 0 and not self.listen:
            raise ValueError("port 0 means any free port and needs listen = true")
        return self


class UdpSettings(Settings):
    """A port of this machine for datagrams, which devices share; they are told apart by their addresses."""

    kind: Literal["udp"]
    bind: Host = Field(default="0.0.0.0", description="own address to bind")  # noqa: S104  # as for any server
    port: int = Field(default=0, ge=0, le=65535, description="own UDP port; 0: any free port")
    broadcast: bool = Field(default=False, description="devices may be called by broadcast")


class SerialLine(Settings):
    """A serial port and how characters stand on it."""

    path: RelativePath = Field(description="serial device, e.g. /dev/serial/by-id/…")
    baud: int = Field(default=9600, ge=300, le=4_000_000, description="bits per second")
    bytesize: Literal[7, 8] = Field(default=8, description="data bits of a character")
    parity: Parity = Field(default="none", description="none, even or odd")
    stopbits: Literal[1, 2] = Field(default=1, description="stop bits of a character")


class SerialSettings(SerialLine):
    """A serial line whose bytes the devices on it share."""

    kind: Literal["serial"]


class ModbusTiming(Settings):
    """How long a Modbus line waits."""

    answer_s_max: float = Field(
        default=0.1, ge=0.02, le=5, description="a unit that has not answered by then is silent, s"
    )
    waiting_max: int = Field(default=64, ge=4, le=1024, description="requests that may wait for their turn")


class ModbusTcpSettings(ModbusTiming):
    """A Modbus TCP device, or a converter with several units behind it."""

    kind: Literal["modbus_tcp"]
    host: Host = Field(description="address of the device or converter")
    port: Port = Field(default=502, description="TCP port")
    answer_s_max: float = Field(
        default=0.5, ge=0.02, le=5, description="a unit that has not answered by then is silent, s"
    )


class ModbusRtuSettings(SerialLine, ModbusTiming):
    """A Modbus RTU line: one serial port, several units."""

    kind: Literal["modbus_rtu"]
    baud: int = Field(default=19200, ge=300, le=4_000_000, description="bits per second")


_PATH: TypeAdapter[RelativePath] = TypeAdapter(RelativePath)


def _stream_or_path(text: str, info: ValidationInfo) -> str:
    """An RTSP address as it is; anything else is a path, from the folder of the configuration."""
    return text if "://" in text else str(_PATH.validate_python(text, context=info.context))


def _source_fault(source: str) -> str | None:
    """What is wrong with an address."""
    wrong = "source must be an address such as rtsp://user@192.168.40.20/stream2, a path, or /dev/video0"
    try:
        parts = urlsplit(source)
        usable = parts.scheme in {"rtsp", "rtsps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return wrong
    if usable and parts.password is not None:
        return "leave the password out of source; put it into a secret and name that in password_secret"
    return None if usable else wrong


class VideoSettings(Settings):
    """A source of pictures: a camera's RTSP stream, a camera of this machine, or a recording."""

    kind: Literal["video"]
    source: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_stream_or_path)] = Field(
        description="rtsp://user@host/path without a password, a device such as /dev/video0, or a file"
    )
    password_secret: str | None = Field(
        default=None, min_length=1, max_length=128, description="secret that holds the stream's password"
    )
    pixel_format: Literal["bgr", "y16", "yuyv"] = Field(
        default="bgr",
        description="bgr: colour, 8 bit; y16: a sensor's raw counts, 16 bit; yuyv: the camera's own bytes, "
        "two for each pixel (some thermal cameras hide their counts in them)",
    )
    width: int | None = Field(
        default=None, ge=8, le=4096, description="columns of the picture to ask a camera of this machine for"
    )
    height: int | None = Field(default=None, ge=8, le=4096, description="rows of it; with width")
    fps_max: float = Field(default=10.0, ge=0.1, le=60, description="pictures handed on at the most, per s")
    loop: bool = Field(default=False, description="a recording begins again at its end")
    open_s_max: float = Field(default=5.0, ge=0.5, le=20, description="how long to try to open it, s")
    silence_s_max: float = Field(
        default=5.0, ge=0.5, le=20, description="without a picture this long the source is lost, s"
    )

    @model_validator(mode="after")
    def _source_is_right(self) -> "VideoSettings":
        """Of the whole and not of the one key, whose value would be shown with the password in it."""
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together")
        fault = _source_fault(self.source) if "://" in self.source else None
        if fault is not None:
            raise ValueError(fault)
        if self.password_secret is not None and ("://" not in self.source or "@" not in self.source):
            raise ValueError("password_secret needs a source with a user, such as rtsp://user@host/path")
        return self


PIGPIOD_PATH = re.compile(r"/?|/([0-9])")
"""Behind a pigpiod's port: nothing, or which of the Raspberry Pi's buses."""


def _i2c_fault(bus: str) -> str | None:
    """What is wrong with the address of somebody else's bus."""
    wrong = "bus must be a device such as /dev/i2c-1, or a pigpiod such as tcp://192.168.40.30:8888"
    try:
        parts = urlsplit(bus)
        usable = parts.scheme == "tcp" and bool(parts.hostname) and parts.port not in {None, 0}
    except ValueError:
        return wrong
    return None if usable and "@" not in bus and PIGPIOD_PATH.fullmatch(parts.path) else wrong


class I2cSettings(Settings):
    """An I2C bus of this machine, or of a Raspberry Pi on the network whose pigpiod lends it."""

    kind: Literal["i2c"]
    bus: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_stream_or_path)] = Field(
        description="/dev/i2c-1, or tcp://host:8888 of a pigpiod (its bus 1; tcp://host:8888/0: its bus 0)"
    )
    transfer_bytes_max: int = Field(
        default=256, ge=4, le=8192, description="bytes in one transfer; USB adapters take 32 or 64"
    )
    answer_s_max: float = Field(
        default=1.0, ge=0.05, le=10, description="a transfer that has not ended by then has failed, s"
    )
    waiting_max: int = Field(default=64, ge=4, le=1024, description="transfers that may wait for their turn")

    @model_validator(mode="after")
    def _bus_is_right(self) -> "I2cSettings":
        if "://" in self.bus and (fault := _i2c_fault(self.bus)) is not None:
            raise ValueError(fault)
        return self


LinkSettings = Annotated[
    HttpListenerSettings
    | TcpSettings
    | SerialSettings
    | UdpSettings
    | ModbusTcpSettings
    | ModbusRtuSettings
    | VideoSettings
    | I2cSettings,
    Field(discriminator="kind"),
]
