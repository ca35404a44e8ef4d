"""An MLX90640 on an I2C bus: its EEPROM once, then page after page.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12, chapter 10 (bus, measurement flow): the new-data bit is
cleared before a page is read, so that a page which was overwritten meanwhile shows.
"""

import struct

import numpy as np

from cardea.contract.time import Instant
from drivers.api import (
    Device,
    DeviceContext,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
    ThermalFrameCaptured,
)
from drivers.links.i2c import I2cLink
from drivers.measures import OnlyMeasures
from drivers.thermal.mlx90640.blocks import encode
from drivers.thermal.mlx90640.calibration import Uncalibrated, restore
from drivers.thermal.mlx90640.decode import CHANNEL, MemoryDecoder
from drivers.thermal.mlx90640.registers import (
    CONTROL,
    EEPROM,
    NEW_DATA,
    RAM,
    STATUS,
    STATUS_CLEARED,
    WORDS,
    control_word,
)
from drivers.thermal.mlx90640.settings import Mlx90640Settings

MISSES_MAX = 3
MISS_WAIT_S = 0.2
"""After a transfer that failed the sensor is left alone for so long: one that restarts takes a moment."""
POLLS_A_PAGE = 2
EEPROM_READS_MAX = 2
CAPTURE_AGAIN_S = 300.0
"""How often a capture is given the EEPROM anew: its oldest files are thrown away, and without it pages mean
nothing."""
_ADDRESS = struct.Struct(">H")
_WRITE = struct.Struct(">HH")


def open_mlx90640(settings: Mlx90640Settings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link is no I2C bus."""
    if not isinstance(context.link, I2cLink):
        raise DeviceMisconfigured(f"{context.device}: link must be of kind 'i2c'")
    return Mlx90640Session(settings, context, context.link)


class Mlx90640Session(OnlyMeasures):
    """One sensor."""

    def __init__(self, settings: Mlx90640Settings, context: DeviceContext, link: I2cLink) -> None:
        self._settings = settings
        self._context = context
        self._clock = context.clock
        self._link = link
        self._decoder = MemoryDecoder(settings)
        self._frame_s = 0.0
        self._torn = 0
        self._eeprom = b""
        self._eeprom_captured_s = 0.0

    async def run(self, emit: Emit) -> None:
        """Frames until cancelled.

        Raises:
            DeviceLost: it does not answer, or brings no frame for ``silence_s_max``.
            DeviceMisconfigured: what answers at its address has no calibration of an MLX90640.
        """
        await self._link.ready()
        self._decoder = MemoryDecoder(self._settings)
        self._frame_s, self._torn = self._clock.monotonic_s(), 0
        await self._read_eeprom(emit)
        misses, poll_s = 0, 1 / (POLLS_A_PAGE * self._settings.refresh_hz)
        while True:
            began_s = self._clock.monotonic_s()
            try:
                await self._page(emit)
                misses = 0
            except DeviceLost:
                misses += 1
                if misses >= MISSES_MAX:
                    raise
                await self._clock.sleep(MISS_WAIT_S)
            self._must_not_be_silent()
            await self._clock.sleep(max(0.0, began_s + poll_s - self._clock.monotonic_s()))

    async def _read_eeprom(self, emit: Emit) -> None:
        """Read it until it is one, twice at the most: a bus that was disturbed is no reason to give up."""
        why = ""
        for _ in range(EEPROM_READS_MAX):
            content = await self._read(EEPROM, WORDS)
            self._eeprom, self._eeprom_captured_s = encode(EEPROM, content), self._clock.monotonic_s()
            await self._take(self._eeprom, emit)
            try:
                restore(np.frombuffer(content, ">u2").astype(np.uint16))
            except Uncalibrated as error:
                why = str(error)
            else:
                return
        where = f"{self._context.device}: what answers at {self._settings.address:#04x}"
        raise DeviceMisconfigured(f"{where} is no MLX90640, or damaged: {why}")

    async def _page(self, emit: Emit) -> None:
        """The page that is new, if one is, and if it stayed so while it was read."""
        status = await self._word(STATUS)
        if not status & NEW_DATA:
            return
        control = await self._word(CONTROL)
        wanted = control_word(control, self._settings.pattern, self._settings.refresh_hz)
        if control != wanted:
            await self._take(encode(CONTROL, _ADDRESS.pack(control)), emit)
            await self._configure(wanted)
            return
        await self._write(STATUS, STATUS_CLEARED)
        ram = await self._read(RAM, WORDS)
        if await self._word(STATUS) & NEW_DATA:
            self._torn += 1
            return
        blocks = ((CONTROL, _ADDRESS.pack(control)), (STATUS, _ADDRESS.pack(status)), (RAM, ram))
        await self._take(b"".join(encode(register, content) for register, content in blocks), emit)

    async def _configure(self, wanted: int) -> None:
        """Write the control register, and see whether it stuck; the page measured before is of no use."""
        await self._write(CONTROL, wanted)
        if await self._word(CONTROL) != wanted:
            raise DeviceLost(f"{self._context.device}: does not keep its control register")
        await self._write(STATUS, STATUS_CLEARED)

    async def _take(self, content: bytes, emit: Emit) -> None:
        now = self._clock.now()
        self._record(content, now)
        for event in self._decoder.feed(content, now):
            if isinstance(event, ThermalFrameCaptured):
                self._frame_s, self._torn = now.mono_s, 0
            await emit(event)

    def _record(self, content: bytes, now: Instant) -> None:
        if self._context.capture is None:
            return
        if now.mono_s - self._eeprom_captured_s >= CAPTURE_AGAIN_S:
            self._eeprom_captured_s = now.mono_s
            self._context.capture.write(CHANNEL, self._eeprom, now)
        self._context.capture.write(CHANNEL, content, now)

    def _must_not_be_silent(self) -> None:
        if self._clock.monotonic_s() - self._frame_s < self._settings.silence_s_max:
            return
        why = "the bus is too slow for refresh_hz: pages are overwritten while they are read"
        raise DeviceLost(f"{self._context.device}: {why if self._torn else 'makes no frames'}")

    async def _read(self, register: int, words: int) -> bytes:
        """So many words from ``register`` on, in transfers that the bus can do."""
        most = self._link.transfer_bytes_max // 2
        content = b""
        for first in range(register, register + words, most):
            count = min(most, register + words - first)
            content += await self._link.transfer(self._settings.address, _ADDRESS.pack(first), 2 * count)
        return content

    async def _word(self, register: int) -> int:
        (word,) = _ADDRESS.unpack(await self._read(register, 1))
        return int(word)

    async def _write(self, register: int, word: int) -> None:
        await self._link.transfer(self._settings.address, _WRITE.pack(register, word))
