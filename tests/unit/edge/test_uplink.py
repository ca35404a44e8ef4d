"""The uplink over a bus in memory: what is sent, in which order, and what a gateway says of itself."""

import asyncio
import math

import pytest

from cardea.contract import ranges
from cardea.contract.batches import (
    BATCH_BYTES_MAX,
    ROWS_MAX,
    Ack,
    Lane,
    RowBatch,
    TelemetryBatch,
    from_columns,
)
from cardea.contract.encoding import PRESENCE, ROW_BATCH, TELEMETRY_BATCH, Undecodable, encode
from cardea.contract.orders import Presence
from cardea.contract.records import Reading
from cardea.contract.topics import LANE_LEAF, UPWARD, Leaf, everyone, parse, topic
from cardea.runtime.bus import BusDown, MessageTooLong
from cardea.runtime.disk import StoreFailed, StoreFull, SystemDisk
from cardea.runtime.memory_bus import MemoryBroker
from edge.outbox import Outbox
from edge.uplink import PRESENCE_S, Uplink
from edge.uplink.batches import batch
from edge.uplink.flights import STREAMS, Flights
from edge.uplink.sender import RESEND_S

GATEWAY = "tower-1"


def row(n):
    return b'{"n":%d}' % n


def reading(n):
    return encode(Reading(f"gate-{n % 3}/surface_temp_c", n, 36.0 + n / 1000))


def opened(payload):
    """Lane and {seq: row} of a batch from the wire."""
    rows = ROW_BATCH.decode(payload)
    if isinstance(rows, RowBatch):
        return rows.lane, {rows.first + i: bytes(raw) for i, raw in enumerate(rows.rows)}
    columns = TELEMETRY_BATCH.decode(payload)
    assert isinstance(columns, TelemetryBatch)
    readings = from_columns(columns.columns)
    return columns.lane, {columns.first + i: encode(one) for i, one in enumerate(readings)}


class Aggregator:
    """Stores what arrives and says so, unless the test makes it slow, deaf or dumb."""

    def __init__(self, broker, epoch):
        self.bus = broker.bus("aggregator")
        self.epoch = epoch
        self.stored = {lane: {} for lane in Lane}
        self.batches = []
        self.answers = True
        self.arrived = asyncio.Event()
        self.task = None

    async def start(self):
        self.session = await self.bus.connect()
        await self.session.subscribe(*(everyone(leaf) for leaf in UPWARD))
        self.task = asyncio.create_task(self._serve())

    async def _serve(self):
        async for message in self.session.messages():
            address = parse(message.topic)
            if address is not None and address.leaf in LANE_LEAF.values():
                lane, rows = opened(message.payload)
                self.batches.append((lane, min(rows), max(rows), len(message.payload)))
                self.stored[lane].update(rows)
                if self.answers:
                    await self.acknowledge(lane, ((min(rows), max(rows)),))
            self.arrived.set()

    async def acknowledge(self, lane, spans, epoch=None):
        ack = Ack(lane, epoch or self.epoch, spans)
        await self.session.publish(topic(GATEWAY, Leaf.ACK), encode(ack))


class Stage:
    """A gateway's outbox and uplink, a broker and an aggregator in virtual time."""

    def __init__(self, sim, path):
        self.sim = sim
        self.path = path
        self.clock = sim.SimClock()
        self.received = []

    async def __aenter__(self):
        self.broker = MemoryBroker(self.clock)
        self.outbox = await Outbox.open(SystemDisk(self.path), self.clock, self.sim.SimEntropy(1))
        self.aggregator = Aggregator(self.broker, self.outbox.epoch)
        await self.aggregator.start()
        self.uplink = Uplink(
            GATEWAY,
            self.outbox,
            self.clock,
            self.sim.SimEntropy(2),
            version="1.2.3",
            policy_version=lambda: 7,
            receive=lambda leaf, message: self.received.append((leaf, message.payload)),
        )
        self.task = None
        return self

    def connect(self):
        self.task = asyncio.create_task(self.uplink.run(self.broker.bus(GATEWAY)))

    async def __aexit__(self, *_):
        for task in (self.task, self.aggregator.task):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self.broker.close()
        await self.outbox.close()

    @property
    def presence(self):
        return PRESENCE.decode(self.broker.retained[topic(GATEWAY, Leaf.STATE)])


async def until(holds):
    """Look every tenth of a virtual millisecond."""
    while not holds():  # noqa: ASYNC110  # virtual time costs nothing
        await asyncio.sleep(0.0001)


