"""Frames from a camera server on TCP."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cardea.contract.time import Instant
from drivers.api import Decoder, DeviceContext, DeviceEvent, DeviceLost, Emit, ThermalFrameCaptured
from drivers.links.stream import Attachment, Closed, Frame, Opened, Received, StreamLink

CONNECT_S_MAX = 10.0
"""How long a camera may be without any connection before it counts as lost."""


class FrameDecoder(Decoder, Protocol):
    """The frames of one connection, which begins with one."""

    @property
    def can_align(self) -> bool:
        """Whether frames are found again when bytes were lost."""
        ...

    def overrun(self, at: Instant) -> Sequence[DeviceEvent]:
        """Bytes were lost before they got here."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """What a camera of one kind serves."""

    channel: str
    """What a capture calls it."""
    decoder: Callable[[], FrameDecoder]
    """A fresh one, for a connection."""
    silence_s_max: float
    """Without a frame for so long, the camera is lost."""
    align_advice: str
    """What is wrong with a camera whose frames cannot be found again."""


class CameraServer:
    """A camera server on TCP; each of its connections begins with a frame."""

    def __init__(self, served: Served, context: DeviceContext, link: StreamLink) -> None:
        self._served = served
        self._context = context
        self._link = link
        self._decoders: dict[int, FrameDecoder] = {}
        self._heard_s = 0.0

    async def run(self, emit: Emit) -> None:
        """Read until the last connection has ended, or brings no frames (DeviceLost)."""
        self._decoders.clear()
        self._heard_s = self._context.clock.monotonic_s()
        with self._link.attach() as ear:
            while True:
                for event in self._events(await self._next(ear)):
                    if isinstance(event, ThermalFrameCaptured):
                        self._heard_s = event.at.mono_s
                    await emit(event)
                if not self._decoders:
                    raise DeviceLost(f"{self._context.device}: the camera closed the connection")

    async def _next(self, ear: Attachment) -> Frame:
        """What comes next; DeviceLost when no frame has come for too long, whatever else has."""
        patience_s = self._served.silence_s_max if self._decoders else CONNECT_S_MAX
        try:
            async with asyncio.timeout(self._heard_s + patience_s - self._context.clock.monotonic_s()):
                return await ear.receive()
        except TimeoutError:
            what = "sends no frame" if self._decoders else f"link {self._link.name} has no connection"
            raise DeviceLost(f"{self._context.device}: {what}") from None

    def _events(self, frame: Frame) -> Sequence[DeviceEvent]:
        now = self._context.clock.now()
        match frame:
            case Opened(connection):
                self._decoders[connection] = self._served.decoder()
                self._heard_s = now.mono_s
                return ()
            case Received(connection, data):
                if self._context.capture is not None:
                    self._context.capture.write(self._served.channel, data, now)
                return self._decoders[connection].feed(data, now)
            case Closed(connection, _):
                if self._context.capture is not None:
                    self._context.capture.write(self._served.channel, b"", now, end=True)
                return self._decoders.pop(connection).finish(now)
            case _:
                if not all(decoder.can_align for decoder in self._decoders.values()):
                    advice = self._served.align_advice
                    raise DeviceLost(f"{self._context.device}: bytes were lost, and {advice}")
                return [event for decoder in self._decoders.values() for event in decoder.overrun(now)]
