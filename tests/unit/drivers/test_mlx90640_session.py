"""An MLX90640 behind a simulated pigpiod: frames, restarts, and everything that a bus does to it."""

import asyncio
import json
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from cardea.contract.reasons import RefusalReason
from drivers.api import (
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    NotExecuted,
    OpenDoor,
    Reject,
    ThermalFrameCaptured,
    Unfit,
    UnitReported,
)
from drivers.links.opening import open_link
from drivers.links.settings import I2cSettings, TcpSettings
from drivers.sim.mlx90640 import Mlx90640Sim, Recorded, SensorFault
from drivers.sim.mlx90640_scene import SceneSource
from drivers.sim.pigpiod import PigpiodSim
from drivers.thermal.mlx90640 import session
from drivers.thermal.mlx90640.decode import MemoryDecoder
from drivers.thermal.mlx90640.settings import Mlx90640Settings

DRIVER = "thermal.mlx90640"
FAST = {"refresh_hz": 16.0, "silence_s_max": 3.0}
AS_WANTED = 0x1A81
"""Its control register at 16 Hz."""


def scene(_at_s: float) -> Any:
    temps_c = np.full((24, 32), 22.0)
    temps_c[8:16, 10:20] = 36.0
    return temps_c


class Capture:
    def __init__(self):
        self.pieces: list[tuple[bytes, Any]] = []

    def write(self, channel, chunk, at, *, end=False):
        assert (channel, end) == ("memory", False)
        self.pieces.append((chunk, at))


@asynccontextmanager
async def bus(
    clock: Any, *devices: Mlx90640Sim, transfer_bytes_max: int = 1664, answer_s_max: float = 1.0
) -> AsyncGenerator[tuple[PigpiodSim, Any]]:
    async with PigpiodSim({0x33 + n: device for n, device in enumerate(devices)}) as sim:
        link = open_link(
            "bus",
            I2cSettings(
                kind="i2c",
                bus=f"tcp://127.0.0.1:{sim.port}",
                transfer_bytes_max=transfer_bytes_max,
                answer_s_max=answer_s_max,
            ),
            clock,
        )
        task = asyncio.create_task(link.run())
        yield sim, link
        task.cancel()
        await asyncio.wait([task])


def sensor(clock: Any, source: Any = None, *, configured: bool = True) -> Mlx90640Sim:
    device = Mlx90640Sim(source or SceneSource(scene), clock)
    if configured:
        device.exchange(struct.pack(">HH", 0x800D, AS_WANTED), 0)
    return device


def is_fit(event: Any) -> bool:
    return isinstance(event, ThermalFrameCaptured) and event.unfit is None


async def test_measures_and_what_was_read_can_be_decoded_again(clock, emitted, open_device, running):
    capture = Capture()
    async with (
        bus(clock, sensor(clock)) as (_, link),
        running(open_device(DRIVER, link, capture, **FAST).run(emitted)),
    ):
        await emitted.until(lambda _: len(emitted.of(ThermalFrameCaptured)) >= 3)
    assert [type(event) for event in emitted.all[:2]] == [DeviceIdentified, UnitReported]
    assert not emitted.of(Reject)
    frames = emitted.of(ThermalFrameCaptured)
    for frame in frames:
        assert np.abs(frame.raw - scene(0)).max() <= 0.45
        assert (frame.unfit, frame.uptime_s) == (None, None)
    decoder = MemoryDecoder(Mlx90640Settings.model_validate(FAST))
    again: list[Any] = [event for chunk, at in capture.pieces for event in decoder.feed(chunk, at)]
    assert [e.at for e in again] == [e.at for e in emitted.all]
    assert all(np.array_equal(a.raw, b.raw) for a, b in zip(again[2:], frames, strict=True))


async def test_a_capture_is_given_the_eeprom_again(clock, emitted, open_device, running, monkeypatch):
    monkeypatch.setattr(session, "CAPTURE_AGAIN_S", 0.2)
    capture = Capture()
    async with (
        bus(clock, sensor(clock)) as (_, link),
        running(open_device(DRIVER, link, capture, **FAST).run(emitted)),
    ):
        await emitted.until(lambda _: len(emitted.of(ThermalFrameCaptured)) >= 5)
    told = [n for n, (chunk, _) in enumerate(capture.pieces) if chunk.startswith(b"\x24\x00")]
    assert len(told) >= 2
    decoder = MemoryDecoder(Mlx90640Settings.model_validate(FAST))
    later = [event for chunk, at in capture.pieces[told[1] :] for event in decoder.feed(chunk, at)]
    assert is_fit(later[-1])


