"""An InfiRay module against its simulated camera server on a real socket, and against a video link."""

import asyncio
import struct
from typing import Any

import numpy as np
import pytest

from cardea.contract.reasons import RefusalReason
from cardea.runtime import loop
from cardea.runtime.clock import SystemClock
from drivers.api import (
    DeviceLost,
    DeviceMisconfigured,
    LinkKind,
    NotExecuted,
    OpenDoor,
    Reject,
    ThermalFrameCaptured,
    Unfit,
)
from drivers.links.opening import open_link
from drivers.links.settings import ModbusTcpSettings, TcpSettings, VideoSettings
from drivers.links.video import VideoPicture
from drivers.sim.infiray import GARBAGE, InfirayFault, InfiraySim, picture
from drivers.thermal.infiray.session import link_for
from drivers.thermal.infiray.settings import InfiraySettings

NAME = "thermal.infiray"


class Capture:
    def __init__(self):
        self.written = []

    def write(self, channel, chunk, at, *, end=False):
        self.written.append((channel, chunk, end))


def link_to(port, clock) -> Any:
    return open_link("cam", TcpSettings(kind="tcp", host="127.0.0.1", port=port), clock)


def is_frame(event):
    return isinstance(event, ThermalFrameCaptured)


def unfit(reason):
    return lambda event: is_frame(event) and event.unfit is reason


@pytest.fixture(params=["p2_pro", "p3"])
def model(request):
    return request.param


@pytest.fixture
async def camera(clock, model):
    """A simulated camera of the model, and the running link to it."""
    async with InfiraySim(0, model, clock) as sim:
        link = link_to(sim.port, clock)
        task = asyncio.create_task(link.run())
        yield sim, link
        task.cancel()
        await asyncio.wait([task])


# --- a camera server --------------------------------------------------------------------------------


async def test_frames_of_a_camera_server(camera, model, emitted, open_device, running):
    sim, link = camera
    capture = Capture()
    async with running(open_device(NAME, link, capture, model=model, source="tcp").run(emitted)):
        first = await emitted.until(unfit(None))
        await emitted.until(lambda e: is_frame(e) and e is not first)
        sim.disc_c = 39.5
        hot = await emitted.until(lambda e: is_frame(e) and celsius(e)[96, 128] > 38.5)
    assert celsius(first)[96, 128] == pytest.approx(37.0, abs=0.3)
    assert celsius(hot)[96, 128] == pytest.approx(39.5, abs=0.3)
    assert 21.5 < np.median(celsius(first)) < 23.5
    assert (first.number is None) == (model == "p2_pro")
    assert {channel for channel, _, _ in capture.written} == {"stream" if model == "p3" else "yuyv"}
    assert not emitted.of(Reject)


def celsius(event):
    return event.raw * event.scale.gain_c + event.scale.offset_c


async def test_a_shutter_at_work(camera, model, emitted, open_device, running):
    sim, link = camera
    async with running(open_device(NAME, link, model=model, source="tcp").run(emitted)):
        await emitted.until(unfit(None))
        sim.fault(InfirayFault.SHUTTER)
        await emitted.until(unfit(Unfit.FLAT_FIELD))
        fresh = await emitted.until(unfit(None), since=len(emitted.all))
    assert 0 <= fresh.since_flat_field_s < 0.2
    assert not [event for event in emitted.all if is_frame(event) and event.unfit is Unfit.FROZEN]


async def test_a_camera_that_stands_still(camera, model, emitted, open_device, running):
    sim, link = camera
    async with running(open_device(NAME, link, model=model, source="tcp", frozen_s=0.6).run(emitted)):
        await emitted.until(unfit(None))
        sim.fault(InfirayFault.STUCK_FRAME, lasts_s=3600.0)
        await emitted.until(unfit(Unfit.FROZEN))
        sim.recover()
        await emitted.until(unfit(None), since=len(emitted.all))
        sim.fault(InfirayFault.DEAD)
        await emitted.until(unfit(Unfit.SENSOR_FAULT))


@pytest.mark.parametrize("model", ["p3"], indirect=True)
async def test_a_counter_that_stands_still(camera, model, emitted, open_device, running):
    sim, link = camera
    async with running(open_device(NAME, link, model=model, source="tcp", frozen_s=0.6).run(emitted)):
        await emitted.until(unfit(None))
        sim.fault(InfirayFault.FROZEN_COUNTER)
        await emitted.until(unfit(Unfit.FROZEN))


@pytest.mark.parametrize("model", ["p3"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (InfirayFault.CUT, "frame_unbelievable"),
        (InfirayFault.GARBAGE, "frame_unbelievable"),
        (InfirayFault.TORN, "markers_disagree"),
        (InfirayFault.SPLIT, "frame_unbelievable"),
    ],
)
async def test_frames_are_found_again(camera, model, emitted, open_device, running, fault, reason):
    sim, link = camera
    async with running(open_device(NAME, link, model=model, source="tcp").run(emitted)):
        await emitted.until(is_frame)
        sim.fault(fault)
        reject = await emitted.until(lambda e: isinstance(e, Reject))
        await emitted.until(unfit(None), since=len(emitted.all))
    assert reject.reason == reason
    assert fault is not InfirayFault.GARBAGE or reject.sample == GARBAGE[:120]


async def test_a_camera_that_hangs_up_is_lost(camera, model, emitted, open_device):
    sim, link = camera
    session = asyncio.create_task(open_device(NAME, link, model=model, source="tcp").run(emitted))
    await emitted.until(is_frame)
    sim.hang_up()
    with pytest.raises(DeviceLost, match="closed the connection"):
        await session


