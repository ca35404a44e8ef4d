"""An HTPA module on a UDP link: called, bound, told to send, and bound again when it has forgotten us."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from drivers.api import (
    Device,
    DeviceContext,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
    ThermalFrameCaptured,
)
from drivers.links.udp import Address, Datagram, Mailbox, Missed, UdpLink
from drivers.measures import OnlyMeasures
from drivers.thermal.htpa.decode import CHANNEL, DatagramDecoder, recorded
from drivers.thermal.htpa.protocol import (
    ARRAY_32X32D,
    BIND,
    CALL,
    RELEASE,
    STREAM,
    Answer,
    Identity,
    plain_mac,
    read_answer,
)
from drivers.thermal.htpa.settings import HtpaSettings

ASKED_MAX = 4
"""How often a question is asked."""
ANSWER_S_MAX = 0.5
FORGOTTEN_S = 1.0
"""A module that has sent nothing for so long is bound again: it may have been restarted."""
_Found = TypeVar("_Found")


def open_htpa(settings: HtpaSettings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link does not fit."""
    link = context.link
    if not isinstance(link, UdpLink):
        raise DeviceMisconfigured(f"{context.device}: needs a link of kind udp")
    if settings.host is None and not link.broadcasts:
        raise DeviceMisconfigured(
            f"{context.device}: without host it is called by broadcast; "
            f"set broadcast = true on link {link.name}"
        )
    return HtpaSession(settings, context, link)


class HtpaSession(OnlyMeasures):
    """One sensor."""

    def __init__(self, settings: HtpaSettings, context: DeviceContext, link: UdpLink) -> None:
        self._settings = settings
        self._context = context
        self._link = link

    async def run(self, emit: Emit) -> None:
        """Frames until cancelled; the sensor is then free for another host.

        Raises:
            DeviceLost: it does not answer, or sends no frames for ``silence_s_max``.
            DeviceMisconfigured: it is another array or has another MAC than the settings say.
        """
        settings = self._settings
        address = (str(settings.host), settings.port) if settings.host else await self._found()
        with self._link.attach(address) as mailbox:
            conversation = _Conversation(settings, self._context, mailbox, address, emit)
            try:
                await conversation.bind()
                await conversation.stream()
            finally:
                mailbox.send(RELEASE, address)

    async def _found(self) -> Address:
        """Where the sensor with the MAC answers from."""
        mac = plain_mac(self._settings.mac or "")

        def is_it(datagram: Datagram) -> Address | None:
            answer = read_answer(datagram.data)
            return datagram.source if isinstance(answer, Identity) and answer.mac == mac else None

        called = (str(self._settings.broadcast_to), self._settings.port)
        with self._link.attach(None) as mailbox:
            for _ in range(ASKED_MAX):
                mailbox.send(CALL, called)
                found = await _awaited(mailbox, is_it)
                if found is not None:
                    return found
        raise DeviceLost(f"{self._context.device}: no sensor with MAC {mac} answers a call to {called[0]}")


class _Conversation:
    """With one sensor, at its address."""

    def __init__(
        self,
        settings: HtpaSettings,
        context: DeviceContext,
        mailbox: Mailbox,
        address: Address,
        emit: Emit,
    ) -> None:
        self._settings = settings
        self._context = context
        self._mailbox = mailbox
        self._address = address
        self._emit = emit
        self._decoder = DatagramDecoder(settings)

    async def bind(self) -> None:
        """See what is there, and make it ours."""
        identified = await self._asked(CALL, lambda answer: isinstance(answer, Identity))
        self._must_be_it(read_answer(identified.data))
        await self._heard(identified)
        bound = await self._asked(BIND, lambda answer: answer in {Answer.BOUND, Answer.BOUND_ALREADY})
        await self._heard(bound)

    async def stream(self) -> None:
        """Frames until the sensor is silent."""
        clock = self._context.clock
        heard_s = clock.monotonic_s()
        self._mailbox.send(STREAM, self._address)
        while clock.monotonic_s() - heard_s < self._settings.silence_s_max:
            try:
                async with asyncio.timeout(FORGOTTEN_S):
                    came = await self._mailbox.receive()
            except TimeoutError:
                self._mailbox.send(BIND, self._address)
                self._mailbox.send(STREAM, self._address)
                continue
            if await self._heard(came):
                heard_s = clock.monotonic_s()
        raise DeviceLost(
            f"{self._context.device}: {self._address[0]} sends no frame; another host may have bound it"
        )

    async def _asked(self, question: bytes, wanted: Callable[[Answer | Identity | None], bool]) -> Datagram:
        def answers(datagram: Datagram) -> Datagram | None:
            return datagram if wanted(read_answer(datagram.data)) else None

        for _ in range(ASKED_MAX):
            self._mailbox.send(question, self._address)
            found = await _awaited(self._mailbox, answers)
            if found is not None:
                return found
        raise DeviceLost(f"{self._context.device}: {self._address[0]} does not answer")

    def _must_be_it(self, answer: Answer | Identity | None) -> None:
        assert isinstance(answer, Identity)
        if answer.array != ARRAY_32X32D:
            raise DeviceMisconfigured(
                f"{self._context.device}: {self._address[0]} is an array of type {answer.array or '?'}, "
                f"and only 32x32d, type {ARRAY_32X32D}, is understood"
            )
        if self._settings.mac is not None and answer.mac != plain_mac(self._settings.mac):
            raise DeviceMisconfigured(
                f"{self._context.device}: {self._address[0]} has MAC {answer.mac or '?'}, "
                f"not {self._settings.mac}"
            )

    async def _heard(self, came: Datagram | Missed) -> bool:
        """Tell what came; whether there was a frame in it."""
        now = self._context.clock.now()
        if isinstance(came, Missed):
            events = self._decoder.missed(now)
        else:
            content = recorded(came.data)
            if self._context.capture is not None:
                self._context.capture.write(CHANNEL, content, now)
            events = self._decoder.feed(content, now)
        for event in events:
            await self._emit(event)
        return any(isinstance(event, ThermalFrameCaptured) for event in events)


async def _awaited(mailbox: Mailbox, wanted: Callable[[Datagram], _Found | None]) -> _Found | None:
    """The first thing wanted that comes within ``ANSWER_S_MAX``, whatever else does; else ``None``."""
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            while True:
                came = await mailbox.receive()
                found = wanted(came) if isinstance(came, Datagram) else None
                if found is not None:
                    return found
    except TimeoutError:
        return None
