"""Simulated pyrometers: units for the servers of ``drivers.sim.relay_modbus``, on TCP or on an RTU line.

Each sort of instrument is a row of a table: Calex PyroUSB (Operator's Guide, pages 11 and 12), Omega OS-MINI
(User's Guide, list of Modbus registers), InfiRay AT20 (User Manual, 10.1). FC03 and FC04 read the same.
"""

from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 64


@dataclass(frozen=True, slots=True)
class Registers:
    """Where an instrument keeps what it knows; addresses count from 0."""

    surface: tuple[int, ...] = (0x12, 0x13)
    """All that follow what it sees: filtered, unfiltered, average …"""
    sensor: int | None = 0x14
    status: int | None = 0x15
    emissivity: int | None = 0x08
    """Kept in memory that wears out; at power-up it is what the next one holds."""
    emissivity_volatile: int | None = None
    words: int = 1
    """How many registers a temperature takes, high word first."""
    counts_per_c: float = 10.0
    offset_counts: int = 0
    """Added to each temperature: 2732 for tenths of a kelvin."""
    counts_per_emissivity: float = 10_000.0


PYROUSB = Registers(surface=(0x0F, 0x10, 0x11, 0x12, 0x13), emissivity_volatile=0x18)
OS_MINI = Registers(
    surface=(0x0B, 0x0C, 0x0D, 0x0E, 0x0F),
    sensor=0x10,
    status=0x11,
    emissivity=0x07,
    emissivity_volatile=0x17,
)
AT20 = Registers(
    surface=(0x07, 0x09, 0x0B), sensor=None, status=None, emissivity=None, words=2, offset_counts=2732
)


class SpotInstrument:
    """One pyrometer."""

    def __init__(self, unit: int, registers: Registers = PYROUSB) -> None:
        self.unit = unit
        self.silent = False
        """Answers nothing; its neighbours go on."""
        self.stuck = False
        """Shows the last temperature for ever."""
        self.refusal: ExcCodes | None = None
        """Answers each request with this exception."""
        self.deaf = False
        """Confirms writes, but does not do them."""
        self.requests = 0
        """Reads so far."""
        self.wear = 0
        """Writes to memory that wears out."""
        self._registers = registers
        self._words = [0] * REGISTERS
        self.set_temperature(36.0)
        self.set_sensor_temperature(25.0)
        self.set_emissivity(0.98)

    def set_temperature(self, surface_temp_c: float) -> None:
        """What it sees; nothing changes while it is stuck."""
        if not self.stuck:
            for address in self._registers.surface:
                self._put(address, surface_temp_c)

    def set_sensor_temperature(self, sensor_temp_c: float) -> None:
        """How warm it is itself, where it says so."""
        if self._registers.sensor is not None:
            self._put(self._registers.sensor, sensor_temp_c)

    def set_emissivity(self, emissivity: float) -> None:
        """What it keeps, and assumes from its next power-up on."""
        counts = round(emissivity * self._registers.counts_per_emissivity)
        if self._registers.emissivity is not None:
            self.set_word(self._registers.emissivity, counts)
        self.restart()

    def set_status(self, status: int) -> None:
        """Its status word, where it has one."""
        if self._registers.status is not None:
            self.set_word(self._registers.status, status)

    def set_word(self, address: int, value: int) -> None:
        """Any register, as it stands on the line."""
        self._words[address] = value & 0xFFFF

    def word(self, address: int) -> int:
        """Any register, as it stands on the line."""
        return self._words[address]

    def restart(self) -> None:
        """It was without power: what was not kept is forgotten."""
        kept, volatile = self._registers.emissivity, self._registers.emissivity_volatile
        if kept is not None and volatile is not None:
            self.set_word(volatile, self._words[kept])

    def on_wire(self, answer: bytes) -> bytes:
        """What the line carries of an answer."""
        return b"" if self.silent else answer

    def stop(self) -> None:
        """It has no timers."""

    def device(self) -> SimDevice:
        """The instrument as pymodbus serves it."""
        table = [SimData(0, values=[0] * REGISTERS, datatype=DataType.REGISTERS)]
        bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        return SimDevice(self.unit, simdata=(bits, bits, table, table), action=self._serve)

    async def _serve(
        self,
        function: int,
        _start: int,
        address: int,
        _count: int,
        memory: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        self.requests += 1
        if self.refusal is not None:
            return self.refusal
        if values is not None and function in {6, 16}:
            self._write(address, [int(value) for value in values])
        elif values is None and function in {3, 4}:
            memory[:] = self._words
        return None

    def _write(self, first: int, values: list[int]) -> None:
        for address, value in enumerate(values, first):
            self.wear += address != self._registers.emissivity_volatile
            if not self.deaf:
                self.set_word(address, value)

    def _put(self, address: int, temp_c: float) -> None:
        counts = round(temp_c * self._registers.counts_per_c) + self._registers.offset_counts
        for place in range(self._registers.words):
            self.set_word(address + place, counts >> 16 * (self._registers.words - 1 - place))
