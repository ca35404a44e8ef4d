"""A face terminal of the world: faces, cards and temperatures at a simulated Hikvision terminal."""

import asyncio
from types import TracebackType
from typing import Self

from cardea.contract.records import CredentialKind
from cardea.runtime.clock import Clock, Entropy
from drivers.sim.digest import Digest
from drivers.sim.hikvision import HikvisionTerminal
from drivers.sim.settings import Terminal
from drivers.sim.stations import GARBAGE, SPOUTS, come_back
from drivers.sim.world import Visit

_DOOR_EVENT, _DOOR_OPENED, _DOOR_CLOSED, _DOOR_FORCED = 5, 25, 26, 27
_JSON = "application/json"
HEALTHY_C, BENT = 36.5, 0.3
"""A terminal that normalises shows this share of what a reading is away from a healthy one."""


class TerminalStation:
    """One terminal and the door that it releases."""

    def __init__(
        self, device: HikvisionTerminal, clock: Clock, entropy: Entropy, *, normalises: bool = False
    ) -> None:
        self._device = device
        self._honesty = BENT if normalises else 1.0
        self._clock = clock
        self._entropy = entropy

    async def __aenter__(self) -> Self:
        """Take up the socket."""
        await self._device.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it up."""
        await self._device.__aexit__(kind, error, trace)

    async def met(self) -> None:
        """Until a gateway has told it where to push, or holds its stream."""
        signs = [
            asyncio.create_task(sign.wait()) for sign in (self._device.push_armed, self._device.stream_opened)
        ]
        try:
            await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for sign in signs:
                sign.cancel()

    async def present(self, visit: Visit, text: str) -> bool:
        """Somebody stands before the terminal; True when it opened, by whoever's verdict."""
        verdict = await self._device.present(
            employee_no=visit.value if visit.kind is CredentialKind.FACE else "",
            card=visit.value if visit.kind is CredentialKind.CARD else "",
            qr=text,
            temp_c=self._shown_c(visit.surface_temp_c),
            mask=visit.masked,
            known=visit.passes > 0,
        )
        return verdict.granted

    def _shown_c(self, measured_c: float | None) -> float | None:
        if measured_c is None:
            return None
        return round(HEALTHY_C + self._honesty * (measured_c - HEALTHY_C), 1)

    def leaf(self, *, is_open: bool, forced: bool) -> None:
        """The door contact that is wired to the terminal moved."""
        opened = _DOOR_FORCED if forced else _DOOR_OPENED
        minor = opened if is_open else _DOOR_CLOSED
        self._device.tell({"majorEventType": _DOOR_EVENT, "subEventType": minor, "doorNo": 1})

    async def spout(self, lasts_s: float) -> None:
        """Send bytes that mean nothing, by push and on the stream, again and again."""
        for _ in range(SPOUTS):
            self._device.push_raw(_JSON, GARBAGE)
            self._device.stream_bytes(GARBAGE)
            await self._clock.sleep(lasts_s / SPOUTS)

    async def fail(self, lasts_s: float) -> None:
        """Be off the network for a while."""
        await self._device.go_offline()
        await self._clock.sleep(lasts_s)
        await come_back(self._device.come_back, self._clock)

    async def refuse(self, lasts_s: float) -> None:
        """Somebody sets another password, which restarts the terminal, and later the old one again."""
        right = self._device.digest
        self._device.digest = Digest(self._device.user, "another one", self._clock, self._entropy)
        try:
            await self._device.go_offline()
            await come_back(self._device.come_back, self._clock)
            await self._clock.sleep(lasts_s)
        finally:
            self._device.digest = right


def terminal(name: str, settings: Terminal, password: str, clock: Clock, entropy: Entropy) -> TerminalStation:
    """The terminal called ``name``; its serial number holds the name."""
    device = HikvisionTerminal(
        clock,
        entropy,
        password=password,
        user=settings.user,
        port=settings.port,
        serial_number=f"DS-K1T671TM-SIM-{name.upper()}",
        remote_check=settings.decides == "gateway",
    )
    return TerminalStation(device, clock, entropy, normalises=settings.normalises)
