"""A simulated door: its lock's coil, its contact and its exit button, wired to boards or to a terminal."""

import asyncio
import contextlib
from collections.abc import Generator, Mapping

from cardea.runtime.clock import Clock
from drivers.sim.plant_settings import Input
from drivers.sim.relay_modbus import CoilChange, RelayBoard
from drivers.sim.settings import Portal
from drivers.sim.stations import Station
from drivers.sim.wiring import Wiring

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
        self._wiring = Wiring(boards)
        self._clock = clock
        self._open = 0
        for contact in portal.inputs.values():
            self._wiring.put(contact, active=False)

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
        await self._hold(self._portal.rex, PRESS_S)

    async def raise_fire_alarm(self, lasts_s: float) -> None:
        """The fire panel's contact says so, for a while."""
        await self._hold(self._portal.fire, lasts_s)

    async def open_cabinet(self, lasts_s: float) -> None:
        """Somebody opens the cover of the board's cabinet, for a while."""
        await self._hold(self._portal.tamper, lasts_s)

    async def silence_board(self, lasts_s: float) -> None:
        """The board that the lock is wired to says nothing, for a while."""
        lock = self._portal.lock
        if lock is None:
            return
        faults = self._boards[lock.board].faults
        faults.silent = True
        try:
            await self._clock.sleep(lasts_s)
        finally:
            faults.silent = False

    async def _hold(self, wired: Input | None, lasts_s: float) -> None:
        with self._wiring.active(wired):
            await self._clock.sleep(lasts_s)

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
        self._wiring.put(self._portal.contact, active=is_open)
        self._station.leaf(is_open=is_open, forced=forced)
