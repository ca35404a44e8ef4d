"""A relay board on a Modbus link: commissioned at the start, then read all the time."""

import asyncio
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
)
from drivers.io.relay_modbus.actuation import Actuation
from drivers.io.relay_modbus.contacts import Contacts
from drivers.io.relay_modbus.decode import exchange
from drivers.io.relay_modbus.settings import RelaySettings
from drivers.links.modbus import BitTable, ModbusLink, WordTable
from drivers.receipts import Receipts

CHANNEL = "line"
MISSES_MAX = 3
MISS_WAIT_POLLS = 3
"""After a missed answer the unit is left alone for so many polls: a silent unit must not eat its
neighbours' time on the line."""
RECHECK_S = 30.0
HEARTBEAT_S = 10.0
EVENTS_MAX = 256


def open_board(settings: RelaySettings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link is not Modbus."""
    if not isinstance(context.link, ModbusLink):
        raise DeviceMisconfigured(f"{context.device}: link must be of kind 'modbus_rtu' or 'modbus_tcp'")
    return RelaySession(settings, context, context.link)


class RelaySession:
    """One board."""

    def __init__(self, settings: RelaySettings, context: DeviceContext, link: ModbusLink) -> None:
        self._settings = settings
        self._context = context
        self._clock = context.clock
        self._link = link
        self._actuation = Actuation(settings, link, context.clock)
        self._receipts = Receipts()
        self._connected = False

    async def run(self, emit: Emit) -> None:
        """Commission the board, then read inputs and keep outputs until the board is lost.

        Reading goes on while an event is being committed, so that the board's watchdog is content.
        """
        events: asyncio.Queue[DeviceEvent] = asyncio.Queue(EVENTS_MAX)
        await self._commission(events)
        self._connected = True
        tasks = {asyncio.create_task(self._poll(events)), asyncio.create_task(_hand_on(events, emit))}
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                await task
        finally:
            self._connected = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(self, command: Command) -> Receipt:
        """Open, hold or lease; idempotent by command id."""
        return await self._receipts.once(
            command.id, partial(self._actuation.do, command, connected=self._connected)
        )

    async def _commission(self, events: asyncio.Queue[DeviceEvent]) -> None:
        """Watchdog first, then the coils as they stand; nothing is pulsed (SAFETY.md L6)."""
        await self._link.ready()
        await self._set_watchdog()
        await self._actuation.adopt()
        events.put_nowait(HeartbeatSeen(at=self._clock.now()))
        if self._settings.identification == "read_device_information":
            said = await self._link.identify(self._settings.unit)
            vendor, product, revision = (said.get(key, b"").decode(errors="replace") for key in range(3))
            events.put_nowait(
                DeviceIdentified(at=self._clock.now(), model=f"{vendor} {product}".strip(), firmware=revision)
            )

    async def _set_watchdog(self) -> None:
        """Write and read back; DeviceMisconfigured when the board does not keep it (SAFETY.md D3)."""
        watchdog = self._settings.watchdog
        if watchdog is None:
            return
        await self._link.write_register(self._settings.unit, watchdog.address, watchdog.value)
        kept = await self._watchdog_value()
        if kept != watchdog.value:
            meaning = " (0 = hold the last output for ever)" if kept == 0 else ""
            raise DeviceMisconfigured(
                f"unit {self._settings.unit}: watchdog register {watchdog.address} reads {kept}{meaning} "
                f"after {watchdog.value} was written: outputs would not fall back"
            )

    async def _watchdog_value(self) -> int:
        assert self._settings.watchdog is not None
        address = self._settings.watchdog.address
        return (await self._link.read_words(self._settings.unit, WordTable.HOLDING, [address]))[address]

    async def _poll(self, events: asyncio.Queue[DeviceEvent]) -> None:
        contacts = Contacts(self._settings)
        misses = 0
        recheck_s = heartbeat_s = self._clock.monotonic_s()
        while True:
            began_s = self._clock.monotonic_s()
            try:
                await self._actuation.settle()
                bits = await self._read(contacts)
                if began_s - recheck_s >= RECHECK_S:
                    recheck_s = began_s
                    await self._recheck_watchdog()
                misses = 0
            except DeviceLost:
                misses += 1
                if misses >= MISSES_MAX:
                    raise
                await self._clock.sleep(MISS_WAIT_POLLS * self._settings.poll_s)
                continue
            self._sample(contacts, bits, events)
            if began_s - heartbeat_s >= HEARTBEAT_S:
                heartbeat_s = began_s
                _put(events, HeartbeatSeen(at=self._clock.now()))
            await self._rest(began_s)

    async def _read(self, contacts: Contacts) -> dict[int, bool]:
        if contacts.addresses:
            return await self._link.read_bits(self._settings.unit, BitTable.INPUTS, contacts.addresses)
        coils = [each.coil for each in (*self._settings.doors, *self._settings.outputs)]
        await self._link.read_bits(self._settings.unit, BitTable.COILS, coils)
        return {}

    def _sample(self, contacts: Contacts, bits: dict[int, bool], events: asyncio.Queue[DeviceEvent]) -> None:
        now = self._clock.now()
        if self._context.capture is not None and bits:
            self._context.capture.write(CHANNEL, exchange(self._settings.unit, bits), now)
        for event in contacts.sample(bits, now):
            _put(events, event)

    async def _recheck_watchdog(self) -> None:
        """A board that restarted has forgotten it; DeviceLost begins anew, with the commissioning."""
        watchdog = self._settings.watchdog
        if watchdog is not None and (kept := await self._watchdog_value()) != watchdog.value:
            raise DeviceLost(
                f"unit {self._settings.unit}: the watchdog register changed to {kept}: restarted?"
            )

    async def _rest(self, began_s: float) -> None:
        """Until the next reading, or the end of a lease if that comes first."""
        wake_s = began_s + self._settings.poll_s
        if (lease_s := self._actuation.next_s()) is not None:
            wake_s = min(wake_s, lease_s)
        await self._clock.sleep(max(0.0, wake_s - self._clock.monotonic_s()))


def _put(events: asyncio.Queue[DeviceEvent], event: DeviceEvent) -> None:
    try:
        events.put_nowait(event)
    except asyncio.QueueFull:
        raise DeviceLost("its events are not fetched: begin anew, with all inputs told again") from None


async def _hand_on(events: asyncio.Queue[DeviceEvent], emit: Emit) -> None:
    while True:
        await emit(await events.get())
