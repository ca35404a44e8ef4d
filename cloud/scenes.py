"""Thermal pictures: the newest of each device, in memory for a while, not stored."""

from collections.abc import Collection, Iterable

from cardea.contract.orders import Order
from cardea.contract.scenes import Showing
from cardea.runtime.clock import Clock
from cloud.clear_pictures import ClearPictures
from cloud.ingest.arrivals import SceneHeard
from cloud.scene_seen import SceneSeen

STALE_S = 15.0
"""An older picture is not live any more."""
KEPT_S = 900.0
"""An older picture is forgotten."""
PER_GATEWAY_MAX = 8
SCENES_MAX = 1000
"""Of all gateways together: 19 MB of pixels at the most."""


class Scenes:
    """The newest picture of each device. ``version`` counts changes, for pages that only ask whether."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], SceneSeen] = {}  # in order of arrival
        self.clear = ClearPictures(clock)
        self.version = 0

    def take(self, arrivals: Iterable[SceneHeard]) -> None:
        """Keep these instead of what was there; the oldest go when there is no room."""
        for heard in arrivals:
            if heard.scene.showing is Showing.CLEAR:
                self.clear.take(heard)
            else:
                self._take(heard)
            self.version += 1

    def of(self, gateways: Collection[str], user: int | None = None) -> tuple[SceneSeen, ...]:
        """What there is of these gateways, by gateway and device; clear where ``user`` may see it so."""
        for key, seen in tuple(self._seen.items()):
            if self.age_s(seen) > KEPT_S:
                del self._seen[key]
        found = tuple(seen for (gateway, _), seen in sorted(self._seen.items()) if gateway in gateways)
        return found if user is None else tuple(self._clearest(seen, user) for seen in found)

    def position(self, gateway: str, device: str) -> SceneSeen | None:
        """The newest blurred picture of a position."""
        seen = self._seen.get((gateway, device))
        return seen if seen is not None and seen.scene.showing is Showing.BLURRED else None

    def grant(self, order: Order, gateway: str, device: str, user: int, lease_s: float) -> None:
        """What comes under ``order`` is for the account that asked, for so long."""
        self.clear.grant(order.id, gateway, device, user, lease_s)
        self.version += 1

    def forget(self) -> None:
        """Let go of clear pictures whose time is over; pages that show one are told."""
        self.version += self.clear.forget()

    def _take(self, heard: SceneHeard) -> None:
        key = (heard.gateway, heard.scene.device)
        self._seen.pop(key, None)
        self._seen[key] = SceneSeen(heard.gateway, heard.scene, self._clock.now())
        of_gateway = [other for other in self._seen if other[0] == heard.gateway]
        for other in of_gateway[:-PER_GATEWAY_MAX]:
            del self._seen[other]
        while len(self._seen) > SCENES_MAX:
            del self._seen[next(iter(self._seen))]

    def _clearest(self, seen: SceneSeen, user: int) -> SceneSeen:
        clear = self.clear.seen_by(user, seen.gateway, seen.scene.device)
        return seen if clear is None or self.age_s(clear) > STALE_S else clear

    def age_s(self, seen: SceneSeen) -> float:
        """How long ago a picture came in."""
        return self._clock.monotonic_s() - seen.heard.mono_s
