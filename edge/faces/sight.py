"""The gateway's own look at pictures: how many faces each camera sees, and whose they are not.

Of each camera only the newest picture waits, one thread looks at all of them, and a picture is forgotten as
soon as it has been looked at (SAFETY.md items 18, 20). Faces are found and no more, unless somebody at a
portal of that camera has claimed to be somebody (``edge.faces.second_opinion``). Without a model
(``edge.faces.opening``) the pictures are dropped unseen, and everything else goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cardea.runtime.clock import Clock
from drivers.api import FaceBox, FaceSeen, Picture, PictureCaptured
from drivers.links import jpeg
from edge.faces.checks import FaceChecks, Pipeline
from edge.faces.masks import FaceMasks
from edge.faces.opening import SightModels
from edge.faces.second_opinion import SecondOpinion
from models.face.look import Look

SNAPSHOT_FAILED = "snapshot_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What sight needs of its gateway."""

    clock: Clock
    report: Callable[[str, float], None]
    seen: Callable[[str, FaceSeen], Awaitable[object]]


class Sight:
    """Looks at the pictures of the cameras that portals name, and at terminals' pictures of who claims."""

    def __init__(
        self,
        cameras: Collection[str],
        models: SightModels,
        checks: FaceChecks,
        masks: FaceMasks,
        claims: SecondOpinion,
        around: Around,
    ) -> None:
        self._cameras = frozenset(cameras)
        self._models = models
        self._checks = checks
        self._masks = masks
        self._claims = claims
        self._around = around
        self._newest: dict[str, PictureCaptured] = {}
        self._looked_at = 0
        self._compared = 0
        self._dropped = 0

    def take(self, device: str, event: PictureCaptured) -> None:
        """Take a camera's newest picture in, in place of one that waits; never waits itself."""
        if event.offline or device not in self._cameras:
            return
        if self._models.detector is None:
            self._dropped += 1
            return
        self._dropped += device in self._newest
        self._newest[device] = event
        self._checks.arrived.set()

    async def run(self) -> None:
        """Look, until cancelled; a check that fails ends nothing else."""
        worker = ThreadPoolExecutor(1, thread_name_prefix="sight")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._models.keep_open(worker), name="sight models")
                group.create_task(self._keep_looking(worker), name="sight looks")
        finally:
            worker.shutdown(wait=False, cancel_futures=True)

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        return {
            **self._models.picture(),
            "looked_at": self._looked_at,
            "compared": self._compared,
            "dropped": self._dropped,
            "snapshots_refused": dict(self._claims.refused),
        }

    async def _keep_looking(self, worker: ThreadPoolExecutor) -> None:
        while True:
            await self._checks.arrived.wait()
            self._checks.arrived.clear()
            if self._claims.wanted and self._checks.grounds is None and self._checks.reason is None:
                self._models.want()
            try:
                while await self._look_at_snapshot(worker) or await self._look_at_picture(worker):
                    pass
            except Exception as error:  # noqa: BLE001  # a check that fails must not end the gateway
                self._newest.clear()
                self._models.failed(error)

    async def _look_at_snapshot(self, worker: ThreadPoolExecutor) -> bool:
        """Terminals' pictures first: whoever they show waits at a door."""
        taken, grounds = self._claims.take_snapshot(), self._checks.grounds
        if taken is None or grounds is None:
            return False
        claim, snapshot = taken
        del taken
        looking = asyncio.get_running_loop().run_in_executor(worker, _look_at, grounds.pipeline, snapshot)
        del snapshot
        look = await looking
        self._compared += 1
        self._claims.judged(claim, look, self._around.clock.now())
        return True

    async def _look_at_picture(self, worker: ThreadPoolExecutor) -> bool:
        detector = self._models.detector
        if not self._newest or detector is None:
            return False
        device, event = next(iter(self._newest.items()))
        del self._newest[device]
        loop, grounds = asyncio.get_running_loop(), self._checks.grounds
        claims = self._claims.at(device, event.at)
        if claims and grounds is not None:
            look = await loop.run_in_executor(worker, grounds.pipeline.look, event.picture)
            await self._tell(worker, device, event, look.faces)
            self._compared += 1
            self._claims.seen(claims, look, event.at)
        else:
            faces = await loop.run_in_executor(worker, detector.detect, event.picture)
            await self._tell(worker, device, event, tuple(faces))
        return True

    async def _tell(
        self, worker: ThreadPoolExecutor, device: str, event: PictureCaptured, faces: tuple[FaceBox, ...]
    ) -> None:
        self._looked_at += 1
        self._around.report(f"{device}/faces", float(len(faces)))
        whose = self._masks.whom(device, faces)
        mask = None if whose is None else await self._mask(worker, event.picture, whose)
        await self._around.seen(device, FaceSeen(at=event.at, faces=faces, mask=mask))

    async def _mask(self, worker: ThreadPoolExecutor, picture: Picture, face: FaceBox) -> bool | None:
        masks = self._masks.masks
        if masks is None:
            if self._masks.reason is None:
                self._models.want()
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(worker, masks.masked, picture, face)
        except Exception as error:  # noqa: BLE001  # a check that fails must not end the others
            self._masks.lost(error)
            return None


def _look_at(pipeline: Pipeline, snapshot: bytes) -> Look | str:
    """On the worker: a terminal's JPEG, or why it cannot be looked at. Nothing that it holds is an error."""
    picture = jpeg.decoded(snapshot)
    if isinstance(picture, str):
        return picture
    try:
        return pipeline.look(picture)
    except Exception:  # noqa: BLE001  # one terminal's picture must not take the check from everybody
        return SNAPSHOT_FAILED
