"""A disinfection unit on a Modbus link: off first, then read all the time and driven by leases only."""

import asyncio
from collections.abc import Mapping
from functools import partial

from drivers.api import (
    Command,
    Device,
    DeviceContext,
    DeviceEvent,
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
    HeartbeatSeen,
    Receipt,
    UnitReported,
)
from drivers.disinfection.uv_modbus.actuation import Actuation, OutputAstray
from drivers.disinfection.uv_modbus.decode import exchange
from drivers.disinfection.uv_modbus.outputs import Feedback
from drivers.disinfection.uv_modbus.readings import Readings
from drivers.disinfection.uv_modbus.registers import Batch, Cell, batches
from drivers.disinfection.uv_modbus.settings import OUTPUT_ON, Table, UvSettings, Watchdog
from drivers.links.modbus import BitTable, ModbusLink, WordTable
from drivers.receipts import Receipts

CHANNEL = "line"
MISSES_MAX = 3
HEARTBEAT_S = 10.0
EVENTS_MAX = 256
OFF_S_MAX = 2.0
"""A session that ends tries for so long to switch off; then it is the unit's watchdog that does."""
_BITS: Mapping[Table, BitTable] = {Table.COIL: BitTable.COILS, Table.DISCRETE: BitTable.INPUTS}
_WORDS: Mapping[Table, WordTable] = {Table.HOLDING: WordTable.HOLDING, Table.INPUT: WordTable.INPUT}


def open_unit(settings: UvSettings, context: DeviceContext) -> Device:
    """The session.

    Raises:
        DeviceMisconfigured: the link is not Modbus, or there is an emitter without a watchdog, which would
            stay on for ever when the gateway stops (SAFETY.md D3).
    """
    if not isinstance(context.link, ModbusLink):
        raise DeviceMisconfigured(f"{context.device}: link must be of kind 'modbus_rtu' or 'modbus_tcp'")
    if settings.emitter is not None and settings.watchdog is None:
        raise DeviceMisconfigured(
            f"{context.device}: an emitter without a watchdog cannot be driven: name the watchdog, or leave "
            "out emitter and contactor, and the unit is only watched"
        )
    return UvSession(settings, context, context.link)


