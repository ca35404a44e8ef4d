"""A simulated InfiRay P2 Pro or P3 behind a TCP camera server: one picture after another.

Sources: the P2 Pro's UVC picture as described at github.com/LeoDJ/P2Pro-Viewer, the P3's bulk transfers as
described at github.com/jvdillon/p3-ir-camera. Synthetic from end to end: a room, a warm disc, sensor noise.
"""

import struct
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cardea.runtime.clock import Clock
from drivers.api import Counts
from drivers.sim.frame_server import FrameServer

FRAME_S = 1 / 25
SHUTTER_S = 0.5
"""How long the picture stands still while the camera corrects itself."""
GARBAGE = bytes(range(253)) * 5
HEIGHT, WIDTH = 192, 256
COUNTS_PER_K = 64
NOISE_SD_C = 0.04
ROOM_C = 22.0
_TICKS_PER_FRAME, _MS_PER_FRAME, _MS_WRAP = 600_049, 40, 2048
_HINT = b"\x5a\xa5" * WIDTH * 2
"""The two rows of the P3's picture whose meaning is not known."""


class InfirayFault(StrEnum):
    """What can be wrong with a camera, its bus or its server."""

    SHUTTER = "shutter"
    """A correction now: the picture stands still."""
    STUCK_FRAME = "stuck_frame"
    """The picture stands still; a P3's counters go on."""
    FROZEN_COUNTER = "frozen_counter"
    """A P3's counters stand still; the picture goes on."""
    DEAD = "dead"
    """Every count is 0."""
    CUT = "cut"
    """The next frame breaks off in its middle."""
    GARBAGE = "garbage"
    """Bytes that mean nothing before the next frame."""
    TORN = "torn"
    """The next frame's second half is lost, and so is the first half of the one after it (P3)."""
    SPLIT = "split"
    """The next frame comes as the P3's first one after a correction by hand: begun twice, marked thrice."""


class InfiraySim(FrameServer):
    """The camera; ``port`` 0 = any free one, ``model`` as the driver's."""

    def __init__(self, port: int, model: str, clock: Clock, *, seed: int = 0) -> None:
        super().__init__(port, clock, FRAME_S)
        self._marked = model == "p3"
        self._dice = np.random.default_rng(seed)
        self._until_s: dict[InfirayFault, float] = {}
        self._once: InfirayFault | None = None
        self._picture: Counts = np.zeros((HEIGHT, WIDTH), np.uint16)
        self._counter = 0
        self._half = b""
        self.disc_c = 37.0
        """Of the warm disc in the middle of the picture."""
        self.frames = 0
        """Made so far."""

    def fault(self, kind: InfirayFault, lasts_s: float = 5.0) -> None:
        """Something goes wrong from now on; ``lasts_s`` counts for what lasts only."""
        match kind:
            case InfirayFault.SHUTTER:
                self._until_s[InfirayFault.STUCK_FRAME] = self.clock.monotonic_s() + SHUTTER_S
            case InfirayFault.STUCK_FRAME | InfirayFault.FROZEN_COUNTER | InfirayFault.DEAD:
                self._until_s[kind] = self.clock.monotonic_s() + lasts_s
            case _:
                self._once = kind

    def recover(self) -> None:
        """What lasts is over."""
        self._until_s.clear()

    def next(self, now_s: float) -> bytes:
        """The frame at ``now_s``, spoiled if it is its turn."""
        self.frames += 1
        if not self._lasts(InfirayFault.STUCK_FRAME, now_s):
            self._picture = self._look()
        if not self._lasts(InfirayFault.FROZEN_COUNTER, now_s):
            self._counter += 1
        dead = self._lasts(InfirayFault.DEAD, now_s)
        content = picture(np.zeros_like(self._picture) if dead else self._picture, marked=self._marked)
        if not self._marked:
            return self._spoilt(content)
        if self._once is InfirayFault.SPLIT:
            self._once = None
            return split(content, self._counter)
        return self._spoilt(marker(self._counter, 0x8C, 0) + content + marker(self._counter, 0x8E, 1))

    def _spoilt(self, frame: bytes) -> bytes:
        half, self._half = self._half, b""
        if half:
            return half + frame[len(half) :]
        fault, self._once = self._once, None
        middle = len(frame) // 2 + 1
        match fault:
            case InfirayFault.CUT:
                return frame[:middle]
            case InfirayFault.GARBAGE:
                return GARBAGE + frame
            case InfirayFault.TORN:
                self._half = frame[:middle]
                return b""
            case _:
                return frame

    def _look(self) -> Counts:
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        scene_c: npt.NDArray[np.float64] = ROOM_C + rows / HEIGHT + 0.3 * np.sin(columns / 17.0)
        scene_c[(rows - HEIGHT // 2) ** 2 + (columns - WIDTH // 2) ** 2 <= 20**2] = self.disc_c
        scene_c += self._dice.normal(0.0, NOISE_SD_C, scene_c.shape)
        return np.rint((scene_c + 273.15) * COUNTS_PER_K).astype(np.uint16)

    def _lasts(self, kind: InfirayFault, now_s: float) -> bool:
        return now_s < self._until_s.get(kind, float("-inf"))


def picture(counts: Counts, *, marked: bool) -> bytes:
    """What a module sends of ``counts`` (192, 256): a grey picture above them, a P3's two rows between."""
    spread = counts.astype(np.float64) - counts.min()
    grey = np.full((HEIGHT, WIDTH, 2), 0x80, np.uint8)
    grey[:, :, 0] = (spread * 255 / max(1.0, spread.max())).astype(np.uint8)
    return grey.tobytes() + (_HINT if marked else b"") + counts.astype("<u2").tobytes()


def marker(counter: int, flags: int, at_end: int) -> bytes:
    """A P3's marker of frame ``counter``; ``flags`` 0x8C begins it, 0x8E ends it."""
    return struct.pack(
        "<BBIIH",
        12,
        flags | counter & 1,
        counter * _TICKS_PER_FRAME & 0xFFFF_FFFF,
        (counter + at_end) * _TICKS_PER_FRAME + 77 & 0xFFFF_FFFF,
        (counter + at_end) * _MS_PER_FRAME % _MS_WRAP,
    )


def split(content: bytes, counter: int) -> bytes:
    """The three transfers of the first frame after a correction by hand."""
    first = marker(counter, 0x8C, 0) + content[:9204] + content[: len(content) - 2048]
    return first + marker(counter, 0x8C, 1) + content[-2048:] + marker(counter, 0x8E, 1)
