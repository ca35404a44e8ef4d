"""Simulated relay boards, and where units of any sort stand: behind a Modbus TCP server, or on one RTU line
(a pseudo-terminal).

A board's communication watchdog is real: when no request comes for its time, all coils drop; at 0, the
factory's default, they stay for ever.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from cardea.runtime.clock import Clock
from drivers.sim.pty import PseudoTerminal
from drivers.sim.watchdog import CommunicationWatchdog

HISTORY_MAX = 65536
COILS = INPUTS = 16
REGISTERS = 32
WATCHDOG_REGISTER = 0
PULSE_REGISTER_FIRST = 16
"""Writing n to register 16 + c switches coil c on for n counts."""
COUNT_S = 0.1
_COIL_WRITES = frozenset({5, 15})
_REGISTER_WRITES = frozenset({6, 16})
_MBAP_UNIT = 6


@dataclass(frozen=True, slots=True)
class CoilChange:
    """A coil moved at ``at_s`` of the simulator's monotonic clock."""

    at_s: float
    coil: int
    on: bool
    cause: str


@dataclass(slots=True)
class Faults:
    """What is wrong with a board; set at any time."""

    silent: bool = False
    """Answers nothing; its neighbours go on."""
    watchdog_reads: int | None = None
    """The watchdog register reads this, whatever was written."""
    stuck_coils: set[int] = field(default_factory=set[int])
    """Confirms writes to these but does not do them."""
    stuck_inputs: set[int] = field(default_factory=set[int])
    """Shows the last value for ever."""
    noise: bytes = b""
    """Garbage before each of its answers."""


class RelayBoard:
    """One unit with 16 coils, 16 discrete inputs, a watchdog register and pulse registers."""

    def __init__(self, unit: int, clock: Clock) -> None:
        self.unit = unit
        self.faults = Faults()
        self.history: deque[CoilChange] = deque(maxlen=HISTORY_MAX)
        self.writes = 0
        """Writes to coils and pulse registers so far, however they came out."""
        self.requests = 0
        self._clock = clock
        self._coils = [False] * COILS
        self._inputs = [False] * INPUTS
        self._registers = [0] * REGISTERS
        self._awaited: list[tuple[int, bool, asyncio.Future[CoilChange]]] = []
        self._watchdog = CommunicationWatchdog(clock, lambda: self._drop("watchdog"))
        self._pulses: dict[int, asyncio.TimerHandle] = {}

    def coil(self, coil: int) -> bool:
        """The coil's state now."""
        return self._coils[coil]

    def set_input(self, address: int, *, on: bool) -> None:
        """Close (1) or open (0) a contact."""
        if address not in self.faults.stuck_inputs:
            self._inputs[address] = on

    def expect(self, coil: int, *, on: bool) -> asyncio.Future[CoilChange]:
        """The next time the coil moves to ``on``; ask before causing it."""
        change: asyncio.Future[CoilChange] = asyncio.get_running_loop().create_future()
        self._awaited.append((coil, on, change))
        return change

    def force(self, coil: int, *, on: bool) -> None:
        """Somebody switches the coil by hand, at the board."""
        self._switch(coil, on, "hand")

    def restart(self) -> None:
        """Power comes back: all coils off, registers as the factory set them."""
        self._drop("restart")
        self._registers = [0] * REGISTERS
        self._arm()

    def stop(self) -> None:
        """End all timers."""
        self._watchdog.stop()
        for timer in self._pulses.values():
            timer.cancel()

    def on_wire(self, answer: bytes) -> bytes:
        """What the line carries of an answer."""
        return b"" if self.faults.silent else self.faults.noise + answer

    def device(self) -> SimDevice:
        """The board as pymodbus serves it."""
        return SimDevice(
            self.unit,
            simdata=(
                [SimData(0, values=[False] * COILS, datatype=DataType.BITS)],
                [SimData(0, values=[False] * INPUTS, datatype=DataType.BITS)],
                [SimData(0, values=[0] * REGISTERS, datatype=DataType.REGISTERS)],
                [SimData(0, values=[0], datatype=DataType.REGISTERS)],
            ),
            action=self._serve,
        )

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
        if values is not None and function in _COIL_WRITES:
            self.writes += 1
            for coil, on in enumerate(values, address):
                self._switch(coil, bool(on), "write")
        elif values is not None and function in _REGISTER_WRITES:
            for register, value in enumerate(values, address):
                self._write_register(register, int(value))
        self._arm()
        if values is None:
            memory[:] = self._memory(function)
        return None

    def _memory(self, function: int) -> list[int]:
        if function in {1, *_COIL_WRITES}:
            return _packed(self._coils)
        if function == 2:
            return _packed(self._inputs)
        registers = list(self._registers)
        if self.faults.watchdog_reads is not None:
            registers[WATCHDOG_REGISTER] = self.faults.watchdog_reads
        return registers if function != 4 else [0]

    def _write_register(self, register: int, value: int) -> None:
        self._registers[register] = value
        coil = register - PULSE_REGISTER_FIRST
        if 0 <= coil < COILS:
            self.writes += 1
            if (running := self._pulses.pop(coil, None)) is not None:
                running.cancel()
            self._switch(coil, True, "pulse")
            self._pulses[coil] = asyncio.get_running_loop().call_later(
                value * COUNT_S, self._switch, coil, False, "pulse end"
            )

    def _switch(self, coil: int, on: bool, cause: str) -> None:  # noqa: FBT001  # the level itself
        if self._coils[coil] == on or coil in self.faults.stuck_coils:
            return
        self._coils[coil] = on
        change = CoilChange(self._clock.monotonic_s(), coil, on, cause)
        self.history.append(change)
        for entry in [e for e in self._awaited if e[0] == coil and e[1] == on]:
            self._awaited.remove(entry)
            if not entry[2].done():
                entry[2].set_result(change)

    def _arm(self) -> None:
        """Any request keeps the watchdog content."""
        self._watchdog.arm(self._registers[WATCHDOG_REGISTER] * COUNT_S)

    def _drop(self, cause: str) -> None:
        for coil in range(COILS):
            self._switch(coil, False, cause)