@pytest.mark.needs_test_data
async def test_melexis_own_sensor_over_the_bus(clock, emitted, open_device, running, test_data):
    example = json.loads((test_data / "thermal/mlx90640/melexis_example.json").read_text())
    pages = [
        (status, np.array(example[f"frame{n}_ram_words_0x0400"], np.uint16))
        for n, status in enumerate(example["status_registers"])
    ]
    source = Recorded(np.array(example["eeprom_words_0x2400"], np.uint16), pages)
    async with bus(clock, sensor(clock, source), transfer_bytes_max=256) as (_, link):
        device = open_device(DRIVER, link, **FAST, emissivity=1.0)
        async with running(device.run(emitted)):
            await emitted.until(lambda _: len(emitted.of(ThermalFrameCaptured)) >= 2)
    differences = [
        np.abs(frame.raw.ravel() - np.array(example["expected_To_C"])).max()
        for frame in emitted.of(ThermalFrameCaptured)
    ]
    assert max(differences) <= 0.001


async def test_a_sensor_as_it_comes_is_configured_and_warms_up(clock, emitted, open_device, running):
    device = sensor(clock, configured=False)
    assert device.control == 0x1901
    async with (
        bus(clock, device) as (_, link),
        running(open_device(DRIVER, link, **FAST, pattern="interleaved").run(emitted)),
    ):
        frame = await emitted.until(lambda e: isinstance(e, ThermalFrameCaptured))
    assert device.control == 0x0A81
    assert (frame.unfit, frame.uptime_s < 2) == (Unfit.WARMING_UP, True)


async def test_a_restart_is_noticed(clock, emitted, open_device, running):
    device = sensor(clock)
    async with (
        bus(clock, device) as (_, link),
        running(open_device(DRIVER, link, **FAST).run(emitted)),
    ):
        await emitted.until(is_fit)
        device.restart()
        frame = await emitted.until(
            lambda e: isinstance(e, ThermalFrameCaptured) and e.unfit is Unfit.WARMING_UP
        )
    assert device.control == AS_WANTED
    assert 0 < frame.uptime_s < 2


@pytest.mark.parametrize("transfer_bytes_max", [32, 256, 8192])
async def test_transfers_are_as_long_as_the_adapter_can(
    clock, emitted, open_device, running, transfer_bytes_max
):
    device = sensor(clock)
    async with (
        bus(clock, device, transfer_bytes_max=transfer_bytes_max) as (_, link),
        running(open_device(DRIVER, link, **{**FAST, "refresh_hz": 8.0}).run(emitted)),
    ):
        await emitted.until(lambda e: isinstance(e, ThermalFrameCaptured))
    eeprom = [(register, size) for register, size in device.reads if 0x2400 <= register < 0x2740]
    assert max(size for _, size in device.reads) == min(transfer_bytes_max, 1664)
    assert sum(size for _, size in eeprom) == 1664
    assert [register for register, _ in eeprom] == list(
        range(0x2400, 0x2740, min(transfer_bytes_max, 1664) // 2)
    )


async def test_two_sensors_share_a_bus(clock, new_emitted, open_device, running):
    both = [new_emitted(), new_emitted()]
    warm = SceneSource(lambda _: np.full((24, 32), 40.0))
    async with bus(clock, sensor(clock), sensor(clock, warm)) as (_, link):
        first = open_device(DRIVER, link, **FAST)
        second = open_device(DRIVER, link, **FAST, address=0x34)
        async with running(first.run(both[0])), running(second.run(both[1])):
            frames = [await each.until(is_fit) for each in both]
    assert [round(float(np.median(frame.raw))) for frame in frames] == [22, 40]


# --- What goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (SensorFault.ABSENT, "does not acknowledge"),
        (SensorFault.SHORT, "1 bytes for 2 asked"),
        (SensorFault.STUCK_SUB_PAGE, "makes no frames"),
    ],
)
async def test_faults_that_lose_the_sensor(clock, emitted, open_device, fault, why):
    device = sensor(clock)
    async with bus(clock, device) as (_, link):
        settings = {**FAST, "silence_s_max": 1.0}
        lost = asyncio.create_task(open_device(DRIVER, link, **settings).run(emitted))
        await emitted.until(is_fit)
        device.fault = fault
        with pytest.raises(DeviceLost, match=why):
            await lost


