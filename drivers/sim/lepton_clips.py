"""Recorded door clips as a camera's scene: one clip for each visit, a synthesised door between visits.

A clip is an ``.npz`` with ``frames`` (n, 120, 160) uint16 in 0.01 K, ``uptime_s`` (n,) and ``last_ffc_s``
(n,), the uptime of the last flat-field correction. Real clips show real people: keep them out of any
repository.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.api import RawFrame
from drivers.sim.thermal_scene import ThermalScene

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One recording."""

    frames: npt.NDArray[np.uint16]
    """Shape (n, 120, 160), 0.01 K."""
    uptime_s: Times
    last_ffc_s: Times

    @property
    def lasts_s(self) -> float:
        """From the first frame to the last."""
        return float(self.uptime_s[-1] - self.uptime_s[0])

    def at(self, into_s: float) -> tuple[RawFrame, float]:
        """The frame that stands ``into_s`` after the clip's beginning, and its time since the correction."""
        place = int(np.searchsorted(self.uptime_s - self.uptime_s[0], into_s, side="right")) - 1
        return self.frames[place], float(self.uptime_s[place] - self.last_ffc_s[place])


class LeptonClips:
    """Plays the clips of ``folder``, or those of them that ``names`` lists, in order, over and over.

    Another recording is another state of the sensor. So that nobody takes the cut for drift, it is told as
    what it amounts to: a flat-field correction at that moment.
    """

    def __init__(self, folder: Path, door: ThermalScene, *, names: Collection[str] = ()) -> None:
        self._files = sorted(path for path in folder.glob("*.npz") if not names or path.stem in names)
        if not self._files:
            raise FileNotFoundError(f"{folder} holds no clip (*.npz)")
        self._door = door
        self._played = 0
        self._clip: Clip | None = None
        self._began_s: float | None = None
        self._cut_s = -math.inf

    @property
    def occupied(self) -> bool:
        """Whether a clip is played, or is at the next frame."""
        return self._clip is not None

    def enter(self, surface_temp_c: float = 0.0, stays_s: float = 0.0) -> None:
        """The next clip begins at the next frame.

        What it shows is as it was recorded; what a synthesised scene would be told means nothing here.
        """
        del surface_temp_c, stays_s
        self._clip = _read(self._files[self._played % len(self._files)])
        self._began_s = None
        self._played += 1

    def frame(self, at_s: float) -> tuple[RawFrame, float]:
        """As a synthesised scene's: counts of 0.01 K, shape (120, 160), and the time since the correction."""
        raw, since_s = self._shown(at_s)
        return raw, min(since_s, at_s - self._cut_s)

    def _shown(self, at_s: float) -> tuple[RawFrame, float]:
        if self._clip is not None:
            if self._began_s is None:
                self._began_s = self._cut_s = at_s
            if at_s - self._began_s <= self._clip.lasts_s:
                return self._clip.at(at_s - self._began_s)
            self._clip = None
            self._cut_s = at_s
        return self._door.frame(at_s)


def _read(path: Path) -> Clip:
    with np.load(path, allow_pickle=False) as content:
        found: dict[str, Any] = {name: content[name] for name in ("frames", "uptime_s", "last_ffc_s")}
    return Clip(found["frames"], found["uptime_s"], found["last_ffc_s"])
