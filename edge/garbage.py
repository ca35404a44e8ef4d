"""Unreadable messages of one device: counted always, told when they come too thick."""

from collections import deque

from cardea.runtime.clock import Clock
from edge.device_facts import GarbageBegan, GarbageEnded, Tell

REJECTS = 10
WINDOW_S = 60.0
"""This many rejects within this time are garbage, fewer are a disturbed line."""
QUIET_S = 300.0
"""Garbage has ended when the threshold was not reached for this long."""


class GarbageWatch:
    """Tells when garbage begins and when it has ended."""

    def __init__(self, device: str, clock: Clock, tell: Tell) -> None:
        self._device = device
        self._clock = clock
        self._tell = tell
        self._recent_s: deque[float] = deque(maxlen=REJECTS)
        self._last_garbage_s: float | None = None
        self.rejects = 0

    def note(self, reason: str) -> None:
        """A message could not be read."""
        self.rejects += 1
        now_s = self._clock.monotonic_s()
        self._recent_s.append(now_s)
        if len(self._recent_s) < REJECTS or now_s - self._recent_s[0] > WINDOW_S:
            return
        if self._last_garbage_s is None:
            self._tell(GarbageBegan(self._device, self.rejects, reason))
        self._last_garbage_s = now_s

    def tick(self) -> None:
        """Time has passed."""
        if self._last_garbage_s is None:
            return
        quiet_s = self._clock.monotonic_s() - self._last_garbage_s
        if quiet_s >= QUIET_S:
            self._last_garbage_s = None
            self._tell(GarbageEnded(self._device, quiet_s))
