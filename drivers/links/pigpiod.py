"""The I2C bus of a Raspberry Pi on the network, which its pigpiod lends.

pigpiod knows neither passwords nor encryption: reach it on the building's own network only, and start it with
``-n`` and this machine's address.
"""

import asyncio
from contextlib import suppress

from drivers.links import pigpio
from drivers.links.i2c_adapter import BusLost, TransferFailed

CLOSE_S_MAX = 1.0


class Pigpiod:
    """One connection, and a handle for each device that was asked for."""

    def __init__(self, host: str, port: int, bus: int) -> None:
        self._host, self._port, self._bus = host, port, bus
        self._where = f"pigpiod at {host}:{port}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._handles: dict[int, int] = {}

    async def open(self) -> None:
        """Connect; raises BusLost when nobody listens there."""
        try:
            self._streams = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            raise BusLost(f"no connection to {self._where}: {error}") from error

    async def transfer(self, device: int, write: bytes, read: int) -> bytes:
        """One combined transfer; see :class:`drivers.links.i2c_adapter.Adapter`."""
        if (handle := self._handles.get(device)) is None:
            handle = self._handles[device] = await self._handle(device)
        answer, content = await self._ask(pigpio.combined(handle, write, read), pigpio.Op.ZIP, read)
        if answer.result in pigpio.OF_THE_DEVICE:
            raise TransferFailed(answer.fault)
        if answer.result < 0:
            raise BusLost(answer.fault)
        return content

    async def close(self) -> None:
        """Give all handles back, and hang up."""
        streams, self._streams = self._streams, None
        handles, self._handles = self._handles, {}
        if streams is None:
            return
        writer = streams[1]
        with suppress(OSError, TimeoutError):
            writer.write(b"".join(pigpio.close_device(handle) for handle in handles.values()))
            writer.close()
            async with asyncio.timeout(CLOSE_S_MAX):
                await writer.wait_closed()

    async def _handle(self, device: int) -> int:
        answer, _ = await self._ask(pigpio.open_device(self._bus, device), pigpio.Op.OPEN, 0)
        if answer.result in pigpio.OF_THE_BUS:
            raise BusLost(f"{self._where}, bus {self._bus}: {answer.fault}")
        if answer.result < 0:
            raise BusLost(answer.fault)
        return answer.result

    async def _ask(self, request: bytes, op: pigpio.Op, read: int) -> tuple[pigpio.Answer, bytes]:
        if self._streams is None:
            raise BusLost(f"{self._where} is not connected")
        reader, writer = self._streams
        try:
            writer.write(request)
            await writer.drain()
            answer = pigpio.read_answer(await reader.readexactly(pigpio.ANSWER_BYTES))
            read_bytes = max(0, answer.result) if op is pigpio.Op.ZIP else 0
            if answer.op != op or read_bytes > read:
                raise BusLost(f"{self._where} answers what nobody asked: is it a pigpiod?")
            content = await reader.readexactly(read_bytes)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise BusLost(f"{self._where} closed the connection") from error
        return answer, content
