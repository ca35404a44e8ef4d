"""One I2C bus, shared by the devices on it: one transfer at a time, in the order they were asked for.

Source: I2C-bus specification, NXP UM10204: what is written and what is then read is one combined transfer
with a repeated start between, so that nobody else's comes between a register's address and its content.
"""

import asyncio
from urllib.parse import urlsplit

from cardea.runtime.clock import Clock
from drivers.api import DeviceLost, LinkKind
from drivers.links.i2c_adapter import Adapter, BusLost, TransferFailed
from drivers.links.settings import PIGPIOD_PATH, I2cSettings
from drivers.links.turns import TooManyWait, Turns, Urgency

UP_S_MAX = 2.0
"""How long a session that starts waits for its link."""
OPEN_S_MAX = 3.0
PIGPIOD_BUS = 1
"""The bus on the header of every Raspberry Pi since the second."""


class I2cLink:
    """A shared bus."""

    def __init__(self, name: str, adapter: Adapter, settings: I2cSettings) -> None:
        self.name = name
        self.transfer_bytes_max = settings.transfer_bytes_max
        """What one transfer may read, or write."""
        self._adapter = adapter
        self._answer_s_max = settings.answer_s_max
        self._turns = Turns(settings.waiting_max)
        self._wires = asyncio.Lock()
        """Held by a transfer to its end, even when whoever asked for it has been cancelled."""
        self._under_way: set[asyncio.Task[bytes]] = set()
        self._up = asyncio.Event()
        self._lost: asyncio.Future[str] | None = None

    @property
    def kind(self) -> LinkKind:
        """What sort of link this is."""
        return LinkKind.I2C

    async def run(self) -> None:
        """Reach the bus and serve until the way to it breaks.

        Raises:
            DeviceLost: the bus is not there, or was lost.
            DeviceMisconfigured: no right to it, or what is there is no I2C bus.
        """
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(OPEN_S_MAX):
                await self._adapter.open()
            self._lost = lost
            self._up.set()
            raise DeviceLost(f"link {self.name}: {await lost}")
        except BusLost as error:
            raise DeviceLost(f"link {self.name}: {error}") from error
        except TimeoutError as error:
            raise DeviceLost(f"link {self.name}: the bus cannot be opened: no answer") from error
        finally:
            self._up.clear()
            self._lost = None
            await self._adapter.close()

    async def ready(self) -> None:
        """Until the bus is reached; DeviceLost when that takes longer than ``UP_S_MAX``."""
        try:
            async with asyncio.timeout(UP_S_MAX):
                await self._up.wait()
        except TimeoutError:
            raise DeviceLost(f"link {self.name}: not connected") from None

    async def transfer(self, device: int, write: bytes, read: int = 0) -> bytes:
        """Write to the device at the 7-bit address ``device``, then read so many bytes in the same transfer.

        Raises:
            DeviceLost: the link is down, busy beyond its queue, or the device does not answer as asked.
            ValueError: more than ``transfer_bytes_max``.
        """
        if max(len(write), read) > self.transfer_bytes_max:
            raise ValueError(f"{max(len(write), read)} bytes in a transfer of {self.transfer_bytes_max}")
        try:
            async with self._turns.turn(Urgency.POLL):
                content = await self._whole(device, write, read)
        except TooManyWait:
            raise DeviceLost(f"link {self.name}: too many transfers wait for the bus") from None
        if len(content) != read:
            raise DeviceLost(f"I2C device {device:#04x}: {len(content)} bytes for {read} asked")
        return content

    async def _whole(self, device: int, write: bytes, read: int) -> bytes:
        """A transfer that has begun is brought to its end, whoever has lost interest: the next one would get
        its answer.
        """
        transfer = asyncio.get_running_loop().create_task(self._alone(device, write, read))
        self._under_way.add(transfer)
        transfer.add_done_callback(self._ended)
        return await asyncio.shield(transfer)

    def _ended(self, transfer: "asyncio.Task[bytes]") -> None:
        self._under_way.discard(transfer)
        if not transfer.cancelled():
            transfer.exception()  # nobody may be left to hear of it

    async def _alone(self, device: int, write: bytes, read: int) -> bytes:
        async with self._wires:
            return await self._transfer(device, write, read)

    async def _transfer(self, device: int, write: bytes, read: int) -> bytes:
        if not self._up.is_set():
            raise DeviceLost(f"link {self.name}: not connected")
        try:
            async with asyncio.timeout(self._answer_s_max):
                return await self._adapter.transfer(device, write, read)
        except TransferFailed as error:
            raise DeviceLost(f"I2C device {device:#04x}: {error}") from error
        except BusLost as error:
            self._lose(str(error))
            raise DeviceLost(f"link {self.name}: {error}") from error
        except TimeoutError as error:
            self._lose(f"a transfer did not end within {self._answer_s_max:g} s: is the bus stuck?")
            raise DeviceLost(f"I2C device {device:#04x}: no answer") from error

    def _lose(self, why: str) -> None:
        self._up.clear()
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(why)


def open_i2c(name: str, settings: I2cSettings, _clock: Clock) -> I2cLink:
    """The link to the bus that the settings name."""
    return I2cLink(name, _adapter(name, settings), settings)


def _adapter(name: str, settings: I2cSettings) -> Adapter:
    if "://" not in settings.bus:
        from drivers.links.i2c_dev import I2cDev

        return I2cDev(name, settings.bus)
    from drivers.links.pigpiod import Pigpiod

    parts = urlsplit(settings.bus)
    named = PIGPIOD_PATH.fullmatch(parts.path)
    assert parts.hostname is not None
    assert parts.port is not None
    assert named is not None
    return Pigpiod(parts.hostname, parts.port, int(named.group(1) or PIGPIOD_BUS))
