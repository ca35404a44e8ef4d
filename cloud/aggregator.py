"""The aggregator: MQTT → ingest → ledger → acknowledgement (SAFETY.md, "Nothing lost").

One task reads the bus, one commits groups of whatever has arrived meanwhile, one publishes
acknowledgements, one watches for silence; telemetry has a lane of its own (``cloud.telemetry``). Nothing is
acknowledged before its commit has returned, and a store that fails ends the process.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.batches import Ack
from cardea.contract.encoding import encode
from cardea.contract.orders import ApproveEpoch
from cardea.contract.ranges import Ranges, merge
from cardea.contract.topics import Leaf, everyone, topic
from cardea.runtime.bus import Bus, BusDown, Message, Session, keep_connected
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from cloud.feed import Feed
from cloud.inbox import Inbox
from cloud.ingest.arrivals import FILTER_LEAVES, read
from cloud.ingest.group import Counts, Group, Known, LaneKey
from cloud.intent import Intent
from cloud.ledger import Ledger
from cloud.ledger.reads import open_silences
from cloud.news import news
from cloud.presence import Presences
from cloud.rules.findings import Finding
from cloud.rules.gateways import clone, clone_approved, gateway_silent
from cloud.scenes import Scenes
from cloud.series.store import SeriesStore
from cloud.settings import CloudSettings
from cloud.telemetry import Surroundings, TelemetryLane

FILTERS = tuple(everyone(leaf) for leaf in FILTER_LEAVES)
"""Fixed and non-overlapping: stale persistent subscriptions would double the traffic (MESSAGING.md)."""
_TELEMETRY = f"/{Leaf.LANE_TELEMETRY.value}"
GROUP_ROWS_MAX = 2000
GROUP_MESSAGES_MAX = 2000
WATCH_S = 1.0
TOLD_MAX = 10_000
"""Things said once to the log; beyond it nothing new is said."""

_log = get_logger("aggregator")


class UnknownEpoch(Exception):
    """There is no such epoch of that gateway to approve."""


@dataclass(slots=True)
class _Approval:
    """A person's word on an epoch, in its turn among what arrives."""

    gateway: str
    epoch: str
    by: str
    note: str
    done: asyncio.Future[None]


