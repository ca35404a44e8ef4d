"""Nothing lost, nothing invented: a gateway on a foul network that crashes now and then, and the oracle.

The oracle must be able to fail: it is shown two faulty systems, one that deletes rows on a PUBACK and one
that acknowledges before it has stored (SAFETY.md, "Nothing lost", mutation gate).
"""

import asyncio
import hashlib
import random
from dataclasses import dataclass, field

import pytest

from cardea.contract.batches import Ack, Lane, RowBatch, TelemetryBatch, from_columns
from cardea.contract.encoding import RECORD, ROW_BATCH, TELEMETRY_BATCH, encode
from cardea.contract.records import GapRecord, Reading
from cardea.contract.topics import LANE_LEAF, UPWARD, Leaf, everyone, parse, topic
from cardea.runtime.bus import BusDown
from cardea.runtime.disk import SystemDisk
from cardea.runtime.memory_bus import FairNetwork, FoulNetwork, MemoryBroker
from edge.outbox import Limits, Outbox
from edge.uplink import Uplink

GATEWAY = "tower-1"
ROWS = 500
LANE_TOPICS = {topic(GATEWAY, leaf) for leaf in LANE_LEAF.values()}


def digest(body):
    return hashlib.sha256(body).hexdigest()


def opened(payload):
    rows = ROW_BATCH.decode(payload)
    if isinstance(rows, RowBatch):
        return rows.lane, {rows.first + i: bytes(raw) for i, raw in enumerate(rows.rows)}
    columns = TELEMETRY_BATCH.decode(payload)
    assert isinstance(columns, TelemetryBatch)
    return columns.lane, {columns.first + i: encode(r) for i, r in enumerate(from_columns(columns.columns))}


@dataclass
class Journal:
    """What the generator knows: every row that was answered, by what it holds."""

    sent: dict[Lane, set[str]] = field(default_factory=lambda: {lane: set() for lane in Lane})
    answered: dict[Lane, dict[int, str]] = field(default_factory=lambda: {lane: {} for lane in Lane})


class Stored:
    """The aggregator's store: survives everything."""

    def __init__(self):
        self.rows = {lane: {} for lane in Lane}
        self.contradictions = 0

    def put(self, lane, rows):
        for seq, body in rows.items():
            self.contradictions += self.rows[lane].setdefault(seq, body) != body

    def gaps(self):
        for body in self.rows[Lane.RECORD].values():
            if isinstance(gap := RECORD.decode(body), GapRecord):
                yield from range(gap.first, gap.last + 1)


def verdict(journal, stored):
    """lost, phantom and contradicting rows."""
    evicted = set(stored.gaps())
    lost = phantom = 0
    for lane in Lane:
        held = stored.rows[lane]
        for seq, sha in journal.answered[lane].items():
            excused = lane is Lane.TELEMETRY and seq in evicted
            lost += not excused and (seq not in held or digest(held[seq]) != sha)
        phantom += sum(
            digest(body) not in journal.sent[lane] and not isinstance(RECORD.decode(body), GapRecord)
            for body in held.values()
        )
    return {"lost": lost, "phantom": phantom, "contradictions": stored.contradictions}


class Aggregator:
    def __init__(self, bus, stored, rng, *, acknowledge_first=False):
        self.bus, self.stored, self.rng = bus, stored, rng
        self.acknowledge_first = acknowledge_first

    async def run(self):
        while True:
            try:
                session = await self.bus.connect()
                await session.subscribe(*(everyone(leaf) for leaf in UPWARD))
                async for message in session.messages():
                    address = parse(message.topic)
                    if address is not None and address.leaf in LANE_LEAF.values():
                        await self._take(session, *opened(message.payload))
            except BusDown:
                await asyncio.sleep(self.rng.uniform(0, 2))

    async def _take(self, session, lane, rows):
        steps = [self._store, self._answer]
        for step in reversed(steps) if self.acknowledge_first else steps:
            await step(session, lane, rows)
            await asyncio.sleep(self.rng.uniform(0, 0.05))
            if self.rng.random() < 0.03:
                return  # crashed in between, and started again

    async def _store(self, _session, lane, rows):
        self.stored.put(lane, rows)

    async def _answer(self, session, lane, rows):
        ack = Ack(lane, self.epoch, ((min(rows), max(rows)),))
        await session.publish(topic(GATEWAY, Leaf.ACK), encode(ack))

    epoch = ""


class DeletesOnPuback:
    """A faulty gateway: what the broker has taken counts as delivered."""

    def __init__(self, bus, outbox):
        self.bus, self.outbox = bus, outbox

    async def connect(self, will=None):
        session = await self.bus.connect(will)
        publish = session.publish

        async def publish_and_delete(name, payload, *, retain=False):
            await publish(name, payload, retain=retain)
            if name in LANE_TOPICS:
                lane, rows = opened(payload)
                await self.outbox.forget(Ack(lane, self.outbox.epoch, ((min(rows), max(rows)),)))

        session.publish = publish_and_delete
        return session


