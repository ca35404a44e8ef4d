"""How a simulated fleet stands: what its rows have come to, and how long acknowledgements took."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from cardea.contract.batches import Lane
from drivers.sim.fleet_lane import LaneCounts

_GROWTH = 1.05
"""Neighbouring buckets differ by 5 %: that is how exact a percentile is."""
_S_MIN = 0.0001


@dataclass(slots=True)
class Latencies:
    """Durations in buckets that grow: bounded, however long a run lasts."""

    _buckets: dict[int, int] = field(default_factory=dict[int, int])
    count: int = 0
    longest_s: float = 0.0

    def add(self, took_s: float) -> None:
        """One more."""
        bucket = math.ceil(math.log(max(took_s, _S_MIN) / _S_MIN, _GROWTH))
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.longest_s = max(self.longest_s, took_s)

    def percentile_s(self, share: float) -> float | None:
        """``share`` (0 to 1) of them took no longer than this, to within a bucket; None without any."""
        left = math.ceil(self.count * share)
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(self.longest_s, _S_MIN * _GROWTH**bucket)
        return None

    def clear(self) -> None:
        """Begin anew."""
        self._buckets.clear()
        self.count, self.longest_s = 0, 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """A fleet at one moment. ``lost`` and ``phantom`` of a sound aggregator are 0 at any time."""

    towers: int
    connected: int
    disconnects: int
    strays: int
    """Acknowledgements that are not ours or cannot be read."""
    lanes: Mapping[Lane, LaneCounts]
    pending: Mapping[Lane, int]
    recent_p99_s: float | None
    """Of the acknowledgements since the state before."""
    ack_p50_s: float | None
    ack_p99_s: float | None
    ack_longest_s: float
    parcels: int
    """Messages acknowledged whole."""

    @property
    def total(self) -> LaneCounts:
        """All lanes together."""
        total = LaneCounts()
        for counts in self.lanes.values():
            total.add(counts)
        return total

    @property
    def lost(self) -> int:
        """Rows that are neither acknowledged nor kept (SAFETY.md R4)."""
        total = self.total
        return total.made - total.acknowledged - sum(self.pending.values())
