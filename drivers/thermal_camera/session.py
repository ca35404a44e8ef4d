"""A thermal camera's session, whatever its frames come from."""

from typing import Protocol

from drivers.api import Emit
from drivers.measures import OnlyMeasures


class Source(Protocol):
    """A camera server, a video link, a recording."""

    async def run(self, emit: Emit) -> None:
        """Frames until cancelled; raises DeviceLost or DeviceMisconfigured."""
        ...


class CameraSession(OnlyMeasures):
    """One camera; it takes no orders."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def run(self, emit: Emit) -> None:
        """Frames until cancelled, or until the camera is lost."""
        await self._source.run(emit)
