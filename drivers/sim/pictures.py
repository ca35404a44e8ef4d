"""Pictures without people: FLIR files of an electrical cabinet, and a recording of moving shapes."""

import asyncio
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from cardea.runtime.clock import Clock
from cardea.runtime.private_files import write_whole
from drivers.sim import fff
from drivers.sim.plant_settings import Picture, Video

WIDTH, HEIGHT, FPS, FRAMES = 320, 240, 10, 80
Bgr = npt.NDArray[np.uint8]


class CabinetCamera:
    """Writes its picture every few seconds; whoever reads finds the one before or the new one, whole."""

    def __init__(self, settings: Picture, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._began_s = clock.monotonic_s()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Write the first picture, so that a gateway finds one; raises OSError."""
        self._write()
        self._writing = asyncio.create_task(self._write_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """No more."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write_for_ever(self) -> None:
        while True:
            await self._clock.sleep(self._settings.every_s)
            self._write()

    def _write(self) -> None:
        now = self._clock.now()
        camera = fff.Camera(taken_utc_s=int(now.utc.timestamp()))
        content = fff.fff(fff.test_scene(now.mono_s - self._began_s), camera=camera)
        write_whole(self._settings.path, content)


def write_recording(settings: Video) -> None:
    """A recording of a few seconds (Motion JPEG): two shapes that cross an empty hall.

    Raises:
        OSError: it cannot be written.
    """
    settings.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(settings.path), codec, FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(0, "cannot be written as a recording", str(settings.path))
    try:
        for number in range(FRAMES):
            writer.write(_hall(number))
    finally:
        writer.release()


def _hall(number: int) -> Bgr:
    picture: Bgr = np.full((HEIGHT, WIDTH, 3), (96, 104, 112), np.uint8)
    picture[HEIGHT * 2 // 3 :] = (70, 74, 78)
    along = number / FRAMES
    cv2.rectangle(picture, (int(along * WIDTH), 120), (int(along * WIDTH) + 36, 190), (40, 90, 160), -1)
    cv2.circle(picture, (WIDTH - int(along * WIDTH), 70), 22, (150, 120, 60), -1)
    return picture
