"""Control on site: a socket through which whoever is at the machine lists, stops and clears zones.

One request and one answer for each connection, one JSON line each. The file's mode (0600) says who may: the
gateway's own user. A stop asks for nothing more (SAFETY.md D7).
"""

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cardea.runtime.logs import get_logger
from edge.zone.zone import ZoneTask

SOCKET_FILE = "site.sock"
LINE_BYTES_MAX = 4096
REQUEST_S_MAX = 5.0
CONNECTIONS_MAX = 8
TEXT_LENGTH_MAX = 200
_LOG = get_logger("site_socket")


class List(msgspec.Struct, frozen=True, tag_field="do", tag="list"):
    """How all zones stand."""


class Stop(msgspec.Struct, frozen=True, tag_field="do", tag="stop"):
    """Stop whatever runs in a zone."""

    zone: str
    by: str = "on site"


class Clear(msgspec.Struct, frozen=True, tag_field="do", tag="clear"):
    """End a lockout."""

    zone: str
    by: str
    reason: str


_REQUEST: msgspec.json.Decoder[List | Stop | Clear] = msgspec.json.Decoder(List | Stop | Clear)
Answer = Mapping[str, object]


class SiteSocket:
    """Serves the socket."""

    def __init__(self, path: Path, zones: Mapping[str, ZoneTask]) -> None:
        self._path = path
        self._zones = zones
        self._connections = 0

    async def run(self) -> None:
        """Serve until cancelled; a socket that cannot be made is said, and the zones go on without."""
        try:
            listening = _bound(self._path)
        except OSError as error:
            _LOG.error("site_socket_unusable", path=str(self._path), reason=str(error))
            return
        try:
            server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LINE_BYTES_MAX)
            async with server:
                await server.serve_forever()
        finally:
            listening.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= CONNECTIONS_MAX:
                async with asyncio.timeout(REQUEST_S_MAX):
                    answer = self.answer(await reader.readuntil(b"\n"))
                    writer.write(msgspec.json.encode(answer) + b"\n")
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            _LOG.warning("site_request_unreadable")
        finally:
            self._connections -= 1
            writer.close()

    def answer(self, line: bytes) -> Answer:
        """What one request comes to; never raises on what somebody sent."""
        try:
            request = _REQUEST.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return _refused(f"not understood: {error}")
        if isinstance(request, List):
            return {"ok": True, "zones": {name: zone.picture() for name, zone in self._zones.items()}}
        zone = self._zones.get(request.zone)
        if zone is None:
            return _refused(f"no such zone; known here: {', '.join(self._zones) or 'none'}")
        if isinstance(request, Stop):
            zone.stop(request.by[:TEXT_LENGTH_MAX], "site")
            return {"ok": True, "zone": zone.picture()}
        why_not = zone.clear(request.by[:TEXT_LENGTH_MAX], request.reason[:TEXT_LENGTH_MAX])
        return {"ok": True, "zone": zone.picture()} if why_not is None else _refused(why_not)


def _refused(why: str) -> Answer:
    return {"ok": False, "why": why}


def _bound(path: Path) -> socket.socket:
    """Bound, and closed to others before anybody can connect."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
        path.chmod(0o600)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made
