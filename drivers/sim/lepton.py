"""A simulated Lepton 3.5 behind a TCP camera server: 160 x 122 words a frame, two of the rows telemetry.

Source of the telemetry's layout: Lepton Engineering Datasheet, 500-0659-00-09 Rev 203, tables 2 and 3; 32-bit
values stand low word first.
"""

from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cardea.runtime.clock import Clock
from drivers.api import RawFrame
from drivers.sim.frame_server import FrameServer

FRAME_S = 1 / 9
IMMINENT_S, UNDER_WAY_S = 2.0, 0.9
"""How long the camera announces a correction, and how long one takes."""
GARBAGE = bytes(range(251)) * 3
_WORDS = 160
_FPA_C = 31.0
_NEVER_COMMANDED, _IMMINENT, _UNDER_WAY, _COMPLETE = range(4)
Words = npt.NDArray[np.uint16]


class Source(Protocol):
    """What the camera looks at."""

    def frame(self, at_s: float) -> tuple[RawFrame, float]:
        """Counts (120, 160) at ``at_s`` and the seconds since the last flat-field correction."""
        ...


class LeptonFault(StrEnum):
    """What can be wrong with a camera or its server."""

    FROZEN_COUNTER = "frozen_counter"
    """The telemetry stands still; the picture goes on."""
    STUCK_FRAME = "stuck_frame"
    """The picture stands still; the telemetry goes on."""
    FLAT_FIELD = "flat_field"
    """A correction now: announced, then under way with the last picture again, then complete."""
    CUT = "cut"
    """The next frame breaks off in its middle."""
    GARBAGE = "garbage"
    """Bytes that mean nothing before the next frame."""


class LeptonSim(FrameServer):
    """The camera; ``port`` 0 = any free one."""

    def __init__(self, port: int, source: Source, clock: Clock, *, uptime_s: float = 3600.0) -> None:
        super().__init__(port, clock, FRAME_S)
        self._source = source
        self._began_s = clock.monotonic_s()
        self._uptime_s = uptime_s
        self._until_s: dict[LeptonFault, float] = {}
        self._flat_field_s = float("-inf")
        self._telemetry: Words = np.zeros(2 * _WORDS, np.uint16)
        self._picture: RawFrame = np.zeros((120, 160), np.uint16)
        self._spoiled: bytes | None = None
        self._cut = False
        self.frames = 0
        """Made so far."""

    def fault(self, kind: LeptonFault, lasts_s: float = 5.0) -> None:
        """Something goes wrong from now on; ``lasts_s`` counts for what stands still only."""
        now_s = self.clock.monotonic_s()
        match kind:
            case LeptonFault.FROZEN_COUNTER | LeptonFault.STUCK_FRAME:
                self._until_s[kind] = now_s + lasts_s
            case LeptonFault.FLAT_FIELD:
                self._flat_field_s = now_s + IMMINENT_S
            case LeptonFault.CUT:
                self._cut = True
            case LeptonFault.GARBAGE:
                self._spoiled = GARBAGE

    def recover(self) -> None:
        """What stands still goes on."""
        self._until_s.clear()

    def next(self, now_s: float) -> bytes:
        """The frame at ``now_s``, spoiled or cut if it is its turn."""
        frame = self._frame(now_s)
        spoiled, self._spoiled = self._spoiled, None
        cut, self._cut = self._cut, False
        return (spoiled or b"") + (frame[: len(frame) // 2 + 1] if cut else frame)

    def _frame(self, now_s: float) -> bytes:
        at_s = now_s - self._began_s
        picture, since_s = self._source.frame(at_s)
        state = _COMPLETE if since_s > 0 else _UNDER_WAY
        into_s = now_s - self._flat_field_s
        if -IMMINENT_S <= into_s < 0:
            state = _IMMINENT
        elif 0 <= into_s < UNDER_WAY_S:
            state = _UNDER_WAY
        since_s = min(since_s, max(0.0, into_s - UNDER_WAY_S)) if into_s >= 0 else since_s
        self.frames += 1
        if not self._stands_still(LeptonFault.FROZEN_COUNTER, now_s):
            self._telemetry = telemetry(self._uptime_s + at_s, self.frames, state, since_s)
        if not (self._stands_still(LeptonFault.STUCK_FRAME, now_s) or state == _UNDER_WAY):
            self._picture = picture
        return self._picture.astype("<u2").tobytes() + self._telemetry.astype("<u2").tobytes()

    def _stands_still(self, kind: LeptonFault, now_s: float) -> bool:
        return now_s < self._until_s.get(kind, float("-inf"))


def telemetry(uptime_s: float, number: int, state: int, since_flat_field_s: float) -> Words:
    """Both telemetry rows, 320 words, of a camera that runs well."""
    words = np.zeros(2 * _WORDS, np.uint16)
    words[0] = 14
    _put(words, 1, round(uptime_s * 1000))
    _put(words, 3, state << 4)
    words[13:17] = 3, 3, 26, 0
    _put(words, 20, number)
    words[24] = words[29] = round((_FPA_C + 273.15) * 100)
    words[26] = words[24] + 50
    _put(words, 30, round((uptime_s - since_flat_field_s) * 1000))
    words[72] = 7
    words[74] = 3
    words[99] = 8192
    words[208] = words[209] = 1
    return words


def _put(words: Words, at: int, value: int) -> None:
    words[at], words[at + 1] = value & 0xFFFF, value >> 16 & 0xFFFF
