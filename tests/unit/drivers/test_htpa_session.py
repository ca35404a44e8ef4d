"""An HTPA against its simulated module on a real socket: binding, losses, restarts, neighbours, strangers."""

import asyncio
import contextlib
import socket
from typing import Any

import numpy as np
import pytest

from cardea.contract.reasons import RefusalReason
from cardea.runtime import loop
from cardea.runtime.clock import SystemClock
from drivers.api import (
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    NotExecuted,
    OpenDoor,
    Reject,
    ThermalFrameCaptured,
    Unfit,
)
from drivers.links.opening import open_link
from drivers.links.settings import TcpSettings, UdpSettings
from drivers.sim.htpa import HtpaFault, HtpaSim, frame

NAME = "thermal.htpa"
FAST = 5.0
STALLED = {"part_alone"}
"""What a machine that is busy between two parts may add."""


class FastClock(SystemClock):
    """A sensor in a hurry."""

    async def sleep(self, delay_s):
        await super().sleep(delay_s / FAST)


class Capture:
    def __init__(self):
        self.written = []

    def write(self, channel, chunk, at, *, end=False):
        self.written.append((channel, chunk))


def link_of(clock, **settings) -> Any:
    return open_link("u", UdpSettings(kind="udp", bind="127.0.0.1", **settings), clock)


@pytest.fixture
async def link(clock):
    """A link that runs."""
    found = link_of(clock, broadcast=True)
    task = asyncio.create_task(found.run())
    await found.bound.wait()
    yield found
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def sensor():
    async with HtpaSim(0, FastClock()) as sim:
        yield sim


def is_frame(event):
    return isinstance(event, ThermalFrameCaptured)


def reasons_of(emitted):
    return {reject.reason for reject in emitted.of(Reject)}


def unfit(reason):
    return lambda event: is_frame(event) and event.unfit is reason


def at(sim, **settings) -> Any:
    return {"host": "127.0.0.1", "port": sim.port, **settings}


async def test_a_sensor_is_bound_and_sends(sensor, link, emitted, open_device, running):
    capture = Capture()
    async with running(open_device(NAME, link, capture, **at(sensor)).run(emitted)):
        first = await emitted.until(unfit(None))
        sensor.spot_c = 38.5
        await emitted.until(lambda e: is_frame(e) and celsius(e)[14:19, 14:19].mean() > 38.0)
        assert sensor.bound
    assert celsius(first)[14:19, 14:19].mean() == pytest.approx(36.5, abs=0.2)
    assert 21.5 < np.median(celsius(first)) < 24
    assert first.sensor_temp_c == pytest.approx(31.4, abs=0.1)
    (identified,) = emitted.of(DeviceIdentified)
    assert (identified.model, identified.serial) == ("HTPA32x32d", "00:1a:2b:3c:4d:5e")
    assert {channel for channel, _ in capture.written} == {"datagrams"}
    assert len(capture.written[-1][1]) in {1294, 1290}
    assert reasons_of(emitted) <= STALLED


def celsius(event):
    return event.raw * event.scale.gain_c + event.scale.offset_c


async def test_a_sensor_is_free_again_when_its_session_ends(sensor, link, emitted, open_device, running):
    async with running(open_device(NAME, link, **at(sensor)).run(emitted)):
        await emitted.until(is_frame)
        assert sensor.bound
    async with asyncio.timeout(5):
        async with running(open_device(NAME, link, **at(sensor)).run(emitted)):
            await emitted.until(is_frame, since=len(emitted.all))
    assert sensor.heard.count(b"x Release HTPA series device") >= 1


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (HtpaFault.FIRST_LOST, {"part_alone"}),
        (HtpaFault.SECOND_LOST, {"part_alone"}),
        (HtpaFault.SECOND_THEN_FIRST_LOST, {"part_alone"}),
        (HtpaFault.DOUBLED, {"part_repeated"}),
        (HtpaFault.SHORT, {"datagram_unknown", "part_alone"}),
    ],
)
async def test_what_the_network_does(sensor, link, emitted, open_device, running, fault, reasons):
    settings = at(sensor, part_s_max=0.01)
    async with running(open_device(NAME, link, **settings).run(emitted)):
        await emitted.until(is_frame)
        sensor.fault(fault)
        await emitted.until(lambda e: isinstance(e, Reject))
        await emitted.until(unfit(None), since=len(emitted.all))
        await emitted.until(unfit(None), since=len(emitted.all))
    assert reasons <= reasons_of(emitted) <= reasons | STALLED