async def test_lost_bytes_end_what_cannot_be_aligned(emitted, open_device, clock):
    link = link_to(1, clock)
    session = asyncio.create_task(open_device(NAME, link, model="p2_pro", source="tcp").run(emitted))
    await asyncio.sleep(0)
    connection = link.opened("", lambda data: None)
    for _ in range(300):
        link.received(connection, b"\0")
    with pytest.raises(DeviceLost, match="nothing says where the next picture begins"):
        await session


def test_frames_on_the_daemons_event_loop(open_device, new_emitted, running):
    async def main():
        emitted, clock = new_emitted(), SystemClock()
        async with InfiraySim(0, "p3", clock) as sim:
            link = link_to(sim.port, clock)
            device = open_device(NAME, link, model="p3", source="tcp")
            async with running(link.run()), running(device.run(emitted)):
                await sim.met()
                first = await emitted.until(is_frame)
                await emitted.until(lambda e: is_frame(e) and e.number > first.number)

    loop.run(asyncio.wait_for(main(), 10))


def test_the_link_follows_the_source():
    assert link_for(InfiraySettings(model="p3")) is LinkKind.VIDEO
    assert link_for(InfiraySettings(model="p3", source="tcp")) is LinkKind.TCP


@pytest.mark.parametrize("source", ["tcp", "video"])
async def test_a_link_of_another_kind(open_device, clock, source):
    wrong = open_link("m", ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=1), clock)
    for link in (None, wrong):
        with pytest.raises(DeviceMisconfigured, match=f"source '{source}' needs a {source} link"):
            open_device(NAME, link, model="p3", source=source)


@pytest.mark.parametrize("model", ["p3"], indirect=True)
async def test_a_thermometer_takes_no_orders(camera, open_device):
    device = open_device(NAME, camera[1], model="p3", source="tcp")
    receipt = await device.submit(OpenDoor("a", 1, 1.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNSUPPORTED


# --- a camera of this machine -------------------------------------------------------------------------


def video(clock, path, **settings) -> Any:
    return open_link(
        "uvc", VideoSettings(kind="video", source=str(path), pixel_format="yuyv", **settings), clock
    )


def counts(number):
    raw = np.full((192, 256), 18_900, np.uint16)
    raw[number] = 19_800
    return raw


def octets(number, model):
    content = picture(counts(number), marked=model == "p3")
    return np.frombuffer(content, np.uint8).reshape(-1, 256, 2)


async def offer(link, pixels, clock):
    await asyncio.sleep(0)  # the session has begun to look
    for eye in tuple(link._eyes):
        eye.offer(VideoPicture(pixels, clock.now(), 1))


async def test_pictures_of_a_video_link(emitted, open_device, running, clock, tmp_path, model):
    link, capture = video(clock, tmp_path / "none"), Capture()
    async with running(open_device(NAME, link, capture, model=model).run(emitted)):
        await offer(link, octets(4, model), clock)
        event = await emitted.until(is_frame)
        await offer(link, octets(5, model), clock)
        await emitted.until(lambda e: is_frame(e) and e.raw[5, 0] == 19_800)
    assert (event.raw == counts(4)).all()
    assert event.unfit is None
    assert [channel for channel, _, _ in capture.written] == ["yuyv"] * 2
    assert capture.written[0][1] == octets(4, model).tobytes()


async def test_a_recording_of_the_cameras_own_bytes(emitted, open_device, running, clock, tmp_path, model):
    """Uncompressed AVI through OpenCV, as `ffmpeg -c copy` makes one of the camera."""
    path = tmp_path / "camera.avi"
    path.write_bytes(avi_of([octets(n, model) for n in range(12)]))
    link = video(clock, path, fps_max=60)
    async with running(open_device(NAME, link, model=model).run(emitted)), running(link.run()):
        event = await emitted.until(is_frame)
        await emitted.until(lambda e: is_frame(e) and (e.raw[8] == 19_800).all())
    assert (np.unique(event.raw) == [18_900, 19_800]).all()


def avi_of(pictures):
    """AVI with the pictures as they are (Microsoft, AVI RIFF File Reference)."""
    height, width, _ = pictures[0].shape
    size, count = pictures[0].nbytes, len(pictures)

    def chunk(name, data):
        return name + struct.pack("<I", len(data)) + data

    header = struct.pack("<14I", 40_000, size * 25, 0, 0, count, 0, 1, size, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHH8I4h", b"vids", b"YUY2", 0, 0, 0, 0, 1, 25, 0, count, size, 0, 0, *[0] * 4)
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 16, b"YUY2", size, 0, 0, 0, 0)
    about = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    frames = b"".join(chunk(b"00db", each.tobytes()) for each in pictures)
    body = chunk(b"LIST", b"hdrl" + chunk(b"avih", header) + about) + chunk(b"LIST", b"movi" + frames)
    return chunk(b"RIFF", b"AVI " + body)


async def test_pictures_of_another_model_or_format(emitted, open_device, clock, tmp_path):
    for model, pixels in (
        ("p2_pro", octets(1, "p3")),
        ("p3", octets(1, "p2_pro")),
        ("p3", np.zeros((192, 256, 2), np.uint8)),
        ("p3", np.zeros((386, 256), np.uint16)),
    ):
        link = video(clock, tmp_path / "none")
        session = asyncio.create_task(open_device(NAME, link, model=model).run(emitted))
        await offer(link, pixels, clock)
        with pytest.raises(DeviceMisconfigured, match=r"pixel_format yuyv, width 256 and height 38[46]"):
            await session


async def test_a_video_link_without_pictures(emitted, open_device, clock, tmp_path):
    link = video(clock, tmp_path / "none")
    session = asyncio.create_task(open_device(NAME, link, model="p3", silence_s_max=1).run(emitted))
    await offer(link, octets(1, "p3"), clock)
    with pytest.raises(DeviceLost, match="no picture for 1 s"):
        await session
