"""An I2C bus of this machine: Linux's i2c-dev through smbus2, in a thread of its own.

Source: Linux, Documentation/i2c: dev-interface (I2C_RDWR: combined transfers) and fault-codes.
"""

import asyncio
import errno
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from smbus2 import SMBus, i2c_msg

from drivers.api import DeviceMisconfigured
from drivers.links.i2c_adapter import BusLost, TransferFailed

T = TypeVar("T")
_REFUSED: Mapping[int, str] = {
    errno.EACCES: "no right to open it: add the service's user to the group that owns it (usually i2c)",
    errno.EPERM: "no right to open it: add the service's user to the group that owns it (usually i2c)",
    errno.ENOTTY: "is no I2C bus",
    errno.EINVAL: "is no I2C bus",
}
_GONE = frozenset({errno.ENODEV, errno.EBADF, errno.ENOENT, errno.ESHUTDOWN})
"""The adapter itself went away; anything else is between the bus and the device."""
_FAULTS: Mapping[int, str] = {
    errno.ENXIO: "does not acknowledge",
    errno.EREMOTEIO: "does not acknowledge",
    errno.EAGAIN: "another master holds the bus",
    errno.ETIMEDOUT: "holds the bus: no answer",
}


class I2cDev:
    """One ``/dev/i2c-*``."""

    def __init__(self, name: str, path: str) -> None:
        self._path = path
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"i2c-{name}")
        self._bus: SMBus | None = None

    async def open(self) -> None:
        """Open it; raises BusLost (not there) or DeviceMisconfigured (no right to it, no I2C bus)."""
        try:
            self._bus = await self._away(lambda: SMBus(self._path))
        except OSError as error:
            why = error.strerror or str(error)
            if (refused := _REFUSED.get(error.errno or 0)) is not None:
                raise DeviceMisconfigured(f"{self._path}: {refused}") from error
            raise BusLost(f"{self._path} cannot be opened: {why}") from error

    async def transfer(self, device: int, write: bytes, read: int) -> bytes:
        """One combined transfer; see :class:`drivers.links.i2c_adapter.Adapter`."""
        bus = self._bus
        if bus is None:
            raise BusLost(f"{self._path} is not open")
        try:
            return await self._away(lambda: _exchange(bus, device, write, read))
        except OSError as error:
            if error.errno in _GONE:
                raise BusLost(f"{self._path} went away") from error
            raise TransferFailed(_FAULTS.get(error.errno or 0, error.strerror or str(error))) from error

    async def close(self) -> None:
        """Close it, once a transfer that hangs has ended; nobody waits for that."""
        bus, self._bus = self._bus, None
        if bus is not None:
            self._worker.submit(bus.close)

    async def _away(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


def _exchange(bus: SMBus, device: int, write: bytes, read: int) -> bytes:
    if not read:
        bus.i2c_rdwr(i2c_msg.write(device, write))
        return b""
    answer = i2c_msg.read(device, read)
    bus.i2c_rdwr(i2c_msg.write(device, write), answer)
    return bytes(answer)
