"""Transport ``push``: the terminal calls our listener; we see to it that it really does."""

import asyncio
import hashlib
import hmac
from xml.sax.saxutils import escape

from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.api import CaptureSink, DeviceLost, DeviceMisconfigured, Emit, HeartbeatSeen
from drivers.gates.hikvision.client import Isapi
from drivers.gates.hikvision.decode import pushed
from drivers.gates.hikvision.history import History
from drivers.gates.hikvision.intake import Intake
from drivers.gates.hikvision.payload import Unreadable, name_of, xml_root
from drivers.gates.hikvision.settings import HikvisionSettings
from drivers.links.http_client import XML, Declined
from drivers.links.http_listener import HttpListener, PushReply, PushRequest

LISTENER_S_MAX = 10.0
REPAIRS_MAX = 3
"""Rounds in a row in which events came to the history but not to the listener."""
_HOSTS = "/ISAPI/Event/notification/httpHosts"
_DEPLOYED = "/ISAPI/AccessControl/DeployInfo"
_STORED = PushReply(200)
_AGAIN = PushReply(503)
_FORBIDDEN = PushReply(403)

_log = get_logger("hikvision")


class Push:
    """The listener's side of one terminal."""

    def __init__(
        self, device: str, settings: HikvisionSettings, password: str, listener: HttpListener, clock: Clock
    ) -> None:
        self._device = device
        self._settings = settings
        self._listener = listener
        self._clock = clock
        self._heard = asyncio.Event()
        # The path is the terminal's key to us: it stays the same over restarts, and nobody can guess it.
        self._token = hmac.new(password.encode(), f"push {device}".encode(), hashlib.sha256).hexdigest()[:32]
        self.forbidden = 0

    async def run(
        self,
        isapi: Isapi,
        intake: Intake,
        history: History,
        emit: Emit,
        capture: CaptureSink | None,
    ) -> None:
        """Take pushes until cancelled.

        Raises:
            DeviceLost: the terminal is gone, or events happen there and do not reach us.
            DeviceMisconfigured: the terminal has no push.
        """

        async def handle(request: PushRequest) -> PushReply:
            if not hmac.compare_digest(request.path.encode(), self._token.encode()):
                self.forbidden += 1
                return _FORBIDDEN
            return await self._take(request, intake, emit, capture)

        with self._listener.route(self._device, handle):
            await self._arm(isapi)
            await history.fetch(emit)
            silent = 0
            while True:
                if await self._hears():
                    silent = 0
                    continue
                silent = await self._repair(isapi, history, emit, silent)
                await emit(HeartbeatSeen(at=self._clock.now()))

    async def _take(
        self, request: PushRequest, intake: Intake, emit: Emit, capture: CaptureSink | None
    ) -> PushReply:
        """Answered 200 only when everything in it is committed; else the terminal sends it again."""
        self._heard.set()
        kind = request.headers.get("content-type", "")
        at = self._clock.now()
        kept: list[bytes] = []
        room = self._settings.still_bytes_max
        payloads = pushed(kind, request.body, at, kept.append if capture else None, room)
        if capture:
            capture.write("push", f"Content-Type: {kind}\r\n\r\n".encode() + b"".join(kept), at, end=True)
        taken = [await intake.take(payload, emit) for payload in payloads]
        return _STORED if all(taken) else _AGAIN

    async def _hears(self) -> bool:
        try:
            async with asyncio.timeout(self._settings.silence_s_max):
                await self._heard.wait()
        except TimeoutError:
            return False
        self._heard.clear()
        return True

    async def _repair(self, isapi: Isapi, history: History, emit: Emit, silent: int) -> int:
        """Silence: look whether our address still stands there, and whether events were missed."""
        armed = await self._armed(isapi)
        missed = await history.fetch(emit)
        if armed and not missed:
            return 0
        if silent >= REPAIRS_MAX:
            raise DeviceLost(f"events do not reach the listener {await self._why(isapi)}")
        _log.warning("push_rearmed", device=self._device, missed=missed, host_was_set=armed)
        await self._arm(isapi)
        return silent + 1

    async def _why(self, isapi: Isapi) -> str:
        try:
            deployed = await isapi.get(_DEPLOYED)
            size = sum(name_of(element) == "Content" for element in xml_root(deployed).iter())
        except (Declined, Unreadable):
            return '(the terminal does not say whether it pushes); try transport = "stream"'
        if size:
            return "though the terminal says that it pushes: see the network and push_host"
        return 'because the terminal does not start to push; set transport = "stream"'

    # --- our address in the terminal --------------------------------------------------------------

    async def _arm(self, isapi: Isapi) -> None:
        try:
            async with asyncio.timeout(LISTENER_S_MAX):
                await self._listener.bound.wait()
        except TimeoutError as error:
            raise DeviceLost(f"link {self._listener.name} does not listen") from error
        host, port, url = self._address()
        family = "ipv6Address" if ":" in host else "ipAddress"
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<HttpHostNotificationList version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">'
            f"<HttpHostNotification><id>{self._settings.push_slot}</id><url>{escape(url)}</url>"
            "<protocolType>HTTP</protocolType><parameterFormatType>JSON</parameterFormatType>"
            f"<addressingFormatType>ipaddress</addressingFormatType><{family}>{host}</{family}>"
            f"<portNo>{port}</portNo><httpAuthenticationMethod>none</httpAuthenticationMethod>"
            f"<SubscribeEvent><heartbeat>{self._settings.heartbeat_s}</heartbeat>"
            "<eventMode>all</eventMode></SubscribeEvent></HttpHostNotification></HttpHostNotificationList>"
        )
        try:
            await isapi.put(_HOSTS, body.encode(), XML)
        except Declined as error:
            raise DeviceMisconfigured(
                f"{self._settings.base_url}: does not take our address for push: {error}; "
                'set transport = "stream"'
            ) from error

    async def _armed(self, isapi: Isapi) -> bool:
        """Whether our address still stands in the terminal."""
        _, port, url = self._address()
        try:
            hosts = xml_root(await isapi.get(_HOSTS))
        except (Declined, Unreadable):
            return True  # it does not tell; then only missed events show that push does not work
        for host in hosts.iter():
            said = {name_of(field): (field.text or "").strip() for field in host}
            if said.get("url") == url and said.get("portNo") == str(port):
                return True
        return False

    def _address(self) -> tuple[str, int, str]:
        host = str(self._settings.push_host or self._listener.host)
        port = self._settings.push_port or self._listener.port or 0
        return host, port, f"/{self._device}/{self._token}"
