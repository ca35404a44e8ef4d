"""What the aggregator, the API and the console need of a time-series store."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from cardea.contract.ranges import Ranges
from cloud.ingest.catalogue import Catalogue
from cloud.ingest.group import LaneKey
from cloud.ingest.readings import Gathering
from cloud.ingest.rows import Poison


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


class SeriesUnusable(Exception):
    """The store cannot be opened; one line naming it and what to do."""


class SeriesFailed(Exception):
    """The disk failed under a write: the process must end, what a retry returns proves nothing (R1)."""


class SeriesDown(Exception):
    """Nothing was stored, or it does no harm to store it again: try again later."""


class SeriesStore(Readable, Protocol):
    """Readings, and which rows of which outbox they are. One lane writes, one commit after the other."""

    @property
    def catalogue(self) -> Catalogue:
        """Every series heard of; it belongs to the event loop."""
        ...

    async def open(self) -> Mapping[LaneKey, Ranges]:
        """What is stored of every outbox.

        Raises:
            SeriesUnusable: the process must not start.
        """
        ...

    async def commit(self, gathering: Gathering) -> tuple[Poison, ...]:
        """Store readings.

        Returns:
            What the store would never take, when the rest is stored.

        Raises:
            SeriesDown: commit the same again later.
            SeriesFailed: the process must end.
        """
        ...

    async def settle(self, gathering: Gathering, before: Mapping[LaneKey, Ranges]) -> None:
        """Return once the store can no longer lose what was committed, and remembers whose rows it is.

        In the order of the commits; further commits may come meanwhile. ``before``: what was settled before.

        Raises:
            LedgerFailed: the process must end.
        """
        ...

    async def close(self) -> None:
        """End in order, after everything asked before."""
        ...
