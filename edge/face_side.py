"""A gateway's side of faces: counting them, the second opinion, and how many people are enrolled."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from cardea.contract.policy import FaceRequirement, Policy
from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.api import FaceSeen, PictureCaptured
from edge.availability import Availability, Raises
from edge.face_checks import FaceChecks, OpenDetector, OpenGrounds
from edge.gallery_watch import GalleryWatch
from edge.second_opinion import SecondOpinion
from edge.settings import Portal
from edge.sight import Around, Sight
from edge.template_reader import TemplateReader
from models.face import EMBEDDER
from models.registry import manifest

COUNT_S = 60.0
"""How often those who have a template are counted."""
_LOG = get_logger("faces")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the side of faces needs of its gateway."""

    clock: Clock
    alerts: Raises
    open_detector: OpenDetector
    open_grounds: OpenGrounds
    policy: Callable[[], Policy]
    report: Callable[[str, float], None]
    seen: Callable[[str, FaceSeen], Awaitable[object]]


class FaceSide:
    """Takes pictures in; answers portals that ask whose face they show."""

    def __init__(
        self,
        cameras: Collection[str],
        portals: Mapping[str, Portal],
        templates: TemplateReader,
        around: Surroundings,
    ) -> None:
        self._portals = portals
        self._templates = templates
        self._around = around
        self._enrolled = 0
        watched = sorted({camera for portal in portals.values() for camera in portal.ingress.cameras})
        counting = Availability("faces", around.alerts, cameras=sorted(cameras))
        comparing = Availability("face_check", around.alerts, cameras=watched)
        self._checks = FaceChecks(manifest()[EMBEDDER].sha256, comparing)
        self.opinions = SecondOpinion(self._checks, templates.read)
        self._sight = Sight(
            cameras,
            counting,
            self._checks,
            self.opinions,
            Around(
                clock=around.clock,
                open_detector=around.open_detector,
                open_grounds=around.open_grounds,
                expected=self._expected,
                report=around.report,
                seen=around.seen,
            ),
        )
        self._gallery = GalleryWatch(around.alerts)

    def take(self, device: str, event: PictureCaptured) -> None:
        """A camera's picture; never waits."""
        self._sight.take(device, event)

    async def run(self) -> None:
        """Look, and count those enrolled, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sight.run(), name="sight")
                group.create_task(self._keep_counting(), name="enrolled people")
        finally:
            await self._templates.close()

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        return {**self._sight.picture(), "enrolled": self._enrolled}

    def _expected(self) -> bool:
        """The models for comparing cost memory: they are opened where there is somebody to compare with."""
        return self._enrolled > 0 and self._looks()

    def _looks(self) -> bool:
        policy = self._around.policy()
        return any(
            portal.ingress.cameras and policy.of(name).face is not FaceRequirement.OFF
            for name, portal in self._portals.items()
        )

    async def _keep_counting(self) -> None:
        while True:
            if self._looks():
                await self._count()
            await self._around.clock.sleep(COUNT_S)

    async def _count(self) -> None:
        try:
            counted = await self._templates.count(self._checks.model_sha256)
        except Exception as error:  # noqa: BLE001  # whatever a store does to us, doors are served
            _LOG.warning("enrolled_not_counted", reason=str(error))
            return
        first = counted > 0 and self._enrolled == 0
        self._enrolled = counted
        self._gallery.counted(counted)
        if first:
            self._sight.want()