@pytest.fixture
def staged(sim, tmp_path):
    """Run a coroutine function on a stage, in virtual time."""

    def run(act, **options):
        async def main():
            async with Stage(sim, tmp_path) as stage:
                return await act(stage)

        return sim.simulate(main, **options)

    return run


def test_what_is_appended_is_sent_at_once_and_deleted_when_stored(staged):
    async def act(stage):
        stage.connect()
        await asyncio.sleep(1)
        before_s = stage.clock.monotonic_s()
        await stage.outbox.append(Lane.RECORD, row(1))
        await until(lambda: not stage.outbox.pending[Lane.RECORD])
        assert stage.aggregator.stored[Lane.RECORD] == {1: row(1)}
        return stage.clock.monotonic_s() - before_s

    took_s = staged(act, executor_s=0.0005)
    assert took_s < 0.02, "an append must be sent without polling or lingering"


def test_each_lane_arrives_whole(staged):
    async def act(stage):
        makers = {Lane.ALERT: row, Lane.RECORD: row, Lane.TELEMETRY: reading}
        for lane, make in makers.items():
            for start in range(0, 2500, 500):
                await stage.outbox.append(lane, *(make(n) for n in range(start, start + 500)))
        stage.connect()
        await asyncio.sleep(5)
        for lane, make in makers.items():
            assert stage.aggregator.stored[lane] == {n + 1: make(n) for n in range(2500)}
            assert stage.outbox.pending[lane] == 0
        assert all(last - first < ROWS_MAX for _, first, last, _ in stage.aggregator.batches)

    staged(act)


def test_alerts_go_before_records_and_the_newest_records_before_the_backlog(staged):
    async def act(stage):
        for start in range(0, 9000, 1000):
            await stage.outbox.append(Lane.RECORD, *(row(n) for n in range(start, start + 1000)))
        await stage.outbox.append(Lane.TELEMETRY, *(reading(n) for n in range(10)))
        await stage.outbox.append(Lane.ALERT, row(1))
        stage.aggregator.answers = False
        stage.connect()
        await asyncio.sleep(1)
        return [(lane, first, last) for lane, first, last, _ in stage.aggregator.batches]

    sent = staged(act)
    assert sent[0] == (Lane.ALERT, 1, 1)
    assert sent[1] == (Lane.RECORD, 8001, 9000)
    assert (Lane.RECORD, 1, 1000) in sent
    assert sent.index((Lane.RECORD, 8001, 9000)) < sent.index((Lane.RECORD, 1, 1000))
    assert sent[-1] == (Lane.TELEMETRY, 1, 10)
    records = [one for one in sent if one[0] is Lane.RECORD]
    assert len(records) == sum(s.batches_max for s in STREAMS if s.lane is Lane.RECORD), "bounded in flight"


def test_live_records_do_not_wait_for_the_backlog(staged):
    async def act(stage):
        for start in range(0, 20_000, 1000):
            await stage.outbox.append(Lane.RECORD, *(row(n) for n in range(start, start + 1000)))
        stage.connect()
        await asyncio.sleep(0.02)
        (live,) = await stage.outbox.append(Lane.RECORD, row(77))
        await until(lambda: live in stage.aggregator.stored[Lane.RECORD])
        return stage.outbox.pending[Lane.RECORD]

    assert staged(act) > 5000, "the backlog was not finished when the live row arrived"


def test_batches_keep_below_what_a_broker_takes(staged):
    async def act(stage):
        big = b'{"pad":"' + b"x" * 60_000 + b'"}'
        for _ in range(30):
            await stage.outbox.append(Lane.RECORD, big)
        stage.connect()
        await asyncio.sleep(2)
        assert len(stage.aggregator.stored[Lane.RECORD]) == 30
        assert max(size for *_, size in stage.aggregator.batches) <= BATCH_BYTES_MAX

    staged(act)


def test_gaps_in_the_numbers_split_batches(staged):
    async def act(stage):
        await stage.outbox.append(Lane.RECORD, *(row(n) for n in range(10)))
        await stage.outbox.forget(Ack(Lane.RECORD, stage.outbox.epoch, ((4, 4), (8, 8))))
        stage.connect()
        await asyncio.sleep(1)
        assert sorted(stage.aggregator.stored[Lane.RECORD]) == [1, 2, 3, 5, 6, 7, 9, 10]
        return {(first, last) for _, first, last, _ in stage.aggregator.batches}

    assert staged(act) == {(1, 3), (5, 7), (9, 10)}


