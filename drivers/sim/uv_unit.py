"""A simulated disinfection unit with a 254 nm lamp: what its controller shows of relays, lamp and sensor.

Its communication watchdog is real: without a request for its time both relays drop, and at 0, the factory's
default, they stay for ever. It stands on a line beside boards of other sorts (``drivers.sim.relay_modbus``).
"""

import asyncio
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from cardea.runtime.clock import Clock
from drivers.sim.uv_lamp import Burning, Lamp
from drivers.sim.watchdog import CommunicationWatchdog

HISTORY_MAX = 65536
EMITTER_COIL, CONTACTOR_COIL = 0, 1
OUTPUT_INPUT, CONTACTOR_INPUT, ENCLOSURE_INPUT, FAULT_INPUT = 0, 1, 2, 3
"""Discrete inputs: the lamp circuit is live, the contactor is closed, the enclosure is closed, no current
flows though the circuit is live."""
WATCHDOG_REGISTER = 0
"""Holding register, in counts of ``COUNT_S``."""
IRRADIANCE_REGISTER, LAMP_H_REGISTER, LIFE_H_REGISTER, TEMPERATURE_REGISTER = 0, 2, 4, 5
"""Input registers: float32 µW/cm², uint32 0.1 h, uint16 h, int16 0.1 °C; high word and high byte first."""
COUNT_S = 0.1
BITS = 16
HOLDING = 8
_COIL_WRITES = frozenset({5, 15})
_REGISTER_WRITES = frozenset({6, 16})
_READ_INPUT_REGISTERS = 4
_INPUT_REGISTERS = struct.Struct(">fIHh")


class Part(StrEnum):
    """What can be on or off."""

    EMITTER = "emitter"
    """The lamp's relay, as its contacts stand."""
    CONTACTOR = "contactor"
    """The contactor upstream of it."""
    LAMP = "lamp"
    """Whether ultraviolet comes out."""


_COILS: Mapping[int, Part] = {EMITTER_COIL: Part.EMITTER, CONTACTOR_COIL: Part.CONTACTOR}


@dataclass(frozen=True, slots=True)
class PartChange:
    """A part went on or off at ``at_s`` of the simulator's monotonic clock."""

    at_s: float
    part: Part
    on: bool
    cause: str


