"""From what a sensor reads to what is true, by the references in its picture. All temperatures in °C.

One reference gives an offset: ``T = R + (T1 - R1)``. Two give a gain as well, ``(T2 - T1) / (R2 - R1)``, and
the line runs through their middle. Either way a degree of skin becomes ``gain`` degrees of reading and a
degree again: nothing is drawn toward any "body temperature".

Uncertainty by propagation of independent errors (JCGM 100:2008, 5.1.2). With λ = (T - T1) / (T2 - T1), 0 at
one reference and 1 at the other, the sources' own errors count as (1 - λ)²·u1² + λ²·u2²: least between the
two, growing with the distance beyond them and with their nearness to each other. The sensor's noise in the
middle counts as gain²·(v1 + v2)/4, the gain's variance by the distance from the middle.
"""

import math
from dataclasses import dataclass, replace

from cardea.contract.screening import Correction
from models.thermal.reference.offset import JUMP_SD, NOISE_C, SEEN_MIN

GAIN_MIN, GAIN_MAX = 0.95, 1.05
"""Of a sound sensor; beyond, one of the references is not what it is taken for."""
GAIN_SD = 0.05 / math.sqrt(3.0)
"""One reference says nothing of the gain: it lies evenly anywhere within these bounds."""
APART_C_MIN = 3.0
"""Two references nearer to each other tell more of their own errors than of the gain."""
GAIN_WALK_PER_ROOT_S = 1e-5
"""A gain is a matter of optics and electronics; it moves with the housing's temperature, over hours."""
RATIO_MIN, RATIO_MAX = 0.5, 2.0
"""What two looks can say of a gain at all."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One reference as the sensor sees it now."""

    temp_c: float
    """What it is set to."""
    reading_c: float
    """What the sensor reads there."""
    uncertainty_c: float
    """Of the source, k = 1."""
    variance_c2: float
    """Of the reading."""


@dataclass(frozen=True, slots=True)
class Line:
    """Corrects readings; made by :func:`one_point` or :func:`two_point`."""

    correction: Correction
    anchors: tuple[Anchor, ...]
    at_c: float
    """The reading that becomes ``to_c``."""
    to_c: float
    gain: float = 1.0
    gain_sd: float = GAIN_SD

    @property
    def fit(self) -> bool:
        """Whether a sound sensor can have this gain."""
        return GAIN_MIN <= self.gain <= GAIN_MAX

    def added_c(self, reading_c: float) -> float:
        """What has to be added to a reading."""
        return self.to_c - self.at_c + (self.gain - 1.0) * (reading_c - self.at_c)

    def reading_c(self, temp_c: float) -> float:
        """The reading that becomes ``temp_c``: the way back."""
        return self.at_c + (temp_c - self.to_c) / self.gain

    def uncertainty_c(self, reading_c: float) -> float:
        """Of a corrected reading, as far as the correction makes it, k = 1."""
        shares = self._shares(self.to_c + self.gain * (reading_c - self.at_c))
        sources_c2 = sum(
            share**2 * one.uncertainty_c**2 for share, one in zip(shares, self.anchors, strict=True)
        )
        noise_c2 = sum(one.variance_c2 for one in self.anchors) * (self.gain / len(self.anchors)) ** 2
        return math.sqrt(sources_c2 + noise_c2 + (self.gain_sd * (reading_c - self.at_c)) ** 2)

    def _shares(self, temp_c: float) -> tuple[float, ...]:
        """How much of each source's error a corrected temperature has; 1 in all."""
        if len(self.anchors) == 1:
            return (1.0,)
        first, second = self.anchors
        way = (temp_c - first.temp_c) / (second.temp_c - first.temp_c)
        return 1.0 - way, way


def one_point(anchor: Anchor) -> Line:
    """An offset."""
    return Line(Correction.ONE_POINT, (anchor,), anchor.reading_c, anchor.temp_c)


def two_point(first: Anchor, second: Anchor, gain: "Gain") -> Line:
    """A gain, followed slowly, about the middle of both, followed quickly. Their set temperatures differ."""
    at_c = 0.5 * (first.reading_c + second.reading_c)
    to_c = 0.5 * (first.temp_c + second.temp_c)
    return Line(Correction.TWO_POINT, (first, second), at_c, to_c, gain.value, math.sqrt(gain.variance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The sensor's gain by two references, followed by a scalar Kalman filter; monotonic seconds."""

    value: float = 1.0
    variance: float = math.inf
    at_s: float | None = None
    seen: int = 0
    """Frames with both references since the start or the last loss; up to ``SEEN_MIN``."""

    @property
    def settled(self) -> bool:
        """Whether both were seen together often enough."""
        return self.seen >= SEEN_MIN

    def lost(self) -> "Gain":
        """One of them was not where it should be: the next looks count anew."""
        return replace(self, seen=0)

    def looked(self, set_c: tuple[float, float], read_c: tuple[float, float], now_s: float) -> "Gain":
        """Both were seen in one frame."""
        set_apart_c, read_apart_c = set_c[1] - set_c[0], read_c[1] - read_c[0]
        told = min(RATIO_MAX, max(RATIO_MIN, set_apart_c / read_apart_c)) if read_apart_c else RATIO_MAX
        noise = 2.0 * (told**2 * NOISE_C / set_apart_c) ** 2
        waited_s = 0.0 if self.at_s is None else max(0.0, now_s - self.at_s)
        predicted = self.variance + GAIN_WALK_PER_ROOT_S**2 * waited_s
        surprise = told - self.value
        if surprise**2 > JUMP_SD**2 * (predicted + noise):
            predicted += surprise**2
        weight = 1.0 / (1.0 + noise / predicted)
        return Gain(
            value=self.value + weight * surprise,
            variance=weight * noise,
            at_s=now_s,
            seen=min(SEEN_MIN, self.seen + 1),
        )
