"""A video link on a real RTSP stream: RTSP 1.0 (RFC 2326), Digest (RFC 2617), JPEG over RTP (RFC 2435)."""

import asyncio
import contextlib
import hashlib
import re
import struct
from collections.abc import Iterator
from typing import Self

import cv2
import numpy as np
import pytest

from cardea.runtime.clock import SystemClock
from drivers.api import DeviceLost
from drivers.links.opening import open_link
from drivers.links.settings import VideoSettings
from drivers.links.video import VideoLink
from drivers.links.video_source import silence

silence()
WIDTH, HEIGHT = 64, 48
USER, PASSWORD = "staff", "p@ss/w:rd #1"
REALM, NONCE = "camera", "0a4f113b"
WITHIN_S = 15.0
RTP_JPEG, CLOCK_HZ, FPS = 26, 90_000, 50
FRAGMENT_BYTES = 900


def picture(number: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), (40 + number * 3) % 200, np.uint8)


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment before the scan, then 0xDA with the scan's data."""
    at = 2
    while True:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4])
        if marker == 0xDA:
            yield marker, jpeg[at + 2 + length : -2]
            return
        yield marker, jpeg[at + 4 : at + 2 + length]
        at += 2 + length


def tables_of(body: bytes) -> bytes:
    """The 64 values of each quantisation table in one DQT segment."""
    return b"".join(body[at + 1 : at + 65] for at in range(0, len(body), 65))


def packets(shown: np.ndarray, number: int) -> Iterator[bytes]:
    """RTP packets of one picture: type 1 (4:2:0), quantisation tables in band (Q = 255)."""
    done, encoded = cv2.imencode(".jpg", shown)
    assert done
    parts = list(segments(encoded.tobytes()))
    tables = b"".join(tables_of(body) for marker, body in parts if marker == 0xDB)
    (scan,) = (body for marker, body in parts if marker == 0xDA)
    assert len(tables) == 128
    for at in range(0, len(scan), FRAGMENT_BYTES):
        piece = scan[at : at + FRAGMENT_BYTES]
        last = at + len(piece) == len(scan)
        head = struct.pack(">BBHII", 0x80, RTP_JPEG | (0x80 if last else 0), number & 0xFFFF,
                           number * CLOCK_HZ // FPS, 7)  # fmt: skip
        jpeg = struct.pack(">B3sBBBB", 0, at.to_bytes(3), 1, 255, WIDTH // 8, HEIGHT // 8)
        inline = struct.pack(">BBH", 0, 0, len(tables)) + tables if at == 0 else b""
        yield head + jpeg + inline + piece


class Camera:
    """An RTSP server with one JPEG stream, interleaved in its TCP connection."""

    def __init__(self) -> None:
        self.refused = 0
        self.served = 0
        self.silent_after: int | None = None
        self.ends_after: int | None = None
        self._number = 0
        self._over = asyncio.Event()
        self._serving: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._over.set()
        if self._serving:
            await asyncio.wait(self._serving, timeout=WITHIN_S)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while not self._over.is_set():
                request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                request = request[re.search(r"[A-Z_]+ rtsp", request).start() :]  # type: ignore[union-attr]  # RTCP may stand before it
                method, url = request.split(" ", 2)[:2]
                writer.write(self._answer(method, url, request))
                if method == "PLAY" and self._authorised(method, request):
                    self.served += 1
                    await self._play(writer)
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._serving.discard(task)

    def _answer(self, method: str, url: str, request: str) -> bytes:
        number = re.search(r"CSeq: *(\d+)", request, re.IGNORECASE)
        assert number is not None
        lines, body = [f"CSeq: {number[1]}"], ""
        status = "200 OK"
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif not self._authorised(method, request):
            self.refused += 1
            status = "401 Unauthorized"
            lines.append(f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"')
        elif method == "DESCRIBE":
            body = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=door\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP {RTP_JPEG}\r\na=rtpmap:{RTP_JPEG} JPEG/{CLOCK_HZ}\r\n"
                f"a=framerate:{FPS}\r\na=control:trackID=0\r\n"
            )
            lines += [
                f"Content-Base: {url}/",
                "Content-Type: application/sdp",
                f"Content-Length: {len(body)}",
            ]
        else:
            lines += ["Session: 7", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
        return "\r\n".join([f"RTSP/1.0 {status}", *lines, "", body]).encode()

    def _authorised(self, method: str, request: str) -> bool:
        said = dict(re.findall(r'(\w+)="([^"]*)"', request))
        secret = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
        asked = hashlib.md5(f"{method}:{said.get('uri')}".encode()).hexdigest()
        wanted = hashlib.md5(f"{secret}:{NONCE}:{asked}".encode()).hexdigest()
        return said.get("username") == USER and said.get("response") == wanted

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        sent = 0
        while not self._over.is_set() and (self.ends_after is None or sent < self.ends_after):
            if self.silent_after is not None and sent >= self.silent_after:
                await self._over.wait()
            for packet in packets(picture(self._number), self._number):
                writer.write(b"$\x00" + len(packet).to_bytes(2) + packet)
            await writer.drain()
            self._number += 1
            sent += 1
            await asyncio.sleep(1 / FPS)


def link_to(camera: Camera, password: str = PASSWORD, silence_s_max: float = 5.0) -> VideoLink:
    settings = VideoSettings(
        kind="video",
        source=f"rtsp://{USER}@127.0.0.1:{camera.port}/door",
        password_secret="camera",
        fps_max=60,
        silence_s_max=silence_s_max,
    )
    link = open_link("door", settings, SystemClock(), lambda name: password)
    assert isinstance(link, VideoLink)
    return link


async def test_a_stream_with_a_password_is_seen() -> None:
    async with Camera() as camera, asyncio.timeout(WITHIN_S):
        link = link_to(camera)
        eye = link.pictures()
        running = asyncio.create_task(link.run())
        seen = [await anext(eye) for _ in range(5)]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert camera.served == 1
    assert camera.refused == 1, "asked once, answered rightly"
    known = {int(picture(number)[0, 0, 0]) for number in range(100)}
    for each in seen:
        assert each.pixels.shape == (HEIGHT, WIDTH, 3)
        assert min(abs(int(each.pixels[20, 20, 0]) - value) for value in known) <= 3
        assert int(each.pixels.max()) - int(each.pixels.min()) <= 6, "one grey"
    assert [each.number for each in seen] == sorted({each.number for each in seen})


async def test_a_wrong_password_is_a_loss() -> None:
    async with Camera() as camera, asyncio.timeout(WITHIN_S):
        with pytest.raises(DeviceLost, match="user and password"):
            await link_to(camera, "guess").run()
    assert camera.refused >= 1
    assert camera.served == 0


async def test_a_stream_that_falls_silent_is_lost_and_comes_back() -> None:
    async with Camera() as camera, asyncio.timeout(2 * WITHIN_S):
        camera.silent_after = 60
        link = link_to(camera, silence_s_max=1.5)
        with pytest.raises(DeviceLost, match=r"no picture for 1.5 s"):
            await link.run()
        camera.silent_after = None
        eye = link.pictures()
        running = asyncio.create_task(link.run())
        await anext(eye)
        running.cancel()
        await asyncio.wait([running])
    assert camera.served == 2


async def test_a_stream_that_is_cut_is_lost() -> None:
    async with Camera() as camera, asyncio.timeout(WITHIN_S):
        camera.ends_after = 60
        with pytest.raises(DeviceLost, match="sends nothing more"):
            await link_to(camera).run()
    assert camera.served == 1
