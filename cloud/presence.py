"""When each gateway was last heard: for silence, and for telling a replaced outbox from a clone.

Alarms follow the monotonic clock of this process: what happened before it started is not held against
anybody. Take-over looks further back, over what the ledger remembers of earlier runs.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

from cardea.contract.time import Instant
from cloud.ingest.group import Group, Silence

GONE = float("inf")
"""Silence of a gateway that took its leave, or whose last will was spoken, s."""


class Presences:
    """The gateways that the settings declare."""

    def __init__(
        self, gateways: Iterable[str], last_heard_at: Mapping[str, dt.datetime], now: Instant
    ) -> None:
        self._heard_s: dict[str, float] = dict.fromkeys(gateways, now.mono_s)
        self._gone: set[str] = set()
        self._before_s = {
            gateway: max(0.0, (now.utc - at).total_seconds()) for gateway, at in last_heard_at.items()
        }

    def take(self, group: Group, now_s: float) -> None:
        """Take note of the signs of life and of leave in a group."""
        for gateway in group.heard:
            self.hear(gateway, now_s)
        for gateway, arrival in group.presences.items():
            if not arrival.presence.online:
                self._gone.add(gateway)

    def hear(self, gateway: str, now_s: float) -> None:
        """The gateway's active outbox has spoken."""
        self._heard_s[gateway] = now_s
        self._before_s[gateway] = 0.0
        self._gone.discard(gateway)

    def silent_s(self, gateway: str, now_s: float) -> float:
        """For how long a gateway has been silent in this run; :data:`GONE` when it took its leave."""
        return GONE if gateway in self._gone else now_s - self._heard_s[gateway]

    def silence(self, now_s: float, takeover_s: float) -> Silence:
        """How long the active epochs have been silent, earlier runs included."""
        return Silence(_Ages(self._heard_s, self._before_s, now_s), takeover_s)


class _Ages(Mapping[str, float]):
    """Seconds since each gateway was heard, worked out only for those that are asked for."""

    def __init__(self, heard_s: Mapping[str, float], before_s: Mapping[str, float], now_s: float) -> None:
        self._heard_s, self._before_s, self._now_s = heard_s, before_s, now_s

    def __getitem__(self, gateway: str) -> float:
        return self._now_s - self._heard_s[gateway] + self._before_s.get(gateway, 0.0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._heard_s)

    def __len__(self) -> int:
        return len(self._heard_s)