class UvUnit:
    """One unit: two relays in series, a lamp, an irradiance sensor, an hour counter, a watchdog."""

    def __init__(
        self, unit: int, clock: Clock, *, lamp: Lamp | None = None, hours: float = 0.0, seed: int = 7
    ) -> None:
        self.unit = unit
        self.silent = False
        """Answers nothing, though it hears and does everything."""
        self.answers_lost = 0
        """So many of its next answers do not arrive."""
        self.watchdog_reads: int | None = None
        """The watchdog register reads this, whatever was written."""
        self.heard: deque[tuple[int, int]] = deque(maxlen=HISTORY_MAX)
        """Function and address of the requests so far, while there was power."""
        self.history: deque[PartChange] = deque(maxlen=HISTORY_MAX)
        self._clock = clock
        self._lamp = Burning(lamp or Lamp(), hours, seed, clock.monotonic_s())
        self._ordered = dict.fromkeys(_COILS.values(), False)
        self._on = dict.fromkeys(Part, False)
        self._welded: frozenset[Part] = frozenset()
        self._dead = False
        self._powered = True
        self._enclosed = True
        self._measures_nothing = False
        self._watchdog_counts = 0
        self._watchdog = CommunicationWatchdog(clock, lambda: self._drop("watchdog"))
        self._outage: asyncio.TimerHandle | None = None
        self._awaited: list[tuple[Part, bool, asyncio.Future[PartChange]]] = []

    # --- what it is ------------------------------------------------------------------------------

    def on(self, part: Part) -> bool:
        """Whether the part is on now."""
        return self._on[part]

    @property
    def irradiance_uw_cm2(self) -> float:
        """What really comes out at this moment, whatever the sensor says."""
        return self._lamp_now().irradiance_uw_cm2

    @property
    def lamp_h(self) -> float:
        """Hours that the lamp has burned."""
        return self._lamp_now().hours

    @property
    def watchdog_s(self) -> float:
        """Time of the watchdog; 0: it holds the last output for ever."""
        return self._watchdog_counts * COUNT_S

    def expect(self, part: Part, *, on: bool) -> asyncio.Future[PartChange]:
        """The next time the part goes on or off; ask before causing it."""
        change: asyncio.Future[PartChange] = asyncio.get_running_loop().create_future()
        self._awaited.append((part, on, change))
        return change

    # --- what happens to it ----------------------------------------------------------------------

    def weld(self, part: Part = Part.EMITTER) -> None:
        """The contacts stick: once on, the part stays on, whatever its coil says."""
        self._welded |= {part}

    def dead_lamp(self) -> None:
        """The lamp gives nothing any more, and draws no current."""
        self._dead = True
        self._settle("dead lamp")

    def new_lamp(self) -> None:
        """Somebody changes the lamp and sets its hours back."""
        self._lamp_now().hours = 0.0
        self._dead = False
        self._settle("new lamp")

    def age(self, hours: float) -> None:
        """The lamp has burned so many hours more."""
        self._lamp_now().hours += hours

    def stuck_sensor(self) -> None:
        """The irradiance sensor shows its last value for ever."""
        self._lamp_now().stick_sensor()

    def nan_sensor(self) -> None:
        """The irradiance register is not a number."""
        self._lamp.break_sensor()

    def well_sensor(self) -> None:
        """The sensor works again."""
        self._lamp.mend_sensor()

    def lose_measuring(self) -> None:
        """The measuring board is gone: all its registers are answered with "device failure"."""
        self._measures_nothing = True

    def open_enclosure(self) -> None:
        """Somebody opens the enclosure."""
        self._enclosed = False

    def close_enclosure(self) -> None:
        """The enclosure is closed again."""
        self._enclosed = True

    def force(self, part: Part, *, on: bool) -> None:
        """Somebody switches a relay by hand, at the unit."""
        self._order(part, on, "hand")

    def forget_watchdog(self) -> None:
        """The watchdog register is as the factory set it; nothing else changes."""
        self._watchdog_counts = 0
        self._arm()

    def lose_power(self, lost_s: float) -> None:
        """No power for so long; then it is back, with relays off and registers as the factory set them."""
        if self._outage is not None:
            self._outage.cancel()
        self._powered = False
        self._drop("power")
        self.forget_watchdog()
        self._outage = asyncio.get_running_loop().call_later(lost_s, self._regain_power)

    def stop(self) -> None:
        """End all timers."""
        self._watchdog.stop()
        if self._outage is not None:
            self._outage.cancel()

    def _regain_power(self) -> None:
        self._powered = True
        self._settle("power")

    # --- the line --------------------------------------------------------------------------------

    def on_wire(self, answer: bytes) -> bytes:
        """What the line carries of an answer."""
        if self.answers_lost:
            self.answers_lost -= 1
            return b""
        return answer if self._powered and not self.silent else b""

    def device(self) -> SimDevice:
        """The unit as pymodbus serves it."""
        bits = [SimData(0, values=[False] * BITS, datatype=DataType.BITS)]
        words = [SimData(0, values=[0] * HOLDING, datatype=DataType.REGISTERS)]
        return SimDevice(self.unit, simdata=(bits, bits, words, words), action=self._serve)

    async def _serve(
        self,
        function: int,
        _start: int,
        address: int,
        _count: int,
        memory: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if not self._powered:
            return ExcCodes.DEVICE_FAILURE
        if values is not None or function not in _COIL_WRITES | _REGISTER_WRITES:
            self.heard.append((function, address))
        if function == _READ_INPUT_REGISTERS and self._measures_nothing:
            return ExcCodes.DEVICE_FAILURE
        for at, value in enumerate(values or (), address):
            if function in _COIL_WRITES and at in _COILS:
                self._order(_COILS[at], bool(value), "write")
            elif function in _REGISTER_WRITES and at == WATCHDOG_REGISTER:
                self._watchdog_counts = int(value)
        self._arm()
        if values is None:
            shown = self._memory(function)
            memory[: len(shown)] = shown
        return None

    def _memory(self, function: int) -> list[int]:
        match function:
            case 1:
                return [sum(self._ordered[part] << coil for coil, part in _COILS.items())]
            case 2:
                return [sum(on << address for address, on in self._inputs().items())]
            case 3:
                return [self._watchdog_counts if self.watchdog_reads is None else self.watchdog_reads]
            case _:
                return self._words()

    def _inputs(self) -> Mapping[int, bool]:
        live = self._live
        return {
            OUTPUT_INPUT: live,
            CONTACTOR_INPUT: self._on[Part.CONTACTOR],
            ENCLOSURE_INPUT: self._enclosed,
            FAULT_INPUT: live and self._dead,
        }

    def _words(self) -> list[int]:
        lamp = self._lamp_now()
        content = _INPUT_REGISTERS.pack(
            lamp.sensed_uw_cm2(), round(lamp.hours * 10), lamp.lamp.life_h, round(lamp.temperature_c * 10)
        )
        return [word for (word,) in struct.iter_unpack(">H", content)]

    # --- relays and lamp -------------------------------------------------------------------------

    @property
    def _live(self) -> bool:
        return self._powered and self._on[Part.EMITTER] and self._on[Part.CONTACTOR]

    def _order(self, part: Part, on: bool, cause: str) -> None:  # noqa: FBT001  # the level itself
        self._ordered[part] = on
        self._settle(cause)

    def _settle(self, cause: str) -> None:
        """Contacts follow coils, unless they are welded; the lamp burns when everything before it is on."""
        for part, ordered in self._ordered.items():
            self._switch(part, ordered or (part in self._welded and self._on[part]), cause)
        self._lamp_now().on = self._live and not self._dead
        self._switch(Part.LAMP, self._lamp.on, cause)

    def _switch(self, part: Part, on: bool, cause: str) -> None:  # noqa: FBT001  # the level itself
        if self._on[part] == on:
            return
        self._on[part] = on
        change = PartChange(self._clock.monotonic_s(), part, on, cause)
        self.history.append(change)
        for entry in [e for e in self._awaited if e[0] is part and e[1] == on]:
            self._awaited.remove(entry)
            if not entry[2].done():
                entry[2].set_result(change)

    def _lamp_now(self) -> Burning:
        self._lamp.pass_time(self._clock.monotonic_s())
        return self._lamp

    def _arm(self) -> None:
        """Any request keeps the watchdog content."""
        self._watchdog.arm(self.watchdog_s)

    def _drop(self, cause: str) -> None:
        self._ordered = dict.fromkeys(self._ordered, False)
        self._settle(cause)