class SimUnit(Protocol):
    """A simulated unit of any sort."""

    @property
    def unit(self) -> int:
        """Its unit id on the line."""
        ...

    def device(self) -> SimDevice:
        """The unit as pymodbus serves it."""
        ...

    def on_wire(self, answer: bytes) -> bytes:
        """What the line carries of an answer of the unit."""
        ...

    def stop(self) -> None:
        """End all timers."""
        ...


class _Line:
    """The units behind one server, and what the wire does to their answers."""

    def __init__(self, units: Iterable[SimUnit], unit_at: int) -> None:
        self._units = {unit.unit: unit for unit in units}
        self._unit_at = unit_at

    def devices(self) -> list[SimDevice]:
        return [unit.device() for unit in self._units.values()]

    def on_packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001  # pymodbus calls it so
        if not sending or len(data) <= self._unit_at:
            return data
        unit = self._units.get(data[self._unit_at])
        return b"" if unit is None else unit.on_wire(data)

    def stop(self) -> None:
        for unit in self._units.values():
            unit.stop()


class RelayTcpSim:
    """Boards, and units of other sorts, behind one Modbus TCP server."""

    def __init__(self, units: Iterable[SimUnit], host: str = "127.0.0.1", port: int = 0) -> None:
        self._line = _Line(units, _MBAP_UNIT)
        self._address = (host, port)
        self._server: ModbusTcpServer | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        listening: Any = self._server.transport
        return int(listening.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = ModbusTcpServer(
            self._line.devices(), address=self._address, trace_packet=self._line.on_packet
        )
        await self._server.serve_forever(background=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        await self._server.shutdown()
        self._line.stop()


class RelayRtuSim:
    """Boards, and units of other sorts, on one RTU line."""

    def __init__(self, units: Iterable[SimUnit], link: Path | None = None) -> None:
        self._line = _Line(units, 0)
        self._handler: Any = None
        self._pty = PseudoTerminal(self._received, link)

    @property
    def path(self) -> Path:
        """The serial device that a gateway opens."""
        return self._pty.path

    async def __aenter__(self) -> Self:
        await self._pty.__aenter__()
        server = ModbusSerialServer(self._line.devices(), port="line", trace_packet=self._line.on_packet)
        self._handler = server.callback_new_connection()
        self._handler.connection_made(_PtyTransport(self._pty))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._pty.__aexit__(*exc)
        self._line.stop()

    def inject(self, data: bytes) -> None:
        """Garbage on the line, from nobody."""
        self._pty.write(data)

    def hang_up(self) -> None:
        """Unplug the line."""
        self._pty.hang_up()

    def _received(self, data: bytes) -> None:
        self._handler.data_received(data)


class _PtyTransport(asyncio.Transport):
    def __init__(self, pty: PseudoTerminal) -> None:
        super().__init__()
        self._pty = pty

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._pty.write(bytes(data))

    def close(self) -> None:
        """The line outlives the server's wish to close it."""


def _packed(bits: list[bool]) -> list[int]:
    return [sum(on << i for i, on in enumerate(bits[at : at + 16])) for at in range(0, len(bits), 16)]
