"""A Lepton against its simulated camera server on a real socket, against a video link, and from clips."""

import asyncio
import contextlib
import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from cardea.contract.reasons import RefusalReason
from cardea.runtime import loop
from cardea.runtime.clock import SystemClock
from drivers import catalog
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
from drivers.sim.lepton import GARBAGE, LeptonFault, LeptonSim, telemetry
from drivers.sim.thermal_scene import ThermalScene
from drivers.thermal.lepton.recording import MEMBER_BYTES_MAX, clips_of, read_clip, write_clip
from drivers.thermal.lepton.session import link_for
from drivers.thermal.lepton.settings import LeptonSettings

FAST = 4.0


class FastClock(SystemClock):
    """A camera in a hurry."""

    def monotonic_s(self):
        return super().monotonic_s() * FAST

    async def sleep(self, delay_s):
        await super().sleep(delay_s / FAST)


class Capture:
    def __init__(self):
        self.written = []

    def write(self, channel, chunk, at, *, end=False):
        self.written.append((channel, chunk, end))


def link_to(port, clock) -> Any:
    return open_link("cam", TcpSettings(kind="tcp", host="127.0.0.1", port=port), clock)


@pytest.fixture
async def camera(clock):
    """A simulated camera, and the running link to it."""
    async with LeptonSim(0, ThermalScene(5), FastClock()) as sim:
        link = link_to(sim.port, clock)
        task = asyncio.create_task(link.run())
        yield sim, link
        task.cancel()
        await asyncio.wait([task])


def is_frame(event):
    return isinstance(event, ThermalFrameCaptured)


def unfit(reason):
    return lambda event: is_frame(event) and event.unfit is reason


# --- A camera server ------------------------------------------------------------------------------


async def test_frames_of_a_camera_server(camera, emitted, open_device, running):
    sim, link = camera
    capture = Capture()
    async with running(open_device("thermal.lepton", link, capture, source="tcp").run(emitted)):
        first = await emitted.until(unfit(None))
        later = await emitted.until(lambda e: is_frame(e) and e.number > first.number + 2)
    assert first.raw.shape == (120, 160)
    assert 20 < np.median(first.raw) * 0.01 - 273.15 < 26
    assert later.uptime_s > first.uptime_s > 3600
    assert first.since_flat_field_s == pytest.approx(30 + first.uptime_s - 3600, abs=1.0)
    assert sim.frames >= later.number
    assert {channel for channel, _, _ in capture.written} == {"y16"}
    assert not emitted.of(Reject)


async def test_a_person_is_seen(camera, emitted, open_device, running):
    sim, link = camera
    async with running(open_device("thermal.lepton", link, source="tcp").run(emitted)):
        await emitted.until(is_frame)
        sim._source.enter(36.4, 8.0)
        await emitted.until(lambda e: is_frame(e) and np.sort(e.raw[:, :115].ravel())[-4] > 30_500)


@pytest.mark.parametrize("fault", [LeptonFault.FROZEN_COUNTER, LeptonFault.STUCK_FRAME])
async def test_a_camera_that_stands_still(camera, emitted, open_device, running, fault):
    sim, link = camera
    async with running(open_device("thermal.lepton", link, source="tcp", frozen_frames=4).run(emitted)):
        await emitted.until(unfit(None))
        sim.fault(fault, lasts_s=3600.0)
        await emitted.until(unfit(Unfit.FROZEN))
        sim.recover()
        await emitted.until(unfit(None), since=len(emitted.all))


async def test_after_a_correction_its_time_counts_anew(camera, emitted, open_device, running):
    sim, link = camera
    async with running(open_device("thermal.lepton", link, source="tcp").run(emitted)):
        await emitted.until(unfit(None))
        sim.fault(LeptonFault.FLAT_FIELD)
        await emitted.until(unfit(Unfit.FLAT_FIELD))
        fresh = await emitted.until(unfit(None), since=len(emitted.all))
        assert 0 < fresh.since_flat_field_s < 5


@pytest.mark.parametrize("fault", [LeptonFault.CUT, LeptonFault.GARBAGE])
async def test_alignment_is_found_again(camera, emitted, open_device, running, fault):
    sim, link = camera
    async with running(open_device("thermal.lepton", link, source="tcp").run(emitted)):
        await emitted.until(is_frame)
        sim.fault(fault)
        reject = await emitted.until(lambda e: isinstance(e, Reject))
        await emitted.until(unfit(None), since=len(emitted.all))
    assert reject.reason == "frame_unbelievable"
    assert fault is LeptonFault.CUT or reject.sample == GARBAGE[:120]


