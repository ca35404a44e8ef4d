"""Captures: what a device really sent, kept for whoever must find out why it is not understood.

JSON lines: a header ``{"cardea_capture": 1, "driver", "device", "started"}``, then one line for each piece:
``{"t": seconds since the start, "channel", "bytes": base64, "end": true}``. Captures hold whatever the
device said, names and credentials too: mode 0600, bounded, and only while somebody has asked for them.
"""

import asyncio
import base64
import os
from pathlib import Path

import msgspec

from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.logs import get_logger

FORMAT = 1
WAITING_BYTES_MAX = 4 * 1024 * 1024
"""What waits for the disk at the most: three matrices of a thermal camera. Beyond it pieces are dropped and
counted."""

_log = get_logger("capture")


class Header(msgspec.Struct, frozen=True):
    """The first line of a capture file."""

    cardea_capture: int
    driver: str
    device: str
    started: str
    """UTC, ISO 8601."""
    quality: ClockQuality = ClockQuality.UNSYNCHRONISED


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """Any other line: bytes of one channel, ``t`` seconds after the start."""

    t: float
    channel: str
    bytes: str = ""
    end: bool = False


class CaptureFile:
    """A sink that writes to ``path`` and keeps ``files_max`` - 1 older files beside it (``.1``, ``.2`` …).

    ``write`` never waits: the file is written away from the event loop, and what waits is bounded.
    """

    def __init__(
        self,
        path: Path,
        driver: str,
        device: str,
        *,
        file_bytes_max: int = 16 * 1024 * 1024,
        files_max: int = 4,
    ) -> None:
        self._rotation = _Rotation(path, driver, device, file_bytes_max, files_max)
        self._waiting: list[tuple[str, bytes, Instant, bool]] = []
        self._waiting_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._failed = False
        self.dropped = 0
        """Pieces that found no room, or no disk."""

    def write(self, channel: str, chunk: bytes, at: Instant, *, end: bool = False) -> None:
        """Record ``chunk``; ``end`` marks the end of a message or connection."""
        if self._failed or self._waiting_bytes + len(chunk) > WAITING_BYTES_MAX:
            self.dropped += 1
            return
        self._waiting.append((channel, chunk, at, end))
        self._waiting_bytes += len(chunk)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._drain())

    async def close(self) -> None:
        """Until everything recorded is in the file."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting and not self._failed:
                pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
                try:
                    await loop.run_in_executor(None, self._rotation.append, pieces)
                except OSError as error:
                    self._failed = True
                    self.dropped += len(pieces)
                    _log.warning("capture_stopped", error=str(error), file=str(self._rotation.path))
        finally:
            self._writing = None


class _Rotation:
    """The files of one capture; used by one thread at a time."""

    def __init__(self, path: Path, driver: str, device: str, file_bytes_max: int, files_max: int) -> None:
        self.path = path
        self._driver = driver
        self._device = device
        self._file_bytes_max = file_bytes_max
        self._files_max = files_max
        self._began: Instant | None = None
        self._bytes = 0
        self._lines = bytearray()

    def append(self, pieces: list[tuple[str, bytes, Instant, bool]]) -> None:
        """Write pieces, beginning a new file when this one is full.

        Raises:
            OSError: the disk does not take it.
        """
        for channel, chunk, at, end in pieces:
            if self._began is None or self._bytes >= self._file_bytes_max:
                self._flush()
                self._begin(at)
            assert self._began is not None
            text = base64.b64encode(chunk).decode()
            self._add(Piece(round(at.mono_s - self._began.mono_s, 6), channel, text, end))
        self._flush()

    def _begin(self, at: Instant) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(self._files_max - 1, 0, -1):
            older = self.path if number == 1 else self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._began, self._bytes = at, 0
        self.path.unlink(missing_ok=True)
        self._add(Header(FORMAT, self._driver, self._device, at.utc.isoformat(), at.quality))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _add(self, line: Header | Piece) -> None:
        content = msgspec.json.encode(line) + b"\n"
        self._lines += content
        self._bytes += len(content)

    def _flush(self) -> None:
        if self._lines:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with open(descriptor, "ab") as file:  # noqa: PTH123  # the descriptor carries the mode
                file.write(self._lines)
            self._lines.clear()
