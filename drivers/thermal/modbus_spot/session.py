"""A pyrometer on a Modbus link, read over and over."""

from collections.abc import Mapping

from drivers.api import (
    Device,
    DeviceContext,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
)
from drivers.links.modbus import ModbusLink, WordTable
from drivers.measures import OnlyMeasures
from drivers.thermal.modbus_spot.decode import CHANNEL, exchange
from drivers.thermal.modbus_spot.reading import Instrument, Place
from drivers.thermal.modbus_spot.registers import Table
from drivers.thermal.modbus_spot.settings import SpotSettings

MISSES_MAX = 3
MISS_WAIT_POLLS = 3
"""After a missed answer the unit is left alone for so many polls: a silent unit must not eat its
neighbours' time on the line."""
TABLES: Mapping[Table, WordTable] = {"holding": WordTable.HOLDING, "input": WordTable.INPUT}


def open_spot(settings: SpotSettings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link is not Modbus."""
    if not isinstance(context.link, ModbusLink):
        raise DeviceMisconfigured(f"{context.device}: link must be of kind 'modbus_rtu' or 'modbus_tcp'")
    return SpotSession(settings, context, context.link)


class SpotSession(OnlyMeasures):
    """One instrument."""

    def __init__(self, settings: SpotSettings, context: DeviceContext, link: ModbusLink) -> None:
        self._settings = settings
        self._context = context
        self._clock = context.clock
        self._link = link
        self._wanted = _emissivity(settings)

    async def run(self, emit: Emit) -> None:
        """Read until the instrument has missed ``MISSES_MAX`` readings in a row (DeviceLost).

        Raises:
            DeviceMisconfigured: it says that it has no such registers, or does not take its emissivity.
        """
        await self._link.ready()
        await self._set_emissivity()
        instrument = Instrument(self._settings)
        misses = 0
        while True:
            began_s = self._clock.monotonic_s()
            try:
                words = await self._read(instrument)
                await self._must_remember(words)
                misses = 0
            except DeviceLost:
                misses += 1
                if misses >= MISSES_MAX:
                    raise
                await self._clock.sleep(MISS_WAIT_POLLS * self._settings.poll_s)
                continue
            now = self._clock.now()
            if self._context.capture is not None:
                self._context.capture.write(CHANNEL, exchange(self._settings.unit, words), now)
            await emit(instrument.read(words, now))
            await self._clock.sleep(max(0.0, began_s + self._settings.poll_s - self._clock.monotonic_s()))

    async def _set_emissivity(self) -> None:
        """Write the emissivity that is wanted, where one is, and see whether it was taken."""
        if self._wanted is None:
            return
        (_, address), counts = self._wanted
        await self._link.write_register(self._settings.unit, address, counts)
        found = await self._link.read_words(self._settings.unit, WordTable.HOLDING, [address])
        if found[address] != counts:
            raise DeviceMisconfigured(
                f"{self._context.device}: does not take its emissivity: {counts} was written to holding "
                f"register {address}, which holds {found[address]}"
            )

    async def _must_remember(self, words: Mapping[Place, int]) -> None:
        """An instrument that was without power measures with an emissivity that nobody wants: no reading."""
        if self._wanted is not None and words[self._wanted[0]] != self._wanted[1]:
            await self._set_emissivity()
            raise DeviceLost(f"{self._context.device}: had forgotten its emissivity")

    async def _read(self, instrument: Instrument) -> dict[Place, int]:
        """All registers, one request for each stretch of neighbours."""
        words: dict[Place, int] = {}
        for table, reads in TABLES.items():
            addresses = [address for of, address in instrument.places if of == table]
            found = await self._link.read_words(self._settings.unit, reads, addresses)
            words |= {(table, address): word for address, word in found.items()}
        return words


def _emissivity(settings: SpotSettings) -> tuple[Place, int] | None:
    """Where the emissivity that is wanted goes, and how it stands there; ``None`` when none is."""
    written, wanted = settings.registers.emissivity_written, settings.emissivity_set
    if written is None or wanted is None:
        return None
    return ("holding", written.address), round(wanted * written.counts_at_1)