async def test_a_camera_that_hangs_up_is_lost(camera, emitted, open_device):
    sim, link = camera
    capture = Capture()
    session = asyncio.create_task(open_device("thermal.lepton", link, capture, source="tcp").run(emitted))
    await emitted.until(is_frame)
    sim.hang_up()
    with pytest.raises(DeviceLost, match="closed the connection"):
        await session
    assert capture.written[-1] == ("y16", b"", True)


async def test_a_camera_that_sends_no_frame_is_lost_whatever_it_sends(emitted, open_device, clock):
    link = link_to(1, clock)
    connection = link.opened("", lambda data: None)

    async def chatter():
        while True:
            link.received(connection, b"\xa5" * 100)
            await asyncio.sleep(0.02)

    talking = asyncio.create_task(chatter())
    with pytest.raises(DeviceLost, match="sends no frame"):
        await open_device("thermal.lepton", link, source="tcp", silence_s_max=1).run(emitted)
    talking.cancel()


async def test_lost_bytes_end_a_camera_without_telemetry(emitted, open_device, clock):
    link = link_to(1, clock)
    session = asyncio.create_task(
        open_device("thermal.lepton", link, source="tcp", telemetry="none").run(emitted)
    )
    await asyncio.sleep(0)
    connection = link.opened("", lambda data: None)
    for _ in range(300):
        link.received(connection, b"\0")
    with pytest.raises(DeviceLost, match="no telemetry"):
        await session


async def test_lost_bytes_are_said_when_there_is_telemetry(emitted, open_device, clock, running):
    link = link_to(1, clock)
    async with running(open_device("thermal.lepton", link, source="tcp").run(emitted)):
        await asyncio.sleep(0)
        connection = link.opened("", lambda data: None)
        for _ in range(300):
            link.received(connection, b"\0")
        assert (await emitted.until(lambda e: isinstance(e, Reject))).reason == "bytes_lost"


def test_frames_on_the_daemons_event_loop(open_device, new_emitted, running):
    async def main():
        emitted, clock = new_emitted(), SystemClock()
        async with LeptonSim(0, ThermalScene(5), FastClock()) as sim:
            link = link_to(sim.port, clock)
            device = open_device("thermal.lepton", link, source="tcp")
            async with running(link.run()), running(device.run(emitted)):
                await sim.met()
                first = await emitted.until(is_frame)
                await emitted.until(lambda e: is_frame(e) and e.number > first.number + 3)

    loop.run(asyncio.wait_for(main(), 10))


def test_the_link_follows_the_source():
    kinds = {
        source: link_for(LeptonSettings.model_validate({"source": source, **more}))
        for source, more in (("tcp", {}), ("video", {}), ("recording", {"path": "clips"}))
    }
    assert kinds == {"tcp": LinkKind.TCP, "video": LinkKind.VIDEO, "recording": None}
    assert catalog.find("thermal.lepton").link_for is link_for


@pytest.mark.parametrize("source", ["tcp", "video"])
async def test_a_link_of_another_kind(open_device, clock, source):
    wrong = open_link("m", ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=1), clock)
    for link in (None, wrong):
        with pytest.raises(DeviceMisconfigured, match=f"source '{source}' needs a {source} link"):
            open_device("thermal.lepton", link, source=source)


