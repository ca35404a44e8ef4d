"""Codes out of a scanner's bytes."""

import re
from enum import Enum

from cardea.contract.records import CredentialKind
from cardea.contract.time import Instant
from drivers.api import CredentialPresented, DeviceEvent, Reject
from drivers.scanner.framing import SAMPLE_BYTES_MAX, Line, LineFramer
from drivers.scanner.settings import ScannerSettings

_BLANK = " \t\0\ufeff"
_CONTROL = re.compile(r"[\x00-\x1c\x1e\x1f\x7f-\x9f]")
"""Noise; 1D (group separator) is the one control character that codes contain."""


class Stranger(Enum):
    """What a line without the configured prefix or suffix is."""

    GARBAGE = "garbage"
    ANOTHER_READERS = "another_readers"


class ScanDecoder:
    """Lines to credentials, once per presentation."""

    def __init__(self, settings: ScannerSettings, stranger: Stranger) -> None:
        self._settings = settings
        self._stranger = stranger
        self._prefix = settings.prefix.encode()
        self._suffix = settings.suffix.encode()
        self._framer = LineFramer(settings.code_bytes_max)
        self._fed_s = 0.0
        self._given = ""
        self._given_s = 0.0

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._framer.pending

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes; those after a silence of ``idle_s`` begin a new line."""
        silent = self.pending and at.mono_s - self._fed_s >= self._settings.idle_s
        events = self.flush(at) if silent else []
        self._fed_s = at.mono_s
        for item in self._framer.feed(chunk):
            if isinstance(item, Line):
                events += self._code(item.content, at)
            else:
                events.append(Reject(at=at, reason="line_too_long", sample=item.sample))
        return events

    def flush(self, at: Instant) -> list[DeviceEvent]:
        """The scanner has been silent for ``idle_s``: what has begun has ended."""
        content = self._framer.take()
        if not content:
            return []
        if self._settings.unterminated == "accept":
            return self._code(content, at)
        return [Reject(at=at, reason="line_without_end", sample=content[:SAMPLE_BYTES_MAX])]

    def overrun(self, at: Instant) -> list[DeviceEvent]:
        """Bytes were lost before they got here."""
        self._framer.skip()
        return [Reject(at=at, reason="bytes_lost")]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The connection has ended."""
        events = self.flush(at)
        self.forget()
        return events

    def forget(self) -> None:
        """The code handed on last may be presented again at once: nobody took it in."""
        self._given = ""

    def _code(self, line: bytes, at: Instant) -> list[DeviceEvent]:
        settings = self._settings
        affixes = len(self._prefix) + len(self._suffix)
        if len(line) < affixes or not (line.startswith(self._prefix) and line.endswith(self._suffix)):
            if self._stranger is Stranger.ANOTHER_READERS:
                return []
            return [_reject(at, "affix_missing", line)]
        try:
            text = line[len(self._prefix) : len(line) - len(self._suffix)].decode().strip(_BLANK)
        except UnicodeDecodeError:
            return [_reject(at, "not_utf8", line)]
        if not text or _CONTROL.search(text):
            return [_reject(at, "control_characters" if text else "empty_code", line)]
        if text == self._given and at.mono_s - self._given_s < settings.repeat_s:
            return []
        self._given, self._given_s = text, at.mono_s
        return [
            CredentialPresented(
                at=at, kind=CredentialKind.QR, value=text, door=settings.door, side=settings.side
            )
        ]


def _reject(at: Instant, reason: str, line: bytes) -> Reject:
    return Reject(at=at, reason=reason, sample=line[:SAMPLE_BYTES_MAX])
