"""Everybody who was seen in a recording: one entry a person, from the sights of its frames.

``people`` came near enough to be screened and stood there; each has a temperature, or the reasons why not.
``others`` were seen, but never came near or never stood still: nobody can have screened them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cardea.contract.screening import NotScreened
from models.thermal.people.people import Sight
from models.thermal.reading import Measurement

LOOKS_MIN = 5
"""Who was seen in fewer frames is not worth a line among the others: a hand, a passing glimpse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One person. Times are those of the recording."""

    start_s: float
    end_s: float
    measurement: Measurement | None
    """The warmest that the frames agreed on while they stood there; the face is not always turned to us."""
    at_s: float | None
    """When that was."""
    reasons: tuple[NotScreened, ...]
    """Why there is none, the most frequent first."""
    face_px: float
    """The width of the face when it was largest, pixels."""


@dataclass(slots=True)
class _Seen:
    """What is gathered of one person."""

    start_s: float
    end_s: float = 0.0
    looks: int = 0
    stood: int = 0
    stirred: bool = False
    radius_px: float = 0.0
    best: Measurement | None = None
    at_s: float | None = None
    reasons: Counter[NotScreened] = field(default_factory=Counter[NotScreened])
    """While they stood."""
    before: Counter[NotScreened] = field(default_factory=Counter[NotScreened])
    """At all other times."""

    def take(self, sight: Sight, condition: NotScreened | None, now_s: float) -> None:
        self.end_s = now_s
        self.looks += 1
        self.stood += sight.stood
        self.stirred |= sight.stirred
        self.radius_px = max(self.radius_px, sight.circle.radius_px)
        found = sight.steady
        if found is not None and (self.best is None or found.surface_temp_c > self.best.surface_temp_c):
            self.best, self.at_s = found, now_s
        reason = (condition or sight.refused) if sight.stood else (sight.refused or condition)
        (self.reasons if sight.stood else self.before)[reason or NotScreened.NOT_STEADY] += 1

    def join(self, other: "_Seen") -> None:
        self.start_s = min(self.start_s, other.start_s)
        self.end_s = max(self.end_s, other.end_s)
        self.looks += other.looks
        self.stood += other.stood
        self.stirred |= other.stirred
        self.radius_px = max(self.radius_px, other.radius_px)
        theirs = other.best
        if theirs is not None and (self.best is None or theirs.surface_temp_c > self.best.surface_temp_c):
            self.best, self.at_s = theirs, other.at_s
        self.reasons += other.reasons
        self.before += other.before

    def entry(self) -> Entry:
        counted = () if self.best is not None else (self.reasons or self.before).most_common()
        return Entry(
            start_s=self.start_s,
            end_s=self.end_s,
            measurement=self.best,
            at_s=self.at_s,
            reasons=tuple(reason for reason, _ in counted),
            face_px=2.0 * self.radius_px,
        )


class Roll:
    """Takes the sights of one frame after another."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def take(self, sights: Iterable[Sight], condition: NotScreened | None, now_s: float) -> None:
        """One frame; ``condition`` is what kept everybody from being measured."""
        for sight in sights:
            seen = self._seen.setdefault(sight.number, _Seen(now_s))
            earlier = self._seen.pop(sight.began_as, None) if sight.began_as != sight.number else None
            if earlier is not None:
                seen.join(earlier)
            seen.take(sight, condition, now_s)

    @property
    def people(self) -> tuple[Entry, ...]:
        """Who came to be screened, in the order of their coming."""
        return _entries(seen for seen in self._seen.values() if seen.stirred and seen.stood)

    @property
    def others(self) -> tuple[Entry, ...]:
        """Who was only seen."""
        return _entries(
            seen
            for seen in self._seen.values()
            if seen.stirred and not seen.stood and seen.looks >= LOOKS_MIN
        )


def _entries(seen: Iterable[_Seen]) -> tuple[Entry, ...]:
    return tuple(sorted((one.entry() for one in seen), key=lambda entry: entry.start_s))
