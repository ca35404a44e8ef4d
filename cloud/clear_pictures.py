"""Pictures of positions with people clear in them: in memory, for one account, for as long as its order runs.

A picture without an order that was asked for here, and still runs, is dropped as it comes in
(docs/decisions/0015).
"""

from dataclasses import dataclass

from cardea.runtime.clock import Clock
from cloud.ingest.arrivals import SceneHeard
from cloud.scene_seen import SceneSeen

LEASES_MAX = 256


@dataclass(slots=True)
class _Lease:
    gateway: str
    device: str
    user: int
    until_s: float
    seen: SceneSeen | None = None


class ClearPictures:
    """Who may see which position clear, until when, and the newest picture for them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leases: dict[str, _Lease] = {}  # by order, in the order of asking

    def grant(self, order: str, gateway: str, device: str, user: int, lease_s: float) -> None:
        """The order of an account's has been sent; what comes under it is for that account only."""
        self.forget()
        while len(self._leases) >= LEASES_MAX:
            del self._leases[next(iter(self._leases))]
        self._leases[order] = _Lease(gateway, device, user, self._clock.monotonic_s() + lease_s)

    def take(self, heard: SceneHeard) -> None:
        """Keep it in place of the one before, if its order runs; otherwise it is gone."""
        self.forget()
        lease = self._leases.get(heard.scene.lease or "")
        if lease is not None and (lease.gateway, lease.device) == (heard.gateway, heard.scene.device):
            lease.seen = SceneSeen(heard.gateway, heard.scene, self._clock.now())

    def seen_by(self, user: int, gateway: str, device: str) -> SceneSeen | None:
        """The newest picture for an account."""
        lease = self._of(user, gateway, device)
        return None if lease is None else lease.seen

    def left_s(self, user: int, gateway: str, device: str) -> float | None:
        """For how long an account may see a position clear; ``None`` when it may not."""
        lease = self._of(user, gateway, device)
        return None if lease is None else lease.until_s - self._clock.monotonic_s()

    def forget(self) -> bool:
        """Let go of what is over; whether anything was."""
        now_s = self._clock.monotonic_s()
        over = [order for order, lease in self._leases.items() if now_s >= lease.until_s]
        for order in over:
            del self._leases[order]
        return bool(over)

    def _of(self, user: int, gateway: str, device: str) -> _Lease | None:
        self.forget()
        wanted = (user, gateway, device)
        found = (one for one in self._leases.values() if (one.user, one.gateway, one.device) == wanted)
        return next(found, None)
