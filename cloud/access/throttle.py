"""Slowing down those who guess passwords (SAFETY.md item 6). Pure: time is an argument."""

from dataclasses import dataclass, field

FAILURES_MAX = 10
WINDOW_S = 300.0
KEYS_MAX = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = field(default=0.0)


class Throttle:
    """Counts failed logins by key (a login name, an address). Bounded: the oldest key makes room."""

    def __init__(self, *, failures_max: int = FAILURES_MAX, window_s: float = WINDOW_S) -> None:
        self._failures_max = failures_max
        self._window_s = window_s
        self._failures: dict[str, _Failures] = {}

    def retry_after_s(self, now_s: float, *keys: str) -> float:
        """How long to wait before the next try is looked at; 0 when it may be looked at now."""
        return max((self._wait_s(key, now_s) for key in keys), default=0.0)

    def failed(self, now_s: float, *keys: str) -> None:
        """Remember a failed try under each key."""
        for key in keys:
            entry = self._failures.pop(key, None)
            if entry is None or now_s - entry.last_s >= self._window_s:
                entry = _Failures()
            entry.count += 1
            entry.last_s = now_s
            self._failures[key] = entry
            if len(self._failures) > KEYS_MAX:
                del self._failures[next(iter(self._failures))]

    def succeeded(self, *keys: str) -> None:
        """Forget what was held against these keys."""
        for key in keys:
            self._failures.pop(key, None)

    def _wait_s(self, key: str, now_s: float) -> float:
        entry = self._failures.get(key)
        if entry is None or entry.count < self._failures_max:
            return 0.0
        return max(0.0, entry.last_s + self._window_s - now_s)
