"""Recorded door clips as a camera's scene: one clip for each visit, an empty door between visits.

A clip is an ``.npz`` with ``frames`` (n, 120, 160) uint16 in 0.01 K, ``uptime_s`` (n,) and ``last_ffc_s``
(n,), the uptime of the last flat-field correction. Real clips show real people: keep them out of any
repository.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.api import RawFrame
from drivers.sim.thermal_scene import COUNTS_PER_K, NOISE_SD_C, ThermalScene

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
    """Plays the clips of ``folder`` in the order of their names, over and over.

    ``empty`` names the clip (without ``.npz``) whose first frame is the door without people; it is not
    played. Without it a synthesised scene stands between visits.
    """

    def __init__(self, folder: Path, *, empty: str = "", seed: int = 7) -> None:
        names = sorted(path for path in folder.glob("*.npz") if path.stem != empty)
        if not names:
            raise FileNotFoundError(f"{folder} holds no clip (*.npz)")
        self._names = names
        self._played = 0
        self._seed = seed
        self._empty = _read(folder / f"{empty}.npz") if empty else None
        self._scene = ThermalScene(seed)
        self._clip: Clip | None = None
        self._began_s: float | None = None

    @property
    def occupied(self) -> bool:
        """Whether a clip is played, or is at the next frame."""
        return self._clip is not None

    def enter(self, surface_temp_c: float = 0.0, stays_s: float = 0.0) -> None:
        """The next clip begins at the next frame.

        What it shows is as it was recorded; what a synthesised scene would be told means nothing here.
        """
        del surface_temp_c, stays_s
        self._clip = _read(self._names[self._played % len(self._names)])
        self._began_s = None
        self._played += 1

    def frame(self, at_s: float) -> tuple[RawFrame, float]:
        """As a synthesised scene's: counts of 0.01 K, shape (120, 160), and the time since the correction."""
        if self._clip is not None:
            began_s = at_s if self._began_s is None else self._began_s
            self._began_s = began_s
            if at_s - began_s <= self._clip.lasts_s:
                return self._clip.at(at_s - began_s)
            self._clip = None
        if self._empty is None:
            return self._scene.frame(at_s)
        still, since_s = self._empty.at(0.0)
        dice = np.random.default_rng([self._seed, round(at_s * 1000)])
        noisy = still + dice.normal(0, NOISE_SD_C * COUNTS_PER_K, still.shape)
        return np.rint(noisy).astype(np.uint16), since_s + at_s


def _read(path: Path) -> Clip:
    with np.load(path, allow_pickle=False) as content:
        found: dict[str, Any] = {name: content[name] for name in ("frames", "uptime_s", "last_ffc_s")}
    return Clip(found["frames"], found["uptime_s"], found["last_ffc_s"])
