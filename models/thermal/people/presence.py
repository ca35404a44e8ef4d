"""Whether somebody stands there, steadily, and when that is worth telling. Times are monotonic seconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cardea.contract.screening import NotScreened
from models.thermal.reading import Measurement, Reading

REPEAT_S = 1.0
"""While somebody stays there is a fresh reading this often."""
CHANGED_C = 0.2
"""A change beyond this is told at once."""
AWAY_S = 0.5
"""Nobody for this long ends a stay; less is a turned head."""
GAP_S_MAX = 3.0
"""Who is seen after a longer time without a look may be somebody else."""
UNSTEADY_S_MAX = 4.0
"""For how long somebody may move before that is told."""
REFUSED_S: Mapping[NotScreened, float] = {
    NotScreened.TOO_FAR: math.inf,
    NotScreened.TOO_NEAR: 1.0,
    NotScreened.OVERLAPPING: 1.0,
    NotScreened.FACE_UNSEEN: 2.0,
    NotScreened.NOT_STEADY: UNSTEADY_S_MAX,
}
"""For how long somebody may be where they cannot be measured before that is told; who is far away, never."""
BELIEVABLE_C_MAX = 45.0
"""Of no person's surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What counts as somebody standing steadily."""

    presence_c_min: float = 33.0
    """The warmest point of a face is warmer, of a wall colder; °C."""
    frames: int = 5
    spread_c_max: float = 0.3
    """Between the warmest and the coldest of the last ``frames``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What the last frames showed."""

    number: int = 0
    since_s: float | None = None
    """Since when somebody has been there."""
    away_s: float | None = None
    """Since when nobody has been seen, within a stay."""
    last_s: float = 0.0
    """When somebody was last seen."""
    recent: tuple[Measurement, ...] = ()
    told_c: float | None = None
    """The temperature told last in this stay."""
    due_s: float = 0.0
    """When a temperature is to be told again."""
    unsteady_due_s: float = 0.0
    """When somebody who does not stand still is to be told."""
    refused: NotScreened | None = None
    """Why they could not be measured last."""
    refused_due_s: float = 0.0
    """When that is to be told."""


def begun(number: int, now_s: float) -> Presence:
    """Somebody has come, who is this number."""
    return Presence(number=number, since_s=now_s, last_s=now_s, unsteady_due_s=now_s + UNSTEADY_S_MAX)


def refused(before: Presence, reason: NotScreened, now_s: float) -> tuple[Presence, Reading | None]:
    """Somebody is there who cannot be measured as they are: told when it lasts, and then each second."""
    unsteady_due_s = now_s + UNSTEADY_S_MAX
    presence = replace(before, recent=(), last_s=now_s, away_s=None, unsteady_due_s=unsteady_due_s)
    if reason is not before.refused:
        due_s = now_s + REFUSED_S.get(reason, 0.0)
        return replace(presence, refused=reason, refused_due_s=due_s), None
    if now_s < before.refused_due_s:
        return presence, None
    reading = Reading(at_s=now_s, presence=presence.number, reason=reason)
    return replace(presence, refused_due_s=now_s + REPEAT_S), reading


def moved(
    before: Presence, found: Measurement, manner: Manner, now_s: float
) -> tuple[Presence, Reading | None]:
    """Somebody does not stand still; what is measured of them counts once they do."""
    recent = (*before.recent, found)[-manner.frames :]
    return _moving(replace(before, recent=recent, last_s=now_s, away_s=None, refused=None), now_s)


def seen(
    before: Presence, found: Measurement, manner: Manner, now_s: float
) -> tuple[Presence, Reading | None]:
    """One more measurement, and the reading that it is time to tell."""
    if found.surface_temp_c < manner.presence_c_min:
        return gone(before, now_s), None
    presence = _occupied(before, now_s)
    recent = (*presence.recent, found)[-manner.frames :]
    presence = replace(presence, recent=recent, last_s=now_s, away_s=None, refused=None)
    steadily = steady(presence, manner)
    return _moving(presence, now_s) if steadily is None else _steady(presence, steadily, now_s)


def steady(presence: Presence, manner: Manner) -> Measurement | None:
    """What the last frames agree on."""
    temps_c = [measured.surface_temp_c for measured in presence.recent]
    agree = len(temps_c) >= manner.frames and max(temps_c) - min(temps_c) <= manner.spread_c_max
    return mean(presence.recent) if agree else None


def broken(before: Presence) -> Presence:
    """Frames are missing: what was steady counts no more; who stands there may be the same."""
    return replace(before, recent=())


def gone(before: Presence, now_s: float) -> Presence:
    """Nobody is seen; a stay ends once that lasts."""
    away_s = now_s if before.away_s is None else before.away_s
    if before.since_s is None or now_s - away_s >= AWAY_S:
        return Presence(number=before.number)
    return replace(before, recent=(), away_s=away_s)


def _occupied(before: Presence, now_s: float) -> Presence:
    if before.since_s is not None and 0.0 <= now_s - before.last_s <= GAP_S_MAX:
        return before
    return Presence(number=before.number + 1, since_s=now_s, unsteady_due_s=now_s + UNSTEADY_S_MAX)


def _moving(presence: Presence, now_s: float) -> tuple[Presence, Reading | None]:
    if now_s < presence.unsteady_due_s:
        return presence, None
    reading = Reading(at_s=now_s, presence=presence.number, reason=NotScreened.NOT_STEADY)
    return replace(presence, unsteady_due_s=now_s + REPEAT_S), reading


def _steady(presence: Presence, found: Measurement, now_s: float) -> tuple[Presence, Reading | None]:
    told_c, surface_c = presence.told_c, found.surface_temp_c
    if told_c is not None and now_s < presence.due_s and abs(surface_c - told_c) < CHANGED_C:
        return presence, None
    reading = Reading(at_s=now_s, presence=presence.number, first=told_c is None, measurement=found)
    later = now_s + REPEAT_S, now_s + UNSTEADY_S_MAX
    return replace(presence, told_c=surface_c, due_s=later[0], unsteady_due_s=later[1]), reading


def mean(found: tuple[Measurement, ...]) -> Measurement:
    """The mean of several, term by term; as old as the oldest, as unsure as the worst, for their errors are
    the same, and as they differ among each other.
    """
    n = len(found)
    temps_c = [one.surface_temp_c for one in found]
    apart_c = math.sqrt(sum((temp_c - sum(temps_c) / n) ** 2 for temp_c in temps_c) / n)
    ages_s = [one.reference_age_s for one in found if one.reference_age_s is not None]
    return Measurement(
        raw_c=sum(one.raw_c for one in found) / n,
        radiometry_c=sum(one.radiometry_c for one in found) / n,
        reference_c=sum(one.reference_c for one in found) / n,
        site_c=sum(one.site_c for one in found) / n,
        correction=found[-1].correction,
        gain=sum(one.gain for one in found) / n,
        uncertainty_c=math.hypot(max(one.uncertainty_c for one in found), apart_c),
        reference_age_s=max(ages_s, default=None),
    )
