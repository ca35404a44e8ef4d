"""Pictures of thermal positions for the console: people blurred here, clear only under an order that ends.

What may be seen of a position is its configuration's word, off by default. Blurred is what everybody sees,
all the time; clear goes out beside it, on a topic of its own, while an order by entitled staff runs and once
the order stands in the audit chain. No picture is kept, by any of this (docs/decisions/0015).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from cardea.contract.encoding import encode
from cardea.contract.orders import OrderResult, ShowFaces
from cardea.contract.reasons import RefusalReason
from cardea.contract.scenes import Scene
from cardea.contract.topics import Leaf
from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.api import ThermalFrameCaptured
from edge.thermal.position_view import View, blurred_scene, clear_scene
from edge.thermal.post import Said
from edge.thermal.scenes import Publish
from edge.thermal.settings import ShowsPeople, Thermometer
from models.thermal.station import Step

EVERY_S = 2.0
READING_S = 1.5
"""A position tells each second of whoever stands there; what is older is of somebody who has gone."""
Note = Callable[[str, str, dict[str, str]], Awaitable[object | None]]
"""Event, actor and detail into the audit chain; ``None`` when it could not be written."""
_LOG = get_logger("position_views")


@dataclass(slots=True)
class _Lease:
    order: str
    by: str
    since_s: float
    until_s: float
    pictures: int = 0

    def covers(self, frame: ThermalFrameCaptured) -> bool:
        """Whether a frame was taken under it."""
        return self.since_s <= frame.at.mono_s < self.until_s


class _Shown:
    """A position that is shown: its newest frame, what it read of whom, and who sees it clear until when."""

    def __init__(self, settings: Thermometer) -> None:
        self.settings = settings
        self.newest: tuple[ThermalFrameCaptured, Step] | None = None
        self.said: dict[int, Said] = {}
        self.lease: _Lease | None = None
        self.asked = False

    def take(self, frame: ThermalFrameCaptured, step: Step, said: Sequence[Said]) -> None:
        self.newest = frame, step
        self.said |= {one.reading.presence: one for one in said}
        now_s = frame.at.mono_s
        self.said = {
            presence: one
            for presence, one in self.said.items()
            if 0.0 <= now_s - one.reading.at_s <= READING_S
        }

    def look(self, device: str) -> View | None:
        """The newest frame, once."""
        if self.newest is None:
            return None
        (frame, step), self.newest = self.newest, None
        return View(
            device=device,
            frame=frame,
            step=step,
            said=tuple(self.said.values()),
            settings=self.settings,
        )


class PositionViews:
    """Shows each position that may be shown."""

    def __init__(
        self,
        thermometers: Mapping[str, Thermometer],
        clock: Clock,
        publish: Publish,
        note: Note,
    ) -> None:
        self._shown = {
            name: _Shown(settings)
            for name, settings in thermometers.items()
            if settings.picture is not ShowsPeople.OFF
        }
        self._clock = clock
        self._publish = publish
        self._note = note

    def take(self, device: str, frame: ThermalFrameCaptured, step: Step, said: Sequence[Said]) -> None:
        """Take a frame in, in place of one that waits, and what it led to; never waits itself."""
        shown = self._shown.get(device)
        if shown is not None:
            shown.take(frame, step, said)

    async def run(self) -> None:
        """Show, until cancelled; nothing to do without a position that may be shown."""
        while self._shown:
            await self._clock.sleep(EVERY_S)
            for device, shown in self._shown.items():
                await self._end(device, shown)
                await self._show(device, shown)

    async def show_faces(self, order: str, action: ShowFaces) -> OrderResult | RefusalReason:
        """Show a position clear as well, for a while. One asking at a time; written down before it holds."""
        shown = self._shown.get(action.device)
        if shown is None:
            return RefusalReason.UNKNOWN_DEVICE
        if shown.settings.picture is not ShowsPeople.ENTITLED:
            return RefusalReason.NOT_ENTITLED
        if shown.asked or shown.lease is not None:
            return RefusalReason.QUEUE_FULL
        detail = {
            "device": action.device,
            "reason": action.reason,
            "lease_s": f"{action.lease_s:g}",
            "order": order,
        }
        shown.asked = True
        try:
            written = await self._note("faces_shown", action.by, detail)
        finally:
            shown.asked = False
        if written is None:
            return RefusalReason.STORE_FAILED
        now_s = self._clock.monotonic_s()
        shown.lease = _Lease(order, action.by, now_s, now_s + action.lease_s)
        return OrderResult.EXECUTED

    async def _end(self, device: str, shown: _Shown) -> None:
        lease = shown.lease
        if lease is not None and self._over(lease):
            shown.lease = None
            detail = {"device": device, "order": lease.order, "pictures": str(lease.pictures)}
            await self._note("faces_hidden", lease.by, detail)

    async def _show(self, device: str, shown: _Shown) -> None:
        view = shown.look(device)
        if view is None:
            return
        lease = shown.lease if shown.lease is not None and shown.lease.covers(view.frame) else None
        try:
            scene = await asyncio.to_thread(blurred_scene, view)
            clear = None if lease is None else await asyncio.to_thread(clear_scene, view, lease.order)
        except Exception as error:  # noqa: BLE001  # a picture that fails must not end the gateway
            _LOG.error("position_view_failed", device=device, exc_info=error)
            return
        if scene is not None:
            await self._publish(Leaf.SCENE, encode(scene))
        if lease is not None and clear is not None and not self._over(lease):
            await self._publish_clear(clear, lease)

    async def _publish_clear(self, clear: Scene, lease: _Lease) -> None:
        lease.pictures += await self._publish(Leaf.SCENE_CLEAR, encode(clear))

    def _over(self, lease: _Lease) -> bool:
        return self._clock.monotonic_s() >= lease.until_s