async def test_swapped_parts_do_no_harm(sensor, link, emitted, open_device, running):
    async with running(open_device(NAME, link, **at(sensor, part_s_max=0.01)).run(emitted)):
        await emitted.until(is_frame)
        sensor.fault(HtpaFault.SWAPPED)
        for _ in range(4):
            await emitted.until(unfit(None), since=len(emitted.all))
    assert not sensor._faults
    assert reasons_of(emitted) <= STALLED


async def test_a_sensor_that_stands_still_or_is_dead(sensor, link, emitted, open_device, running):
    async with running(open_device(NAME, link, **at(sensor, frozen_frames=4)).run(emitted)):
        await emitted.until(unfit(None))
        sensor.fault(HtpaFault.STUCK)
        await emitted.until(unfit(Unfit.FROZEN))
        sensor.recover()
        await emitted.until(unfit(None), since=len(emitted.all))
        sensor.fault(HtpaFault.DEAD)
        await emitted.until(unfit(Unfit.SENSOR_FAULT))


async def test_a_restarted_sensor_is_bound_again(sensor, link, emitted, open_device, running):
    async with running(open_device(NAME, link, **at(sensor)).run(emitted)):
        await emitted.until(is_frame)
        sensor.reboot()
        await emitted.until(is_frame, since=len(emitted.all) + 2)
        assert sensor.bound
    assert not [event for event in emitted.all if isinstance(event, DeviceLost)]


async def test_commands_that_get_lost_are_said_again(
    sensor, link, emitted, open_device, running, monkeypatch
):
    monkeypatch.setattr("drivers.thermal.htpa.session.ANSWER_S_MAX", 0.02)
    sensor.deaf_to = 3
    async with running(open_device(NAME, link, **at(sensor)).run(emitted)):
        await emitted.until(is_frame)
    assert sensor.heard[:4] == [b"Calling HTPA series devices"] * 4


async def test_a_restarted_gateway_finds_the_sensor_still_its_own(
    sensor, link, emitted, open_device, running
):
    sensor.said(b"Bind HTPA series device", ("127.0.0.1", link.port))
    sensor.said(b"K", ("127.0.0.1", link.port))
    async with running(open_device(NAME, link, **at(sensor)).run(emitted)):
        await emitted.until(unfit(None))
    assert sensor.heard.count(b"Bind HTPA series device") == 2


async def test_a_sensor_that_another_host_has_is_lost(sensor, link, emitted, open_device, monkeypatch):
    monkeypatch.setattr("drivers.thermal.htpa.session.ANSWER_S_MAX", 0.02)
    sensor.said(b"Bind HTPA series device", ("127.0.0.9", 9))
    with pytest.raises(DeviceLost, match=r"127\.0\.0\.1 does not answer"):
        await open_device(NAME, link, **at(sensor)).run(emitted)


async def test_a_sensor_that_falls_silent_is_lost(sensor, link, emitted, open_device):
    session = asyncio.create_task(open_device(NAME, link, **at(sensor, silence_s_max=2)).run(emitted))
    await emitted.until(is_frame)
    sensor.deaf_to = 1000
    sensor.reboot()
    with pytest.raises(DeviceLost, match="sends no frame; another host may have bound it"):
        await session


async def test_two_sensors_on_one_link(sensor, link, new_emitted, open_device, running):
    one, two = new_emitted(), new_emitted()
    async with HtpaSim(0, FastClock(), mac="00.1A.2B.3C.4D.5F", seed=1) as other:
        other.spot_c = 39.0
        async with (
            running(open_device(NAME, link, **at(sensor)).run(one)),
            running(open_device(NAME, link, **at(other)).run(two)),
        ):
            cool, warm = await one.until(unfit(None)), await two.until(unfit(None))
            other.reboot()
            await one.until(unfit(None), since=len(one.all))
            await two.until(unfit(None), since=len(two.all) + 1)
    assert celsius(cool)[16, 16] < 38 < celsius(warm)[16, 16]
    assert reasons_of(one) <= STALLED


