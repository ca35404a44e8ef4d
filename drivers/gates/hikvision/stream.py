"""Transport ``stream``: we hold ``alertStream`` open, and open it again each time the terminal drops it."""

import asyncio
from collections.abc import Coroutine

import httpx

from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.api import CaptureSink, DeviceLost, DeviceMisconfigured, Emit
from drivers.gates.hikvision.client import Isapi
from drivers.gates.hikvision.decode import StreamDecoder
from drivers.gates.hikvision.history import History
from drivers.gates.hikvision.intake import Intake
from drivers.gates.hikvision.multipart import Keep
from drivers.gates.hikvision.settings import HikvisionSettings
from drivers.links.http_client import Declined

DROPS_MAX = 5
"""Connections in a row that ended without one event or heartbeat."""
_PATH = "/ISAPI/Event/notification/alertStream"

_log = get_logger("hikvision")


class Stream:
    """Reads one terminal's stream."""

    def __init__(self, device: str, settings: HikvisionSettings, clock: Clock, backoff: Backoff) -> None:
        self._device = device
        self._settings = settings
        self._clock = clock
        self._backoff = backoff
        self._fruitful = False
        self.reconnects = 0

    async def run(
        self,
        isapi: Isapi,
        intake: Intake,
        history: History,
        emit: Emit,
        capture: CaptureSink | None,
    ) -> None:
        """Read until cancelled. A dropped stream is opened again at once: terminals drop it every 40 s.

        Raises:
            DeviceLost: the terminal is gone, or its stream tells nothing.
            DeviceMisconfigured: the terminal has no such stream.
        """
        while True:
            try:
                async with isapi.stream(_PATH, self._settings.silence_s_max) as response:
                    _log.debug("stream_opened", device=self._device)
                    await _beside(self._read(response, intake, emit, capture), history.fetch(emit))
            except Declined as error:
                raise DeviceMisconfigured(
                    f"{self._settings.base_url}: has no event stream: {error}"
                ) from error
            self.reconnects += 1
            if self._backoff.attempts >= DROPS_MAX:
                raise DeviceLost(f"{self._settings.base_url}: the event stream ends again and again")
            if self._fruitful:
                self._backoff.reset()
            await self._backoff.wait()

    async def _read(
        self, response: httpx.Response, intake: Intake, emit: Emit, capture: CaptureSink | None
    ) -> None:
        """One connection to its end, or to the first event that is not taken: the history tells it again."""
        self._fruitful = False
        keep = None if capture is None else self._keeper(capture)
        decoder = StreamDecoder(keep, self._settings.still_bytes_max)
        try:
            async for chunk in response.aiter_bytes():
                for payload in decoder.payloads(chunk, self._clock.now()):
                    if not await intake.take(payload, emit):
                        self._fruitful = False
                        return
                    self._fruitful = True
        except httpx.RequestError as error:
            _log.debug("stream_dropped", device=self._device, reason=str(error) or type(error).__name__)
        for payload in decoder.end(self._clock.now()):
            await intake.take(payload, emit)

    def _keeper(self, capture: CaptureSink) -> Keep:
        def keep(piece: bytes) -> None:
            capture.write("stream", piece, self._clock.now())

        return keep


async def _beside(main: Coroutine[None, None, None], side: Coroutine[None, None, object]) -> None:
    """Run ``main`` to its end with ``side`` next to it; a failure of either ends both."""
    tasks = asyncio.create_task(main), asyncio.create_task(side)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            await tasks[1]
            await asyncio.wait([tasks[0]])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        failed = None if tasks[1].cancelled() else tasks[1].exception()
    tasks[0].result()
    if failed:
        raise failed
