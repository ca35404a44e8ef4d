"""gates.camera: pictures as they come, at the most so many, and nothing of them on any disk."""

import asyncio
import datetime as dt
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.cli.main import main
from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers import catalog
from drivers.api import (
    DeviceContext,
    DeviceLost,
    DeviceMisconfigured,
    NotExecuted,
    OpenDoor,
    PictureCaptured,
    Reject,
)
from drivers.gates.camera import decode
from drivers.gates.camera.decode import JpegDecoder
from drivers.links.jpeg import JPEG_BYTES_MAX, decoded, jpeg_size
from drivers.links.opening import open_link
from drivers.links.settings import VideoSettings
from drivers.links.video import VideoLink, VideoPicture

DRIVER = catalog.find("gates.camera")
HEIGHT, WIDTH = 24, 40
WITHIN_S = 20.0


def instant(mono_s):
    utc = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=mono_s)
    return Instant(mono_s, utc, ClockQuality.SYNCHRONISED)


def noise(seed=1, height=HEIGHT, width=WIDTH):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def jpeg(picture, *flags):
    done, content = cv2.imencode(".jpg", picture, list(flags))
    assert done
    return content.tobytes()


# --- the channel ---------------------------------------------------------------------------------


def fed(*chunks):
    decoder = JpegDecoder()
    for chunk in chunks:
        assert decoder.feed(chunk, instant(1)) == []
    return decoder.finish(instant(2))


def test_a_message_is_a_picture():
    content = jpeg(noise())
    (event,) = fed(content[:100], content[100:])
    assert isinstance(event, PictureCaptured)
    assert event.at == instant(2)
    assert event.picture.dtype == np.uint8
    assert (event.picture == cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)).all()
    assert fed() == []


def test_a_grey_or_progressive_picture_has_colours_too():
    for content in (jpeg(noise()[..., 0]), jpeg(noise(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)):
        (event,) = fed(content)
        assert isinstance(event, PictureCaptured)
        assert event.picture.shape == (HEIGHT, WIDTH, 3)


def with_size(content, width, height):
    """The same file that says it is of another size."""
    at = content.index(b"\xff\xc0")
    return content[: at + 5] + height.to_bytes(2) + width.to_bytes(2) + content[at + 9 :]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"GIF89a", "not_a_jpeg"),
        (b"\xff\xd8", "not_a_jpeg"),
        (b"\xff\xd8\xff\xda" + bytes(20), "not_a_jpeg"),
        (b"\xff\xd8" + b"\xff\xe0\x00\x04ab" * 3 + b"garbage of some length", "not_a_jpeg"),
        (with_size(jpeg(noise()), 65535, 65535), "picture_too_large"),
        (with_size(jpeg(noise()), 0, 100), "picture_too_large"),
        (jpeg(noise())[:-2], "jpeg_cut_short"),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x00\x10" + bytes(30) + b"\xff\xd9", "jpeg_damaged"),
    ],
)
def test_what_is_no_picture_says_why(content, reason):
    (event,) = fed(content)
    assert isinstance(event, Reject)
    assert event.reason == reason
    assert len(event.sample) <= decode.SAMPLE_BYTES_MAX