async def test_a_thermometer_takes_no_orders(camera, open_device):
    receipt = await open_device("thermal.lepton", camera[1], source="tcp").submit(OpenDoor("a", 1, 1.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNSUPPORTED


# --- A camera of this machine ---------------------------------------------------------------------


@pytest.fixture
def video(clock, tmp_path):
    return open_link(
        "uvc", VideoSettings(kind="video", source=str(tmp_path / "none"), pixel_format="y16"), clock
    )


def uvc_picture(clock, number, rows=122):
    raw = np.full((rows, 160), 29_600, np.uint16)
    raw[number] = 30_000
    if rows == 122:
        raw[120:] = telemetry(60.0 + number, number, 3, 30.0).reshape(2, 160)
    return VideoPicture(raw, clock.now(), number)


async def offer(link, picture):
    await asyncio.sleep(0)  # the session has begun to look
    for eye in tuple(link._eyes):
        eye.offer(picture)


async def test_pictures_of_a_video_link(video, emitted, open_device, running, clock):
    capture = Capture()
    async with running(open_device("thermal.lepton", video, capture).run(emitted)):
        picture = uvc_picture(clock, 4)
        await offer(video, picture)
        event = await emitted.until(is_frame)
        broken = uvc_picture(clock, 5)
        broken.pixels[120:] = 29_600
        await offer(video, broken)
        assert (await emitted.until(lambda e: isinstance(e, Reject))).reason == "frame_unbelievable"
        await offer(video, uvc_picture(clock, 6))
        await emitted.until(lambda e: is_frame(e) and e.number == 6)
    assert (event.raw == picture.pixels[:120]).all()
    assert (event.number, event.uptime_s, event.at) == (4, 64.0, picture.at)
    assert len(capture.written) == 3


@pytest.mark.parametrize("rows", [120, 60])
async def test_pictures_that_are_no_leptons(video, emitted, open_device, clock, rows):
    session = asyncio.create_task(open_device("thermal.lepton", video).run(emitted))
    await offer(video, uvc_picture(clock, 4, rows))
    with pytest.raises(DeviceMisconfigured, match=r"not uint16 \(122, 160\)"):
        await session


async def test_a_video_link_without_pictures(video, emitted, open_device, clock):
    session = asyncio.create_task(open_device("thermal.lepton", video, silence_s_max=1).run(emitted))
    await offer(video, uvc_picture(clock, 4))
    with pytest.raises(DeviceLost, match="no picture for 1 s"):
        await session


# --- Clips ----------------------------------------------------------------------------------------


@pytest.fixture
def clip(tmp_path):
    """Six frames within half a second, as another program would have written them."""
    scene = ThermalScene(9)
    frames = np.stack([scene.frame(i / 9)[0] for i in range(6)])
    path = tmp_path / "a.npz"
    np.savez_compressed(path, frames=frames, uptime_s=100 + np.arange(6) / 12, last_ffc_s=np.full(6, 90.0))
    return path


async def test_clips_are_played_over_and_over(clip, emitted, open_device, running):
    (clip.parent / "b.npz").write_bytes(clip.read_bytes())
    async with running(
        open_device("thermal.lepton", None, source="recording", path=clip.parent).run(emitted)
    ):
        await emitted.until(lambda e: is_frame(e) and e.number == 13)
    frames = emitted.of(ThermalFrameCaptured)
    assert [frame.number for frame in frames[:13]] == list(range(1, 14))
    assert [frame.uptime_s for frame in frames[:2]] == [100.0, 100 + 1 / 12]
    assert frames[0].since_flat_field_s == 10.0
    assert 1.0 < frames[12].at.mono_s - frames[0].at.mono_s < 2.0
    assert (frames[12].raw == frames[0].raw).all()
    assert {frame.unfit for frame in frames} == {None}


async def test_a_clip_that_is_played_once_has_an_end(clip, emitted, open_device):
    with pytest.raises(DeviceLost, match="has ended"):
        await open_device("thermal.lepton", None, source="recording", path=clip, loop=False).run(emitted)
    assert len(emitted.all) == 6


async def test_a_correction_in_the_future_is_none(clip, emitted, open_device):
    with np.load(clip) as content:
        parts = dict(content)
    np.savez(clip, **{**parts, "last_ffc_s": parts["uptime_s"] + 1, "uptime_s": parts["uptime_s"]})
    with pytest.raises(DeviceLost):
        await open_device("thermal.lepton", None, source="recording", path=clip, loop=False).run(emitted)
    assert emitted.all[0].since_flat_field_s is None


def test_what_was_seen_can_be_kept(tmp_path, clock):
    scene = ThermalScene(2)
    driver = catalog.find("thermal.lepton")
    decoder = driver.decoders["y16"](LeptonSettings(source="tcp"))
    words = [telemetry(50.0 + i / 9, i + 1, 3, 20.0) for i in range(3)]
    stream = b"".join(scene.frame(i / 9)[0].tobytes() + words[i].tobytes() for i in range(3))
    frames: Any = decoder.feed(stream, clock.now())
    write_clip(tmp_path / "kept.npz", frames)
    kept = read_clip(tmp_path / "kept.npz")
    assert (kept.frames == np.stack([frame.raw for frame in frames])).all()
    assert kept.uptime_s.tolist() == [frame.uptime_s for frame in frames]
    assert (kept.uptime_s - kept.last_ffc_s).tolist() == pytest.approx([20.0] * 3, abs=0.002)
    bare: Any = driver.decoders["y16"](LeptonSettings(source="tcp", telemetry="none"))
    now = clock.now()
    write_clip(tmp_path / "bare.npz", bare.feed(frames[0].raw.tobytes(), now))
    assert read_clip(tmp_path / "bare.npz").uptime_s.tolist() == [now.mono_s]
    with pytest.raises(ValueError, match="120 x 160"):
        write_clip(tmp_path / "none.npz", [])


def saved(tmp_path, **changes):
    parts: dict[str, Any] = {
        "frames": np.full((2, 120, 160), 29_600, np.uint16),
        "uptime_s": np.array([1.0, 1.1]),
        "last_ffc_s": np.array([0.0, 0.0]),
        **changes,
    }
    path = tmp_path / "clip.npz"
    np.savez(path, **{name: part for name, part in parts.items() if part is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"frames": np.zeros((2, 120, 161), np.uint16)}, "frames must be"),
        ({"frames": np.zeros((0, 120, 160), np.uint16)}, "frames must be"),
        ({"frames": np.zeros((2, 120, 160), np.int32)}, "frames must be"),
        ({"frames": np.array(7, np.uint16)}, "frames must be"),
        ({"uptime_s": np.array(7.0)}, "uptime_s must be 2"),
        ({"frames": np.asfortranarray(np.zeros((2, 120, 160), np.uint16))}, "row by row"),
        ({"uptime_s": np.array([1.0])}, "uptime_s must be 2"),
        ({"uptime_s": np.array([1.0, np.nan])}, "uptime_s must be 2 finite"),
        ({"uptime_s": np.array([1.0, 0.5])}, "never fall"),
        ({"last_ffc_s": np.array([1, 2])}, "last_ffc_s must be"),
        ({"last_ffc_s": None}, "no clip"),
        ({"uptime_s": np.array([{}, {}], dtype=object)}, "plain numbers"),
    ],
)
def test_what_is_no_clip(tmp_path, changes, why):
    with pytest.raises(DeviceMisconfigured, match=why):
        read_clip(saved(tmp_path, **changes))


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({MEMBER_BYTES_MAX}, 120, 160), }}", "at most"),
        ("{'descr': '<u2', 'fortran_order': False, 'shape': (900, 120, 160), }", "ends too early"),
        ("{'descr': '<u2', 'fortran_order': False, 'shape': (-1, 120, 160), }", "at most"),
        ("import os", "no clip"),
        ("{'descr': '<u2', (", "no clip"),
        ("{'descr': '<u2', 'fortran_order': False, 'shape': (2, 120, 160", "no clip"),
        ("\x00", "no clip"),
    ],
)
def test_a_clip_that_says_it_is_larger_than_it_is(tmp_path, header, why):
    path = saved(tmp_path)
    with np.load(path) as content:
        parts = dict(content)
    with zipfile.ZipFile(path, "w") as archive:
        text = header.encode().ljust(117) + b"\n"
        lying = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(640)
        archive.writestr("frames.npy", lying)
        for name in ("uptime_s", "last_ffc_s"):
            whole = io.BytesIO()
            np.save(whole, parts[name])
            archive.writestr(f"{name}.npy", whole.getvalue())
    with pytest.raises(DeviceMisconfigured, match=why):
        read_clip(path)


