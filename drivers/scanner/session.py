"""A scanner on a link: bytes in, codes out, a beep when they were taken in."""

import asyncio
from collections.abc import Callable, Sequence

from cardea.contract.reasons import RefusalReason
from drivers.api import (
    Accepted,
    Command,
    CredentialPresented,
    DeviceContext,
    DeviceEvent,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
    HeartbeatSeen,
    LinkKind,
    NotExecuted,
    Receipt,
)
from drivers.links.stream import Attachment, Closed, Frame, Opened, Received, StreamLink
from drivers.scanner.decode import ScanDecoder
from drivers.scanner.settings import ScannerSettings

CONNECT_S_MAX = 10.0
"""How long a scanner may be without any connection before it counts as lost."""
HEARTBEAT_S = 10.0
"""A scanner that says nothing shows by its standing connection that it lives; told so often."""
CHANNEL = "line"


class ScannerSession:
    """One scanner; each of its connections is a stream of its own."""

    def __init__(
        self,
        settings: ScannerSettings,
        context: DeviceContext,
        link: StreamLink,
        new_decoder: Callable[[], ScanDecoder],
        *,
        source: str = "",
    ) -> None:
        self._context = context
        self._link = link
        self._source = source
        self._new_decoder = new_decoder
        self._idle_s = settings.idle_s
        self._accepted_reply = bytes.fromhex(settings.accepted_reply)
        self._refused_reply = bytes.fromhex(settings.refused_reply)
        self._streams: dict[int, ScanDecoder] = {}

    async def run(self, emit: Emit) -> None:
        """Read until the last connection has ended (DeviceLost)."""
        self._streams.clear()
        with self._link.attach(self._source) as ear:
            while True:
                frame = await self._next(ear)
                if frame is None:
                    await self._silence(ear, emit)
                else:
                    await self._take(frame, ear, emit)

    async def submit(self, command: Command) -> Receipt:
        """A scanner only reads."""
        return NotExecuted(RefusalReason.UNSUPPORTED, f"a scanner cannot do {type(command).__name__}")

    async def _next(self, ear: Attachment) -> Frame | None:
        """The next frame, or ``None`` after a silence."""
        waiting = any(stream.pending for stream in self._streams.values())
        patience_s = self._idle_s if waiting else HEARTBEAT_S if self._streams else CONNECT_S_MAX
        try:
            async with asyncio.timeout(patience_s):
                return await ear.receive()
        except TimeoutError:
            if not self._streams:
                raise DeviceLost(
                    f"{self._context.device}: link {self._link.name} has no connection"
                ) from None
            return None

    async def _silence(self, ear: Attachment, emit: Emit) -> None:
        """Lines that have begun go no further; and the connection still stands."""
        now = self._context.clock.now()
        for connection, stream in self._streams.items():
            await self._hand_on(stream.flush(now), connection, ear, emit)
        await emit(HeartbeatSeen(at=now))

    async def _take(self, frame: Frame, ear: Attachment, emit: Emit) -> None:
        now = self._context.clock.now()
        match frame:
            case Opened(connection):
                self._streams[connection] = self._new_decoder()
                await emit(HeartbeatSeen(at=now))
            case Received(connection, data):
                if self._context.capture is not None:
                    self._context.capture.write(CHANNEL, data, now)
                await self._hand_on(self._streams[connection].feed(data, now), connection, ear, emit)
            case Closed(connection, why):
                if self._context.capture is not None:
                    self._context.capture.write(CHANNEL, b"", now, end=True)
                await self._hand_on(self._streams.pop(connection).finish(now), connection, ear, emit)
                if not self._streams:
                    raise DeviceLost(f"{self._context.device}: {why}")
            case _:
                for connection, stream in self._streams.items():
                    await self._hand_on(stream.overrun(now), connection, ear, emit)

    async def _hand_on(
        self, events: Sequence[DeviceEvent], connection: int, ear: Attachment, emit: Emit
    ) -> None:
        for event in events:
            outcome = await emit(event)
            if not isinstance(event, CredentialPresented):
                continue
            taken = isinstance(outcome, Accepted)
            if not taken and (stream := self._streams.get(connection)) is not None:
                stream.forget()
            if reply := self._accepted_reply if taken else self._refused_reply:
                ear.send(connection, reply)


def stream_link(context: DeviceContext, kind: LinkKind) -> StreamLink:
    """The context's link, when it is of the right kind; raises DeviceMisconfigured."""
    link = context.link
    if not isinstance(link, StreamLink) or link.kind is not kind:
        raise DeviceMisconfigured(f"{context.device}: link must name a link of kind {kind.value!r}")
    return link
