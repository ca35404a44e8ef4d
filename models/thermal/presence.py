"""Whether somebody stands there, steadily, and when that is worth telling. Times are monotonic seconds."""

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


def seen(
    before: Presence, found: Measurement, manner: Manner, now_s: float
) -> tuple[Presence, Reading | None]:
    """One more measurement, and the reading that it is time to tell."""
    if found.surface_temp_c < manner.presence_c_min:
        return gone(before, now_s), None
    presence = _occupied(before, now_s)
    recent = (*presence.recent, found)[-manner.frames :]
    presence = replace(presence, recent=recent, last_s=now_s, away_s=None)
    temps_c = [measured.surface_temp_c for measured in recent]
    if len(recent) < manner.frames or max(temps_c) - min(temps_c) > manner.spread_c_max:
        return _moving(presence, now_s)
    return _steady(presence, now_s)


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


def _steady(presence: Presence, now_s: float) -> tuple[Presence, Reading | None]:
    found = mean(presence.recent)
    told_c, surface_c = presence.told_c, found.surface_temp_c
    if told_c is not None and now_s < presence.due_s and abs(surface_c - told_c) < CHANGED_C:
        return presence, None
    reading = Reading(at_s=now_s, presence=presence.number, first=told_c is None, measurement=found)
    later = now_s + REPEAT_S, now_s + UNSTEADY_S_MAX
    return replace(presence, told_c=surface_c, due_s=later[0], unsteady_due_s=later[1]), reading


def mean(found: tuple[Measurement, ...]) -> Measurement:
    """The mean of several, term by term; as unsure and as old as the worst (their errors are the same)."""
    n = len(found)
    ages_s = [one.reference_age_s for one in found if one.reference_age_s is not None]
    return Measurement(
        raw_c=sum(one.raw_c for one in found) / n,
        radiometry_c=sum(one.radiometry_c for one in found) / n,
        reference_c=sum(one.reference_c for one in found) / n,
        site_c=sum(one.site_c for one in found) / n,
        correction=found[-1].correction,
        gain=sum(one.gain for one in found) / n,
        uncertainty_c=max(one.uncertainty_c for one in found),
        reference_age_s=max(ages_s, default=None),
    )
