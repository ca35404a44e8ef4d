"""What the aggregator, the API and the console need of a time-series store."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The newest reading of one series."""

    gateway: str
    series: str
    """``device/metric_unit``."""
    at: dt.datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a series did during one stretch of time that begins at ``at``."""

    at: dt.datetime
    mean: float
    low: float
    high: float
    count: int


class HistoryUnavailable(Exception):
    """This store cannot be asked for history now; one line saying why and what to do."""


class Readable(Protocol):
    """Reading; never disturbs the ingest loop."""

    def latest(self, gateways: Collection[str], device: str | None = None) -> tuple[Latest, ...]:
        """The newest reading of every series of these gateways, from memory, by gateway and series."""
        ...

    async def history(
        self, gateway: str, series: str, since: dt.datetime, until: dt.datetime, points_max: int
    ) -> tuple[Point, ...]:
        """A series between two moments in at most ``points_max`` stretches of equal length, oldest first.

        Raises:
            HistoryUnavailable: as it says.
        """
        ...
