"""Cameras that are asked over and over: the pace, what stands still, what means nothing; and on uvloop."""

import asyncio
import datetime as dt
from typing import Any

import numpy as np
import pytest

from cardea.contract.time import ClockQuality, Instant
from cardea.runtime import loop
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers import catalog
from drivers.api import (
    CELSIUS,
    Accepted,
    DeviceContext,
    DeviceLost,
    HeartbeatSeen,
    Reject,
    SpotMeasured,
    ThermalFrameCaptured,
    Unfit,
)
from drivers.sim.dahua_thermal import DahuaThermalSim
from drivers.sim.hikvision_thermal import HikvisionThermalSim
from drivers.thermal_camera.polled import REJECTS_MAX, SPOT_FROZEN_S, Pace, Polled

UTC = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)
ANSWER_S = 0.25


class VirtualClock:
    """Time passes by sleeping and, in these tests, by asking."""

    def __init__(self):
        self.now_s = 1000.0

    def now(self):
        return Instant(self.now_s, UTC, ClockQuality.SYNCHRONISED)

    def monotonic_s(self):
        return self.now_s

    async def sleep(self, delay_s):
        self.now_s += delay_s


class TheEnd(Exception):
    """No more answers."""


def told(answers, *, poll_s=1.0, frozen_s=3.0):
    """What is emitted of these answers, each made at the time it was asked for; and when each was."""
    clock, asked_s, emitted = VirtualClock(), [], []
    left = iter(answers)

    async def ask():
        asked_s.append(clock.now_s - 1000.0)
        clock.now_s += ANSWER_S
        answer = next(left, None)
        if answer is None:
            raise TheEnd
        return [answer(clock.now())]

    async def emit(event):
        emitted.append(event)
        return Accepted()

    asyncio.run(_until_the_end(Polled("camera-1", clock, Pace(poll_s, 5.0, frozen_s)).run(ask, emit)))
    return emitted, asked_s


async def _until_the_end(running):
    with pytest.raises(TheEnd):
        await running


def frame(number, unfit=None):
    raw = np.full((2, 3), 20.0 + number, np.float32)
    return lambda at: ThermalFrameCaptured(at=at, raw=raw, scale=CELSIUS, unfit=unfit)


def spot(temp_c):
    return lambda at: SpotMeasured(at=at, surface_temp_c=temp_c)


def reject(at):
    return Reject(at=at, reason="no_parts")


def test_an_answer_takes_no_time_from_the_pace():
    _, asked_s = told([frame(number) for number in range(3)])
    assert asked_s == [0.0, 1.0, 2.0, 3.0]


def test_a_camera_that_is_slower_than_its_pace_is_asked_at_once():
    _, asked_s = told([frame(number) for number in range(3)], poll_s=0.1)
    assert asked_s == [0.0, ANSWER_S, 2 * ANSWER_S, 3 * ANSWER_S]


def test_a_picture_that_stands_for_too_long_is_frozen_until_it_moves():
    emitted, _ = told([frame(number) for number in (0, 1, 1, 1, 1, 1, 2)])
    assert [event.unfit for event in emitted] == [None, None, None, None, Unfit.FROZEN, Unfit.FROZEN, None]


def test_what_is_unfit_already_stays_so_for_its_own_reason():
    emitted, _ = told([frame(0, Unfit.SENSOR_FAULT)] * 6)
    assert {event.unfit for event in emitted} == {Unfit.SENSOR_FAULT}


def test_a_spot_stands_for_longer_and_then_tells_nothing():
    emitted, asked_s = told([spot(22.1)] * 25, poll_s=30.0)
    frozen = [event.unfit for event in emitted].index(Unfit.FROZEN)
    assert asked_s[frozen] == SPOT_FROZEN_S
    assert emitted[frozen - 1].surface_temp_c == 22.1
    assert emitted[frozen].surface_temp_c is None


def test_a_spot_that_moves_between_tenths_lives():
    emitted, _ = told([spot(22.1), spot(22.2)] * 20, poll_s=60.0)
    assert {event.unfit for event in emitted} == {None}


def test_other_events_pass():
    emitted, _ = told([lambda at: HeartbeatSeen(at=at)])
    assert isinstance(emitted[0], HeartbeatSeen)


def test_so_many_rejects_in_a_row_and_the_camera_is_prepared_anew():
    emitted, _ = told(([reject] * (REJECTS_MAX - 1) + [frame(0)]) * 3)
    assert len(emitted) == 3 * REJECTS_MAX
    with pytest.raises(DeviceLost, match=f"camera-1: {REJECTS_MAX} answers in a row"):
        told([frame(0)] + [reject] * REJECTS_MAX)


# --- on the daemons' event loop ------------------------------------------------------------------


class NoCursor:
    async def load(self):
        return None


@pytest.mark.parametrize(
    ("name", "camera"), [("thermal.hikvision", HikvisionThermalSim), ("thermal.dahua", DahuaThermalSim)]
)
def test_on_uvloop(name: str, camera: Any):
    """Measured, through a restart, and gone without a trace."""
    clock, driver = SystemClock(), catalog.find(name)

    async def main():
        async with camera(clock, SystemEntropy(), password="x") as sim:
            told = {"base_url": sim.base_url, "user": "cardea", "password_secret": "s", "poll_s": 0.1}
            context = DeviceContext(
                device="camera-1",
                clock=clock,
                entropy=SystemEntropy(),
                secrets=lambda _: "x",
                link=None,
                cursor=NoCursor(),
            )
            frames: asyncio.Queue[Any] = asyncio.Queue()

            async def emit(event):
                if isinstance(event, ThermalFrameCaptured):
                    frames.put_nowait(event)
                return Accepted()

            device = driver.open(driver.settings.model_validate(told), context)
            running = asyncio.create_task(device.run(emit))
            assert (await frames.get()).unfit is None
            await sim.reboot()
            assert (await frames.get()).unfit is None
            running.cancel()
            await asyncio.wait([running])

    loop.run(asyncio.wait_for(main(), 5))
