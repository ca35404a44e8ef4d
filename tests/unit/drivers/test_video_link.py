"""Video links: recordings, cameras that are not there, streams that want a password, a thread that blocks."""

import asyncio
import base64
import contextlib
import re
import struct
import threading
from typing import Any, cast

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from cardea.runtime.clock import SystemClock
from cardea.runtime.config import ConfigInvalid, check
from drivers.api import DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links import video, video_source
from drivers.links.opening import open_link
from drivers.links.pixel_formats import PIXEL_FORMATS, as_bgr, as_counts, as_yuyv
from drivers.links.settings import VideoSettings
from drivers.links.video import VideoLink, VideoPicture
from drivers.links.video_source import address

video_source.silence()
FRAMES = 12
HEIGHT, WIDTH = 48, 64
WITHIN_S = 20.0


def grey(number):
    return np.full((HEIGHT, WIDTH, 3), 20 * number, np.uint8)


@pytest.fixture
def recording(tmp_path):
    """Twelve pictures at 100 per second, each a brighter grey."""
    path = tmp_path / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 100, (WIDTH, HEIGHT))
    for number in range(FRAMES):
        writer.write(grey(number))
    writer.release()
    return path


@pytest.fixture
def counts(tmp_path):
    """Sixteen bits without loss, as a thermal sensor's counts are."""
    path = tmp_path / "counts.mkv"
    writer = cv2.VideoWriter(
        str(path),
        cv2.CAP_FFMPEG,
        cv2.VideoWriter.fourcc(*"FFV1"),
        100,
        (WIDTH, HEIGHT),
        [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0],
    )
    for number in range(3):
        writer.write(np.full((HEIGHT, WIDTH), 30_000 + number, np.uint16))
    writer.release()
    return path


@pytest.fixture
def octets(tmp_path):
    """Three pictures of uncompressed YUYV, each byte a random one; and the recording of them."""
    random = np.random.default_rng(7)
    pictures = [random.integers(0, 256, (HEIGHT, WIDTH, 2), np.uint8) for _ in range(3)]
    path = tmp_path / "octets.avi"
    path.write_bytes(avi_of(pictures))
    return path, pictures


def avi_of(pictures):
    """AVI with the pictures as they are (Microsoft, AVI RIFF File Reference)."""
    height, width, _ = pictures[0].shape
    size, count = pictures[0].nbytes, len(pictures)

    def chunk(name, data):
        return name + struct.pack("<I", len(data)) + data

    header = struct.pack("<14I", 10_000, size * 100, 0, 0, count, 0, 1, size, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHH8I4h", b"vids", b"YUY2", 0, 0, 0, 0, 1, 100, 0, count, size, 0, 0, *[0] * 4)
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 16, b"YUY2", size, 0, 0, 0, 0)
    about = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    frames = b"".join(chunk(b"00db", picture.tobytes()) for picture in pictures)
    body = chunk(b"LIST", b"hdrl" + chunk(b"avih", header) + about) + chunk(b"LIST", b"movi" + frames)
    return chunk(b"RIFF", b"AVI " + body)


def secret(name):
    return f"the {name}/secret@x"


def link_of(source, **settings):
    found = VideoSettings.model_validate({"kind": "video", "source": str(source), **settings})
    link = open_link("door", found, SystemClock(), secret)
    assert isinstance(link, VideoLink)
    assert link.kind is LinkKind.VIDEO
    return link


async def seen(link, pictures_max=1000):
    """What one device sees until the link is lost, and why it was."""
    eye = link.pictures()
    found = []
    async with asyncio.timeout(WITHIN_S):
        running = asyncio.create_task(link.run())
        try:
            while len(found) < pictures_max:
                found.append(await anext(eye))
        except DeviceLost as lost:
            why = str(lost)
            with pytest.raises(DeviceLost, match=re.escape(why)):
                await running
            return found, why
        finally:
            running.cancel()
            await asyncio.wait([running])
    return found, None


