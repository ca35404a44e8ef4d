"""A simulated door: its lock's coil, its contact and its exit button, wired to boards or to a terminal."""

import asyncio
import contextlib
from collections.abc import Generator, Mapping

from cardea.runtime.clock import Clock
from drivers.sim.relay_modbus import CoilChange, RelayBoard
from drivers.sim.settings import Input, Portal
from drivers.sim.stations import Station

STEP_UP_S = 0.7
"""From the release to the leaf moving."""
PRESS_S = 0.8
FORCED_OPEN_S = 6.0


class Doorway:
    """What people do to one portal's door."""

    def __init__(
        self, portal: Portal, boards: Mapping[str, RelayBoard], station: Station, clock: Clock
    ) -> None:
        self._portal = portal
        self._station = station
        self._boards = boards
        self._clock = clock
        self._open = 0
        for contact in (portal.contact, portal.rex):
            self._put(contact, active=False)

    def releasing(self) -> asyncio.Future[CoilChange] | None:
        """The lock's next release, asked for before causing it; ``None`` when the lock is not on a board."""
        lock = self._portal.lock
        return None if lock is None else self._boards[lock.board].expect(lock.coil, on=True)

    async def walk_through(self, people: int, open_s: float) -> None:
        """Each of ``people`` keeps the leaf open for ``open_s``, one after the other without it closing."""
        await self._clock.sleep(STEP_UP_S)
        with self._leaf_open(forced=False):
            await self._clock.sleep(open_s * people)

    async def force(self) -> None:
        """Somebody opens the leaf without a release."""
        with self._leaf_open(forced=True):
            await self._clock.sleep(FORCED_OPEN_S)

    async def press_exit_button(self) -> None:
        """Somebody inside asks to be let out."""
        self._put(self._portal.rex, active=True)
        try:
            await self._clock.sleep(PRESS_S)
        finally:
            self._put(self._portal.rex, active=False)

    @contextlib.contextmanager
    def _leaf_open(self, *, forced: bool) -> Generator[None]:
        self._open += 1
        if self._open == 1:
            self._moved(is_open=True, forced=forced)
        try:
            yield
        finally:
            self._open -= 1
            if self._open == 0:
                self._moved(is_open=False, forced=forced)

    def _moved(self, *, is_open: bool, forced: bool) -> None:
        self._put(self._portal.contact, active=is_open)
        self._station.leaf(is_open=is_open, forced=forced)

    def _put(self, wired: Input | None, *, active: bool) -> None:
        if wired is not None:
            self._boards[wired.board].set_input(wired.input, on=active != wired.normally_closed)
