"""What stands between a link and the wires of an I2C bus."""

from typing import Protocol


class TransferFailed(Exception):
    """A device did not acknowledge, or the transfer broke off; the bus goes on."""


class BusLost(Exception):
    """The way to the bus itself is broken."""


class Adapter(Protocol):
    """One way to one bus; used by one at a time."""

    async def open(self) -> None:
        """Reach the bus; raises BusLost, or DeviceMisconfigured when it cannot be one."""
        ...

    async def transfer(self, device: int, write: bytes, read: int) -> bytes:
        """Write, then after a repeated start read ``read`` bytes (0: do not read); raises TransferFailed
        or BusLost.
        """
        ...

    async def close(self) -> None:
        """Let go of the bus."""
        ...
