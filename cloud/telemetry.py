"""The telemetry lane on the aggregator's side: bus → columns → series store → acknowledgement.

Apart from the other lanes in everything: its own inbox, its own commits, its own store. While that store is
slow or down, batches wait here up to a bound and beyond it are shed without acknowledgement, since every
gateway keeps what it has not been told is stored (SAFETY.md R1, R6, R7).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from cardea.contract.batches import Ack, Lane
from cardea.contract.ranges import Ranges
from cardea.runtime.backoff import Backoff
from cardea.runtime.bus import Message
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from cloud.inbox import Inbox
from cloud.ingest.arrivals import read
from cloud.ingest.columns import Telemetry
from cloud.ingest.group import Counts, LaneKey
from cloud.ingest.readings import Gathering
from cloud.ingest.rows import Poison
from cloud.ledger import Ledger
from cloud.ledger.writer import keep_poison
from cloud.series.store import Latest, SeriesDown, SeriesStore

INBOX_BYTES_MAX = 16 * 1024 * 1024
INBOX_MESSAGES_MAX = 5000
GATHERED_ROWS_MAX = 100_000
"""Readings that one commit takes at the most; at the design load a fifth of it comes between two commits."""
HELD_ROWS_MAX = 1_500_000
"""Readings that are committed and not yet settled at the most: 30 MB."""

_log = get_logger("telemetry")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the lane asks of the aggregator."""

    speaks: Callable[[str, str], bool]
    """Whether this epoch may speak for this gateway."""
    pass_on: Callable[[Message], bool]
    """Hand a message to the other lanes' way, where strangers and unknown epochs are dealt with; whether
    there was room.
    """
    heard: Callable[[str], None]
    """A gateway gave a sign of life."""
    owe: Callable[[str, Ack], None]
    """To be acknowledged: it is stored."""


