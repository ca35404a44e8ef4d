"""Leases onto the relays of a unit: one writer at a time, and what failed half-way is taken back at once."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import Clock
from drivers.api import Command, DeviceLost, DeviceMisconfigured, Executed, LeaseOutput, NotExecuted, Receipt
from drivers.disinfection.uv_modbus.outputs import Leases
from drivers.disinfection.uv_modbus.settings import UvSettings
from drivers.links.modbus import BitTable, LineBusy, ModbusLink
from drivers.links.spans import spans

ATTEMPTS = 2
REFRESHES = 3
"""What is on is written again so often within the watchdog's time: on some units only writes count."""
COMMAND_S_MAX = 1.5
"""A command has its answer by then."""
LEASE_S_MAX = 2.0
"""SAFETY.md D3."""
EMITTER, CONTACTOR = 0, 1
"""Channels of LeaseOutput."""


class OutputAstray(DeviceLost):
    """An output is not what it was told: not to be tried again before everything is off."""


class Actuation:
    """The outputs of one unit. Closed until a session has found everything off, and again when it ends."""

    def __init__(self, settings: UvSettings, link: ModbusLink, clock: Clock) -> None:
        relays = ((EMITTER, settings.emitter), (CONTACTOR, settings.contactor))
        self.leases = Leases({channel: relay.coil for channel, relay in relays if relay is not None})
        self._unit = settings.unit
        self._link = link
        self._clock = clock
        self._refresh_s = settings.watchdog.timeout_s / REFRESHES if settings.watchdog else 0.0
        self._refreshed_s = clock.monotonic_s()
        self._writing = asyncio.Lock()
        self._open = False
        self._changed = asyncio.Event()

    def forget(self) -> None:
        """A session begins: whatever was leased or known before is not any more."""
        self.leases.forget()

    def open(self) -> None:
        """Leases may be taken from now on."""
        self._open = True

    async def close(self) -> None:
        """Take no more leases and switch off what may be on; raises nothing (the watchdog does the rest)."""
        self._open = False
        self.leases.end_all()
        async with self._writing:
            for coil in self.leases.maybe_on():
                with suppress(DeviceLost, DeviceMisconfigured):
                    await self._write(coil)

    async def keep(self) -> None:
        """End leases in time, whatever the readings wait for, and take back what failed half-way.

        Raises:
            DeviceLost, DeviceMisconfigured: what should be off could not be switched off.
        """
        while True:
            self._changed.clear()
            began_s = self._clock.monotonic_s()
            await self._write_due()
            next_s = self.leases.next_s(began_s)
            wait_s = None if next_s is None else max(0.0, next_s - self._clock.monotonic_s())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def settle(self) -> None:
        """Write what is due (before the first word: everything off) and read all back.

        Raises:
            OutputAstray: a relay's coil is not what it was told.
            DeviceLost, DeviceMisconfigured: as the link.
        """
        if not self.leases.coils:
            return
        await self._write_due()
        async with self._writing:
            await self._refresh(self.leases.active(self._clock.monotonic_s()))
            astray = self.leases.astray(await self._read_back())
            if astray is not None:
                self.leases.abandon(astray)
                raise OutputAstray(f"unit {self._unit}: coil {astray} is not as it was switched")

    async def do(self, command: Command) -> Receipt:
        """Lease an output, or switch it off; answered within ``COMMAND_S_MAX``."""
        if not isinstance(command, LeaseOutput):
            return NotExecuted(RefusalReason.UNSUPPORTED, f"a unit cannot do {type(command).__name__}")
        try:
            async with asyncio.timeout(COMMAND_S_MAX):
                return await self._lease(command)
        except TimeoutError:
            return NotExecuted(RefusalReason.UNREACHABLE, "no answer in time")
        except LineBusy as error:
            return NotExecuted(RefusalReason.QUEUE_FULL, str(error))
        except DeviceLost as error:
            return NotExecuted(RefusalReason.UNREACHABLE, str(error))
        except DeviceMisconfigured as error:
            return NotExecuted(RefusalReason.DEVICE_REFUSED, str(error))

    async def _lease(self, command: LeaseOutput) -> Receipt:
        """A lease counts from when it was asked for, not from when its turn came."""
        coil = self.leases.coil(command.channel)
        if coil is None:
            return NotExecuted(
                RefusalReason.UNSUPPORTED, f"no coil is configured for output {command.channel}"
            )
        if not 0 <= command.lease_s <= LEASE_S_MAX:
            return NotExecuted(RefusalReason.UNSAFE, f"lease_s must be in 0…{LEASE_S_MAX}")
        until_s = self._clock.monotonic_s() + command.lease_s
        async with self._writing:
            if not self._open:
                return NotExecuted(RefusalReason.UNREACHABLE, "the unit is not connected")
            self.leases.lease(coil, until_s)
            self._changed.set()
            on = await self._write(coil)
        if command.lease_s and not on:
            return NotExecuted(RefusalReason.EXPIRED, "the lease ended before its turn on the line came")
        return Executed()

    async def _read_back(self) -> dict[int, bool]:
        """The relays' coils and no others: a unit may refuse an address that it lacks."""
        found: dict[int, bool] = {}
        for first, count in spans(self.leases.coils, gap_max=0, count_max=len(self.leases.coils)):
            found |= await self._link.read_bits(self._unit, BitTable.COILS, range(first, first + count))
        return found

    async def _write_due(self) -> None:
        async with self._writing:
            for coil in self.leases.due(self._clock.monotonic_s()):
                await self._write(coil)

    async def _refresh(self, coils: Iterable[int]) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._refreshed_s < self._refresh_s:
            return
        self._refreshed_s = now_s
        for coil in coils:
            await self._write(coil)

    async def _write(self, coil: int) -> bool:
        """Tell a relay what it should be at this moment; returns what it was told."""
        try:
            on = await self._twice(coil)
        except BaseException:
            self.leases.abandon(coil)
            self._changed.set()
            raise
        self.leases.told(coil, on=on)
        return on

    async def _twice(self, coil: int) -> bool:
        """Ask again once when nobody answers; by then the lease may have ended."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._tell(coil)
            except LineBusy:
                raise
            except DeviceLost:
                continue
        return await self._tell(coil)

    async def _tell(self, coil: int) -> bool:
        on = self.leases.wanted(coil, self._clock.monotonic_s())
        await self._link.write_coil(self._unit, coil, on=on)
        return on
