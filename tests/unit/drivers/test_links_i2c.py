"""I2C buses: pigpiod's wire, one transfer at a time, and what goes wrong between us, the bus and a device."""

import asyncio
import errno
import os
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cardea.runtime import loop
from cardea.runtime.clock import SystemClock
from drivers.api import DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links import i2c, i2c_dev, pigpio
from drivers.links.i2c import I2cLink
from drivers.links.i2c_adapter import BusLost, TransferFailed
from drivers.links.i2c_dev import I2cDev
from drivers.links.opening import open_link
from drivers.links.settings import I2cSettings
from drivers.sim.pigpiod import PigpiodSim


class Register:
    """A device with one 16-bit register of so many bytes."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.absent = False

    def exchange(self, written: bytes, read: int) -> bytes | None:
        if self.absent:
            return None
        self.content = written[2:] or self.content
        return self.content[:read]


@asynccontextmanager
async def served(
    clock: Any, *, number: int = 1, path: str = "", answer_s_max: float = 1.0, **devices: Any
) -> AsyncGenerator[tuple[PigpiodSim, I2cLink, asyncio.Task[None]]]:
    at = {int(name[1:], 16): device for name, device in devices.items()}
    async with PigpiodSim(at, number) as sim:
        bus = f"tcp://127.0.0.1:{sim.port}{path}"
        link = open_link("bus", I2cSettings(kind="i2c", bus=bus, answer_s_max=answer_s_max), clock)
        assert isinstance(link, I2cLink)
        task = asyncio.create_task(link.run())
        await link.ready()
        yield sim, link, task
        task.cancel()
        await asyncio.wait([task])


# --- Settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bus", ["/dev/i2c-1", "tcp://pi.local:8888", "tcp://10.0.0.5:8888/0", "tcp://[::1]:1/"]
)
def test_buses(bus):
    assert I2cSettings(kind="i2c", bus=bus).bus == bus


@pytest.mark.parametrize(
    "bus",
    [
        "udp://pi:8888",
        "tcp://pi",
        "tcp://:8888",
        "tcp://pi:0",
        "tcp://u:p@pi:8888",
        "tcp://pi:8888/x",
        "tcp://pi:8/12",
        "tcp://[::1:8",
    ],
)
def test_buses_that_are_none(bus):
    with pytest.raises(ValidationError, match="bus must be a device such as"):
        I2cSettings(kind="i2c", bus=bus)


# --- pigpiod's wire -------------------------------------------------------------------------------


def test_the_wire_is_pigpios():
    """Byte by byte as pigpio's own documentation lays it out."""
    assert pigpio.open_device(1, 0x33) == struct.pack("<5I", 54, 1, 0x33, 4, 0)
    assert pigpio.close_device(7) == struct.pack("<4I", 55, 7, 0, 0)
    steps = bytes([2, 1, 7, 2, 0, 0x24, 0x00, 1, 6, 0x80, 0x06, 0])
    assert pigpio.combined(3, b"\x24\x00", 1664) == struct.pack("<4I", 92, 3, 0, len(steps)) + steps
    steps = bytes([2, 1, 7, 4, 0, 0x80, 0x0D, 0x19, 0x81, 0])
    assert pigpio.combined(3, b"\x80\x0d\x19\x81", 0) == struct.pack("<4I", 92, 3, 0, len(steps)) + steps
    answer = pigpio.read_answer(struct.pack("<3Ii", 92, 3, 0, -106))
    assert (answer.op, answer.result, answer.fault) == (92, -106, "does not acknowledge")
    assert pigpio.Answer(92, -7).fault == "pigpiod answers with error -7"


@given(st.binary(min_size=16, max_size=16))
def test_any_answer_can_be_read(content):
    assert isinstance(pigpio.read_answer(content).fault, str)


# --- A pigpiod ------------------------------------------------------------------------------------


async def test_writes_and_reads_devices_of_the_bus(clock):
    async with served(clock, x33=Register(b"\x01\x02"), x68=Register(b"\x03")) as (sim, link, _):
        assert link.kind is LinkKind.I2C
        assert await link.transfer(0x33, b"\x24\x00", 2) == b"\x01\x02"
        assert await link.transfer(0x68, b"\x00\x00", 1) == b"\x03"
        assert await link.transfer(0x33, b"\x24\x00\xab\xcd") == b""
        assert await link.transfer(0x33, b"\x24\x00", 2) == b"\xab\xcd"
        assert sim.open_handles == 2, "one for each device"


async def test_handles_are_given_back(clock):
    async with served(clock, x33=Register(b"\x01")) as (sim, link, task):
        await link.transfer(0x33, b"\x00\x00", 1)
        task.cancel()
        await asyncio.wait([task])
        async with asyncio.timeout(5):
            while sim.open_handles:
                await clock.sleep(0.01)


async def test_another_bus_of_the_raspberry_pi(clock):
    async with served(clock, number=0, path="/0", x33=Register(b"\x01")) as (_, link, _):
        assert await link.transfer(0x33, b"\x00\x00", 1) == b"\x01"


