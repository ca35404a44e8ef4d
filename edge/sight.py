"""The gateway's own look at pictures: how many faces each camera sees, and nothing of whose they are.

Of each camera only the newest picture waits, one thread looks at all of them, and a picture is forgotten as
soon as it has been looked at (SAFETY.md items 18, 20). Without a model the check is unavailable: that is said
once, the pictures are dropped unseen, and everything else goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from cardea.contract.records import AlertKind, Severity
from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.api import FaceBox, FaceSeen, Picture, PictureCaptured
from edge.alerts import Alarm

RETRY_S = 60.0
"""How often a check that is unavailable is tried again: somebody may have pulled its model."""
COMPANY_WIDTH_PX_MIN = 60.0
COMPANY_WIDTH_RATIO_MIN = 0.7
_LOG = get_logger("sight")


class Detector(Protocol):
    """Finds faces; used by one thread."""

    def detect(self, picture: Picture) -> Sequence[FaceBox]:
        """The faces in ``picture`` (h, w, 3; BGR, uint8)."""
        ...


OpenDetector = Callable[[], Detector]
"""Blocks; raises ModelProblem when there is none."""


class Raises(Protocol):
    """What sight needs of the alerts."""

    def raise_(self, alarm: Alarm) -> None:
        """Say that somebody must look."""
        ...

    def clear(self, alarm: Alarm, evidence: str) -> None:
        """The condition has ended."""
        ...


def several(faces: Collection[FaceBox]) -> bool:
    """Whether two people stand in front: a second face nearly as wide as the widest, and not far behind."""
    widths = sorted((face.width for face in faces), reverse=True)
    return len(widths) > 1 and widths[1] >= max(COMPANY_WIDTH_PX_MIN, COMPANY_WIDTH_RATIO_MIN * widths[0])


class Sight:
    """Looks at the pictures of the cameras that portals name."""

    def __init__(
        self,
        cameras: Collection[str],
        open_detector: OpenDetector,
        clock: Clock,
        alerts: Raises,
        report: Callable[[str, float], None],
        seen: Callable[[str, FaceSeen], Awaitable[object]],
    ) -> None:
        self._cameras = tuple(sorted(cameras))
        self._open_detector = open_detector
        self._clock = clock
        self._alerts = alerts
        self._report = report
        self._seen = seen
        self._detector: Detector | None = None
        self._newest: dict[str, PictureCaptured] = {}
        self._arrived = asyncio.Event()
        self._unavailable: str | None = None
        self._looked_at = 0
        self._dropped = 0

    def take(self, device: str, event: PictureCaptured) -> None:
        """Take a camera's newest picture in, in place of one that waits; never waits itself."""
        if event.offline or device not in self._cameras:
            return
        if self._detector is None:
            self._dropped += 1
            return
        self._dropped += device in self._newest
        self._newest[device] = event
        self._arrived.set()

    async def run(self) -> None:
        """Look, until cancelled; nothing to do without a camera."""
        if not self._cameras:
            return
        worker = ThreadPoolExecutor(1, thread_name_prefix="sight")
        try:
            while True:
                try:
                    await self._look(worker)
                except Exception as error:  # noqa: BLE001  # a check that fails must not end the gateway
                    self._fail(error)
                await self._clock.sleep(RETRY_S)
        finally:
            worker.shutdown(wait=False, cancel_futures=True)

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        return {
            "faces": self._detector is not None,
            "reason": self._unavailable,
            "looked_at": self._looked_at,
            "dropped": self._dropped,
        }

    async def _look(self, worker: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        self._detector = detector = await loop.run_in_executor(worker, self._open_detector)
        self._recover()
        while True:
            self._arrived.clear()
            while self._newest:
                device, event = next(iter(self._newest.items()))
                del self._newest[device]
                faces = await loop.run_in_executor(worker, detector.detect, event.picture)
                self._looked_at += 1
                self._report(f"{device}/faces", float(len(faces)))
                await self._seen(device, FaceSeen(at=event.at, faces=tuple(faces)))
                del event
            await self._arrived.wait()

    def _fail(self, error: Exception) -> None:
        self._detector = None
        self._newest.clear()
        reason = str(error) or type(error).__name__
        if reason != self._unavailable:
            _LOG.warning("check_unavailable", check="faces", reason=reason)
        self._unavailable = reason
        for camera in self._cameras:
            self._alerts.raise_(_alarm(camera, reason))

    def _recover(self) -> None:
        self._unavailable = None
        _LOG.info("check_available", check="faces", cameras=len(self._cameras))
        for camera in self._cameras:
            self._alerts.clear(_alarm(camera, ""), "faces are looked for again")


def _alarm(camera: str, reason: str) -> Alarm:
    """Minor: no door depends on this check alone."""
    return Alarm(
        alert=AlertKind.CHECK_UNAVAILABLE,
        device=camera,
        severity=Severity.MINOR,
        detail={"check": "faces", "reason": reason},
    )
