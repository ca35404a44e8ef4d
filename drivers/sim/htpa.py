"""A simulated Heimann HTPA 32x32d with its UDP module, on a port of the loopback.

Source: Heimann's firmware for its application shields (github.com/HeimannSensor/ESP32_ApplicationShield). It
obeys whoever bound it, and nobody else.
"""

import asyncio
import struct
from enum import StrEnum
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from cardea.runtime.clock import Clock
from drivers.api import Counts

FRAME_S = 0.1
SENSOR_C = 31.4
NOISE_SD_C = 0.12
ROOM_C = 22.0
MAC = "00.1A.2B.3C.4D.5E"
_SPLIT_AT = 1292
_ZERO_DK = 2731.5
Address = tuple[str, int]


class HtpaFault(StrEnum):
    """What can be wrong with a sensor or its network; each but the last two with the next frame only."""

    FIRST_LOST = "first_lost"
    SECOND_LOST = "second_lost"
    SECOND_THEN_FIRST_LOST = "second_then_first_lost"
    """The second part of the next frame, and the first one of the frame after it."""
    DOUBLED = "doubled"
    """Each part comes twice."""
    SWAPPED = "swapped"
    """The second part comes first."""
    SHORT = "short"
    """The first part lacks its last two bytes."""
    STUCK = "stuck"
    """The same frame again and again, until told otherwise."""
    DEAD = "dead"
    """Every word is 0, until told otherwise."""


class HtpaSim:
    """One sensor; ``port`` 0 = any free one."""

    def __init__(self, port: int, clock: Clock, *, array: str = "10", mac: str = MAC, seed: int = 0) -> None:
        self._asked_port = port
        self._clock = clock
        self._array = array
        self._mac = mac
        self._dice = np.random.default_rng(seed)
        self._transport: asyncio.DatagramTransport | None = None
        self._streaming: asyncio.Task[None] | None = None
        self._bound_to: Address | None = None
        self._sends = False
        self._faults: set[HtpaFault] = set()
        self._frame = b""
        self.spot_c = 36.5
        """Of the warm spot in the middle of the picture."""
        self.deaf_to = 0
        """So many of the next commands get lost."""
        self.heard: list[bytes] = []
        """Commands so far, from whomever."""
        self.frames = 0
        """Sent so far, whole or not."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def bound(self) -> bool:
        """Whether somebody has bound it."""
        return self._bound_to is not None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Wire(self), local_addr=("127.0.0.1", self._asked_port)
        )
        self._streaming = loop.create_task(self._stream())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._transport is not None
        assert self._streaming is not None
        self._streaming.cancel()
        await asyncio.wait([self._streaming])
        self._transport.abort()

    def fault(self, kind: HtpaFault) -> None:
        """Something goes wrong with the next frame, or from now on."""
        self._faults.add(kind)

    def recover(self) -> None:
        """All is well again."""
        self._faults.clear()

    def reboot(self) -> None:
        """It forgets who bound it, and sends nothing."""
        self._bound_to, self._sends = None, False

    def said(self, command: bytes, source: Address) -> None:
        """Somebody said something."""
        self.heard.append(command)
        if self.deaf_to:
            self.deaf_to -= 1
            return
        if self._bound_to not in {None, source}:
            return
        match command:
            case b"Calling HTPA series devices":
                self._send(self._about(), source)
            case b"Bind HTPA series device" if self._bound_to is None:
                self._bound_to = source
                self._send(f"HW Filter is 127.000.000.001 MAC {self._mac}\n\r".encode(), source)
            case b"Bind HTPA series device":
                self._send(b"Device already bound\n\r", source)
            case b"K" if self._bound_to is not None:
                self._sends = True
            case b"x" | b"X":
                self._sends = False
            case b"x Release HTPA series device":
                self.reboot()
                self._send(b"HW-Filter released\r\n", source)
            case _:
                return

    def _about(self) -> bytes:
        return (
            f"HTPA series responsed! I am Arraytype {self._array} MODTYPE 005\r\nADC: 16\r\n"
            "HTPA32x32d v.2.00 Heimann Sensor GmbH; written by D. Pauer 2021-01-13\r\n"
            f"I am running on 5000.0 kHz\r\nMAC-ID: {self._mac} IP: 127.000.000.001 DevID: 000000042"
        ).encode()

    async def _stream(self) -> None:
        while True:
            await self._clock.sleep(FRAME_S)
            if self._sends and self._bound_to is not None:
                self.frames += 1
                for part in self._parts():
                    self._send(part, self._bound_to)

    def _parts(self) -> list[bytes]:
        if HtpaFault.STUCK not in self._faults or not self._frame:
            self._frame = frame(self._look(), SENSOR_C)
        content = bytes(len(self._frame)) if HtpaFault.DEAD in self._faults else self._frame
        first, second = content[:_SPLIT_AT], content[_SPLIT_AT:]
        for kind, parts in (
            (HtpaFault.FIRST_LOST, [second]),
            (HtpaFault.SECOND_LOST, [first]),
            (HtpaFault.DOUBLED, [first, first, second, second]),
            (HtpaFault.SWAPPED, [second, first]),
            (HtpaFault.SHORT, [first[:-2], second]),
        ):
            if kind in self._faults:
                self._faults.remove(kind)
                return parts
        if HtpaFault.SECOND_THEN_FIRST_LOST in self._faults:
            self._faults.remove(HtpaFault.SECOND_THEN_FIRST_LOST)
            self._faults.add(HtpaFault.FIRST_LOST)
            return [first]
        return [first, second]

    def _look(self) -> Counts:
        rows, columns = np.mgrid[0:32, 0:32]
        scene_c: npt.NDArray[np.float64] = ROOM_C + rows * 0.05
        scene_c[(rows - 16) ** 2 + (columns - 16) ** 2 <= 9] = self.spot_c
        scene_c += self._dice.normal(0.0, NOISE_SD_C, scene_c.shape)
        return np.rint(scene_c * 10 + _ZERO_DK).astype(np.uint16)

    def _send(self, data: bytes, to: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(data, to)


class _Wire(asyncio.DatagramProtocol):
    def __init__(self, sim: HtpaSim) -> None:
        self._sim = sim

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._sim.said(data, cast("Address", addr[:2]))


def frame(counts: Counts, sensor_c: float) -> bytes:
    """A frame's 2580 bytes: temperatures (32, 32) of 0.1 K, offsets, supply voltage, own temperature."""
    offsets = b"".join(struct.pack("<H", 32_000 + place % 7) for place in range(256))
    rest = struct.pack("<10H", 35_480, round(sensor_c * 10 + _ZERO_DK), *[28_011] * 8)
    return b"".join(struct.pack("<H", int(count)) for count in counts.ravel()) + offsets + rest
