"""Captures read again: as pieces for a decoder, or played as if the device were there."""

import base64
import binascii
import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.clock import Clock
from drivers.api import DeviceLost, LinkKind
from drivers.links.capture import FORMAT, Header, Piece
from drivers.links.stream import StreamLink

LINE_BYTES_MAX = 16 * 1024 * 1024
RAW_CHUNK_BYTES = 64 * 1024
_HEADER = msgspec.json.Decoder(Header)
_PIECE = msgspec.json.Decoder(Piece)
_LIKE_A_HEADER = b'{"cardea_capture"'


class CaptureUnreadable(Exception):
    """The file is no capture, or is damaged; one line saying where."""


@dataclass(frozen=True, slots=True)
class Captured:
    """Bytes of one channel; ``end`` = a message or connection ended after them."""

    channel: str
    data: bytes
    at: Instant
    end: bool


def capture_driver(path: Path) -> str | None:
    """The driver that a capture was made with; ``None`` when the file is no capture but other bytes.

    Raises:
        CaptureUnreadable: the file cannot be read, or says it is a capture and is not.
    """
    with _opened(path) as file:
        line = file.readline(LINE_BYTES_MAX)
    return _header(path, line).driver if line.startswith(_LIKE_A_HEADER) else None


def read_capture(path: Path) -> Iterator[Captured]:
    """The pieces of a capture file, in the order they came.

    Raises:
        CaptureUnreadable: not a capture, a version that is not known, or a damaged line.
    """
    with _opened(path) as file:
        header = _header(path, file.readline(LINE_BYTES_MAX))
        for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX), b""), start=2):
            yield _captured(path, number, line, header)


def read_raw(path: Path, channel: str) -> Iterator[Captured]:
    """The bytes of any file, as if one channel had said them all at the time of the file's last change.

    Raises:
        CaptureUnreadable: the file cannot be read.
    """
    with _opened(path) as file:
        at = Instant(0.0, _changed(path), ClockQuality.UNSYNCHRONISED)
        for chunk in iter(lambda: file.read(RAW_CHUNK_BYTES), b""):
            yield Captured(channel, chunk, at, end=False)
        yield Captured(channel, b"", at, end=True)


class ReplayLink(StreamLink):
    """Plays one channel of a capture to the devices attached to it.

    ``speed`` 1 = as it was, 2 = twice as fast, ``inf`` = without waiting. At the end the link is lost, as
    if the device had hung up.
    """

    def __init__(
        self, name: str, kind: LinkKind, pieces: Iterator[Captured], clock: Clock, *, speed: float = 1.0
    ) -> None:
        super().__init__(name, kind)
        self._pieces = pieces
        self._clock = clock
        self._speed = speed
        self.written: list[bytes] = []
        """What the devices sent meanwhile."""

    async def run(self) -> None:
        """Play to the end; raises DeviceLost then, or CaptureUnreadable on the way."""
        connection: int | None = None
        played_s = math.inf
        try:
            for piece in self._pieces:
                await self._clock.sleep(max(0.0, piece.at.mono_s - played_s) / self._speed)
                played_s = piece.at.mono_s
                if connection is None:
                    connection = self.opened("", self.written.append)
                self.received(connection, piece.data)
                if piece.end:
                    self.closed(connection, "the device hung up")
                    connection = None
        finally:
            if connection is not None:
                self.closed(connection, "the capture has ended")
        raise DeviceLost(f"link {self.name}: the capture has ended")


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise CaptureUnreadable(f"{path}: cannot be read: {error.strerror}") from error


def _changed(path: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)


def _header(path: Path, line: bytes) -> Header:
    try:
        header = _HEADER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CaptureUnreadable(f"{path}: is no capture: {error}") from error
    if header.cardea_capture != FORMAT:
        raise CaptureUnreadable(f"{path}: capture format {header.cardea_capture} is not known, only {FORMAT}")
    return header


def _captured(path: Path, number: int, line: bytes, header: Header) -> Captured:
    try:
        piece = _PIECE.decode(line)
        data = base64.b64decode(piece.bytes, validate=True)
        utc = dt.datetime.fromisoformat(header.started) + dt.timedelta(seconds=piece.t)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError, OverflowError) as error:
        raise CaptureUnreadable(f"{path}: line {number} is damaged: {error}") from error
    return Captured(piece.channel, data, Instant(piece.t, utc, header.quality), piece.end)
