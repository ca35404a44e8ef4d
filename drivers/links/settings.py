"""What a configuration says of a link; ``kind`` picks the model."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

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


LinkSettings = Annotated[
    HttpListenerSettings | TcpSettings | SerialSettings | ModbusTcpSettings | ModbusRtuSettings,
    Field(discriminator="kind"),
]
