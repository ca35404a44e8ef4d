"""Commands and leases onto coils: one writer at a time, and what failed half-way is taken back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import Clock
from drivers.api import (
    Command,
    DeviceLost,
    DeviceMisconfigured,
    Executed,
    HoldOpen,
    LeaseOutput,
    NotExecuted,
    OpenDoor,
    Receipt,
)
from drivers.io.relay_modbus.outputs import OutputPlan
from drivers.io.relay_modbus.settings import Door, PulseRegister, RelaySettings
from drivers.links.modbus import BitTable, LineBusy, ModbusLink

ATTEMPTS = 2
REFRESHES = 3
"""What is on is written again so often within the watchdog's time: on some boards only writes count."""
RELEASE_S_MAX = 120.0
LEASE_S_MAX = 2.0
"""SAFETY.md D3."""


class Actuation:
    """The outputs of one board. The plan outlives a lost connection: a held door is released again."""

    def __init__(self, settings: RelaySettings, link: ModbusLink, clock: Clock) -> None:
        self._unit = settings.unit
        self._link = link
        self._clock = clock
        self._plan = OutputPlan(settings)
        self._doors = {door.door: door for door in settings.doors}
        self._outputs = {output.channel: output for output in settings.outputs}
        self._refresh_s = settings.watchdog.timeout_s / REFRESHES if settings.watchdog else None
        self._refreshed_s = clock.monotonic_s()
        self._writing = asyncio.Lock()
        self._do: Mapping[type[Any], Callable[[Any], Awaitable[Receipt]]] = {
            OpenDoor: self._open,
            HoldOpen: self._hold,
            LeaseOutput: self._lease,
        }

    async def adopt(self) -> None:
        """Take the coils as they stand; only leased outputs are written, to off (SAFETY.md L6).

        Raises:
            DeviceLost, DeviceMisconfigured: the coils cannot be read or written.
        """
        found = await self._link.read_bits(self._unit, BitTable.COILS, self._plan.coils)
        self._plan.adopt(found, self._clock.monotonic_s())
        await self.settle()

    async def settle(self) -> None:
        """Write what is due (leases that ended, holds that the board dropped) and read back what is on.

        Raises:
            DeviceLost: no answer, or a coil does not do as it was told.
        """
        async with self._writing:
            for coil in self._plan.due(self._clock.monotonic_s()):
                await self._write(coil)
            watched = self._plan.watched(self._clock.monotonic_s())
            if not watched:
                return
            await self._refresh(watched)
            found = await self._link.read_bits(self._unit, BitTable.COILS, watched)
            disobeying = self._plan.observed({coil: found[coil] for coil in watched})
        if disobeying is not None:
            raise DeviceLost(f"unit {self._unit}: coil {disobeying} does not stay as it was switched")

    def next_s(self) -> float | None:
        """When the next lease ends, on the monotonic clock."""
        return self._plan.next_s(self._clock.monotonic_s())

    async def do(self, command: Command, *, connected: bool) -> Receipt:
        """Carry a command out. A hold is kept in mind also while the board is away."""
        act = self._do.get(type(command))
        if act is None:
            return NotExecuted(RefusalReason.UNSUPPORTED, f"a relay board cannot do {type(command).__name__}")
        if not connected and not isinstance(command, HoldOpen):
            return NotExecuted(RefusalReason.UNREACHABLE, "the board is not connected")
        try:
            return await act(command)
        except LineBusy as error:
            return NotExecuted(RefusalReason.QUEUE_FULL, str(error))
        except DeviceLost as error:
            return NotExecuted(RefusalReason.UNREACHABLE, str(error))
        except DeviceMisconfigured as error:
            return NotExecuted(RefusalReason.DEVICE_REFUSED, str(error))

    async def _open(self, command: OpenDoor) -> Receipt:
        door = self._doors.get(command.door)
        if door is None:
            return NotExecuted(RefusalReason.UNSUPPORTED, f"no coil is configured for door {command.door}")
        if not 0 < command.release_s <= RELEASE_S_MAX:
            return NotExecuted(RefusalReason.UNSAFE, f"release_s must be in 0…{RELEASE_S_MAX}")
        async with self._writing:
            if self._plan.held(door):
                return Executed()
            if door.pulse is not None:
                return await self._pulse(door.pulse, command.release_s)
            self._plan.open(door, self._clock.monotonic_s() + command.release_s)
            return await self._write_or_take_back(door.coil)

    async def _hold(self, command: HoldOpen) -> Receipt:
        door = self._doors.get(command.door)
        if door is None:
            return NotExecuted(RefusalReason.UNSUPPORTED, f"no coil is configured for door {command.door}")
        self._intend(door, command)
        async with self._writing:
            await self._write(door.coil)
        return Executed()

    def _intend(self, door: Door, command: HoldOpen) -> None:
        if command.on:
            self._plan.hold(door)
        elif self._plan.held(door):
            self._plan.unhold(door, self._clock.monotonic_s())

    async def _lease(self, command: LeaseOutput) -> Receipt:
        output = self._outputs.get(command.channel)
        if output is None:
            return NotExecuted(
                RefusalReason.UNSUPPORTED, f"no coil is configured for output {command.channel}"
            )
        if not 0 <= command.lease_s <= LEASE_S_MAX:
            return NotExecuted(RefusalReason.UNSAFE, f"lease_s must be in 0…{LEASE_S_MAX}")
        async with self._writing:
            self._plan.lease(output, self._clock.monotonic_s() + command.lease_s)
            return await self._write_or_take_back(output.coil)

    async def _pulse(self, pulse: PulseRegister, release_s: float) -> Receipt:
        counts = min(max(round(release_s / pulse.unit_s), 1), pulse.counts_max)
        await self._twice(lambda: self._link.write_register(self._unit, pulse.address, counts))
        return Executed()

    async def _write_or_take_back(self, coil: int) -> Receipt:
        try:
            await self._write(coil)
        except BaseException:
            self._plan.abandon(coil, self._clock.monotonic_s())
            raise
        return Executed()

    async def _write(self, coil: int) -> None:
        """Bring one coil to what it should be at this moment, if it is not so already."""
        now_s = self._clock.monotonic_s()
        if self._plan.owns(coil) and self._plan.astray(coil, now_s):
            level = self._plan.wanted(coil, now_s)
            await self._twice(lambda: self._link.write_coil(self._unit, coil, on=level))
            self._plan.wrote(coil, level=level)

    async def _refresh(self, coils: Iterable[int]) -> None:
        now_s = self._clock.monotonic_s()
        if self._refresh_s is None or now_s - self._refreshed_s < self._refresh_s:
            return
        self._refreshed_s = now_s
        for coil in coils:
            await self._link.write_coil(self._unit, coil, on=self._plan.wanted(coil, now_s))

    async def _twice(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask again once when nobody answers: what is written here may be written twice."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await ask()
            except LineBusy:
                raise
            except DeviceLost:
                continue
        return await ask()
