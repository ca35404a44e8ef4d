"""Whether anything may be measured in a frame, and when its shutter was last at work. Pure.

The modules do not say when they correct themselves: every minute or two they close their shutter, and the
picture stands still for about half a second. Afterwards all of it may have moved by tenths of a degree.
"""

from dataclasses import dataclass

from cardea.contract.time import Instant
from drivers.api import RawFrame, Unfit
from drivers.thermal.infiray.layout import FRAMES_PER_S
from drivers.thermal_fitness import CountRange, Stillness, unfit_counts

POSSIBLE = CountRange(200 * 64, 830 * 64)
"""K: colder than any scene, hotter than the less sensitive of the two ranges (550 °C) reaches."""
SHUTTER_S_MIN = 0.2
"""A picture that stands still for less was merely sent twice."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of one frame."""

    unfit: Unfit | None
    since_flat_field_s: float | None
    """Since the picture last stood still; ``None`` when it never has."""


class Fitness:
    """One camera's frames in a row."""

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._stillness = Stillness()
        self._still_since_s = 0.0
        self._stood_s = 0.0
        self._corrected_s: float | None = None

    def judge(self, raw: RawFrame, number: int | None, at: Instant) -> Judgement:
        """The next frame's counts (h, w), and its presentation time where there is one."""
        still = self._stillness.look(raw, number)
        if still.pictures == 1:
            if self._stood_s >= SHUTTER_S_MIN:
                self._corrected_s = at.mono_s
            self._still_since_s = at.mono_s
        self._stood_s = max(at.mono_s - self._still_since_s, (still.pictures - 1) / FRAMES_PER_S)
        since_s = None if self._corrected_s is None else at.mono_s - self._corrected_s
        return Judgement(unfit_counts(raw, POSSIBLE) or self._unfit(still.numbers), since_s)

    def _unfit(self, numbers: int) -> Unfit | None:
        if max(self._stood_s, (numbers - 1) / FRAMES_PER_S) >= self._frozen_s:
            return Unfit.FROZEN
        return Unfit.FLAT_FIELD if self._stood_s >= SHUTTER_S_MIN else None
