"""A pigpiod as far as I2C goes: its socket protocol on a real port, simulated devices on its one bus.

Source: pigpio, "Socket Interface" (abyz.me.uk/rpi/pigpio/sif.html) and i2cZip in its C interface.
"""

import asyncio
import struct
from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Protocol, Self

BAD_HANDLE, I2C_OPEN_FAILED, UNKNOWN_COMMAND, BAD_SEGMENT, BAD_STEP = -25, -71, -88, -106, -111
EXTENSION_BYTES_MAX = 65_536
_WORDS = struct.Struct("<4I")
_RESULT = struct.Struct("<3Ii")


class Command(IntEnum):
    """What it can do."""

    I2C_OPEN = 54
    I2C_CLOSE = 55
    I2C_ZIP = 92


class I2cDevice(Protocol):
    """What answers at an address."""

    def exchange(self, written: bytes, read: int) -> bytes | None:
        """One combined transfer; ``None``: it does not acknowledge."""
        ...


class PigpiodSim:
    """The daemon; ``port`` 0 = any free one."""

    def __init__(self, devices: Mapping[int, I2cDevice], bus: int = 1, port: int = 0) -> None:
        self._devices = devices
        self._bus = bus
        self._asked_port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._handles: dict[int, int] = {}
        self._handle = 0
        self.stuck = False
        """Somebody holds the bus's clock: no transfer ends."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def open_handles(self) -> int:
        """Handles that nobody has given back."""
        return len(self._handles)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._asked_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.hang_up()
        await self._server.wait_closed()

    async def hang_up(self) -> None:
        """End all connections, as a daemon that is killed."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                while True:
                    command, p1, p2, size = _WORDS.unpack(await reader.readexactly(_WORDS.size))
                    if size > EXTENSION_BYTES_MAX:
                        return
                    result, content = await self._done(command, p1, p2, await reader.readexactly(size))
                    writer.write(_RESULT.pack(command, p1, p2, result) + content)
                    await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _done(self, command: int, p1: int, p2: int, extension: bytes) -> tuple[int, bytes]:
        match command:
            case Command.I2C_OPEN:
                return self._open(p1, p2), b""
            case Command.I2C_CLOSE:
                return (0 if self._handles.pop(p1, None) is not None else BAD_HANDLE), b""
            case Command.I2C_ZIP:
                return await self._zip(p1, extension)
            case _:
                return UNKNOWN_COMMAND, b""

    def _open(self, bus: int, address: int) -> int:
        if bus != self._bus:
            return I2C_OPEN_FAILED
        self._handle += 1
        self._handles[self._handle] = address
        return self._handle

    async def _zip(self, handle: int, steps: bytes) -> tuple[int, bytes]:
        address = self._handles.get(handle)
        if address is None:
            return BAD_HANDLE, b""
        try:
            written, read = _steps(steps)
        except (IndexError, struct.error, ValueError):
            return BAD_STEP, b""
        if self.stuck:
            await asyncio.get_running_loop().create_future()
        device = self._devices.get(address)
        content = None if device is None else device.exchange(written, read)
        return (BAD_SEGMENT, b"") if content is None else (len(content), content)


def _steps(steps: bytes) -> tuple[bytes, int]:
    """What is written and how much is read; raises when a step is none, or breaks off."""
    at, wide, written, read = 0, False, b"", 0
    while steps[at] != 0:
        step, at = steps[at], at + 1
        if step in {2, 3}:
            continue
        if step == 1:
            wide = True
            continue
        if step not in {6, 7}:
            raise ValueError(step)
        (count,) = struct.unpack_from("<H" if wide else "<B", steps, at)
        at, wide = at + (2 if wide else 1), False
        if step == 6:
            read += count
            continue
        if len(steps) < at + count:
            raise ValueError(count)
        written, at = written + steps[at : at + count], at + count
    return written, read
