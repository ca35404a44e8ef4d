"""Room set aside for alerts and records: held while the disk has plenty, released when it is full."""

import asyncio

from cardea.runtime.disk import Reserve, StoreFull
from cardea.runtime.logs import get_logger

_log = get_logger("outbox")


class Room:
    """The reserve, asked for off the event loop. Says once that it was given up, and once that it is back."""

    def __init__(self, reserve: Reserve) -> None:
        self._reserve = reserve
        self._held = reserve.held
        self._complained = False

    @property
    def held(self) -> bool:
        """Whether there is something left to release."""
        return self._held

    async def hold(self) -> None:
        """Set the room aside if the disk has plenty."""
        if self._held:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._reserve.hold)
        except StoreFull as error:
            self._say_once(str(error))
            return
        self._held = True
        if self._complained:
            _log.info("outbox_reserve_held")
        self._complained = False

    async def release(self) -> None:
        """Give the room up, for rows that must not be lost."""
        await asyncio.get_running_loop().run_in_executor(None, self._reserve.release)
        self._held = False
        self._say_once("the disk is full")

    def _say_once(self, why: str) -> None:
        if not self._complained:
            _log.warning("outbox_reserve_missing", reason=why)
        self._complained = True