async def test_a_sub_page_that_is_stuck_is_said(clock, emitted, open_device, running):
    device = sensor(clock)
    device.fault = SensorFault.STUCK_SUB_PAGE
    async with bus(clock, device) as (_, link), running(open_device(DRIVER, link, **FAST).run(emitted)):
        await emitted.until(lambda e: isinstance(e, Reject) and e.reason == "sub_page_stuck")


async def test_a_sensor_that_measures_the_same_for_ever_is_frozen(clock, emitted, open_device, running):
    device = sensor(clock)
    async with (
        bus(clock, device) as (_, link),
        running(open_device(DRIVER, link, **FAST, frozen_frames=3).run(emitted)),
    ):
        await emitted.until(is_fit)
        device.fault = SensorFault.STILL
        await emitted.until(lambda e: isinstance(e, ThermalFrameCaptured) and e.unfit is Unfit.FROZEN)


async def test_a_single_missed_transfer_is_forgiven(clock, emitted, open_device, running, monkeypatch):
    device = sensor(clock)
    async with (
        bus(clock, device) as (_, link),
        running(open_device(DRIVER, link, **FAST).run(emitted)) as task,
    ):
        await emitted.until(is_fit)
        answered, missed = device.exchange, asyncio.Event()

        def miss_once(written: bytes, read: int) -> bytes | None:
            if missed.is_set():
                return answered(written, read)
            missed.set()
            return None

        monkeypatch.setattr(device, "exchange", miss_once)
        await missed.wait()
        await emitted.until(is_fit, since=len(emitted.all))
        assert not task.done()


async def test_a_bus_that_is_stuck_loses_the_sensor(clock, emitted, open_device):
    async with bus(clock, sensor(clock), answer_s_max=0.1) as (sim, link):
        lost = asyncio.create_task(open_device(DRIVER, link, **FAST).run(emitted))
        await emitted.until(is_fit)
        sim.stuck = True
        with pytest.raises(DeviceLost):
            await lost


async def test_a_bus_that_is_too_slow_says_so(clock, emitted, open_device, monkeypatch):
    """At 64 Hz a page lasts 16 ms, and this bus needs 20 for it."""
    async with bus(clock, sensor(clock)) as (_, link):
        transfer = link.transfer

        async def slowly(address: int, write: bytes, read: int = 0) -> bytes:
            await clock.sleep(0.02 if read > 2 else 0.0)
            return await transfer(address, write, read)

        monkeypatch.setattr(link, "transfer", slowly)
        with pytest.raises(DeviceLost, match="too slow for refresh_hz"):
            await open_device(DRIVER, link, **{**FAST, "refresh_hz": 64.0, "silence_s_max": 1.0}).run(emitted)
    assert not emitted.of(ThermalFrameCaptured)


@pytest.mark.parametrize("word", [0x0000, 0xFFFF])
async def test_a_sensor_without_calibration(clock, emitted, open_device, word):
    source = Recorded(np.full(832, word, np.uint16), [(0, np.zeros(832, np.uint16))])
    async with bus(clock, Mlx90640Sim(source, clock)) as (_, link):
        with pytest.raises(DeviceMisconfigured, match="0x33 is no MLX90640, or damaged"):
            await open_device(DRIVER, link, **FAST).run(emitted)
    assert [event.reason for event in emitted.all] == ["eeprom_uncalibrated"] * 2


async def test_a_control_register_that_does_not_keep_what_is_written(
    clock, emitted, open_device, monkeypatch
):
    device = sensor(clock, configured=False)
    monkeypatch.setattr(device, "_write", lambda *_: None)
    async with bus(clock, device) as (_, link):
        with pytest.raises(DeviceLost, match="does not keep its control register"):
            await open_device(DRIVER, link, **FAST).run(emitted)


def test_a_link_of_another_kind(clock, open_device):
    link = open_link("t", TcpSettings(kind="tcp", host="127.0.0.1", port=1), clock)
    with pytest.raises(DeviceMisconfigured, match="'i2c'"):
        open_device(DRIVER, link)


async def test_a_thermometer_takes_no_orders(clock, open_device):
    link = open_link("bus", I2cSettings(kind="i2c", bus="tcp://127.0.0.1:1"), clock)
    receipt = await open_device(DRIVER, link).submit(OpenDoor("a", 1, 1.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNSUPPORTED
