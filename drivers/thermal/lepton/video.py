"""Frames from a camera of this machine, which a video link delivers picture by picture."""

import asyncio

from drivers.api import DeviceContext, DeviceLost, DeviceMisconfigured, Emit
from drivers.links.video import Pictures, VideoLink, VideoPicture
from drivers.thermal.lepton.decode import CHANNEL, WIDTH, FrameReader
from drivers.thermal.lepton.settings import LeptonSettings

OPEN_S_MAX = 20.0
"""How long the link may take to its first picture: opening a camera is slow."""


class VideoCamera:
    """A camera of this machine, which delivers counts picture by picture."""

    def __init__(self, settings: LeptonSettings, context: DeviceContext, link: VideoLink) -> None:
        self._settings = settings
        self._context = context
        self._link = link

    async def run(self, emit: Emit) -> None:
        """Read until the link is lost, or brings no pictures (DeviceLost); DeviceMisconfigured when what it
        brings cannot be a Lepton's.
        """
        reader = FrameReader(self._settings)
        pictures = self._link.pictures()
        patience_s = OPEN_S_MAX
        while True:
            picture = await self._next(pictures, patience_s)
            patience_s = self._settings.silence_s_max
            self._must_fit(picture, (reader.rows, WIDTH))
            content = picture.pixels.astype("<u2", copy=False).tobytes()
            if self._context.capture is not None:
                self._context.capture.write(CHANNEL, content, picture.at)
            await emit(reader.read(content, picture.at))

    async def _next(self, pictures: Pictures, patience_s: float) -> VideoPicture:
        try:
            async with asyncio.timeout(patience_s):
                return await anext(pictures)
        except TimeoutError:
            raise DeviceLost(f"{self._context.device}: no picture for {patience_s:g} s") from None

    def _must_fit(self, picture: VideoPicture, shape: tuple[int, int]) -> None:
        pixels = picture.pixels
        if pixels.dtype != "uint16" or pixels.shape != shape:
            raise DeviceMisconfigured(
                f"{self._context.device}: pictures are {pixels.dtype} {pixels.shape}, not uint16 {shape}: "
                f"check pixel_format of link {self._link.name}, and the device's telemetry"
            )
