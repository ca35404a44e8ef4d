"""Orders, desired policy and statuses: taken in one after the other, orders carried out side by side."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardea.contract import signed
from cardea.contract.batches import Lane
from cardea.contract.encoding import ORDER, Undecodable, encode
from cardea.contract.orders import Order, OrderResult, Receipt, Statuses
from cardea.contract.policy import Policy
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import ReceiptRecord
from cardea.contract.time import wire_time
from cardea.contract.topics import Leaf
from cardea.runtime.bus import Message
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.disk import Database, Disk, StoreFull
from cardea.runtime.logs import get_logger
from edge.downlink import tables
from edge.downlink.orders import judge
from edge.downlink.policy import Faults, PolicyInForce
from edge.downlink.statuses import Apply, apply_signed
from edge.outbox import Outbox

NAME = "downlink"
INBOX_MAX = 256
ORDERS_AT_ONCE_MAX = 16
_UNRECORDED = frozenset({RefusalReason.REPLAYED, RefusalReason.RETAINED})
"""These come again and again by themselves: answered and counted, but no row for each."""

_log = get_logger("downlink")


@dataclass(frozen=True, slots=True)
class Hands:
    """What the downlink has done by others."""

    execute: Callable[[Order], Awaitable[OrderResult | RefusalReason]]
    """Carries an order out; cancelled at its deadline; never raises on what a device does."""
    apply: Apply
    faults: Faults
    note: Callable[[str, str, dict[str, str]], Awaitable[object]]
    """Writes event, actor and detail into the audit chain; does not raise."""
    publish: Callable[[Leaf, bytes], Awaitable[bool]]
    """Says a receipt at once, if there is a session; its durable twin goes through the outbox."""


class Downlink:
    """Judges what comes down. Nothing is believed without a signature by one of ``keys``."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        entropy: Entropy,
        keys: Mapping[str, Ed25519PublicKey],
        first: Policy,
        hands: Hands,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._entropy = entropy
        self._keys = keys
        self._gateway = first.target
        self._hands = hands
        self._in_force = PolicyInForce(database, keys, first, hands.faults)
        self._inbox: asyncio.Queue[tuple[Leaf, Message]] = asyncio.Queue(INBOX_MAX)
        self._executing = 0
        self._refused_desired: dict[Leaf, str] = {}
        self.refused: Counter[RefusalReason] = Counter()
        """What was refused since the start, by reason."""

    @classmethod
    async def open(
        cls,
        disk: Disk,
        outbox: Outbox,
        clock: Clock,
        entropy: Entropy,
        keys: Mapping[str, Ed25519PublicKey],
        first: Policy,
        hands: Hands,
    ) -> "Downlink":
        """Open or make the store; the last good policy is in force when this returns.

        ``first`` is in force until a signed policy of a higher version arrives; its target is this gateway.

        Raises:
            StoreFailed: the file cannot be used.
        """
        loop = asyncio.get_running_loop()
        database = await loop.run_in_executor(None, disk.open, NAME, tables.SCHEMA)
        downlink = cls(database, outbox, clock, entropy, keys, first, hands)
        await downlink._in_force.load()
        return downlink

    async def close(self) -> None:
        """Close the store; call when :meth:`run` has ended."""
        await self._database.close()

    @property
    def policy(self) -> Policy:
        """The policy in force; ask anew for each decision."""
        return self._in_force.policy

    def receive(self, leaf: Leaf, message: Message) -> None:
        """Take a message in; when too many wait it is dropped and counted (desired documents come again)."""
        try:
            self._inbox.put_nowait((leaf, message))
        except asyncio.QueueFull:
            self._count(leaf, RefusalReason.QUEUE_FULL)

    async def run(self) -> None:
        """Work until cancelled; raises StoreFailed, in an exception group, when the disk fails."""
        async with asyncio.TaskGroup() as executing:
            while True:
                leaf, message = await self._inbox.get()
                match leaf:
                    case Leaf.ORDER:
                        await self._take_order(message, executing)
                    case Leaf.DESIRED_POLICY:
                        await self._take_policy(message.payload)
                    case Leaf.DESIRED_STATUSES:
                        await self._take_statuses(message.payload)
                    case _:
                        self._count(leaf, RefusalReason.UNSUPPORTED)

    async def _take_order(self, message: Message, executing: asyncio.TaskGroup) -> None:
        body = signed.verify(message.payload, self._keys)
        if isinstance(body, RefusalReason):
            self._count(Leaf.ORDER, body)
            return
        order = ORDER.decode(body)
        if isinstance(order, Undecodable):
            self._count(Leaf.ORDER, RefusalReason.UNDECODABLE)
            return
        now = self._clock.now()
        refusal = judge(order, self._gateway, now.utc, retained=message.retain) or await self._claim(order)
        if refusal is not None:
            self._count(Leaf.ORDER, refusal)
            await self._answer(order, refusal)
            return
        self._executing += 1
        deadline_s = now.mono_s + (order.deadline - now.utc).total_seconds()
        executing.create_task(self._carry_out(order, deadline_s))

    async def _claim(self, order: Order) -> RefusalReason | None:
        """The nonce is durable before anything is done, so that not even kill -9 lets an order run twice."""
        if self._executing >= ORDERS_AT_ONCE_MAX:
            return RefusalReason.QUEUE_FULL
        try:
            fresh = await self._database.run(lambda db: tables.claim(db, order.nonce, order.issued))
        except StoreFull:
            return RefusalReason.STORE_FAILED
        return None if fresh else RefusalReason.REPLAYED

    async def _carry_out(self, order: Order, deadline_s: float) -> None:
        """Until the deadline, on the monotonic clock from here on: setting the clock back gains nothing."""
        try:
            async with asyncio.timeout(deadline_s - self._clock.monotonic_s()):
                outcome = await self._hands.execute(order)
        except TimeoutError:
            outcome = OrderResult.EXPIRED
        finally:
            self._executing -= 1
        await self._answer(order, outcome)

    async def _answer(self, order: Order, outcome: OrderResult | RefusalReason) -> None:
        if outcome is RefusalReason.EXPIRED:
            outcome = OrderResult.EXPIRED
        refusal = outcome if isinstance(outcome, RefusalReason) else None
        result = OrderResult.REFUSED if isinstance(outcome, RefusalReason) else outcome
        at = wire_time(self._clock.now())
        if refusal not in _UNRECORDED:
            record = ReceiptRecord(self._entropy.new_id(), at, order.id, result.value, refusal)
            await self._record(record)
            detail = {"order": order.id, "action": type(order.action).__name__, "result": outcome.value}
            await self._hands.note("order_answered", "cloud", detail)
        await self._hands.publish(Leaf.RECEIPT, encode(Receipt(order.id, result, at, refusal)))

    async def _record(self, record: ReceiptRecord) -> None:
        try:
            await self._outbox.append(Lane.RECORD, encode(record))
        except StoreFull as error:
            _log.error("receipt_not_recorded", order=record.order, result=record.result, reason=str(error))

    async def _take_policy(self, payload: bytes) -> None:
        outcome = await self._in_force.replace(payload)
        if isinstance(outcome, Policy):
            _log.info("policy_swapped", version=outcome.version)
            await self._hands.note("policy_swapped", "cloud", {"version": str(outcome.version)})
        elif outcome is not None:
            await self._refuse_desired(Leaf.DESIRED_POLICY, payload, outcome)

    async def _take_statuses(self, payload: bytes) -> None:
        outcome = await apply_signed(payload, self._keys, self._gateway, self._hands.apply)
        if isinstance(outcome, Statuses):
            _log.info("statuses_applied", version=outcome.version)
            await self._hands.note("statuses_applied", "cloud", {"version": str(outcome.version)})
        elif outcome is not None:
            await self._refuse_desired(Leaf.DESIRED_STATUSES, payload, outcome)

    async def _refuse_desired(self, leaf: Leaf, payload: bytes, refusal: RefusalReason) -> None:
        """Count it; note it once, for a retained document comes again with each session."""
        self._count(leaf, refusal)
        digest = hashlib.sha256(payload).hexdigest()
        if self._refused_desired.get(leaf) != digest:
            self._refused_desired[leaf] = digest
            detail = {"leaf": leaf.value, "reason": refusal.value, "sha256": digest}
            await self._hands.note("desired_refused", "cloud", detail)

    def _count(self, leaf: Leaf, refusal: RefusalReason) -> None:
        self.refused[refusal] += 1
        _log.warning("downlink_refused", leaf=leaf.value, reason=refusal.value)
