"""The session of one terminal: identify, prepare, then take events by the configured transport."""

from cardea.runtime.backoff import Backoff
from drivers.api import (
    Command,
    DeviceContext,
    DeviceMisconfigured,
    Emit,
    Receipt,
)
from drivers.gates.hikvision.client import Isapi
from drivers.gates.hikvision.commands import Commands
from drivers.gates.hikvision.history import History
from drivers.gates.hikvision.identity import identify, prepare
from drivers.gates.hikvision.intake import Intake
from drivers.gates.hikvision.push import Push
from drivers.gates.hikvision.settings import HikvisionSettings, Transport
from drivers.gates.hikvision.stream import Stream
from drivers.links.http_listener import HttpListener


class Terminal:
    """One Hikvision face terminal."""

    def __init__(self, settings: HikvisionSettings, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context
        self._commands = Commands(context.clock, settings.verdict_s_max)

    async def run(self, emit: Emit) -> None:
        """Until cancelled; raises DeviceLost, DeviceRefused or DeviceMisconfigured."""
        settings, context = self._settings, self._context
        password = context.secrets(settings.password_secret)
        transport = self._transport(password)
        intake = Intake(await context.cursor.load())
        async with Isapi(settings, password) as isapi:
            self._commands.connect(isapi, intake)
            try:
                await emit(await identify(isapi, settings, context.clock))
                await prepare(isapi, settings)
                history = History(isapi, intake, settings, context.clock, context.entropy)
                await transport.run(isapi, intake, history, emit, context.capture)
            finally:
                self._commands.connect(None, None)

    async def submit(self, command: Command) -> Receipt:
        """Do ``command`` once; never raises on what the terminal does."""
        return await self._commands.submit(command)

    def _transport(self, password: str) -> Push | Stream:
        context = self._context
        if self._settings.transport is Transport.STREAM:
            backoff = Backoff(context.clock, context.entropy)
            return Stream(context.device, self._settings, context.clock, backoff)
        if not isinstance(context.link, HttpListener):
            raise DeviceMisconfigured(
                f"device {context.device}: transport push needs a link of kind http_listener"
            )
        return Push(context.device, self._settings, password, context.link, context.clock)