# --- recordings ----------------------------------------------------------------------------------


async def test_a_recording_is_played_and_its_end_is_a_loss(recording):
    found, why = await seen(link_of(recording, fps_max=60))
    assert why == f"link door: {recording} has ended"
    assert 1 <= len(found) <= FRAMES
    numbers = [picture.number for picture in found]
    assert numbers == sorted(set(numbers))
    for picture in found:
        assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
        assert picture.pixels.dtype == np.uint8
        assert abs(int(picture.pixels[5, 5, 0]) - 20 * (picture.number - 1)) <= 3
    times = [picture.at.mono_s for picture in found]
    assert times == sorted(times)
    assert times[-1] - times[0] >= (numbers[-1] - numbers[0]) * 0.01 * 0.8, "at its own pace"


async def test_no_more_pictures_than_asked_for(recording):
    found, _ = await seen(link_of(recording, fps_max=10))
    lasted_s = found[-1].at.mono_s - found[0].at.mono_s
    assert len(found) <= 10 * lasted_s + 2
    assert len(found) < FRAMES


async def test_a_recording_that_loops_begins_again(recording):
    found, why = await seen(link_of(recording, fps_max=60, loop=True), pictures_max=20)
    assert why is None
    assert found[-1].number > FRAMES


async def test_raw_counts_come_unscaled(counts):
    found, _ = await seen(link_of(counts, pixel_format="y16", fps_max=60))
    assert found
    for picture in found:
        assert picture.pixels.shape == (HEIGHT, WIDTH)
        assert picture.pixels.dtype == np.uint16
        assert (picture.pixels == 29_999 + picture.number).all()


async def test_a_cameras_own_bytes_come_as_they_are(octets):
    path, pictures = octets
    found, _ = await seen(link_of(path, pixel_format="yuyv", fps_max=60))
    assert found
    for picture in found:
        assert picture.pixels.shape == (HEIGHT, WIDTH, 2)
        assert picture.pixels.dtype == np.uint8
        assert (picture.pixels == pictures[picture.number - 1]).all()


async def test_compressed_pictures_are_no_bytes_of_a_camera(recording):
    with pytest.raises(DeviceMisconfigured, match=r"own bytes \(yuyv\); correct pixel_format"):
        await link_of(recording, pixel_format="yuyv").run()


async def test_another_pixel_format_than_configured_is_a_mistake(recording):
    with pytest.raises(DeviceMisconfigured, match=r"raw 16-bit counts \(y16\); correct pixel_format"):
        await link_of(recording, pixel_format="y16").run()


async def test_pictures_that_are_too_large_are_a_mistake(recording, monkeypatch):
    monkeypatch.setattr(video_source, "PIXELS_MAX", WIDTH * HEIGHT - 1)
    with pytest.raises(DeviceMisconfigured, match="64×48 are too large"):
        await link_of(recording).run()


async def test_two_devices_see_the_same(recording):
    link = link_of(recording, fps_max=60, loop=True)
    eyes = link.pictures(), link.pictures()
    running = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(WITHIN_S):
            first, second = await asyncio.gather(*map(anext, eyes))
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert first is second


# --- what is not there ---------------------------------------------------------------------------


async def test_a_camera_that_is_not_there_is_lost(tmp_path):
    with pytest.raises(DeviceLost, match="is not there"):
        await link_of(tmp_path / "video9").run()


async def test_what_holds_no_video_yet_is_lost(tmp_path):
    (tmp_path / "notes.avi").write_text("no video")
    with pytest.raises(DeviceLost, match="no video that can be decoded"):
        await link_of(tmp_path / "notes.avi").run()


async def test_what_may_not_be_read_is_a_mistake(tmp_path):
    with pytest.raises(DeviceMisconfigured, match="may read"):
        await link_of(tmp_path).run()


async def test_a_device_that_is_no_camera_is_lost():
    with pytest.raises(DeviceLost, match="another program"):
        await link_of("/dev/null").run()