async def test_a_bus_that_is_not_there(clock):
    async with served(clock, number=0, x33=Register()) as (_, link, task):
        with pytest.raises(DeviceLost, match="no such bus"):
            await link.transfer(0x33, b"\x00\x00", 1)
        with pytest.raises(DeviceLost, match="no such bus"):
            await task


async def test_a_device_that_does_not_acknowledge_costs_the_others_nothing(clock):
    absent = Register()
    absent.absent = True
    async with served(clock, x33=absent, x68=Register(b"\x03")) as (_, link, task):
        with pytest.raises(DeviceLost, match=r"0x33: does not acknowledge"):
            await link.transfer(0x33, b"\x00\x00", 1)
        with pytest.raises(DeviceLost, match=r"0x12: does not acknowledge"):
            await link.transfer(0x12, b"\x00\x00", 1)
        assert await link.transfer(0x68, b"\x00\x00", 1) == b"\x03"
        assert not task.done()


async def test_an_answer_that_is_too_short(clock):
    async with served(clock, x33=Register(b"\x01")) as (_, link, task):
        with pytest.raises(DeviceLost, match="1 bytes for 2 asked"):
            await link.transfer(0x33, b"\x00\x00", 2)
        assert not task.done()


async def test_a_bus_that_is_stuck(clock):
    async with served(clock, answer_s_max=0.05, x33=Register(b"\x01")) as (sim, link, task):
        sim.stuck = True
        with pytest.raises(DeviceLost, match="0x33: no answer"):
            await link.transfer(0x33, b"\x00\x00", 1)
        with pytest.raises(DeviceLost, match="is the bus stuck"):
            await task
        with pytest.raises(DeviceLost, match="not connected"):
            await link.transfer(0x33, b"\x00\x00", 1)


async def test_a_daemon_that_is_killed(clock):
    async with served(clock, x33=Register(b"\x01")) as (sim, link, task):
        await link.transfer(0x33, b"\x00\x00", 1)
        await sim.hang_up()
        with pytest.raises(DeviceLost, match="closed the connection"):
            await link.transfer(0x33, b"\x00\x00", 1)
        with pytest.raises(DeviceLost, match="closed the connection"):
            await task


async def test_nobody_listens(clock):
    link = open_link("bus", I2cSettings(kind="i2c", bus="tcp://127.0.0.1:1"), clock)
    with pytest.raises(DeviceLost, match="no connection to pigpiod at "):
        await link.run()


