"""A simulated pyrometer: a unit for the servers of ``drivers.sim.relay_modbus``, on TCP or on an RTU line.

The registers are those of a Calex PyroUSB-class instrument (tenths of a degree Celsius, input and holding
tables alike) unless told otherwise.
"""

from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 64


@dataclass(frozen=True, slots=True)
class Registers:
    """Where the instrument keeps what it knows; addresses count from 0."""

    surface: int = 0x12
    sensor: int = 0x14
    status: int = 0x15
    emissivity: int = 0x08
    counts_per_c: float = 10.0
    offset_counts: int = 0
    """Added to each temperature: 2732 for tenths of a kelvin."""
    counts_per_emissivity: float = 10_000.0


class SpotInstrument:
    """One pyrometer."""

    def __init__(self, unit: int, registers: Registers = Registers()) -> None:
        self.unit = unit
        self.silent = False
        """Answers nothing; its neighbours go on."""
        self.stuck = False
        """Shows the last temperature for ever."""
        self.requests = 0
        """Reads so far."""
        self._registers = registers
        self._words = [0] * REGISTERS
        self.set_temperature(36.0)
        self.set_sensor_temperature(25.0)
        self.set_emissivity(0.98)

    def set_temperature(self, surface_temp_c: float) -> None:
        """What it sees; nothing changes while it is stuck."""
        if not self.stuck:
            self._put(self._registers.surface, surface_temp_c)

    def set_sensor_temperature(self, sensor_temp_c: float) -> None:
        """How warm it is itself."""
        self._put(self._registers.sensor, sensor_temp_c)

    def set_emissivity(self, emissivity: float) -> None:
        """What it assumes."""
        self.set_word(self._registers.emissivity, round(emissivity * self._registers.counts_per_emissivity))

    def set_status(self, status: int) -> None:
        """Its status word."""
        self.set_word(self._registers.status, status)

    def set_word(self, address: int, value: int) -> None:
        """Any register, as it stands on the line."""
        self._words[address] = value & 0xFFFF

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
        if values is not None and function in {6, 16}:
            for register, value in enumerate(values, address):
                self.set_word(register, int(value))
        elif values is None and function in {3, 4}:
            memory[:] = self._words
        return None

    def _put(self, address: int, temp_c: float) -> None:
        self.set_word(address, round(temp_c * self._registers.counts_per_c) + self._registers.offset_counts)
