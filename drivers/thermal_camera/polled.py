"""A thermal camera that is asked over and over, and answers with one measurement each time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from cardea.runtime.clock import Clock
from drivers.api import (
    DeviceEvent,
    DeviceLost,
    Emit,
    Reject,
    SpotMeasured,
    ThermalFrameCaptured,
    Unfit,
)
from drivers.thermal_fitness import Stillness

REJECTS_MAX = 5
"""So many answers in a row that mean nothing, and the camera is prepared anew."""
PREPARATION_ANSWERS = 8
"""What a camera is asked before it measures takes no longer than so many answers may."""
SPOT_FROZEN_S = 600.0
"""A spot of tenths of a degree may well read the same for minutes."""
Ask = Callable[[], Awaitable[Sequence[DeviceEvent]]]
"""One question, and what its answer says. Raises what a session may raise."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how long to wait."""

    poll_s: float
    answer_s_max: float
    """Of a whole answer."""
    frozen_s: float
    """The same picture for so long is no measurement any more; of spots see ``SPOT_FROZEN_S``."""

    @property
    def preparation_s_max(self) -> float:
        """Of all that a camera is asked before it measures."""
        return PREPARATION_ANSWERS * self.answer_s_max


class Polled:
    """One camera's answers in a row."""

    def __init__(self, device: str, clock: Clock, pace: Pace) -> None:
        self._device = device
        self._clock = clock
        self._pace = pace
        self._stillness = Stillness()
        self._spot_c: float | None = None
        self._still_since_s = 0.0
        self._rejects = 0

    async def run(self, ask: Ask, emit: Emit) -> None:
        """Until the camera is silent, or means nothing any more (DeviceLost), or ``ask`` raises."""
        while True:
            began_s = self._clock.monotonic_s()
            for event in await in_time(ask(), self._pace.answer_s_max, self._device):
                await emit(self._judged(event))
            if self._rejects >= REJECTS_MAX:
                raise DeviceLost(f"{self._device}: {REJECTS_MAX} answers in a row make no measurement")
            await self._clock.sleep(max(0.0, began_s + self._pace.poll_s - self._clock.monotonic_s()))

    def _judged(self, event: DeviceEvent) -> DeviceEvent:
        self._rejects = self._rejects + 1 if isinstance(event, Reject) else 0
        match event:
            case ThermalFrameCaptured(raw=raw):
                stands = self._stillness.look(raw, None).pictures > 1
                frozen = self._stood_s(event, stands=stands) >= self._pace.frozen_s
            case SpotMeasured(surface_temp_c=temp_c):
                stands, self._spot_c = temp_c == self._spot_c, temp_c
                frozen = self._stood_s(event, stands=stands) >= SPOT_FROZEN_S
            case _:
                return event
        if event.unfit is not None or not frozen:
            return event
        if isinstance(event, SpotMeasured):
            return replace(event, surface_temp_c=None, unfit=Unfit.FROZEN)
        return replace(event, unfit=Unfit.FROZEN)

    def _stood_s(self, event: ThermalFrameCaptured | SpotMeasured, *, stands: bool) -> float:
        if not stands:
            self._still_since_s = event.at.mono_s
        return event.at.mono_s - self._still_since_s


async def in_time(answer: Awaitable[T], s_max: float, device: str) -> T:
    """``answer`` within ``s_max`` seconds: a camera that sends byte by byte is silent too (DeviceLost)."""
    try:
        async with asyncio.timeout(s_max):
            return await answer
    except TimeoutError:
        raise DeviceLost(f"{device}: no whole answer within {s_max:g} s") from None