def test_without_acknowledgement_everything_stays_pending_and_is_sent_again(staged):
    async def act(stage):
        stage.aggregator.answers = False
        stage.connect()
        await stage.outbox.append(Lane.RECORD, row(1))
        await asyncio.sleep(RESEND_S - 1)
        assert len(stage.aggregator.batches) == 1
        assert not stage.uplink.unheard
        await asyncio.sleep(2)
        assert len(stage.aggregator.batches) == 2
        assert stage.uplink.unheard
        await asyncio.sleep(600)
        assert len(stage.aggregator.batches) < 20, "a fenced gateway slows down"
        assert stage.outbox.pending[Lane.RECORD] == 1
        stage.aggregator.answers = True
        await asyncio.sleep(120)
        assert stage.outbox.pending[Lane.RECORD] == 0
        assert not stage.uplink.unheard

    staged(act)


def test_an_acknowledgement_of_another_epoch_deletes_nothing(staged):
    async def act(stage):
        stage.aggregator.answers = False
        stage.connect()
        await stage.outbox.append(Lane.RECORD, row(1))
        await stage.aggregator.acknowledge(Lane.RECORD, ((1, 1),), epoch="somebody-else")
        await stage.aggregator.session.publish(topic(GATEWAY, Leaf.ACK), b"garbage")
        await asyncio.sleep(1)
        assert stage.outbox.pending[Lane.RECORD] == 1
        assert stage.outbox.foreign_acks == 1
        assert stage.uplink.online

    staged(act)


def test_a_new_session_sends_again_what_was_in_flight(staged):
    async def act(stage):
        stage.aggregator.answers = False
        stage.connect()
        await stage.outbox.append(Lane.RECORD, row(1))
        await asyncio.sleep(0.5)
        stage.broker.cut(GATEWAY)
        stage.aggregator.answers = True
        await asyncio.sleep(1.5)
        assert [batch[:3] for batch in stage.aggregator.batches] == [(Lane.RECORD, 1, 1)] * 2
        assert stage.outbox.pending[Lane.RECORD] == 0

    staged(act)


def test_presence_is_retained_repeated_and_taken_back(staged):
    async def act(stage):
        await stage.outbox.append(Lane.ALERT, row(1))
        stage.aggregator.answers = False
        stage.connect()
        await asyncio.sleep(0.1)
        first = stage.presence
        assert first == Presence(GATEWAY, True, stage.outbox.epoch, "1.2.3", first.at, first.pending, 7)
        assert first.pending == {"alert": 1, "record": 0, "telemetry": 0}
        await asyncio.sleep(PRESENCE_S)
        assert stage.presence.at.utc > first.at.utc
        stage.task.cancel()
        await asyncio.gather(stage.task, return_exceptions=True)
        assert not stage.presence.online
        assert not stage.uplink.online

    staged(act)


def test_a_stop_at_the_very_moment_of_a_cut_is_a_stop(staged):
    async def act(stage):
        stage.connect()
        await asyncio.sleep(0.1)
        stage.broker.cut(GATEWAY)
        await asyncio.sleep(0)
        stage.task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(stage.task, return_exceptions=True)
        assert stage.task.cancelled()

    staged(act)


def test_the_will_speaks_when_the_gateway_vanishes(staged):
    async def act(stage):
        stage.connect()
        await asyncio.sleep(0.1)
        stage.broker.refuse(GATEWAY)
        await asyncio.sleep(60)
        assert not stage.presence.online
        assert stage.presence.epoch == stage.outbox.epoch

    staged(act)


def test_a_stop_while_the_broker_is_silent_is_not_held_up(staged):
    class Silent:
        async def publish(self, *_, **__):
            await asyncio.sleep(math.inf)

    async def act(stage):
        before_s = stage.clock.monotonic_s()
        await stage.uplink._say_goodbye(Silent())
        return stage.clock.monotonic_s() - before_s

    assert staged(act) < 3


def test_pictures_are_told_to_whoever_listens_and_to_nobody_later(staged):
    async def act(stage):
        assert not await stage.uplink.tell(Leaf.SCENE, b"early")
        stage.connect()
        await asyncio.sleep(0.1)
        session = stage.aggregator.session
        await session.subscribe(topic(GATEWAY, Leaf.SCENE))
        assert await stage.uplink.tell(Leaf.SCENE, b"now")
        found = []
        async with asyncio.timeout(5):
            async for message in session.messages():
                found.append(message.payload)
                if message.topic == topic(GATEWAY, Leaf.SCENE):
                    break
        assert found[-1] == b"now"
        assert b"early" not in found
        await stage.uplink._session.close()
        assert not await stage.uplink.tell(Leaf.SCENE, b"late")

    staged(act)


