"""A serial line over pyserial-asyncio-fast, shared by the devices on it."""

import asyncio
import errno

import serial
import serial_asyncio_fast

from drivers.api import DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links.settings import Parity, SerialSettings
from drivers.links.stream import StreamLink, StreamProtocol

PARITY: dict[Parity, str] = {
    "none": serial.PARITY_NONE,
    "even": serial.PARITY_EVEN,
    "odd": serial.PARITY_ODD,
}


class SerialLink(StreamLink):
    """One port; every device on the line hears every byte and knows its own by a prefix."""

    def __init__(self, name: str, settings: SerialSettings) -> None:
        super().__init__(name, LinkKind.SERIAL)
        self._settings = settings

    async def run(self) -> None:
        """Open the port and serve until it is lost.

        Raises:
            DeviceLost: the port is not there (unplugged), is taken, or went away.
            DeviceMisconfigured: no right to open it, or it cannot do what the settings ask.
        """
        protocol = await self._open()
        await protocol.until_lost()

    async def _open(self) -> StreamProtocol:
        settings = self._settings
        try:
            _, protocol = await serial_asyncio_fast.create_serial_connection(
                asyncio.get_running_loop(),
                lambda: StreamProtocol(self),
                str(settings.path),
                baudrate=settings.baud,
                bytesize=settings.bytesize,
                parity=PARITY[settings.parity],
                stopbits=settings.stopbits,
                exclusive=True,
            )
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise DeviceMisconfigured(
                    f"link {self.name}: no right to open {settings.path}: "
                    "add the service's user to the group that owns it (usually dialout)"
                ) from error
            raise DeviceLost(f"link {self.name}: {settings.path} cannot be opened: {error}") from error
        except ValueError as error:
            raise DeviceMisconfigured(f"link {self.name}: {settings.path}: {error}") from error
        assert isinstance(protocol, StreamProtocol)
        return protocol