class Aggregator:
    """Keeps the ledger of the gateways that the settings declare."""

    def __init__(
        self,
        settings: CloudSettings,
        bus: Bus,
        ledger: Ledger,
        key: Ed25519PrivateKey,
        clock: Clock,
        entropy: Entropy,
        series: SeriesStore,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._ledger = ledger
        self._clock = clock
        self._entropy = entropy
        self._inbox: Inbox[Message | _Approval] = Inbox()
        self._owed: dict[LaneKey, Ranges] = {}
        self._owing = asyncio.Event()
        self._known = Known({}, {})
        self._presences = Presences((), {}, clock.now())
        self._told: set[tuple[str, str]] = set()
        self.feed = Feed()
        self.scenes = Scenes(clock)
        self.intent = Intent(ledger, key, clock, entropy)
        self.counts = Counts()
        """Rows of the alert and record lanes; those of telemetry are ``telemetry.counts``."""
        around = Surroundings(self._speaks, self._pass_on, self._heard, self._owe_one)
        commit_s = settings.series.commit_s
        self.telemetry = TelemetryLane(series, ledger, clock, entropy, around, commit_s=commit_s)
        self.ready = asyncio.Event()
        """Set once the first subscription stands."""

    @property
    def connected(self) -> bool:
        """Whether there is a session with the broker."""
        return self.intent.session is not None

    async def start(self) -> None:
        """Bring the declared organisations, sites and gateways into the ledger, and learn what it holds.

        Raises:
            LedgerFailed: the store failed.
            SeriesUnusable: the series store cannot be used.
        """
        self._known, heard_at = await self._ledger.declare(self._settings)
        self._presences = Presences(self._known.epochs, heard_at, self._clock.now())
        await self.telemetry.start()

    async def run(self) -> None:
        """Work, after :meth:`start`, until cancelled.

        Raises:
            LedgerFailed, SeriesFailed: the process must end with an error (SAFETY.md R1).
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.telemetry.run(), name="telemetry")
                tasks.create_task(self._listen(), name="listen")
                tasks.create_task(self._commit_for_ever(), name="commit")
                tasks.create_task(self._acknowledge_for_ever(), name="acknowledge")
                tasks.create_task(self._watch_for_ever(), name="watch")
        except BaseExceptionGroup as group:
            raise _first(group) from None

    async def approve_epoch(self, gateway: str, epoch: str, by: str, note: str) -> None:
        """A person says that this outbox is the gateway: it may speak, the one before is retired.

        Raises:
            UnknownEpoch: nothing of that name has been heard.
            BusDown: approved, but the gateway could not be told; it learns it from its acknowledgements.
        """
        done = asyncio.get_running_loop().create_future()
        await self._inbox.put(_Approval(gateway, epoch, by, note, done))
        await done
        await self.intent.send_order(gateway, ApproveEpoch(epoch), by)

    # --- From the bus ---------------------------------------------------------------------------

    async def _listen(self) -> None:
        await keep_connected(
            self._bus, self._clock, self._entropy, will=lambda: None, serve=self._serve, lost=self._lost
        )

    async def _serve(self, session: Session) -> None:
        await session.subscribe(*FILTERS)
        await self.intent.send_all_desired(session)
        self.intent.session = session
        self._told.discard(("broker", "lost"))
        _log.info("broker_connected")
        self.ready.set()
        try:
            async for message in session.messages():
                if message.topic.endswith(_TELEMETRY):
                    self.telemetry.offer(message)
                else:
                    await self._inbox.put(message, len(message.payload))
        finally:
            self.intent.session = None

    def _lost(self, error: BusDown) -> None:
        if self._once("broker", "lost"):
            _log.warning("broker_lost", why=str(error))

    # --- Into the ledger ------------------------------------------------------------------------

    async def _commit_for_ever(self) -> None:
        while True:
            await self._inbox.wait()
            group, approvals = self._gather()
            found = self._found_in(group)
            found += [
                clone_approved(a.gateway, a.epoch, self._clock.now().utc, a.by, a.note) for a in approvals
            ]
            await self._settle(group, found)
            for approval in approvals:
                if not approval.done.done():  # whoever asked may have left
                    approval.done.set_result(None)

    def _gather(self) -> tuple[Group, list[_Approval]]:
        """Everything that has arrived, up to a bound; nothing is waited for."""
        now_s = self._clock.monotonic_s()
        group = Group(self._known, self._presences.silence(now_s, self._settings.clones.takeover_s))
        approvals: list[_Approval] = []
        for _ in range(GROUP_MESSAGES_MAX):
            item = self._inbox.take()
            if item is None:
                break
            if isinstance(item, _Approval):
                self._approve(group, item, approvals)
            else:
                group.add(read(item.topic, item.payload, kept=item.retain))
            if len(group.rows) >= GROUP_ROWS_MAX:
                break
        self._presences.take(group, now_s)
        self.scenes.take(group.scenes.values())
        return group, approvals

    def _approve(self, group: Group, approval: _Approval, approvals: list[_Approval]) -> None:
        try:
            group.approve(approval.gateway, approval.epoch)
        except KeyError:
            if not approval.done.done():
                approval.done.set_exception(UnknownEpoch(f"{approval.gateway}: no epoch {approval.epoch}"))
        else:
            approvals.append(approval)

    def _found_in(self, group: Group) -> list[Finding]:
        now = self._clock.now().utc
        for gateway, lane in group.overflowed:
            if self._once(gateway, f"overflow {lane}"):
                _log.error("lane_overflowed", gateway=gateway, lane=lane)
        for gateway in group.strangers:
            if self._once(gateway, "stranger"):
                _log.warning("gateway_unknown", gateway=gateway)
        for gateway, epoch in group.fenced:
            _log.error("clone_fenced", gateway=gateway, epoch=epoch)
        return [clone(gateway, epoch, now) for gateway, epoch in group.fenced]

    async def _settle(self, group: Group, found: Sequence[Finding]) -> None:
        """Commit, and only then acknowledge and tell."""
        await self._store(group, found)
        self._owe(group)

    async def _store(self, group: Group, found: Sequence[Finding]) -> None:
        self.counts.add(group.counts)
        if group.changes_nothing and not found and not group.receipts:
            self._go_on(group)
            return
        received_at = self._clock.now().utc
        committed = await self._ledger.commit(group, found, received_at)
        self._known.advance(group)
        self._go_on(group)
        for poison in (*group.poison, *committed.poison):
            if self._once(poison.gateway, f"poison {poison.channel}"):
                _log.warning(
                    "row_quarantined", gateway=poison.gateway, lane=poison.channel, reason=poison.reason
                )
        if self.feed.heard:
            self.feed.publish(*news(self._settings, group, committed, received_at))
        else:
            self.feed.changed()

    # --- The telemetry lane's surroundings --------------------------------------------------------

    def _go_on(self, group: Group) -> None:
        """Telemetry whose outbox is admitted now."""
        for batch in group.telemetry:
            self.telemetry.offer(batch)

    def _speaks(self, gateway: str, epoch: str) -> bool:
        known = self._known.epochs.get(gateway)
        active = None if known is None else known.active
        return active is not None and active.name == epoch

    def _pass_on(self, message: Message) -> bool:
        return self._inbox.put_now(message, len(message.payload))

    def _heard(self, gateway: str) -> None:
        self._presences.hear(gateway, self._clock.monotonic_s())

    # --- Back to the gateways -------------------------------------------------------------------

    def _owe(self, group: Group) -> None:
        for gateway, ack in group.acks():
            self._owe_one(gateway, ack)

    def _owe_one(self, gateway: str, ack: Ack) -> None:
        key = (gateway, ack.lane, ack.epoch)
        self._owed[key] = merge(self._owed.get(key, ()), ack.ranges)
        self._owing.set()

    async def _acknowledge_for_ever(self) -> None:
        while True:
            await self._owing.wait()
            self._owing.clear()
            owed, self._owed = self._owed, {}
            session = self.intent.session
            if session is not None:
                await asyncio.gather(*(_acknowledge(session, *owing) for owing in owed.items()))

    # --- Silence --------------------------------------------------------------------------------

    async def _watch_for_ever(self) -> None:
        silent = set(await self._ledger.read(open_silences))
        allowed_s = self._settings.cloud.gateway_silent_s
        while True:
            now = self._clock.now()
            self.scenes.forget()
            found: list[Finding] = []
            for gateway in self._known.epochs:
                silent_s = self._presences.silent_s(gateway, now.mono_s)
                if (silent_s >= allowed_s) != (gateway in silent):
                    silent ^= {gateway}
                    found.append(gateway_silent(gateway, now.utc, silent_s, allowed_s))
                    _log.warning("gateway_silence_changed", gateway=gateway, silent=gateway in silent)
            if found:
                await self._store(Group(self._known, self._presences.silence(now.mono_s, 0.0)), found)
            await self._clock.sleep(WATCH_S)

    def _once(self, who: str, what: str) -> bool:
        """Whether this has not been said before; bounded, after which nothing new is said."""
        if (who, what) in self._told or len(self._told) >= TOLD_MAX:
            return False
        self._told.add((who, what))
        return True


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of errors that nested task groups have gathered."""
    first = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first(cast("BaseExceptionGroup[BaseException]", first))
    return first


async def _acknowledge(session: Session, key: LaneKey, ranges: Ranges) -> None:
    """A lost acknowledgement is no harm: the gateway sends again and is acknowledged again."""
    gateway, lane, epoch = key
    try:
        await session.publish(topic(gateway, Leaf.ACK), encode(Ack(lane, epoch, ranges)))
    except BusDown as error:
        _log.debug("acknowledgement_not_sent", gateway=gateway, why=str(error))
