"""A simulated MLX90640: EEPROM, RAM, status and control register at an address of an I2C bus.

It measures one sub-page after the other at the rate that its control register says, whoever reads meanwhile.
"""

import struct
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cardea.runtime.clock import Clock

Words = npt.NDArray[np.uint16]
RAM, EEPROM, STATUS, CONTROL = 0x0400, 0x2400, 0x8000, 0x800D
WORDS = 832
CONTROL_IN_EEPROM = 0x0C
RESTART_S = 0.08
"""After power-up it does not answer for so long."""
_NEW_DATA = 8
_WRITABLE = 0x38
_CHESS = 1 << 12


class Source(Protocol):
    """What the sensor is, and what it looks at."""

    @property
    def eeprom(self) -> Words:
        """Its 832 words."""
        ...

    def measure(self, number: int, at_s: float, *, chess: bool) -> tuple[int, Words]:
        """The sub-page of measurement ``number`` and the 832 words that RAM holds after it."""
        ...


class SensorFault(StrEnum):
    """What can be wrong with a sensor."""

    ABSENT = "absent"
    """Does not acknowledge."""
    SHORT = "short"
    """Half of what was asked."""
    STUCK_SUB_PAGE = "stuck_sub_page"
    """Says that it was sub-page 0 each time."""
    STILL = "still"
    """Measures the same for ever."""


class Mlx90640Sim:
    """One sensor."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self.fault: SensorFault | None = None
        self.reads: list[tuple[int, int]] = []
        """Register and bytes of each read so far."""
        self._answers_s = float("-inf")
        self._power()

    @property
    def control(self) -> int:
        """Its control register."""
        return self._control

    def restart(self) -> None:
        """Power goes and comes back: what was written is forgotten."""
        self._power()
        self._answers_s = self._clock.monotonic_s() + RESTART_S

    def exchange(self, written: bytes, read: int) -> bytes | None:
        """One combined transfer; ``None``: it does not acknowledge."""
        now_s = self._clock.monotonic_s()
        if self.fault is SensorFault.ABSENT or now_s < self._answers_s or len(written) not in {2, 4}:
            return None
        self._measure(now_s)
        (register,) = struct.unpack_from(">H", written)
        if len(written) == 4:
            self._write(register, struct.unpack_from(">H", written, 2)[0], now_s)
        self.reads.append((register, read))
        content = self._memory(register, read // 2).astype(">u2").tobytes()
        return content[: read // 2] if self.fault is SensorFault.SHORT else content

    def _power(self) -> None:
        self._control = int(self._source.eeprom[CONTROL_IN_EEPROM])
        self._status = 0
        self._ram: Words = np.zeros(WORDS, np.uint16)
        self._begin(self._clock.monotonic_s())

    def _begin(self, now_s: float) -> None:
        self._began_s, self._measured = now_s, 0

    def _write(self, register: int, value: int, now_s: float) -> None:
        if register == STATUS:
            self._status = self._status & 7 | value & _WRITABLE
        elif register == CONTROL:
            self._control = value
            self._begin(now_s)

    def _measure(self, now_s: float) -> None:
        rate_hz = 2.0 ** ((self._control >> 7 & 7) - 1)
        done = int((now_s - self._began_s) * rate_hz)
        for number in range(max(self._measured, done - 2), done):
            page, ram = self._source.measure(number, now_s, chess=bool(self._control & _CHESS))
            if self.fault is not SensorFault.STILL or not self._ram.any():
                self._ram = ram
            page = 0 if self.fault is SensorFault.STUCK_SUB_PAGE else page
            self._status = self._status & _WRITABLE | page | _NEW_DATA
        self._measured = done

    def _memory(self, register: int, words: int) -> Words:
        found = np.full(words, 0xFFFF, np.uint16)
        for i in range(words):
            found[i] = self._word(register + i)
        return found

    def _word(self, register: int) -> int:
        if RAM <= register < RAM + WORDS:
            return int(self._ram[register - RAM])
        if EEPROM <= register < EEPROM + WORDS:
            return int(self._source.eeprom[register - EEPROM])
        return {STATUS: self._status, CONTROL: self._control}.get(register, 0xFFFF)


class Recorded:
    """A real sensor's words, one page after the other."""

    def __init__(self, eeprom: Words, pages: Sequence[tuple[int, Words]]) -> None:
        self.eeprom = eeprom
        self._pages = pages

    def measure(self, number: int, at_s: float, *, chess: bool) -> tuple[int, Words]:
        """The next of the pages, for ever in turn, whatever the pattern."""
        del at_s, chess
        return self._pages[number % len(self._pages)]