class World:
    def __init__(self, sim, seed, path, **faults):
        self.sim, self.seed, self.path, self.faults = sim, seed, path, faults
        self.journal, self.stored = Journal(), Stored()

    async def run(self):
        clock, rng = self.sim.SimClock(), random.Random(self.seed)
        broker = MemoryBroker(clock)
        broker.network = FoulNetwork(
            self.sim.SimEntropy(self.seed), lost=0.15, doubled=0.2, unacknowledged=0.02, delay_s_max=0.5
        )
        aggregator = Aggregator(
            broker.bus("aggregator"),
            self.stored,
            rng,
            acknowledge_first=self.faults.get("acknowledge_first", False),
        )
        storing = asyncio.create_task(aggregator.run())
        troubles = asyncio.create_task(self._make_trouble(broker, rng))
        while self._answered() < ROWS:
            await self._live_until_crash(broker, aggregator, clock, rng)
        troubles.cancel()
        broker.start()
        broker.network = FairNetwork()
        pending = await self._drain(broker, aggregator, clock)
        storing.cancel()
        await asyncio.gather(storing, troubles, return_exceptions=True)
        await broker.close()
        return verdict(self.journal, self.stored), pending

    def _answered(self):
        return sum(map(len, self.journal.answered.values()))

    async def _make_trouble(self, broker, rng):
        while True:
            await asyncio.sleep(rng.uniform(1, 10))
            broker.cut(rng.choice([GATEWAY, "aggregator"]))
            if rng.random() < 0.3:
                broker.stop()
                await asyncio.sleep(rng.uniform(0, 10))
                broker.start()

    async def _gateway(self, broker, aggregator, clock):
        outbox = await Outbox.open(
            SystemDisk(self.path), clock, self.sim.SimEntropy(self.seed), Limits(telemetry_rows_max=25)
        )
        aggregator.epoch = outbox.epoch
        uplink = Uplink(
            GATEWAY,
            outbox,
            clock,
            self.sim.SimEntropy(self.seed + 1),
            version="0",
            policy_version=lambda: 1,
            receive=lambda *_: None,
        )
        bus = broker.bus(GATEWAY)
        return outbox, uplink.run(DeletesOnPuback(bus, outbox) if self.faults.get("on_puback") else bus)

    async def _live_until_crash(self, broker, aggregator, clock, rng):
        outbox, running = await self._gateway(broker, aggregator, clock)
        tasks = [
            asyncio.create_task(running),
            *(asyncio.create_task(self._generate(outbox, rng)) for _ in "ab"),
        ]
        await asyncio.sleep(rng.uniform(2, 20))
        broker.cut(GATEWAY)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await outbox.close()

    async def _generate(self, outbox, rng):
        while self._answered() < ROWS:
            lane = rng.choice(list(Lane))
            bodies = [self._body(lane, rng) for _ in range(rng.choice([1, 1, 5]))]
            self.journal.sent[lane].update(map(digest, bodies))
            seqs = await outbox.append(lane, *bodies)
            self.journal.answered[lane].update(zip(seqs, map(digest, bodies), strict=True))
            await asyncio.sleep(rng.expovariate(4))

    def _body(self, lane, rng):
        n = rng.getrandbits(40)
        return (
            encode(Reading("gate-1/surface_temp_c", n, 36.5)) if lane is Lane.TELEMETRY else b'{"n":%d}' % n
        )

    async def _drain(self, broker, aggregator, clock):
        outbox, running = await self._gateway(broker, aggregator, clock)
        task = asyncio.create_task(running)
        for _ in range(300):
            await asyncio.sleep(1)
            if not any(outbox.pending.values()):
                break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await outbox.close()
        return sum(outbox.pending.values())


CLEAN = {"lost": 0, "phantom": 0, "contradictions": 0}


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_on_a_foul_network_with_crashes(sim, tmp_path, seed):
    findings, pending = sim.simulate(World(sim, seed, tmp_path).run, seed=seed)
    assert findings == CLEAN
    assert pending == 0


@pytest.mark.parametrize("fault", ["on_puback", "acknowledge_first"])
def test_the_oracle_sees_a_faulty_system(sim, tmp_path, fault):
    lost = 0
    for seed in range(4):
        findings, _ = sim.simulate(World(sim, seed, tmp_path / str(seed), **{fault: True}).run, seed=seed)
        lost += findings["lost"]
    assert lost > 0, "an oracle that cannot fail proves nothing"