async def test_a_missing_secret_is_a_mistake():
    settings = VideoSettings(kind="video", source="rtsp://u@127.0.0.1:1/x", password_secret="camera")
    with pytest.raises(DeviceMisconfigured, match="camera"):
        await open_link("door", settings, SystemClock()).run()


async def test_a_stream_that_nobody_serves_is_lost_and_nothing_is_printed(capfd):
    with pytest.raises(DeviceLost, match="gives no video") as lost:
        await link_of("rtsp://staff@127.0.0.1:1/live", password_secret="camera").run()
    said = capfd.readouterr()
    assert said.err == said.out == "", "FFmpeg's own words hold the address with its password"
    assert "secret" not in str(lost.value)


async def test_the_password_reaches_the_camera_and_no_log(capfd):
    """A server of RTSP's first steps (RFC 2326) that asks for Basic authentication and then refuses."""
    heard = []

    async def answer(reader, writer):
        while request := await reader.readuntil(b"\r\n\r\n"):
            lines = request.decode().split("\r\n")
            heard.append(request.decode())
            number = next(line.split(":")[1].strip() for line in lines if line.startswith("CSeq"))
            options = lines[0].startswith("OPTIONS")
            status = "200 OK" if options else "401 Unauthorized"
            extra = "Public: OPTIONS, DESCRIBE" if options else 'WWW-Authenticate: Basic realm="camera"'
            writer.write(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{extra}\r\n\r\n".encode())

    serving = set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await answer(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(WITHIN_S):
        with pytest.raises(DeviceLost, match="user and password"):
            await link_of(f"rtsp://staff@127.0.0.1:{port}/live", password_secret="camera").run()
    server.close()
    await asyncio.wait(serving, timeout=WITHIN_S)
    expected = base64.b64encode(b"staff:" + secret("camera").encode()).decode()
    assert any(f"Authorization: Basic {expected}" in request for request in heard)
    said = capfd.readouterr()
    assert "secret" not in said.err + said.out


# --- a thread that blocks --------------------------------------------------------------------------


class Blocking:
    """A camera whose second picture does not come before somebody lets it."""

    period_s = 0.0
    open_now = 0
    open_most = 0
    blocked: threading.Event
    let_go: threading.Event

    def __init__(self, *_):
        type(self).open_now += 1
        type(self).open_most = max(self.open_most, self.open_now)
        self.reads = 0

    def advance(self) -> bool:
        self.reads += 1
        if self.reads > 1:
            self.blocked.set()
            assert self.let_go.wait(WITHIN_S)
        return True

    def pixels(self):
        return grey(1) if self.reads < 2 else None

    def close(self):
        type(self).open_now -= 1


@pytest.fixture
def blocking(monkeypatch):
    class Camera(Blocking):
        blocked, let_go = threading.Event(), threading.Event()

    monkeypatch.setattr(video, "VideoSource", Camera)
    yield Camera
    Camera.let_go.set()


async def test_silence_is_a_loss(blocking):
    found, why = await seen(link_of("/dev/video0", silence_s_max=0.5))
    assert len(found) == 1
    assert why == "link door: /dev/video0: no picture for 0.5 s"


async def test_cancelling_does_not_wait_for_a_read_and_nothing_is_open_twice(blocking):
    link = link_of("/dev/video0")
    first = asyncio.create_task(link.run())
    async with asyncio.timeout(WITHIN_S):
        assert await asyncio.to_thread(blocking.blocked.wait, WITHIN_S)
        eye = link.pictures()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(DeviceLost, match="was stopped"):
            await anext(eye)
        second = asyncio.create_task(link.run())
        await asyncio.sleep(0)
        assert blocking.open_now == 1
        blocking.let_go.set()
        assert (await anext(eye)).number == 1, "the second run's"
        second.cancel()
        await asyncio.wait([second])
    assert blocking.open_most == 1


async def test_only_the_newest_picture_waits(recording):
    eye = link_of(recording).pictures()
    now = SystemClock().now()
    for number in range(5):
        eye.offer(VideoPicture(grey(number), now, number))
    assert (await anext(eye)).number == 4
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(eye)


def test_the_thread_hands_over_one_picture_and_wakes_the_loop_once():
    class Loop:
        woken = 0

        def call_soon_threadsafe(self, _):
            self.woken += 1

    loop, now = Loop(), SystemClock().now()
    hand: Any = video._Hand(cast("Any", loop))
    for number in range(100):
        hand.put(VideoPicture(grey(0), now, number))
    assert loop.woken == 1
    assert hand.take().number == 99
    assert hand.take() is None


def test_what_is_not_looked_at_any_more_is_forgotten(recording):
    link = link_of(recording)
    eye = link.pictures()
    assert len(link._eyes) == 1
    del eye
    assert len(link._eyes) == 0


async def test_a_picture_that_cannot_be_decoded_is_passed_over(monkeypatch):
    class Camera(Blocking):
        def advance(self):
            self.reads += 1
            return self.reads <= 3

        def pixels(self):
            return None if self.reads == 1 else grey(self.reads)

    monkeypatch.setattr(video, "VideoSource", Camera)
    found, why = await seen(link_of("/dev/video0", fps_max=60))
    assert [picture.number for picture in found] in ([2], [3], [2, 3])
    assert str(why).endswith("sends nothing more")


async def test_a_closed_source_without_an_error_is_a_loss(recording, monkeypatch):
    link = link_of(recording)
    monkeypatch.setattr(link, "_read", lambda hand, password: None)
    with pytest.raises(DeviceLost, match="was closed"):
        await link.run()


# --- formats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, WIDTH * HEIGHT * 2), (HEIGHT, WIDTH, 2), (HEIGHT, WIDTH * 2)])
def test_raw_bytes_become_counts(shape):
    wanted = np.arange(WIDTH * HEIGHT, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    raw = wanted.astype("<u2").view(np.uint8).reshape(shape)
    found = as_counts(raw, WIDTH, HEIGHT)
    assert found is not None
    assert found.dtype == np.uint16
    assert (found == wanted).all()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((HEIGHT, WIDTH, 2), "u1"),
        ((1, WIDTH * HEIGHT * 2), "u1"),
        ((HEIGHT, WIDTH), "<u2"),
    ],
)
def test_bytes_of_a_camera_whatever_they_are_handed_out_as(shape, dtype):
    octets = np.arange(HEIGHT * WIDTH * 2).astype(np.uint8)
    frame = octets.view(dtype).reshape(shape)
    found = as_yuyv(frame, WIDTH, HEIGHT)
    assert found is not None
    assert (found.shape, found.dtype) == ((HEIGHT, WIDTH, 2), np.uint8)
    assert (found.ravel() == octets).all()


def test_what_is_no_picture_of_the_format_is_none():
    assert as_yuyv(grey(1), WIDTH, HEIGHT) is None
    assert as_yuyv(np.zeros((HEIGHT, WIDTH), np.int16), WIDTH, HEIGHT) is None
    assert as_yuyv(np.zeros((0, 0), np.uint8), 0, 0) is None
    assert as_counts(grey(1), WIDTH, HEIGHT) is None
    assert as_counts(np.zeros((0, 0), np.uint8), 0, 0) is None
    assert as_bgr(np.zeros((4, 4), np.uint8), 4, 4) is None
    assert as_bgr(np.zeros((4, 4, 3), np.uint16), 4, 4) is None
    assert as_bgr(np.zeros((4, 4, 4), np.uint8), 4, 4) is None


class Device:
    """What OpenCV offers of a Y16 camera."""

    def __init__(self, *_):
        self.asked = {}

    def isOpened(self):  # noqa: N802
        return True

    def set(self, key, value):
        self.asked[key] = value

    def get(self, key):
        return {cv2.CAP_PROP_FRAME_WIDTH: WIDTH, cv2.CAP_PROP_FRAME_HEIGHT: HEIGHT}[key]

    def retrieve(self):
        return True, np.full((1, WIDTH * HEIGHT * 2), 0x75, np.uint8)

    def release(self): ...


def test_a_raw_camera_is_asked_for_its_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    monkeypatch.setattr(video_source.Path, "exists", lambda _: True)
    monkeypatch.setattr(video_source.os, "access", lambda *_: True)
    settings = VideoSettings(kind="video", source="/dev/video7", pixel_format="y16")
    source: Any = video_source.VideoSource("thermal", settings, None)
    assert source._capture.asked[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert source._capture.asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"Y16 ")
    assert source.period_s == 0.0
    source._capture.retrieve = lambda: (False, None)
    assert source.pixels() is None
    source._capture.retrieve = Device().retrieve
    assert (source.pixels() == 0x7575).all()
    sized = VideoSettings(kind="video", source="/dev/video7", pixel_format="yuyv", width=WIDTH, height=HEIGHT)
    hidden: Any = video_source.VideoSource("thermal", sized, None)
    assert hidden._capture.asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"YUYV")
    assert hidden._capture.asked[cv2.CAP_PROP_FRAME_WIDTH] == WIDTH
    assert hidden._capture.asked[cv2.CAP_PROP_FRAME_HEIGHT] == HEIGHT
    assert hidden._capture.asked[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert hidden.pixels().shape == (HEIGHT, WIDTH, 2)
    colour = VideoSettings(kind="video", source="/dev/video7")
    other: Any = video_source.VideoSource("door", colour, None)
    assert cv2.CAP_PROP_CONVERT_RGB not in other._capture.asked


def test_properties_of_the_late_library_are_what_they_are():
    assert PIXEL_FORMATS["y16"].unconverted == (cv2.CAP_PROP_CONVERT_RGB, 0)
    assert PIXEL_FORMATS["yuyv"].unconverted == (cv2.CAP_PROP_FORMAT, -1)


# --- settings --------------------------------------------------------------------------------------


def test_the_password_is_put_in_escaped():
    assert address("rtsp://u@h:8554/a?b=1", "p@ss/w:rd") == "rtsp://u:p%40ss%2Fw%3Ard@h:8554/a?b=1"
    assert address("rtsp://h/a", None) == "rtsp://h/a"


@pytest.mark.parametrize(
    "source",
    [
        "http://camera/video",
        "rtsp://",
        "rtsp://u:open@camera/live",
        "rtsp://camera:99999/x",
        "rtsp://camera:0/",
        "rtsp://[::1/x",
    ],
)
def test_addresses_that_cannot_be_right_are_refused(source):
    with pytest.raises(ValidationError):
        VideoSettings(kind="video", source=source)


def test_a_password_in_the_address_is_not_repeated(tmp_path):
    wrong = {"kind": "video", "source": "rtsp://u:open@camera/live"}
    with pytest.raises(ConfigInvalid, match="leave the password out") as refused:
        check(VideoSettings, wrong, file=tmp_path / "gateway.toml", at="links.door")
    assert "u:open" not in str(refused.value)


def test_a_password_without_a_user_is_refused():
    for source in ("rtsp://camera/live", "door.avi"):
        with pytest.raises(ValidationError, match="needs a source with a user"):
            VideoSettings(kind="video", source=source, password_secret="camera")


def test_a_path_is_taken_from_the_configurations_folder(tmp_path):
    found = check(
        VideoSettings,
        {"kind": "video", "source": "door.avi"},
        file=tmp_path / "gateway.toml",
        at="links.door",
    )
    assert found.source == str(tmp_path / "door.avi")


def test_a_picture_has_two_sides():
    with pytest.raises(ValidationError, match="width and height go together"):
        VideoSettings(kind="video", source="/dev/video0", width=256)