@pytest.mark.parametrize(
    "answer",
    [
        struct.pack("<3Ii", 17, 0, 0, 0),  # of another command
        struct.pack("<3Ii", 54, 1, 0x33, 5) + struct.pack("<3Ii", 92, 5, 0, 4000),  # longer than asked
        struct.pack("<3Ii", 54, 1, 0x33, 5) + struct.pack("<3Ii", 92, 5, 0, -25),  # forgotten
        struct.pack("<3Ii", 54, 1, 0x33, -24),  # no handle left
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_what_is_no_pigpiod_is_lost(clock, answer):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = open_link("bus", I2cSettings(kind="i2c", bus=f"tcp://127.0.0.1:{port}"), clock)
    assert isinstance(link, I2cLink)
    task = asyncio.create_task(link.run())
    await link.ready()
    with pytest.raises(DeviceLost):
        await link.transfer(0x33, b"\x00\x00", 2)
    with pytest.raises(DeviceLost):
        await task
    server.close()
    await server.wait_closed()


# --- One at a time --------------------------------------------------------------------------------


class Recorder:
    """A way to a bus that tells who was on it, and when two were."""

    def __init__(self) -> None:
        self.order: list[bytes] = []
        self.on_it = 0
        self.begun, self.gate = asyncio.Event(), asyncio.Event()
        self.failure: Exception | None = None

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def transfer(self, device: int, write: bytes, read: int) -> bytes:
        self.on_it += 1
        assert self.on_it == 1
        self.order.append(write)
        self.begun.set()
        await self.gate.wait()
        self.on_it -= 1
        if self.failure is not None:
            raise self.failure
        return bytes([device]) * read


@asynccontextmanager
async def recorded(**settings: Any) -> AsyncGenerator[tuple[Recorder, I2cLink]]:
    adapter = Recorder()
    link = I2cLink("bus", adapter, I2cSettings(kind="i2c", bus="/dev/i2c-9", **settings))
    task = asyncio.create_task(link.run())
    await link.ready()
    yield adapter, link
    task.cancel()
    await asyncio.wait([task])


async def test_devices_take_turns_in_the_order_they_came():
    async with recorded() as (adapter, link):
        asked = [asyncio.create_task(link.transfer(0x30 + n, bytes([n]), n)) for n in range(6)]
        await asyncio.sleep(0)
        adapter.gate.set()
        assert [len(content) for content in await asyncio.gather(*asked)] == list(range(6))
        assert adapter.order == [bytes([n]) for n in range(6)]


async def test_a_transfer_that_nobody_waits_for_any_more_is_still_brought_to_its_end():
    async with recorded() as (adapter, link):
        first = asyncio.create_task(link.transfer(0x33, b"a", 1))
        second = asyncio.create_task(link.transfer(0x34, b"b", 1))
        await adapter.begun.wait()
        for _ in range(5):
            first.cancel()
            await asyncio.sleep(0)
        assert adapter.order == [b"a"]
        adapter.failure = TransferFailed("no")
        adapter.gate.set()
        with pytest.raises(DeviceLost, match="0x34: no"):
            await second
        assert first.cancelled()


async def test_only_so_many_may_wait():
    async with recorded(waiting_max=4) as (adapter, link):
        asked = [asyncio.create_task(link.transfer(0x33, b"", 1)) for _ in range(5)]
        await adapter.begun.wait()
        with pytest.raises(DeviceLost, match="too many"):
            await link.transfer(0x33, b"", 1)
        adapter.gate.set()
        await asyncio.gather(*asked)


async def test_a_bus_that_never_opens(monkeypatch):
    monkeypatch.setattr(i2c, "OPEN_S_MAX", 0.05)
    monkeypatch.setattr(i2c, "UP_S_MAX", 0.01)
    adapter = Recorder()
    monkeypatch.setattr(adapter, "open", adapter.gate.wait)
    link = I2cLink("bus", adapter, I2cSettings(kind="i2c", bus="/dev/i2c-9"))
    running = asyncio.create_task(link.run())
    with pytest.raises(DeviceLost, match="not connected"):
        await link.ready()
    with pytest.raises(DeviceLost, match="cannot be opened: no answer"):
        await running


async def test_no_more_than_the_bus_can_do():
    async with recorded(transfer_bytes_max=32) as (_, link):
        with pytest.raises(ValueError, match="33 bytes"):
            await link.transfer(0x33, b"", 33)


# --- A bus of this machine ------------------------------------------------------------------------


async def run_on(path: Path | str, clock: Any) -> None:
    await open_link("bus", I2cSettings(kind="i2c", bus=str(path)), clock).run()


async def test_a_bus_that_is_no_bus_or_is_not_there(clock, tmp_path):
    with pytest.raises(DeviceMisconfigured, match="is no I2C bus"):
        await run_on("/dev/null", clock)
    with pytest.raises(DeviceLost, match="cannot be opened: No such file"):
        await run_on(tmp_path / "i2c-7", clock)


@pytest.mark.parametrize("failure", [errno.EACCES, errno.EPERM])
async def test_a_bus_without_the_right_to_it(clock, monkeypatch, failure):
    def refuse(path: str) -> None:
        raise OSError(failure, os.strerror(failure), path)

    monkeypatch.setattr(i2c_dev, "SMBus", refuse)
    with pytest.raises(DeviceMisconfigured, match="no right to open it: add the service's user"):
        await run_on("/dev/i2c-7", clock)


class Kernel:
    """What smbus2 opens; takes the messages that go to the kernel as they are."""

    failure: int = 0

    def __init__(self, path: str) -> None:
        self.path = path
        self.closed = False

    def i2c_rdwr(self, *messages: Any) -> None:
        if Kernel.failure:
            raise OSError(Kernel.failure, os.strerror(Kernel.failure))
        write, *reads = messages
        assert write.flags == 0
        for each in reads:
            assert (each.addr, each.flags) == (write.addr, 1)
            for at in range(each.len):
                each.buf[at] = bytes(write)[at % 2 : at % 2 + 1]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
async def kernel(monkeypatch):
    monkeypatch.setattr(i2c_dev, "SMBus", Kernel)
    monkeypatch.setattr(Kernel, "failure", 0)
    adapter = I2cDev("bus", "/dev/i2c-1")
    await adapter.open()
    yield adapter
    await adapter.close()


async def test_one_combined_transfer_for_the_kernel(kernel):
    assert await kernel.transfer(0x33, b"\x24\x01", 4) == b"\x24\x01\x24\x01"
    assert await kernel.transfer(0x33, b"\x24\x01\x00\x00", 0) == b""


@pytest.mark.parametrize(
    ("failure", "raised", "why"),
    [
        (errno.EREMOTEIO, TransferFailed, "does not acknowledge"),
        (errno.ENXIO, TransferFailed, "does not acknowledge"),
        (errno.ETIMEDOUT, TransferFailed, "holds the bus"),
        (errno.EAGAIN, TransferFailed, "another master"),
        (errno.EIO, TransferFailed, "Input/output error"),
        (errno.ENODEV, BusLost, "went away"),
    ],
)
async def test_what_the_kernel_says(kernel, monkeypatch, failure, raised, why):
    monkeypatch.setattr(Kernel, "failure", failure)
    with pytest.raises(raised, match=why):
        await kernel.transfer(0x33, b"\x24\x01", 4)


async def test_a_closed_bus_transfers_nothing(kernel):
    await kernel.close()
    with pytest.raises(BusLost, match="not open"):
        await kernel.transfer(0x33, b"\x24\x01", 4)


def test_on_the_daemons_event_loop():
    async def main() -> None:
        async with served(SystemClock(), x33=Register(b"\x01\x02")) as (_, link, _):
            assert await link.transfer(0x33, b"\x24\x00", 2) == b"\x01\x02"

    loop.run(asyncio.wait_for(main(), 5))