def test_an_encrypted_archive(tmp_path):
    path = saved(tmp_path)
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DeviceMisconfigured, match="encrypted"):
        read_clip(path)


def test_a_newer_array_format(tmp_path):
    path = tmp_path / "clip.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("frames.npy", b"\x93NUMPY\x09\x00" + bytes(200))
    with pytest.raises(DeviceMisconfigured, match="unknown version"):
        read_clip(path)


@given(data=st.data())
@property_settings(max_examples=60)
def test_a_damaged_clip_is_said_to_be_one(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "clip.npz"
    np.savez_compressed(
        path,
        frames=np.full((1, 120, 160), 29_600, np.uint16),
        uptime_s=np.array([1.0]),
        last_ffc_s=np.array([0.0]),
    )
    content = bytearray(path.read_bytes())
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8)):
        content[place % len(content)] = byte
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with contextlib.suppress(DeviceMisconfigured):
        read_clip(path)


def test_a_folder_without_clips(tmp_path):
    for path in (tmp_path, tmp_path / "none.npz"):
        with pytest.raises(DeviceMisconfigured, match="no clip"):
            clips_of(path)


@pytest.mark.needs_test_data
async def test_recorded_doors(test_data, emitted, open_device, running):
    folder = test_data / "thermal" / "lepton_screening"
    async with running(open_device("thermal.lepton", None, source="recording", path=folder).run(emitted)):
        event = await emitted.until(lambda e: is_frame(e) and e.number == 4)
    assert event.since_flat_field_s == pytest.approx(375.2, abs=1.0)
    assert (event.raw.min(), event.raw.max()) > (29_000, 30_000)
    assert event.unfit is None
