"""When something happened, and how far that can be believed."""

import datetime as dt
from enum import StrEnum

import msgspec


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

    utc: dt.datetime
    quality: ClockQuality


def wire_time(instant: Instant) -> WireTime:
    """Drop the monotonic reading, which means nothing elsewhere."""
    return WireTime(utc=instant.utc, quality=instant.quality)
