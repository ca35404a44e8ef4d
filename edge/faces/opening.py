"""The models that sight looks with: opened where something asks for them, and again after they could not be.

Opening blocks, so it happens on the thread that looks. Nothing that a model does ends anything else: its
check is unavailable until the next try.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from edge.faces.availability import Availability
from edge.faces.checks import Detector, FaceChecks, OpenDetector, OpenGrounds
from edge.faces.masks import FaceMasks, OpenMasks
from edge.faces.second_opinion import SecondOpinion

RETRY_S = 60.0
"""How often a check that is unavailable is tried again: somebody may have pulled its model."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Openers:
    """What opens each model, and who asks for any."""

    detector: OpenDetector
    grounds: OpenGrounds
    masks: OpenMasks
    expected: Callable[[], bool | None]
    """Whether there is anybody to compare with, for whom models are opened; ``None`` while nobody knows."""


class SightModels:
    """Keeps open what is asked for."""

    def __init__(
        self,
        faces: Availability,
        checks: FaceChecks,
        masks: FaceMasks,
        claims: SecondOpinion,
        openers: Openers,
        *,
        cameras: bool,
    ) -> None:
        """``cameras``: whether there are any, for whose pictures faces are found."""
        self._faces = faces
        self._checks = checks
        self._masks = masks
        self._claims = claims
        self._openers = openers
        self._cameras = cameras
        self._wanting = asyncio.Event()
        self.detector: Detector | None = None
        """``None`` while no faces can be found."""

    def want(self) -> None:
        """Something is asked for that is not open: try at once."""
        self._wanting.set()

    async def keep_open(self, worker: ThreadPoolExecutor) -> None:
        """Open what is missing on ``worker``, until cancelled."""
        while True:
            self._wanting.clear()
            await self._open_what_is_missing(worker)
            try:
                async with asyncio.timeout(RETRY_S):
                    await self._wanting.wait()
            except TimeoutError:
                continue

    def failed(self, error: Exception) -> None:
        """What has failed is opened anew, in a while."""
        if self.detector is not None:
            self.detector = None
            self._faces.lost(error)
        if self._checks.grounds is not None:
            self._checks.lost(error)
            self._claims.changed()

    def picture(self) -> Mapping[str, object]:
        """What is open, and why not."""
        return {
            "faces": self.detector is not None,
            "reason": self._faces.reason,
            "face_check": self._checks.grounds is not None,
            "face_check_reason": self._checks.reason,
            "masks": self._masks.masks is not None,
            "masks_reason": self._masks.reason,
        }

    async def _open_what_is_missing(self, worker: ThreadPoolExecutor) -> None:
        await self._open_grounds(worker)
        if not self._cameras:
            return
        if self._checks.grounds is not None:
            self._found_by(self._checks.grounds.pipeline)
        elif self.detector is None:
            detector = await _opened(worker, self._openers.detector, self._faces.lost)
            if detector is not None:
                self._found_by(detector)
        await self._open_masks(worker)

    async def _open_grounds(self, worker: ThreadPoolExecutor) -> None:
        checks, expected = self._checks, self._openers.expected()
        if checks.grounds is None and (expected or self._claims.wanted):
            opened = await _opened(worker, self._openers.grounds, checks.lost)
            if opened is not None:
                checks.opened(opened)
            self._claims.changed()
            checks.arrived.set()
        elif expected is False:
            checks.not_needed()

    async def _open_masks(self, worker: ThreadPoolExecutor) -> None:
        if not self._masks.asked_for():
            self._masks.not_needed()
        elif self._masks.masks is None:
            masks = await _opened(worker, self._openers.masks, self._masks.lost)
            if masks is not None:
                self._masks.opened(masks)

    def _found_by(self, detector: Detector) -> None:
        """One detector is enough."""
        first, self.detector = self.detector is None, detector
        if first:
            self._faces.back()


async def _opened(
    worker: ThreadPoolExecutor, open_: Callable[[], T], lost: Callable[[Exception], None]
) -> T | None:
    try:
        return await asyncio.get_running_loop().run_in_executor(worker, open_)
    except Exception as error:  # noqa: BLE001  # whatever a model does to us, doors are served
        lost(error)
        return None