class TelemetryLane:
    """Takes the lane's messages; see :meth:`offer`."""

    def __init__(
        self,
        store: SeriesStore,
        ledger: Ledger,
        clock: Clock,
        entropy: Entropy,
        around: Surroundings,
        *,
        commit_s: float,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._around = around
        self._commit_s = commit_s
        self._backoff = Backoff(clock, entropy)
        self._inbox: Inbox[Message | Telemetry] = Inbox(
            bytes_max=INBOX_BYTES_MAX, items_max=INBOX_MESSAGES_MAX
        )
        self._gathering = Gathering()
        self._gathered = asyncio.Event()
        self._room = asyncio.Event()
        self._taken: dict[LaneKey, Ranges] = {}
        self._settled: dict[LaneKey, Ranges] = {}
        self._held: deque[Gathering] = deque()
        self._held_rows = 0
        self._holding = asyncio.Event()
        self._said: set[str] = set()
        self.counts = Counts()
        self.down_since_s: float | None = None
        """Since when, on the monotonic clock, the store has taken nothing; ``None`` while it is well."""
        self.down_why = ""

    async def start(self) -> None:
        """Learn what is stored.

        Raises:
            SeriesUnusable: the store cannot be used.
        """
        self._settled = dict(await self._store.open())
        self._taken = dict(self._settled)

    def offer(self, item: Message | Telemetry) -> None:
        """Take a message, or a batch whose outbox has just been admitted; shed when there is no room."""
        size = len(item.payload) if isinstance(item, Message) else item.s.nbytes * 5
        self.counts.shed += not self._inbox.put_now(item, size)

    def stored(self, gateway: str) -> dict[str, Ranges]:
        """What is stored of each of a gateway's epochs."""
        return {epoch: held for (name, _, epoch), held in self._settled.items() if name == gateway}

    def latest(self, gateways: Collection[str], device: str | None = None) -> tuple[Latest, ...]:
        """The newest readings; see :class:`~cloud.series.store.Readable`."""
        return self._store.latest(gateways, device)

    async def run(self) -> None:
        """Work, after :meth:`start`, until cancelled.

        Raises:
            SeriesFailed, LedgerFailed: the process must end with an error (SAFETY.md R1).
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gather_for_ever(), name="gather")
            tasks.create_task(self._commit_for_ever(), name="commit-series")
            tasks.create_task(self._settle_for_ever(), name="settle-series")

    # --- From the inbox ---------------------------------------------------------------------------

    async def _gather_for_ever(self) -> None:
        while True:
            await self._inbox.wait()
            while self._gathering.rows >= GATHERED_ROWS_MAX or self._held_rows >= HELD_ROWS_MAX:
                self._room.clear()
                await self._room.wait()
            item = self._inbox.take()
            if isinstance(item, Telemetry):
                self._take(item)
            elif item is not None:
                self._take_message(item)
            await self._clock.sleep(0)  # a batch costs up to a millisecond: the console's turn

    def _take_message(self, message: Message) -> None:
        arrival = read(message.topic, message.payload, kept=message.retain)
        if isinstance(arrival, Telemetry) and self._around.speaks(arrival.gateway, arrival.epoch):
            self._take(arrival)
        else:
            self.counts.shed += not self._around.pass_on(message)

    def _take(self, batch: Telemetry) -> None:
        self._around.heard(batch.gateway)
        key = (batch.gateway, Lane.TELEMETRY, batch.epoch)
        held = self._taken.get(key, ())
        self._taken[key] = self._gathering.add(batch, held, self._store.catalogue)
        self._gathered.set()

    # --- Into the store ---------------------------------------------------------------------------

    async def _commit_for_ever(self) -> None:
        while True:
            await self._gathered.wait()
            await self._clock.sleep(self._commit_s)
            self._gathered.clear()
            gathering, self._gathering = self._gathering, Gathering()
            self._room.set()
            await self._settle(gathering)

    async def _settle(self, gathering: Gathering) -> None:
        """Commit, and only then acknowledge: as soon as the store can no longer lose it."""
        await self._commit(gathering)
        self._held_rows += gathering.rows
        self._held.append(gathering)
        self._holding.set()

    async def _commit(self, gathering: Gathering) -> None:
        """Poison goes to quarantine first: a row that is acknowledged is in one place or the other."""
        for gateway in gathering.overflowed:
            if self._once(f"overflow {gateway}"):
                _log.error("lane_overflowed", gateway=gateway, lane=Lane.TELEMETRY)
        await self._quarantine(gathering.poison)
        refused = await self._store_at_last(gathering)
        await self._quarantine(refused)
        self._came_up()
        gathering.counts.stored -= len(refused)
        gathering.counts.poison += len(refused)
        self.counts.add(gathering.counts)

    async def _store_at_last(self, gathering: Gathering) -> tuple[Poison, ...]:
        while True:
            try:
                return await self._store.commit(gathering)
            except SeriesDown as error:
                self._went_down(error)
                await self._backoff.wait()

    async def _quarantine(self, rows: Sequence[Poison]) -> None:
        if not rows:
            return
        await self._ledger.write(keep_poison, rows, self._clock.now().utc)
        for poison in rows:
            if self._once(f"poison {poison.gateway}"):
                reason = poison.reason
                _log.warning("row_quarantined", gateway=poison.gateway, lane=poison.channel, reason=reason)

    def _went_down(self, error: SeriesDown) -> None:
        self.down_why = str(error)
        if self.down_since_s is None:
            self.down_since_s = self._clock.monotonic_s()
            _log.error("series_store_down", why=self.down_why)

    def _came_up(self) -> None:
        self._backoff.reset()
        if self.down_since_s is not None:
            down_s = round(self._clock.monotonic_s() - self.down_since_s, 1)
            self.down_since_s, self.down_why = None, ""
            _log.info("series_store_up", down_s=down_s)

    # --- Back to the gateways ---------------------------------------------------------------------

    async def _settle_for_ever(self) -> None:
        while True:
            while not self._held:
                self._holding.clear()
                await self._holding.wait()
            gathering = self._held[0]
            await self._store.settle(gathering, self._settled)
            self._settled.update(gathering.stored)
            del self._held[0]
            self._held_rows -= gathering.rows
            self._room.set()
            for gateway, ack in gathering.acks():
                self._around.owe(gateway, ack)

    def _once(self, what: str) -> bool:
        """Whether this has not been said before; bounded by the gateways that the settings declare."""
        if what in self._said:
            return False
        self._said.add(what)
        return True