def test_no_picture_is_decoded_that_says_it_is_too_large(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    assert decoded(with_size(jpeg(noise()), 40000, 200)) == "picture_too_large"


def test_nor_one_whose_file_is(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    content = jpeg(noise())
    assert decoded(content + bytes(JPEG_BYTES_MAX + 1 - len(content))) == "picture_too_long"


def test_what_opencv_cannot_take_is_damaged(monkeypatch):
    def refuse(*_):
        raise cv2.error("no")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    assert decoded(jpeg(noise())) == "jpeg_damaged"
    monkeypatch.setattr(cv2, "imdecode", lambda *_: noise(height=9))
    assert decoded(jpeg(noise())) == "jpeg_damaged"


def test_a_message_that_never_ends_is_bounded(monkeypatch):
    monkeypatch.setattr(decode, "JPEG_BYTES_MAX", 1000)
    content = jpeg(noise(height=64, width=64))
    assert len(content) > 1000
    decoder = JpegDecoder()
    for _ in range(5):
        decoder.feed(content, instant(0))
        assert len(decoder._message) <= 1000
    (event,) = decoder.finish(instant(0))
    assert isinstance(event, Reject)
    assert event.reason == "picture_too_long"
    assert decoder.finish(instant(0)) == []


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
def test_the_size_is_read_from_the_file(width, height, fills):
    content = jpeg(noise(height=height, width=width))
    assert jpeg_size(content) == (width, height)
    assert jpeg_size(content[:2] + b"\xff" * fills + content[2:]) == (width, height)


@given(st.binary(max_size=80))
def test_the_size_of_anything_else_is_read_or_not(rest):
    found = jpeg_size(b"\xff\xd8" + rest)
    assert found is None or all(0 <= each <= 65535 for each in found)


def test_cardea_decode_prints_no_picture(capsys):
    capture = Path(__file__).parents[2] / "conformance" / "captures" / "gates.camera" / "noise.jsonl"
    assert main(["decode", str(capture), "--json"]) == 0
    first, _, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["picture"] == {"shape": [32, 48, 3], "dtype": "uint8", "min": 0, "max": 255}
    assert last["reason"] == "not_a_jpeg"


# --- the session ---------------------------------------------------------------------------------


class Captures:
    def write(self, channel, chunk, at, *, end=False):
        raise AssertionError("a picture was recorded")


class NoCursor:
    async def load(self):
        return None


def no_secret(name):
    raise AssertionError(name)


def session(link, **settings):
    context = DeviceContext(
        device="door-camera",
        clock=SystemClock(),
        entropy=SystemEntropy(),
        secrets=no_secret,
        link=link,
        cursor=NoCursor(),
        capture=Captures(),
    )
    return DRIVER.open(DRIVER.settings.model_validate(settings), context)


@pytest.fixture
def link() -> VideoLink:
    settings = VideoSettings(kind="video", source="/dev/null")
    found = open_link("door", settings, SystemClock())
    assert isinstance(found, VideoLink)
    return found


def show(link, picture, at_s, number):
    for eye in link._eyes:
        eye.offer(VideoPicture(picture, instant(at_s), number))


async def until(emitted, count):
    async with asyncio.timeout(WITHIN_S):
        await emitted.until(lambda _: len(emitted.all) >= count)


async def test_pictures_go_on_no_more_often_than_asked_for(link, emitted):
    running = asyncio.create_task(session(link, fps_max=5).run(emitted))
    await asyncio.sleep(0)
    for number, at_s in enumerate([10.0, 10.1, 10.19, 10.3, 10.4, 11.0], start=1):
        show(link, noise(number), at_s, number)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await until(emitted, 4)
    running.cancel()
    assert [event.number for event in emitted.of(PictureCaptured)] == [1, 3, 5, 6]
    assert emitted.all[0].at == instant(10.0)
    assert (emitted.all[0].picture == noise(1)).all()


async def test_a_recording_is_seen(tmp_path, emitted):
    writer = cv2.VideoWriter(
        str(tmp_path / "a.avi"), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48)
    )
    for number in range(4):
        writer.write(noise(number, 48, 64))
    writer.release()
    settings = VideoSettings(kind="video", source=str(tmp_path / "a.avi"), loop=True)
    link = open_link("door", settings, SystemClock())
    tasks = [asyncio.create_task(session(link).run(emitted)), asyncio.create_task(link.run())]
    await until(emitted, 2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert {event.picture.shape for event in emitted.all} == {(48, 64, 3)}


async def test_raw_counts_are_no_pictures(link, emitted):
    running = asyncio.create_task(session(link).run(emitted))
    await asyncio.sleep(0)
    show(link, np.zeros((4, 4), np.uint16), 1.0, 1)
    with pytest.raises(DeviceMisconfigured, match="pixel_format"):
        await running


async def test_a_lost_link_is_a_lost_camera(link, emitted):
    running = asyncio.create_task(session(link).run(emitted))
    await asyncio.sleep(0)
    with pytest.raises(DeviceLost):
        await link.run()
    with pytest.raises(DeviceLost, match="/dev/null"):
        await running


async def test_a_silent_camera_is_lost(link, emitted):
    with pytest.raises(DeviceLost, match="gives no picture"):
        await session(link, silence_s_max=1).run(emitted)


async def test_it_does_nothing(link):
    receipt = await session(link).submit(OpenDoor("a", 1, 1.0))
    assert isinstance(receipt, NotExecuted)


def test_it_needs_a_video_link():
    with pytest.raises(DeviceMisconfigured, match="kind video"):
        session(None)