def test_orders_and_documents_are_handed_on_and_strays_counted(staged):
    async def act(stage):
        stage.connect()
        await asyncio.sleep(0.1)
        session = stage.aggregator.session
        await session.publish(topic(GATEWAY, Leaf.ORDER), b"order")
        await session.publish(topic(GATEWAY, Leaf.DESIRED_POLICY), b"policy", retain=True)
        await asyncio.sleep(0.1)
        assert stage.received == [(Leaf.ORDER, b"order"), (Leaf.DESIRED_POLICY, b"policy")]
        await stage.uplink._session.subscribe(topic("tower-2", Leaf.ORDER))
        await session.publish(topic("tower-2", Leaf.ORDER), b"not ours")
        await asyncio.sleep(0.1)
        assert stage.uplink.strays == 1
        assert len(stage.received) == 2

    staged(act)


def test_a_receipt_is_said_at_once_when_there_is_a_session(staged):
    async def act(stage):
        assert not await stage.uplink.publish(Leaf.RECEIPT, b"early")
        stage.connect()
        await asyncio.sleep(0.1)
        assert await stage.uplink.publish(Leaf.RECEIPT, b"receipt")
        stage.uplink._session.inbox.end(BusDown("gone"))
        assert not await stage.uplink.publish(Leaf.RECEIPT, b"late")

    staged(act)


def test_a_disk_that_fails_ends_the_uplink(staged):
    async def act(stage):
        stage.connect()
        await asyncio.sleep(0.1)

        async def broken(_):
            raise StoreFailed("disk I/O error")

        await stage.outbox.append(Lane.ALERT, row(1))
        stage.outbox._database.run = broken
        stage.outbox._commits._database = stage.outbox._database
        await asyncio.sleep(1)
        with pytest.raises(StoreFailed):
            await stage.task
        stage.outbox._database.run = type(stage.outbox._database).run.__get__(stage.outbox._database)

    staged(act)


def test_rows_that_cannot_be_deleted_for_want_of_room_stay_and_are_sent_again(staged):
    async def act(stage):
        forget, refusals = stage.outbox.forget, iter([StoreFull("no room")])

        async def first_full(ack):
            for error in refusals:
                raise error
            return await forget(ack)

        stage.outbox.forget = first_full
        stage.connect()
        await stage.outbox.append(Lane.RECORD, row(1))
        await asyncio.sleep(1)
        assert stage.outbox.pending[Lane.RECORD] == 1
        await asyncio.sleep(RESEND_S)
        assert stage.outbox.pending[Lane.RECORD] == 0

    staged(act)


def test_a_broker_with_a_lower_limit_gets_smaller_batches(staged):
    async def act(stage):
        connect = stage.broker.bus(GATEWAY).connect

        async def narrow(will=None):
            session = await connect(will)
            publish = session.publish

            async def bounded(name, payload, *, retain=False):
                if len(payload) > 10_000:
                    raise MessageTooLong(name)
                await publish(name, payload, retain=retain)

            session.publish = bounded
            return session

        bus = stage.broker.bus(GATEWAY)
        bus.connect = narrow
        await stage.outbox.append(Lane.RECORD, b'"' + b"x" * 30_000 + b'"')
        await stage.outbox.append(Lane.RECORD, *(b'"' + b"x" * 500 + b'"' for _ in range(100)))
        stage.task = asyncio.create_task(stage.uplink.run(bus))
        await asyncio.sleep(3)
        assert sorted(stage.aggregator.stored[Lane.RECORD]) == [*range(2, 102)]
        assert stage.outbox.pending[Lane.RECORD] == 1, "the one that fits nowhere is kept"

    staged(act)


def test_a_telemetry_row_that_is_no_reading_cannot_be_sent():
    with pytest.raises(ValueError, match="no reading"):
        batch(Lane.TELEMETRY, "e", [(1, b"{}")])
    assert not isinstance(TELEMETRY_BATCH.decode(batch(Lane.TELEMETRY, "e", [(1, reading(1))])), Undecodable)


def test_flights_land_in_parts_and_are_given_up_by_age():
    flights, stream = Flights(), STREAMS[1]
    flights.launch(stream, (1, 10), now_s=0.0)
    flights.launch(stream, (20, 30), now_s=1.0)
    flights.land(Lane.RECORD, ((3, 5), (20, 30)))
    assert flights.of(Lane.RECORD) == ((1, 2), (6, 10))
    assert ranges.size(flights.of(Lane.ALERT)) == 0
    assert flights.due_s(2.0, 5.0) == 3.0
    assert flights.give_up(4.9, 5.0) == 0
    assert flights.give_up(5.0, 5.0) == 1
    assert flights.due_s(5.0, 5.0) is None