async def test_only_the_bound_address_counts(sensor, link, emitted, open_device, running):
    with contextlib.ExitStack() as stack:
        stranger = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        stranger.bind(("127.0.0.1", 0))
        content = frame(np.full((32, 32), 3_150, np.uint16), 30.0)
        async with running(open_device(NAME, link, **at(sensor)).run(emitted)):
            await emitted.until(is_frame)
            for part in (content[:1292], content[1292:], b"Device already bound\n\r", b"noise"):
                stranger.sendto(part, ("127.0.0.1", link.port))
            await emitted.until(is_frame, since=len(emitted.all) + 2)
    assert reasons_of(emitted) <= STALLED
    assert all(np.median(event.raw) < 3_000 for event in emitted.of(ThermalFrameCaptured))
    assert link.strangers == 4


async def test_a_sensor_is_found_by_its_mac(sensor, link, emitted, open_device, running):
    settings = {"mac": "00-1a-2b-3c-4d-5e", "port": sensor.port, "broadcast_to": "127.0.0.1"}
    async with running(open_device(NAME, link, **settings).run(emitted)):
        await emitted.until(unfit(None))
    assert sensor.heard[0] == b"Calling HTPA series devices"


async def test_a_mac_that_nobody_has(sensor, link, emitted, open_device, monkeypatch):
    monkeypatch.setattr("drivers.thermal.htpa.session.ANSWER_S_MAX", 0.02)
    settings = {"mac": "00:00:00:00:00:01", "port": sensor.port, "broadcast_to": "127.0.0.1"}
    with pytest.raises(DeviceLost, match="no sensor with MAC 00:00:00:00:00:01 answers a call to 127"):
        await open_device(NAME, link, **settings).run(emitted)
    with pytest.raises(DeviceMisconfigured, match=r"has MAC 00:1a:2b:3c:4d:5e, not 00:00:00:00:00:01"):
        await open_device(NAME, link, **at(sensor, mac="00:00:00:00:00:01")).run(emitted)


async def test_another_array_is_a_mistake(link, emitted, open_device):
    async with HtpaSim(0, FastClock(), array="01") as sim:
        with pytest.raises(DeviceMisconfigured, match="is an array of type 01, and only 32x32d"):
            await open_device(NAME, link, **at(sim)).run(emitted)


async def test_a_call_by_broadcast_needs_leave(open_device, clock):
    with pytest.raises(DeviceMisconfigured, match="set broadcast = true on link u"):
        open_device(NAME, link_of(clock), mac="00:1a:2b:3c:4d:5e")


async def test_a_link_of_another_kind(open_device, clock):
    wrong = open_link("t", TcpSettings(kind="tcp", host="127.0.0.1", port=1), clock)
    for link in (None, wrong):
        with pytest.raises(DeviceMisconfigured, match="needs a link of kind udp"):
            open_device(NAME, link, host="127.0.0.1")


async def test_a_link_that_ends_takes_its_sensors_along(sensor, clock, emitted, open_device):
    link = link_of(clock)
    task = asyncio.create_task(link.run())
    await link.bound.wait()
    session = asyncio.create_task(open_device(NAME, link, **at(sensor)).run(emitted))
    await emitted.until(is_frame)
    task.cancel()
    with pytest.raises(DeviceLost, match="link u: the link was stopped"):
        await session


async def test_a_slow_session_is_told_what_it_missed(link, emitted, open_device, sensor, running):
    async with running(open_device(NAME, link, **at(sensor)).run(emitted)):
        await emitted.until(is_frame)
        for _ in range(300):
            link.received(b"noise", ("127.0.0.1", sensor.port))
        await emitted.until(lambda e: isinstance(e, Reject) and e.reason == "datagrams_lost")
        await emitted.until(unfit(None), since=len(emitted.all))


async def test_a_thermometer_takes_no_orders(link, open_device):
    receipt = await open_device(NAME, link, host="127.0.0.1").submit(OpenDoor("a", 1, 1.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNSUPPORTED


def test_frames_on_the_daemons_event_loop(open_device, new_emitted, running):
    async def main():
        emitted, clock = new_emitted(), SystemClock()
        async with HtpaSim(0, FastClock()) as sim:
            link = link_of(clock)
            device = open_device(NAME, link, **at(sim))
            async with running(link.run()):
                await link.bound.wait()
                async with running(device.run(emitted)):
                    await emitted.until(unfit(None))

    loop.run(asyncio.wait_for(main(), 10))
