"""Whether one thermometer calls too many people elevated: a Bernoulli CUSUM on its alarms.

After Reynolds and Stoumbos (J. Quality Technology 31, 1999, 87-108). A sensor that drifts up, a draught, a
wrong emissivity: all show first as alarms that come too often, long before anybody finds them one by one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

LIMIT_MAX = 20_000
"""Levels a chart may have."""


@dataclass(frozen=True, slots=True)
class Chart:
    """How alarms are added up: an alarm raises the level by ``rise``, anybody else lowers it by one."""

    rise: int
    limit: int
    """From here on the rate has left its target."""


@dataclass(frozen=True, slots=True)
class AlarmRate:
    """Where the sum stands."""

    level: int = 0
    people: int = 0
    """Since the level was last at nought."""
    alarms: int = 0
    """Among them."""
    off_target: bool = False
    """From the limit on, until the level is back at nought."""

    def met(self, chart: Chart, *, alarmed: bool) -> "AlarmRate":
        """One more person; the level never leaves 0…limit."""
        level = self.level + (chart.rise if alarmed else -1)
        if level <= 0:
            return AlarmRate()
        return AlarmRate(
            level=min(level, chart.limit),
            people=self.people + 1,
            alarms=self.alarms + alarmed,
            off_target=self.off_target or level >= chart.limit,
        )


@lru_cache(maxsize=64)
def chart(target_rate: float, detectable_rate: float, people_to_false_alarm: float) -> Chart:
    """A chart for telling ``target_rate`` from ``detectable_rate``.

    The reference value is Reynolds and Stoumbos's r1 / r2, taken to the next 1 / m so that the sum runs over
    whole numbers; the limit is the lowest at which, at the target, at least ``people_to_false_alarm`` go by
    on average before a false alarm. Raises ValueError unless ``0.002 <= target_rate``, ``2 x target_rate <=
    detectable_rate <= 0.9`` and ``10 <= people_to_false_alarm <= 1e6``.
    """
    if not (target_rate >= 0.002 and 2.0 * target_rate <= detectable_rate <= 0.9):
        raise ValueError("must hold: 0.002 <= target_rate, 2 x target_rate <= detectable_rate <= 0.9")
    if not 10.0 <= people_to_false_alarm <= 1e6:
        raise ValueError("people to a false alarm must be 10 to 1000000")
    r1 = -math.log((1.0 - detectable_rate) / (1.0 - target_rate))
    r2 = math.log(detectable_rate * (1.0 - target_rate) / (target_rate * (1.0 - detectable_rate)))
    steps = max(2, round(r2 / r1))
    return Chart(steps - 1, _limit(target_rate, steps - 1, people_to_false_alarm))


def run_length(rate: float, drawn: Chart) -> float:
    """People on average to an alarm of the chart, from nought, when alarms come at ``rate``; 0 < rate < 1."""
    return next(islice(_run_lengths(rate, drawn.rise), drawn.limit - 1, None))


def _limit(rate: float, rise: int, people: float) -> int:
    """The lowest limit with at least ``people`` on average to a false alarm, exactly."""
    for limit, length in enumerate(islice(_run_lengths(rate, rise), LIMIT_MAX), 1):
        if length >= people:
            return limit
    raise ValueError("no limit is high enough")


def _run_lengths(rate: float, rise: int) -> Iterator[float]:
    """The run length from nought for the limits 1, 2, 3 and so on.

    Counted down from the limit, the run length at distance d is ``base[d] + share[d] x`` the one at d + 1,
    whatever the limit. That after an alarm is put together of those in between, and 0 above the limit; where
    the level 0 lies at distance d, all is known.
    """
    base: list[float] = []
    share: list[float] = []
    lost: list[float] = []
    """One less the share, which is lost in rounding where run lengths are long."""
    while True:
        risen, carried, gone = 0.0, float(len(base) >= rise), float(len(base) < rise)
        for above in range(max(0, len(base) - rise), len(base)) if carried else ():
            risen += carried * base[above]
            gone += carried * lost[above]
            carried *= share[above]
        yield (1.0 + rate * risen) / (rate * gone)
        kept = 1.0 - rate * carried
        base.append((1.0 + rate * risen) / kept)
        share.append((1.0 - rate) / kept)
        lost.append(rate * gone / kept)
