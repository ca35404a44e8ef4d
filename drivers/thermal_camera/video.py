"""Frames from a camera of this machine, which a video link delivers picture by picture."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cardea.contract.time import Instant
from drivers.api import DeviceContext, DeviceEvent, DeviceLost, DeviceMisconfigured, Emit
from drivers.links.video import Pictures, VideoLink, VideoPicture

OPEN_S_MAX = 20.0
"""How long the link may take to its first picture: opening a camera is slow."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a camera of one kind shows."""

    channel: str
    """What a capture calls it."""
    dtype: str
    shape: tuple[int, ...]
    reader: Callable[[], Callable[[bytes, Instant], DeviceEvent]]
    """A fresh reader of pictures in a row: one's bytes, little-endian, row by row."""
    silence_s_max: float
    """Without a picture for so long, the camera is lost."""
    advice: str
    """What to check when the pictures are others."""


class VideoCamera:
    """A camera of this machine, which hides counts in its pictures."""

    def __init__(self, shown: Shown, context: DeviceContext, link: VideoLink) -> None:
        self._shown = shown
        self._context = context
        self._link = link

    async def run(self, emit: Emit) -> None:
        """Read until the link is lost, or brings no pictures (DeviceLost); DeviceMisconfigured when what it
        brings cannot be this camera's.
        """
        read = self._shown.reader()
        pictures = self._link.pictures()
        patience_s = OPEN_S_MAX
        while True:
            picture = await self._next(pictures, patience_s)
            patience_s = self._shown.silence_s_max
            content = self._content(picture)
            if self._context.capture is not None:
                self._context.capture.write(self._shown.channel, content, picture.at)
            await emit(read(content, picture.at))

    async def _next(self, pictures: Pictures, patience_s: float) -> VideoPicture:
        try:
            async with asyncio.timeout(patience_s):
                return await anext(pictures)
        except TimeoutError:
            raise DeviceLost(f"{self._context.device}: no picture for {patience_s:g} s") from None

    def _content(self, picture: VideoPicture) -> bytes:
        pixels, shown = picture.pixels, self._shown
        if pixels.dtype != shown.dtype or pixels.shape != shown.shape:
            raise DeviceMisconfigured(
                f"{self._context.device}: pictures are {pixels.dtype} {pixels.shape}, "
                f"not {shown.dtype} {shown.shape}: check link {self._link.name}, {shown.advice}"
            )
        return pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
