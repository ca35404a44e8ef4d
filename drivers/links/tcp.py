"""TCP: we connect to the device (or to a serial converter), or devices connect to us."""

import asyncio
import errno
import socket
from typing import cast

from drivers.api import DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links.settings import TcpSettings
from drivers.links.stream import StreamLink, StreamProtocol

_PROBES = 3


class TcpOutward(StreamLink):
    """One connection that we make."""

    def __init__(self, name: str, settings: TcpSettings) -> None:
        super().__init__(name, LinkKind.TCP)
        self._settings = settings

    async def run(self) -> None:
        """Connect and serve until the connection ends (DeviceLost)."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(settings.connect_s_max):
                transport, protocol = await loop.create_connection(
                    lambda: StreamProtocol(self), settings.host, settings.port
                )
        except (OSError, TimeoutError) as error:
            raise DeviceLost(
                f"link {self.name}: no connection to {settings.host}:{settings.port}: "
                f"{error or f'no answer in {settings.connect_s_max} s'}"
            ) from error
        _keep_alive(transport, settings.silence_s_max)
        await protocol.until_lost()


class _Accepted(StreamProtocol):
    """A connection that a device made; refused when there are too many."""

    def __init__(self, link: "TcpListener", settings: TcpSettings) -> None:
        super().__init__(link)
        self._listener = link
        self._settings = settings

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is one only in what it does
        if self._listener.connections >= self._settings.connections_max:
            self._listener.refused += 1
            transport.abort()
            return
        _keep_alive(transport, self._settings.silence_s_max)
        super().connection_made(transport)
        self._listener.standing.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.standing.discard(self)
        super().connection_lost(exc)


class TcpListener(StreamLink):
    """A port that devices connect to, several at a time; told apart by their address."""

    def __init__(self, name: str, settings: TcpSettings) -> None:
        super().__init__(name, LinkKind.TCP)
        self._settings = settings
        self.standing: set[_Accepted] = set()
        self.refused = 0
        """Connections turned away because ``connections_max`` stood already."""
        self.port: int | None = None
        """The port that is bound, while it is."""
        self.bound = asyncio.Event()

    async def run(self) -> None:
        """Accept until cancelled.

        Raises:
            DeviceLost: the port is taken just now.
            DeviceMisconfigured: the address is not one of this machine, or the port is not for us.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: _Accepted(self, settings), settings.host, settings.port, backlog=64
            )
        except OSError as error:
            problem = DeviceLost if error.errno == errno.EADDRINUSE else DeviceMisconfigured
            where = f"{settings.host}:{settings.port}"
            raise problem(f"link {self.name}: cannot listen on {where}: {error.strerror or error}") from error
        self.port = server.sockets[0].getsockname()[1]
        self.bound.set()
        try:
            await loop.create_future()
        finally:
            self.bound.clear()
            self.port = None
            server.close()
            for connection in tuple(self.standing):
                connection.end("the link was stopped")


def _keep_alive(transport: asyncio.BaseTransport, silence_s_max: float) -> None:
    """Let the kernel notice a peer that vanished without a word, and never hold small writes back."""
    connection = transport.get_extra_info("socket")
    assert connection is not None
    between_s = max(1, int(silence_s_max / (_PROBES + 1)))
    options = (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, between_s),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between_s),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence_s_max * 1000)),
    )
    for level, option, value in options:
        connection.setsockopt(level, option, value)
