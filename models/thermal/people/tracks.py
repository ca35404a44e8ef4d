"""Faces followed from frame to frame: who is who, and who hides whom.

Lengths are told in widths of the face: skin of a face is about 0.14 m wide, whatever the camera.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from models.thermal.people.bodies import UPS, Up
from models.thermal.people.heads import Head
from models.thermal.people.track import LOOKS_MIN, STAND_S_MAX, Look, Places, Track

APART = 2.5
"""From one frame to the next a face moves at most so many radii: 1.5 m/s at nine frames a second."""
RESIZED_MAX = 2.2
"""…and its size, as found with glasses and without, changes at most so many times."""
AWAY_S = 1.0
"""Who is seen again at the same place within this time turned away or was hidden…"""
LEFT_S = 0.5
"""…but who was last seen at the frame's edge has left it."""
TOUCHING = 1.25
"""Two faces whose centres are within so many sums of their radii overlap, or nearly."""
NEARBY = 3.0
"""A face that begins within the frame, so many radii from where another ended there, is that one again:
people come in at the edge. Heads are turned, bent and wiped with a hand."""
HIDDEN_S = 1.0
"""For so long a face that vanished beside another is taken to be behind it."""
LOOKS_MAX = 64
TRACKS_MAX = 16
VOTES_MIN = 5
VOTES_MAX = 200
VOTES_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """Everybody who is followed."""

    people: tuple[Track, ...] = ()
    count: int = 0
    """How many there have been."""
    votes: tuple[int, ...] = (0,) * len(UPS)
    """For each way the camera can be turned, by how many faces."""

    @property
    def up(self) -> Up | None:
        """Where up is in the picture; ``None`` until enough people have shown it."""
        most = max(self.votes)
        clear = most >= VOTES_MIN and most >= VOTES_SHARE * sum(self.votes)
        return UPS[self.votes.index(most)] if clear else None

    def step(self, found: tuple[Head, ...], now_s: float) -> "Tracks":
        """One more frame with these faces in it, at monotonic ``now_s``."""
        known = tuple(track for track in self.people if _expected(track, now_s))
        follows = _matches(known, found)
        people = [
            _seen(track, Look(now_s, found[follows[index]])) if index in follows else track
            for index, track in enumerate(known)
        ]
        count = self.count
        for index, head in enumerate(found):
            if index not in follows.values() and len(people) < TRACKS_MAX:
                count += 1
                people.append(_new(count, Look(now_s, head)))
        people = _rejoined(people, now_s)
        marked = tuple(replace(track, overlapped=_overlapped(track, people, now_s)) for track in people)
        return Tracks(people=marked, count=count, votes=_voted(self.votes, found))


def _expected(track: Track, now_s: float) -> bool:
    away_s = now_s - track.last.at_s
    return 0.0 <= away_s <= (AWAY_S if track.last.head.whole else LEFT_S)


def _new(number: int, look: Look) -> Track:
    row, column = look.head.circle.row, look.head.circle.column
    return Track(
        number=number, began_as=number, first=look, looks=(look,), places=Places(row, column, row, column)
    )


def _seen(track: Track, look: Look) -> Track:
    looks = _recent((*track.looks, look))
    return replace(track, looks=looks, places=track.places.over(look.head.circle))


def _recent(looks: tuple[Look, ...]) -> tuple[Look, ...]:
    newest_s = looks[-1].at_s
    return tuple(look for look in looks[-LOOKS_MAX:] if newest_s - look.at_s <= STAND_S_MAX)


def _matches(known: tuple[Track, ...], found: tuple[Head, ...]) -> dict[int, int]:
    """Which face continues which track, the nearest first."""
    pairs = sorted(
        (unlike, a, b)
        for a, track in enumerate(known)
        for b, head in enumerate(found)
        if (unlike := _unlike(track.last.head, head)) is not None
    )
    follows: dict[int, int] = {}
    for _, a, b in pairs:
        if a not in follows and b not in follows.values():
            follows[a] = b
    return follows


def _unlike(before: Head, after: Head) -> float | None:
    """How little two faces have in common; ``None`` when they cannot be the same."""
    was, now = before.circle, after.circle
    apart = was.away_px(now) / (APART * max(was.radius_px, now.radius_px))
    resized = max(was.radius_px, now.radius_px) / min(was.radius_px, now.radius_px)
    return apart + math.log(resized) if apart <= 1.0 and resized <= RESIZED_MAX else None


def _rejoined(people: list[Track], now_s: float) -> list[Track]:
    """Who was lost within the frame and is seen again under a new number has the old one."""
    kept = list(people)
    for lost in people:
        again = next((track for track in kept if _continues(track, lost, now_s)), None)
        if again is not None:
            kept[kept.index(again)] = replace(again, number=lost.number, first=lost.first)
            kept.remove(lost)
    return kept


def _continues(track: Track, lost: Track, now_s: float) -> bool:
    if track.last.at_s != now_s or lost.last.at_s == now_s or track.number <= lost.number:
        return False
    first, last = track.first, lost.last
    near_px = NEARBY * max(look.head.circle.radius_px for look in (*lost.looks, *track.looks))
    return (
        first.head.whole
        and last.head.whole
        and first.at_s >= last.at_s - AWAY_S
        and first.head.circle.away_px(last.head.circle) <= near_px
    )


def _overlapped(track: Track, people: Iterable[Track], now_s: float) -> bool:
    return track.last.at_s == now_s and any(
        other is not track and _in_the_way(track, other, now_s) for other in people
    )


def _in_the_way(track: Track, other: Track, now_s: float) -> bool:
    mine, its = track.last.head.circle, other.last.head.circle
    if mine.away_px(its) > TOUCHING * (mine.radius_px + its.radius_px):
        return False
    away_s = now_s - other.last.at_s
    return away_s == 0.0 or (away_s <= HIDDEN_S and len(other.looks) >= LOOKS_MIN)


def _voted(votes: tuple[int, ...], found: tuple[Head, ...]) -> tuple[int, ...]:
    ups = [head.up for head in found if head.whole]
    summed = tuple(vote + ups.count(up) for vote, up in zip(votes, UPS, strict=True))
    return summed if sum(summed) <= VOTES_MAX else tuple(vote // 2 for vote in summed)
