"""The sensor's error as the reference shows it, followed from frame to frame by a scalar Kalman filter.

Sensor drift dwarfs everything else: uncooled sensors were seen 5 °C off, moving by 0.2 °C within seconds and
by 1.3 °C at one flat-field correction, while a frame's noise is 0.01 °C.
"""

import math
from dataclasses import dataclass, replace

UNKNOWN_C = 8.0
"""Standard deviation of the error before anything was seen."""
WALK_C_PER_ROOT_S = 0.02
"""How far the error walks in a second."""
NOISE_C = 0.02
"""One look at the reference: its pixels' noise after the median."""
FLAT_FIELD_C = 1.5
"""How far one flat-field correction may move the error."""
JUMP_SD = 5.0
"""A look this many standard deviations away says that the filter's picture is wrong, not the look."""
SEEN_MIN = 3
"""Looks before the error is believed."""
DRIFT_S = 10.0
DRIFT_C_MAX = 0.5
"""More than this within ``DRIFT_S`` is no drift of a sensor at rest; the quickest seen moved 0.2 °C."""
COURSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What has to be added to a reading, °C, and how sure that is. Times are monotonic seconds."""

    value_c: float = 0.0
    variance_c2: float = UNKNOWN_C**2
    at_s: float | None = None
    seen_s: float | None = None
    """When the reference was last seen."""
    seen: int = 0
    """Looks since the start, the last correction or the last loss; up to ``SEEN_MIN``."""
    course: tuple[tuple[float, float], ...] = ()
    """Where the value stood, about once a second, over the last ``DRIFT_S``."""

    @property
    def sd_c(self) -> float:
        """Standard deviation of the value."""
        return math.sqrt(self.variance_c2)

    @property
    def settled(self) -> bool:
        """Whether the reference has been seen often enough since the start or the last correction."""
        return self.seen >= SEEN_MIN

    @property
    def drifting(self) -> bool:
        """Whether the value moved too much lately to be believed."""
        return any(abs(self.value_c - was_c) > DRIFT_C_MAX for _, was_c in self.course)

    def age_s(self, now_s: float) -> float:
        """For how long the reference has not been seen; infinite when it never was."""
        return math.inf if self.seen_s is None else max(0.0, now_s - self.seen_s)

    def waited(self, now_s: float) -> "Offset":
        """Time went by: what is known gets older and less sure."""
        if self.at_s == now_s:
            return self
        waited_s = 0.0 if self.at_s is None else max(0.0, now_s - self.at_s)
        grown_c2 = min(UNKNOWN_C**2, self.variance_c2 + WALK_C_PER_ROOT_S**2 * waited_s)
        return replace(self, at_s=now_s, variance_c2=grown_c2)

    def lost(self) -> "Offset":
        """The reference was not where it should be: the next looks count anew."""
        return replace(self, seen=0)

    def corrected(self) -> "Offset":
        """A flat-field correction: the value stands, hardly anything of its certainty does."""
        unsure_c2 = min(UNKNOWN_C**2, self.variance_c2 + FLAT_FIELD_C**2)
        return replace(self, seen=0, course=(), variance_c2=unsure_c2)

    def looked(self, error_c: float, now_s: float) -> "Offset":
        """The reference was seen ``error_c`` below its set temperature."""
        before = self.waited(now_s)
        surprise_c = error_c - before.value_c
        predicted_c2 = before.variance_c2
        if surprise_c**2 > JUMP_SD**2 * (predicted_c2 + NOISE_C**2):
            predicted_c2 += surprise_c**2
        gain = predicted_c2 / (predicted_c2 + NOISE_C**2)
        value_c = before.value_c + gain * surprise_c
        return replace(
            before,
            value_c=value_c,
            variance_c2=(1.0 - gain) * predicted_c2,
            seen_s=now_s,
            seen=min(SEEN_MIN, self.seen + 1),
            course=_course(self.course, value_c, now_s),
        )


def _course(
    before: tuple[tuple[float, float], ...], value_c: float, now_s: float
) -> tuple[tuple[float, float], ...]:
    """The course with one more point, where a second has gone by, and without what is too old."""
    kept = tuple(point for point in before if 0.0 <= now_s - point[0] <= DRIFT_S)
    return kept if kept and now_s - kept[-1][0] < COURSE_S else (*kept, (now_s, value_c))