class UvSession:
    """One unit."""

    def __init__(self, settings: UvSettings, context: DeviceContext, link: ModbusLink) -> None:
        self._settings = settings
        self._context = context
        self._clock = context.clock
        self._link = link
        self._batches = batches(settings)
        self._actuation = Actuation(settings, link, context.clock)
        self._driven = settings.watchdog if settings.emitter is not None else None
        self._receipts = Receipts()
        self._parting: asyncio.Task[None] | None = None

    async def run(self, emit: Emit) -> None:
        """Switch off, commission, then read and keep leases until the unit is lost; then switch off.

        Leases end in time whatever the readings wait for, and reading goes on while an event is committed.
        """
        events: asyncio.Queue[DeviceEvent] = asyncio.Queue(EVENTS_MAX)
        await self._commission(events)
        self._actuation.open()
        works = (self._actuation.keep(), self._poll(events), _hand_on(events, emit))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                await task
        finally:
            for task in tasks:
                task.cancel()
            await self._part()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(self, command: Command) -> Receipt:
        """Lease an output or switch it off; idempotent by command id."""
        return await self._receipts.once(command.id, partial(self._actuation.do, command))

    async def _part(self) -> None:
        """Off, in a task of its own: this one may be cancelled, and its requests with it."""
        self._parting = asyncio.create_task(self._actuation.close())
        await asyncio.wait([self._parting], timeout=OFF_S_MAX)
        self._parting.cancel()

    async def _commission(self, events: asyncio.Queue[DeviceEvent]) -> None:
        """Outputs off before anything else (SAFETY.md D5), then the watchdog (D3)."""
        await self._link.ready()
        self._actuation.forget()
        await self._actuation.settle()
        if self._driven is not None:
            await self._set_watchdog(self._driven)
        _put(events, HeartbeatSeen(at=self._clock.now()))
        if self._settings.identification == "read_device_information":
            said = await self._link.identify(self._settings.unit)
            vendor, product, revision = (said.get(key, b"").decode(errors="replace") for key in range(3))
            _put(
                events,
                DeviceIdentified(
                    at=self._clock.now(), model=f"{vendor} {product}".strip(), firmware=revision
                ),
            )

    async def _set_watchdog(self, watchdog: Watchdog) -> None:
        """Write and read back; DeviceMisconfigured when the unit does not keep it."""
        unit, address = self._settings.unit, watchdog.address
        await self._link.write_register(unit, address, watchdog.value)
        kept = (await self._link.read_words(unit, WordTable.HOLDING, [address]))[address]
        if kept != watchdog.value:
            meaning = " (0 = hold the last output for ever)" if kept == 0 else ""
            raise DeviceMisconfigured(
                f"unit {unit}: watchdog register {address} reads {kept}{meaning} after {watchdog.value} was "
                "written: outputs would not fall back"
            )

    async def _poll(self, events: asyncio.Queue[DeviceEvent]) -> None:
        readings = Readings(self._settings)
        feedback = Feedback(self._clock.monotonic_s())
        heartbeat_s = self._clock.monotonic_s()
        misses = 0
        while True:
            began_s = self._clock.monotonic_s()
            try:
                await self._actuation.settle()
                words = await self._read()
            except OutputAstray:
                raise
            except DeviceLost:
                misses += 1
                if misses >= MISSES_MAX:
                    raise
                await self._rest(began_s)
                continue
            misses = 0
            told = readings.take(words, self._clock.now())
            if began_s - heartbeat_s >= HEARTBEAT_S:
                heartbeat_s = began_s
                told.append(HeartbeatSeen(at=self._clock.now()))
            for event in told:
                _put(events, event)
            self._check(words, told, feedback)
            await self._rest(began_s)

    async def _read(self) -> dict[Cell, int]:
        """One round. A request that fails after another was answered leaves its cells out.

        Raises:
            DeviceLost: nothing was answered.
            DeviceMisconfigured: the unit has no such cells.
        """
        words: dict[Cell, int] = {}
        lost: DeviceLost | None = None
        for batch in self._batches:
            try:
                words |= await self._read_batch(batch)
            except DeviceLost as error:
                lost = error
                if not words:
                    break
        if lost is not None and not words:
            raise lost
        self._record(words)
        return words

    async def _read_batch(self, batch: Batch) -> dict[Cell, int]:
        unit, addresses = self._settings.unit, range(batch.first, batch.first + batch.count)
        found: Mapping[int, int]
        if (bits := _BITS.get(batch.table)) is not None:
            found = await self._link.read_bits(unit, bits, addresses)
        else:
            found = await self._link.read_words(unit, _WORDS[batch.table], addresses)
        return {(batch.table, address): int(found[address]) for address in addresses}

    def _record(self, words: Mapping[Cell, int]) -> None:
        if self._context.capture is None:
            return
        answered = [batch for batch in self._batches if words.keys() >= set(batch.cells)]
        heard = [exchange(self._settings.unit, b, [words[cell] for cell in b.cells]) for b in answered]
        self._context.capture.write(CHANNEL, b"".join(heard), self._clock.now())

    def _check(self, words: Mapping[Cell, int], told: list[DeviceEvent], feedback: Feedback) -> None:
        """What ends the session, and with it every lease; raises DeviceLost.

        A unit that restarted has forgotten its watchdog: it begins anew, with the commissioning.
        """
        unit, watchdog = self._settings.unit, self._driven
        if watchdog is None:
            return
        kept = words.get((Table.HOLDING, watchdog.address), watchdog.value)
        if kept != watchdog.value:
            raise DeviceLost(f"unit {unit}: the watchdog register changed to {kept}: restarted?")
        shown = next((event.values.get(OUTPUT_ON) for event in told if isinstance(event, UnitReported)), None)
        if feedback.contradicts(shown, self._actuation.leases, self._clock.monotonic_s()):
            raise OutputAstray(f"unit {unit}: {OUTPUT_ON} contradicts what was switched")

    async def _rest(self, began_s: float) -> None:
        """Until the next reading."""
        wait_s = began_s + self._settings.poll_s - self._clock.monotonic_s()
        await self._clock.sleep(max(0.0, wait_s))


def _put(events: asyncio.Queue[DeviceEvent], event: DeviceEvent) -> None:
    try:
        events.put_nowait(event)
    except asyncio.QueueFull:
        raise DeviceLost("its events are not fetched: begin anew, with everything off") from None


async def _hand_on(events: asyncio.Queue[DeviceEvent], emit: Emit) -> None:
    while True:
        await emit(await events.get())
