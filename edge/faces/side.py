"""A gateway's side of faces: counting them, the second opinion, and how many people are enrolled."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cardea.contract.policy import FaceRequirement, Policy
from cardea.runtime.logs import get_logger
from drivers.api import FaceSeen, PictureCaptured
from edge.configuration.settings import GatewaySettings
from edge.configuration.topology import cameras_of, shows_faces
from edge.decide.evidence import Why
from edge.faces.availability import Availability, Raises
from edge.faces.checks import FaceChecks
from edge.faces.gallery_watch import GalleryWatch
from edge.faces.masks import FaceMasks
from edge.faces.opening import Openers, SightModels
from edge.faces.second_opinion import SecondOpinion
from edge.faces.sight import Around, Sight
from edge.faces.template_reader import TemplateReader
from edge.hosting import Host
from models.face import EMBEDDER
from models.registry import manifest

COUNT_S = 60.0
"""How often those who have a template are counted."""
_LOG = get_logger("faces")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceNeeds:
    """What the side of faces needs of its gateway."""

    alerts: Raises
    policy: Callable[[], Policy]
    report: Callable[[str, float], None]
    seen: Callable[[str, FaceSeen], Awaitable[object]]
    mask_awaited: Callable[[str], bool]
    """Whether a portal of this camera waits to know whether a mask is worn."""


class FaceSide:
    """Takes pictures in; answers portals that ask whose face they show."""

    def __init__(self, settings: GatewaySettings, host: Host, needs: FaceNeeds) -> None:
        self._policy = needs.policy
        self._clock = host.clock
        self._portals = sorted(
            name for name, portal in settings.portals.items() if shows_faces(portal, settings.devices)
        )
        self._templates = TemplateReader(host.disk, host.vault_keys, host.entropy)
        self._enrolled: int | None = None
        self._uncounted: str | None = None
        cameras = sorted(cameras_of(settings.portals, settings.thermometers))
        comparing = Availability("face_check", needs.alerts, portals=self._portals)
        self._checks = FaceChecks(manifest()[EMBEDDER].sha256, comparing)
        self.opinions = SecondOpinion(self._checks, self._templates.read)
        self._masks = FaceMasks(
            [name for name, portal in settings.portals.items() if portal.ingress.cameras],
            needs.policy,
            needs.mask_awaited,
            Availability("masks", needs.alerts),
        )
        openers = Openers(
            detector=host.open_detector,
            grounds=host.open_grounds,
            masks=host.open_masks,
            expected=self._expected,
        )
        self._models = SightModels(
            Availability("faces", needs.alerts, cameras=cameras),
            self._checks,
            self._masks,
            self.opinions,
            openers,
            cameras=bool(cameras),
        )
        around = Around(clock=host.clock, report=needs.report, seen=needs.seen)
        self._sight = Sight(cameras, self._models, self._checks, self._masks, self.opinions, around)
        self._gallery = GalleryWatch(needs.alerts)

    def take(self, device: str, event: PictureCaptured) -> None:
        """A camera's picture; never waits."""
        self._sight.take(device, event)

    def why_no_mask(self) -> Why | None:
        """Why cameras' pictures tell nothing of masks; ``None`` while they do."""
        return self._masks.unable

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

    def _expected(self) -> bool | None:
        """The models for comparing cost memory: they are opened where there is somebody to compare with."""
        if self._enrolled is None:
            return None
        policy = self._policy()
        asked = (policy.of(name).face is not FaceRequirement.OFF for name in self._portals)
        return self._enrolled > 0 and any(asked)

    async def _keep_counting(self) -> None:
        """Where nothing shows a face the store is left alone."""
        while self._portals:
            await self._count()
            await self._clock.sleep(COUNT_S)

    async def _count(self) -> None:
        try:
            counted = await self._templates.count(self._checks.model_sha256)
        except Exception as error:  # noqa: BLE001  # whatever a store does to us, doors are served
            if str(error) != self._uncounted:
                _LOG.warning("enrolled_not_counted", reason=str(error))
            self._uncounted = str(error)
            return
        self._uncounted = None
        first = counted > 0 and not self._enrolled
        self._enrolled = counted
        self._gallery.counted(counted)
        if first:
            self._models.want()
