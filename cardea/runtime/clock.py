"""The machine's time and randomness, handed in to everything that needs them.

This is the only module that reads either; a simulation hands in its own. Timers set with
``asyncio.timeout`` follow the event loop's clock, which a simulation replaces as well.
"""

import asyncio
import ctypes
import datetime as dt
import random
import secrets
import time
from typing import Protocol

from cardea.contract.time import ClockQuality, Instant

QUALITY_S_MAX = 10.0
"""How long a reading of the kernel's synchronisation state is believed."""
_STA_UNSYNC = 0x0040
_TIMEX_BYTES = 208
_TIMEX_STATUS_OFFSET = 40


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Instant:
        """This moment."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never jump; their zero means nothing."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait; the only way to do so in Cardea."""
        ...


class Entropy(Protocol):
    """Where randomness comes from."""

    def token(self, size: int) -> bytes:
        """``size`` bytes fit for keys and nonces."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A number between the two, for jitter."""
        ...

    def new_id(self) -> str:
        """A fresh identifier: 32 hex digits."""
        ...


class SystemClock:
    """The kernel's clocks."""

    def __init__(self) -> None:
        self._quality = ClockQuality.UNSYNCHRONISED
        self._quality_read_s = -QUALITY_S_MAX

    def now(self) -> Instant:
        """This moment, with the kernel's word on whether UTC is kept by NTP."""
        mono_s = time.monotonic()
        if mono_s - self._quality_read_s >= QUALITY_S_MAX:
            self._quality_read_s = mono_s
            self._quality = _kernel_quality(self._quality)
        return Instant(mono_s, dt.datetime.now(dt.UTC), self._quality)

    def monotonic_s(self) -> float:
        """CLOCK_MONOTONIC."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(delay_s)


class SystemEntropy:
    """The kernel's random numbers; jitter from a generator they seed."""

    def __init__(self) -> None:
        self._jitter = random.Random(secrets.randbits(64))  # noqa: S311  # jitter is no secret

    def token(self, size: int) -> bytes:
        """Bytes from the kernel."""
        return secrets.token_bytes(size)

    def uniform(self, low: float, high: float) -> float:
        """A number for jitter."""
        return self._jitter.uniform(low, high)

    def new_id(self) -> str:
        """128 random bits as hex."""
        return secrets.token_hex(16)


def _kernel_quality(before: ClockQuality) -> ClockQuality:
    """adjtimex(2): unsynchronised, unless it was good before, which makes it holdover."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    except (AttributeError, OSError):
        state = -1
    status = int.from_bytes(timex.raw[_TIMEX_STATUS_OFFSET : _TIMEX_STATUS_OFFSET + 4], "little")
    if state >= 0 and not status & _STA_UNSYNC:
        return ClockQuality.SYNCHRONISED
    return ClockQuality.UNSYNCHRONISED if before is ClockQuality.UNSYNCHRONISED else ClockQuality.HOLDOVER
