"""When something happened, and how far that can be believed."""

import datetime as dt
from enum import StrEnum
from typing import Annotated

import msgspec

Utc = Annotated[dt.datetime, msgspec.Meta(tz=True)]
"""A moment in UTC; :func:`check_utc` holds a struct to it."""
YEARS = range(1970, 3000)
"""Wide enough for any clock that was never set, narrow enough that no arithmetic overflows."""
INTEGER_MAX = 2**53 - 1
"""The largest integer that every reader of JSON keeps, and that every database column holds."""


def check_utc(*moments: dt.datetime) -> None:
    """Called when a struct is made or decoded; in the latter case msgspec turns the error into its own.

    Raises:
        ValueError: a moment without time zone, in another one than UTC, or outside ``YEARS``.
    """
    for moment in moments:
        if moment.utcoffset() != dt.timedelta(0) or moment.year not in YEARS:
            raise ValueError(f"{moment.isoformat()} is not a moment in UTC from 1970 to 2999")


class ClockQuality(StrEnum):
    """How the machine's UTC was kept at the moment of reading."""

    SYNCHRONISED = "synchronised"
    HOLDOVER = "holdover"
    UNSYNCHRONISED = "unsynchronised"


class Instant(msgspec.Struct, frozen=True, order=False):
    """A moment as one gateway's process saw it.

    ``mono_s`` orders and ages things within one boot of one process and never leaves the machine as a
    proof of order; ``utc`` is for people and for joining with others' records.
    """

    mono_s: float
    utc: dt.datetime
    quality: ClockQuality


class WireTime(msgspec.Struct, frozen=True):
    """The part of an :class:`Instant` that means something on another machine."""

    utc: Utc
    quality: ClockQuality

    def __post_init__(self) -> None:
        """UTC only."""
        check_utc(self.utc)


def wire_time(instant: Instant) -> WireTime:
    """Drop the monotonic reading, which means nothing elsewhere."""
    return WireTime(utc=instant.utc, quality=instant.quality)
