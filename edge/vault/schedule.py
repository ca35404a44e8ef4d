"""Schedules: weekly windows in the site's time zone, such as ``mon-fri 07:00-20:00; sat 08:00-13:00``."""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOWS_MAX = 32
_DAY_MIN = 24 * 60
_WINDOW = re.compile(r"([a-z,\- ]+?)\s+(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)")
_EXAMPLE = "write 'mon-fri 07:00-20:00; sat 08:00-13:00', or nothing for always"


class ScheduleInvalid(ValueError):
    """The text is no schedule; says what would be right."""


@dataclass(frozen=True, slots=True)
class Window:
    """On ``days`` (0 = Monday) from minute ``first_min`` to before ``end_min``, maybe of the next day."""

    days: frozenset[int]
    first_min: int
    end_min: int

    def holds(self, weekday: int, minute: int) -> bool:
        """Whether ``minute`` of ``weekday`` lies in the window, or in its part after midnight."""
        if weekday in self.days and self.first_min <= minute < self.end_min:
            return True
        return (weekday - 1) % 7 in self.days and minute + _DAY_MIN < self.end_min


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a person may enter; no windows = always."""

    windows: tuple[Window, ...] = ()

    def allows(self, local: dt.datetime) -> bool:
        """Whether entry is allowed at ``local``, a moment in the site's time zone."""
        minute = local.hour * 60 + local.minute
        return not self.windows or any(window.holds(local.weekday(), minute) for window in self.windows)


ALWAYS = Schedule()


@lru_cache(maxsize=1024)
def parse(text: str) -> Schedule:
    """The schedule that ``text`` describes; equal texts give the same object.

    Raises:
        ScheduleInvalid: not a list of windows.
    """
    parts = [part.strip().lower() for part in text.split(";") if part.strip()]
    if len(parts) > WINDOWS_MAX:
        raise ScheduleInvalid(f"has {len(parts)} windows; {WINDOWS_MAX} at the most")
    return Schedule(tuple(map(_window, parts))) if parts else ALWAYS


def _window(part: str) -> Window:
    match = _WINDOW.fullmatch(part)
    if match is None:
        raise ScheduleInvalid(f"{part!r} is no window; {_EXAMPLE}")
    days, *clock = match.groups()
    first_h, first_min, end_h, end_min = map(int, clock)
    if first_min > 59 or end_min > 59:
        raise ScheduleInvalid(f"{part!r}: minutes go from 00 to 59")
    first, end = first_h * 60 + first_min, end_h * 60 + end_min
    if first >= _DAY_MIN or end > _DAY_MIN:
        raise ScheduleInvalid(f"{part!r}: times go from 00:00 to 24:00")
    if first == end:
        raise ScheduleInvalid(f"{part!r} is empty; for the whole day write 00:00-24:00")
    return Window(_days(days, part), first, end if end > first else end + _DAY_MIN)


def _days(text: str, part: str) -> frozenset[int]:
    days: set[int] = set()
    for span in text.replace(" ", "").split(","):
        first, dash, last = span.partition("-")
        ends = (first, last if dash else first)
        if not all(day in DAYS for day in ends):
            raise ScheduleInvalid(f"{part!r}: days are {', '.join(DAYS)}")
        start, stop = map(DAYS.index, ends)
        days.update((start + n) % 7 for n in range((stop - start) % 7 + 1))
    return frozenset(days)
