"""How many events one device may have in hand, and how fast: a flood stays with the device that makes it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import Clock
from drivers.api import Accepted, DeviceEvent, Refused

IN_HAND_MAX = 32
"""Events of one device that may wait for their commit at a time."""
BURST_S = 2.0
"""A quiet device may send this many seconds' worth of its rate at once."""

Verdict = Accepted | Refused
E = TypeVar("E", bound=DeviceEvent)


class Admission:
    """One device's bounded inbox with a token bucket. What is too much is refused aloud and counted."""

    def __init__(self, clock: Clock, per_s_max: float) -> None:
        self._clock = clock
        self._per_s = per_s_max
        self._burst = per_s_max * BURST_S
        self._tokens = self._burst
        self._filled_s = clock.monotonic_s()
        self._in_hand = 0
        self.refused = 0

    async def admit(self, event: E, take: Callable[[E], Awaitable[Verdict]]) -> Verdict:
        """Hand ``event`` on. Live events beyond the bounds are refused; backfilled ones wait."""
        if self._in_hand >= IN_HAND_MAX:
            return self._refuse()
        self._in_hand += 1
        try:
            while not self._drawn():
                if not event.offline:
                    return self._refuse()
                await self._clock.sleep(1.0 / self._per_s)
            return await take(event)
        finally:
            self._in_hand -= 1

    def _drawn(self) -> bool:
        now_s = self._clock.monotonic_s()
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _refuse(self) -> Refused:
        self.refused += 1
        return Refused(RefusalReason.QUEUE_FULL)
