"""A unit's communication watchdog: without a request for its time, its outputs drop."""

import asyncio
from collections.abc import Callable

from cardea.runtime.clock import Clock


class CommunicationWatchdog:
    """Calls ``drop`` once, when it has not been armed again in time, by the clock that it is given."""

    def __init__(self, clock: Clock, drop: Callable[[], None]) -> None:
        self._clock = clock
        self._drop = drop
        self._until_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def arm(self, timeout_s: float) -> None:
        """Begin anew; with 0 it never ends."""
        self.stop()
        if timeout_s > 0:
            self._until_s = self._clock.monotonic_s() + timeout_s
            self._timer = asyncio.get_running_loop().call_later(timeout_s, self._look)

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        left_s = self._until_s - self._clock.monotonic_s()
        if left_s > 0:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._look)
            return
        self._timer = None
        self._drop()
