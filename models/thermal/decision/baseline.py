"""What is usual at this place just now: median and spread of the last people's surface temperatures.

A second line only, behind reference and threshold: it can ask for another measurement of somebody called
normal and do nothing else. Alone it would follow a drift and call the fevers of a bad day usual.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from cardea.contract.records import ScreeningState

PEOPLE = 30
UNUSUAL_SD = 3.0
SPREAD_C_MIN = 0.2
"""People differ at least so much from each other (1 SD), whatever a few of them show."""
TO_SD = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


class Usual(StrEnum):
    """How a temperature compares with those before it."""

    UNKNOWN = "unknown"
    """Too few people yet; says nothing, not even "normal"."""
    USUAL = "usual"
    UNUSUAL = "unusual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The last people of one day; raises ValueError unless ``people`` lies within 3…1000."""

    people: int = PEOPLE
    """So many make a baseline."""
    recent_c: tuple[float, ...] = ()
    day: Hashable = None

    def __post_init__(self) -> None:
        if not 3 <= self.people <= 1000:
            raise ValueError("a baseline rests on 3 to 1000 people")

    @property
    def known(self) -> bool:
        """Whether enough people have been seen since the last reset."""
        return len(self.recent_c) >= self.people

    @property
    def median_c(self) -> float | None:
        """Of the people seen; ``None`` before the first."""
        return median(self.recent_c) if self.recent_c else None

    @property
    def sd_c(self) -> float | None:
        """Their robust standard deviation, at least ``SPREAD_C_MIN``; ``None`` before the first."""
        middle_c = self.median_c
        if middle_c is None:
            return None
        return max(SPREAD_C_MIN, TO_SD * median(abs(each - middle_c) for each in self.recent_c))

    def compared(self, surface_temp_c: float, day: Hashable) -> Usual:
        """How a temperature of ``day`` compares with those before it."""
        middle_c, sd_c = self.median_c, self.sd_c
        if middle_c is None or sd_c is None or not self.known or day != self.day:
            return Usual.UNKNOWN
        within = abs(surface_temp_c - middle_c) <= UNUSUAL_SD * sd_c
        return Usual.USUAL if within else Usual.UNUSUAL

    def met(self, surface_temp_c: float, day: Hashable) -> "Baseline":
        """One more person; the first of another day starts anew. What is no temperature changes nothing."""
        if not math.isfinite(surface_temp_c):
            return self
        before = self.recent_c if day == self.day else ()
        return replace(self, recent_c=(*before, surface_temp_c)[-self.people :], day=day)

    def reset(self) -> "Baseline":
        """The sensor drifted or corrected itself: what was usual before says nothing of what comes."""
        return replace(self, recent_c=())


def second_line(state: ScreeningState, usual: Usual) -> ScreeningState:
    """The state to act on: an unusual "normal" is measured again; everything else stands."""
    if state is ScreeningState.NORMAL and usual is Usual.UNUSUAL:
        return ScreeningState.RETEST
    return state
