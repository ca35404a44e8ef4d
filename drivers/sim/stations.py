"""Where people of the world present themselves: simulated readers, each on its real socket or line."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.sim.qr_serial import QrSerialSim
from drivers.sim.qr_tcp import QrTcpSim
from drivers.sim.world import Visit

RETRY_S = 1.0
SPOUTS = 12
"""A gateway takes a single unreadable message for a disturbance."""
GARBAGE = b"\x01\x02\xff\xfe<not a code>\x7f\r\n"

_LOG = get_logger("sim")


class Station(Protocol):
    """A simulated device at which people present themselves."""

    async def __aenter__(self) -> Self:
        """Take up the socket or line; raises OSError."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it up."""
        ...

    async def met(self) -> None:
        """Until a gateway has been heard of."""
        ...

    async def present(self, visit: Visit, text: str) -> bool:
        """Somebody presents face, card or the pass ``text``; True when the device itself opens its door."""
        ...

    def leaf(self, *, is_open: bool, forced: bool) -> None:
        """The door leaf moved, for devices that have its contact; ``forced``: without a release."""
        ...

    async def spout(self, lasts_s: float) -> None:
        """Send bytes that mean nothing, ``SPOUTS`` times in a while."""
        ...

    async def fail(self, lasts_s: float) -> None:
        """Be gone for a while, and come back at the same place."""
        ...

    async def refuse(self, lasts_s: float) -> None:
        """Take the gateway's password no more, for a while."""
        ...


class QrStation:
    """A QR reader; the door beside it is opened by somebody else."""

    def __init__(self, reader: QrTcpSim | QrSerialSim, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def __aenter__(self) -> Self:
        """Take up the socket or line."""
        await self._reader.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it up."""
        await self._reader.__aexit__(kind, error, trace)

    async def met(self) -> None:
        """Until a gateway is connected; on a serial line nobody can tell, until it beeps back."""
        if isinstance(self._reader, QrTcpSim):
            await self._reader.met()
        else:
            await self._reader.replies.next()

    async def present(self, visit: Visit, text: str) -> bool:  # noqa: ARG002  # a reader sees the code only
        """Hold the code before the reader."""
        self._reader.present(text)
        return False

    def leaf(self, *, is_open: bool, forced: bool) -> None:
        """A reader has no door contact."""

    async def spout(self, lasts_s: float) -> None:
        """Send bytes that mean nothing, again and again."""
        for _ in range(SPOUTS):
            self._reader.send(GARBAGE)
            await self._clock.sleep(lasts_s / SPOUTS)

    async def fail(self, lasts_s: float) -> None:
        """Lose power for a while."""
        await self._reader.__aexit__(None, None, None)
        await self._clock.sleep(lasts_s)
        await come_back(self._reader.__aenter__, self._clock)

    async def refuse(self, lasts_s: float) -> None:
        """A reader asks for no password."""


async def come_back(take_up: Callable[[], Awaitable[object]], clock: Clock) -> None:
    """Take up a socket or line again, as soon as nobody else has it: meanwhile another program may."""
    while True:
        try:
            await take_up()
        except OSError as error:
            _LOG.warning("still_gone", why=str(error))
            await clock.sleep(RETRY_S)
        else:
            return


def tcp_reader(port: int, clock: Clock) -> QrStation:
    """A reader that waits for the gateway on ``port``."""
    return QrStation(QrTcpSim(port=port), clock)


def serial_reader(path: Path, clock: Clock) -> QrStation:
    """A reader on a serial line, linked at ``path``."""
    return QrStation(QrSerialSim(path), clock)
