"""Datagrams: one port of this machine for all devices on the link, told apart by where they send from.

What a device does not fetch is bounded: beyond ``DATAGRAMS_MAX`` it loses the newest and is told so
(``Missed``); its neighbours notice nothing. Nobody is told of datagrams from addresses that nobody asked for.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from drivers.api import DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links.settings import UdpSettings

DATAGRAMS_MAX = 256
"""Datagrams that wait for one device at the most."""
DATAGRAM_BYTES_MAX = 9000
"""Larger ones do not fit into any Ethernet frame, and no device of ours sends them."""
Address = tuple[str, int]
"""Numeric host, port."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram, whole."""

    source: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class Missed:
    """The device did not fetch in time; so many datagrams were thrown away."""

    datagrams: int


class Mailbox:
    """One device's datagrams."""

    def __init__(self, link: "UdpLink", source: Address | None) -> None:
        self._link = link
        self.source = source
        self._waiting: deque[Datagram | Missed] = deque()
        self._lost: str | None = None
        self._changed = asyncio.Event()

    async def receive(self) -> Datagram | Missed:
        """The next datagram, whenever it comes.

        Raises:
            DeviceLost: the link was lost after the last one; asked again, it waits for the link's return.
        """
        while not self._waiting:
            why, self._lost = self._lost, None
            if why is not None:
                raise DeviceLost(why)
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram, which may get lost as any; silently nothing while the link is not open."""
        self._link.send(data, to)

    def offer(self, datagram: Datagram) -> None:
        """Take a datagram in."""
        if len(self._waiting) < DATAGRAMS_MAX:
            self._waiting.append(datagram)
        elif isinstance(last := self._waiting[-1], Missed):
            self._waiting[-1] = Missed(last.datagrams + 1)
        else:
            self._waiting.append(Missed(1))
        self._changed.set()

    def lose(self, why: str) -> None:
        """The link is lost."""
        self._lost = why
        self._changed.set()


class UdpLink:
    """One bound port."""

    def __init__(self, name: str, settings: UdpSettings) -> None:
        self.name = name
        self._settings = settings
        self._mailboxes: list[Mailbox] = []
        self._transport: asyncio.DatagramTransport | None = None
        self.port: int | None = None
        """The port that is bound, while it is."""
        self.bound = asyncio.Event()
        self.strangers = 0
        """Datagrams that nobody was attached for, or larger than ``DATAGRAM_BYTES_MAX``."""

    @property
    def kind(self) -> LinkKind:
        """What sort of link this is."""
        return LinkKind.UDP

    @property
    def broadcasts(self) -> bool:
        """Whether devices may be called by broadcast."""
        return self._settings.broadcast

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            DeviceLost: the port is taken just now, or the socket broke.
            DeviceMisconfigured: the address is not one of this machine, or the port is not for us.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.create_datagram_endpoint(
                lambda: _Socket(self),
                local_addr=(settings.bind, settings.port),
                allow_broadcast=settings.broadcast or None,
            )
        except OSError as error:
            problem = DeviceLost if error.errno == errno.EADDRINUSE else DeviceMisconfigured
            where = f"{settings.bind}:{settings.port}"
            raise problem(f"link {self.name}: cannot bind {where}: {error.strerror or error}") from error
        self._transport = transport
        self.port = int(transport.get_extra_info("sockname")[1])
        self.bound.set()
        why = "the link was stopped"
        try:
            why = await protocol.lost
        finally:
            self.bound.clear()
            self.port = self._transport = None
            transport.abort()
            for mailbox in self._mailboxes:
                mailbox.lose(f"link {self.name}: {why}")
        raise DeviceLost(f"link {self.name}: {why}")

    @contextmanager
    def attach(self, source: Address | None) -> Generator[Mailbox]:
        """Get what comes from ``source``; ``None``: from anybody."""
        mailbox = Mailbox(self, source)
        self._mailboxes.append(mailbox)
        try:
            yield mailbox
        finally:
            self._mailboxes.remove(mailbox)

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram if the port is bound."""
        if self._transport is not None:
            self._transport.sendto(data, to)

    def received(self, data: bytes, source: Address) -> None:
        """A datagram came."""
        meant = [each for each in self._mailboxes if each.source in {None, source}]
        if not meant or len(data) > DATAGRAM_BYTES_MAX:
            self.strangers += 1
            return
        for mailbox in meant:
            mailbox.offer(Datagram(source, data))


class _Socket(asyncio.DatagramProtocol):
    """asyncio's side of the port. An error of one datagram (nobody listens there) is as its loss."""

    def __init__(self, link: UdpLink) -> None:
        self._link = link
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._link.received(data, cast("Address", addr[:2]))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(str(exc) if exc else "the port was closed")
