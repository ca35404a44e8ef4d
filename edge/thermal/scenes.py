"""Thermal pictures of scenes without people, for the console: now and then the newest, never stored.

Which devices may send one is the configuration's word, and the lint refuses any that a portal or a zone uses
(docs/decisions/0008).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from cardea.contract.encoding import encode
from cardea.contract.scenes import Mark, Scene
from cardea.contract.time import wire_time
from cardea.contract.topics import Leaf
from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.api import ThermalFrameCaptured
from edge.thermal.positions import overrides_of, references_of, region_of
from edge.thermal.settings import Thermometer
from models.thermal.overrides import meter_of
from models.thermal.picture import marks, picture
from models.thermal.radiometry import Radiometer
from models.thermal.reference.reference import Reference
from models.thermal.reference.search import find

EVERY_S = 5.0
Publish = Callable[[Leaf, bytes], Awaitable[bool]]
"""Says something at once, if there is a session; whether there was."""
_LOG = get_logger("scenes")


class Scenes:
    """Shows the newest frame of each device that may be shown."""

    def __init__(
        self,
        devices: Collection[str],
        thermometers: Mapping[str, Thermometer],
        clock: Clock,
        publish: Publish,
    ) -> None:
        self._settings = {name: thermometers.get(name) or Thermometer() for name in devices}
        self._clock = clock
        self._publish = publish
        self._newest: dict[str, ThermalFrameCaptured] = {}

    def take(self, device: str, frame: ThermalFrameCaptured) -> None:
        """Take a device's newest frame in, in place of one that waits; never waits itself."""
        if device in self._settings and not frame.offline and frame.unfit is None:
            self._newest[device] = frame

    async def run(self) -> None:
        """Show, until cancelled; nothing to do without a scene."""
        while self._settings:
            await self._clock.sleep(EVERY_S)
            shown, self._newest = self._newest, {}
            for device, frame in shown.items():
                await self._show(device, frame)

    async def _show(self, device: str, frame: ThermalFrameCaptured) -> None:
        try:
            scene = await asyncio.to_thread(scene_of, device, frame, self._settings[device])
        except Exception as error:  # noqa: BLE001  # a picture that fails must not end the gateway
            _LOG.error("scene_failed", device=device, exc_info=error)
            return
        if scene is not None:
            await self._publish(Leaf.SCENE, encode(scene))


def scene_of(device: str, frame: ThermalFrameCaptured, settings: Thermometer) -> Scene | None:
    """The frame as the console shows it; ``None`` where there are no temperatures in it."""
    meter = meter_of(frame, overrides_of(settings))
    shown = None if meter is None else picture(frame.raw, meter)
    if meter is None or shown is None:
        return None
    return Scene(
        device=device,
        at=wire_time(frame.at),
        width=shown.width,
        height=shown.height,
        min_c=shown.min_c,
        max_c=shown.max_c,
        grid=shown.grid,
        marks=_marks(frame, meter, settings),
    )


def _marks(frame: ThermalFrameCaptured, meter: Radiometer, settings: Thermometer) -> tuple[Mark, ...]:
    """The region, and each reference where it was told to be or is found in this very frame."""
    wanted = references_of(settings)
    places = tuple(one for one in wanted if isinstance(one, Reference))
    if len(places) < len(wanted):
        places = find(frame.raw, meter, wanted) or places
    return marks(frame.raw, meter, region_of(settings), places)
