"""A camera's session: the newest picture of its link, no more often than asked for."""

import asyncio
from typing import cast

from cardea.contract.reasons import RefusalReason
from drivers.api import (
    Command,
    DeviceContext,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
    NotExecuted,
    Picture,
    PictureCaptured,
    Receipt,
)
from drivers.gates.camera.settings import CameraSettings
from drivers.links.video import Pictures, VideoLink, VideoPicture

_NEARLY = 0.9
"""Of the period: a camera that keeps time only nearly would otherwise lose every second picture."""


class CameraSession:
    """One camera on one video link. It records nothing, also where a capture has been asked for."""

    def __init__(self, settings: CameraSettings, context: DeviceContext) -> None:
        """Raises DeviceMisconfigured when the link is not a video link."""
        if not isinstance(context.link, VideoLink):
            raise DeviceMisconfigured(f"{context.device}: needs a link of kind video")
        self._settings = settings
        self._device = context.device
        self._link = context.link

    async def run(self, emit: Emit) -> None:
        """Hand pictures on until cancelled.

        Raises:
            DeviceLost: the link was lost, or gives no picture for ``silence_s_max``.
            DeviceMisconfigured: the link gives raw counts instead of colours.
        """
        pictures = self._link.pictures()
        due_s = 0.0
        while True:
            shown = await self._next(pictures)
            if shown.at.mono_s < due_s:
                continue
            due_s = shown.at.mono_s + _NEARLY / self._settings.fps_max
            await emit(PictureCaptured(at=shown.at, picture=self._colours(shown), number=shown.number))

    async def submit(self, command: Command) -> Receipt:
        """A camera does nothing."""
        return NotExecuted(RefusalReason.UNSUPPORTED, f"a camera cannot do {type(command).__name__}")

    async def _next(self, pictures: Pictures) -> VideoPicture:
        try:
            async with asyncio.timeout(self._settings.silence_s_max):
                return await anext(pictures)
        except TimeoutError:
            raise DeviceLost(f"{self._device}: gives no picture") from None

    def _colours(self, shown: VideoPicture) -> Picture:
        if shown.pixels.ndim != 3 or shown.pixels.shape[2] != 3:
            raise DeviceMisconfigured(f'{self._device}: its link gives raw counts; set pixel_format = "bgr"')
        return cast("Picture", shown.pixels)
