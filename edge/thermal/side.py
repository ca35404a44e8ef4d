"""Everything thermal of a gateway: positions, what the console sees of them, scenes, canthi beside cameras.

Loaded only where a device gives frames or spots: the checks bring OpenCV, and a gateway without a camera is
promised its memory.
"""

import asyncio
import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cardea.contract.orders import OrderResult, ShowFaces
from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import Clock
from drivers.api import Driver, FaceSeen, SpotMeasured, ThermalFrameCaptured
from edge.alerts import Alerts
from edge.configuration.settings import Portal
from edge.thermal.face_regions import FaceRegions
from edge.thermal.position_views import Note, PositionViews
from edge.thermal.post import Report, TakesScreenings
from edge.thermal.scenes import Publish, Scenes
from edge.thermal.settings import Thermometer
from edge.thermal.thermometry import Needs, Thermometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the thermal side needs of its gateway."""

    clock: Clock
    zone: dt.tzinfo
    alerts: Alerts
    report: Report
    publish: Publish
    note: Note


class ThermalSide:
    """Takes frames and spots in; screens people, and shows what may be shown."""

    def __init__(
        self,
        drivers: Mapping[str, Driver[Any]],
        thermometers: Mapping[str, Thermometer],
        scenes: Collection[str],
        portals: Mapping[str, Portal],
        tasks: Mapping[str, TakesScreenings],
        around: Around,
    ) -> None:
        self._faces = FaceRegions(thermometers)
        self._views = PositionViews(thermometers, around.clock, around.publish, around.note)
        self._scenes = Scenes(scenes, thermometers, around.clock, around.publish)
        needs = Needs(
            alerts=around.alerts,
            report=around.report,
            show=self._views.take,
            zone=around.zone,
            canthi=self._faces.of,
        )
        self._positions = Thermometry(drivers, thermometers, portals, tasks, needs)

    def take(self, device: str, event: ThermalFrameCaptured | SpotMeasured) -> None:
        """A frame or spot; never waits."""
        self._positions.take(device, event)
        if isinstance(event, ThermalFrameCaptured):
            self._scenes.take(device, event)

    def faces_seen(self, camera: str, event: FaceSeen) -> None:
        """What a visible camera has just seen."""
        self._faces.seen(camera, event)

    async def show_faces(self, order: str, action: ShowFaces) -> OrderResult | RefusalReason:
        """Show a position clear for a while, where its configuration and the audit chain allow it."""
        return await self._views.show_faces(order, action)

    async def run(self) -> None:
        """Measure and show, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._positions.run(), name="thermometry")
            group.create_task(self._scenes.run(), name="scenes")
            group.create_task(self._views.run(), name="position views")

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        return self._positions.picture()
