"""The telemetry lane beside the others: it waits alone, sheds alone, and acknowledges what is stored."""

import asyncio
import datetime as dt
import random

import pytest

from cardea.contract.batches import Lane
from cardea.contract.ranges import contains
from cardea.contract.records import Reading
from cardea.contract.topics import Leaf, topic
from cloud.ledger import reads
from cloud.ledger.scope import Role, Scope
from cloud.series.embedded import EmbeddedStore
from cloud.series.store import SeriesDown, SeriesFailed
from cloud.telemetry import TelemetryLane

MANAGER = Scope("harbour", Role.MANAGER)
T0_MS = 1_763_884_800_000


class Fickle(EmbeddedStore):
    """A store whose commits wait, or fail, when a test says so."""

    def __init__(self, folder, clock):
        super().__init__(folder, clock)
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None
        self.tried = asyncio.Event()

    async def commit(self, gathering):
        self.tried.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return await super().commit(gathering)


@pytest.fixture
def store(tmp_path, clock):
    return Fickle(tmp_path / "series", clock)


def _batch(make, first, count, epoch="e1"):
    readings = [Reading("gate-1/t_c", T0_MS + seq, float(seq)) for seq in range(first, first + count)]
    return make.batch(Lane.TELEMETRY, first, *readings, epoch=epoch)


async def _count(store):
    await asyncio.gather(*filter(None, (store._upkeep,)))
    at = dt.datetime.fromtimestamp(T0_MS / 1000, dt.UTC)
    points = await store.history("g1", "gate-1/t_c", at, at + dt.timedelta(hours=1), 10)
    return sum(point.count for point in points)


async def _until(true):
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110  # counters set no event
            await asyncio.sleep(0.002)


async def test_r6_a_stalled_series_store_delays_neither_alerts_nor_records(run, make, store):
    """SAFETY.md R6: what waits for the series store is telemetry alone."""
    async with run(series=store) as house:
        gateway = await house.gateway()
        store.go.clear()
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 3))
        await store.tried.wait()
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
        await gateway.send(Lane.ALERT, make.batch(Lane.ALERT, 1, make.alert("a1")))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        await gateway.wait_acked(Lane.ALERT, ((1, 1),))
        assert (Lane.TELEMETRY, "e1") not in gateway.acked
        store.go.set()
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 3),))
        assert await _count(store) == 3


async def test_a_store_that_is_down_is_tried_again_and_said_once_each_way(run, make, store, clock):
    async with run(series=store) as house:
        lane = house.aggregator.telemetry
        gateway = await house.gateway()
        store.error = SeriesDown("the disk is full")
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 3))
        await _until(lambda: lane.down_since_s is not None)
        assert lane.down_why == "the disk is full"
        await clock.advance(5.0)
        assert (Lane.TELEMETRY, "e1") not in gateway.acked
        store.error = None
        acked = asyncio.create_task(gateway.wait_acked(Lane.TELEMETRY, ((1, 3),)))
        while not acked.done():
            await clock.advance(5.0)
            await asyncio.sleep(0.002)
        await acked
        assert (lane.down_since_s, lane.down_why) == (None, "")
        assert await _count(store) == 3


async def test_what_finds_no_room_is_shed_unacknowledged_and_taken_when_it_comes_again(
    run, make, store, monkeypatch
):
    monkeypatch.setattr("cloud.telemetry.INBOX_MESSAGES_MAX", 2)
    monkeypatch.setattr("cloud.telemetry.GATHERED_ROWS_MAX", 4)
    async with run(series=store) as house:
        gateway = await house.gateway()
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 2))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 2),))
        store.go.clear()
        for first in range(3, 41, 2):
            await gateway.send(Lane.TELEMETRY, _batch(make, first, 2))
        counts = house.aggregator.telemetry.counts
        await _until(lambda: counts.shed > 0)
        store.go.set()
        while (
            not contains(gateway.acked[Lane.TELEMETRY, "e1"], 40)
            or len(gateway.acked[Lane.TELEMETRY, "e1"]) > 1
        ):
            for first in range(3, 41, 2):
                if not contains(gateway.acked[Lane.TELEMETRY, "e1"], first):
                    await gateway.send(Lane.TELEMETRY, _batch(make, first, 2))
            await asyncio.sleep(0.01)
        assert await _count(store) == 40
        assert counts.received == counts.stored + counts.duplicates
        assert counts.stored == 40


async def test_r1_a_store_that_fails_ends_the_process_and_acknowledges_nothing(run, make, store):
    """SAFETY.md R1."""
    async with run(series=store) as house:
        gateway = await house.gateway()
        store.error = SeriesFailed("Input/output error")
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 3))
        with pytest.raises(SeriesFailed):
            await asyncio.wait_for(house.running, 5)
        assert gateway.acked == {}


async def test_r8_telemetry_of_a_clone_is_fenced_until_a_person_approves_it(run, ledger, make, store):
    """SAFETY.md R8, on the lane that does not go through the ledger."""
    async with run(series=store) as house:
        gateway = await house.gateway()
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 2))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 2),))
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 2, epoch="e2"))
        await _until(lambda: house.aggregator.counts.refused == 2)
        assert (Lane.TELEMETRY, "e2") not in gateway.acked
        await house.aggregator.approve_epoch("g1", "e2", "user:ann", "new disk")
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 2, epoch="e2"))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 2),), "e2")
        assert await _count(store) == 4
        assert house.aggregator.telemetry.stored("g1") == {"e1": ((1, 2),), "e2": ((1, 2),)}


async def test_poison_is_kept_in_quarantine_and_stops_no_lane(run, ledger, make, store):
    async with run(series=store) as house:
        gateway = await house.gateway()
        rows = [Reading("gate-1/t_c", T0_MS, 1.0), Reading("gate-1/t_c", 2**53 - 1, 2.0), Reading("", 5, 3.0)]
        await gateway.send(Lane.TELEMETRY, make.batch(Lane.TELEMETRY, 1, *rows))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 3),))
        held = house.aggregator.telemetry.stored("g1")
        (lane,) = await ledger.read(reads.lanes, MANAGER, "g1", held)
        assert (lane.lane, lane.quarantined, lane.stored) == ("telemetry", 2, ((1, 3),))
        counts = house.aggregator.telemetry.counts
        assert (counts.received, counts.stored, counts.poison) == (3, 1, 2)


async def test_garbage_and_strangers_go_the_way_of_the_other_lanes(run, make, store):
    async with run(series=store) as house:
        stranger, known = await house.gateway("stranger"), await house.gateway()
        await stranger.send(Lane.TELEMETRY, _batch(make, 1, 2))
        await known.session.publish(topic("g1", Leaf.LANE_TELEMETRY), b"\xff no JSON")
        await known.send(Lane.TELEMETRY, _batch(make, 1, 2))
        await known.wait_acked(Lane.TELEMETRY, ((1, 2),))
        await _until(lambda: house.aggregator.counts.unreadable == 1)
        assert house.aggregator.counts.refused == 2
        assert stranger.acked == {}


async def test_a_lane_full_of_gaps_waits_alone(run, make, store, monkeypatch):
    monkeypatch.setattr("cloud.ingest.readings.SPANS_MAX", 2)
    async with run(series=store) as house:
        gateway = await house.gateway()
        for first in (1, 3, 5):
            await gateway.send(Lane.TELEMETRY, _batch(make, first, 1))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 1), (3, 3)))
        await _until(lambda: house.aggregator.telemetry.counts.refused == 1)


async def test_telemetry_is_a_sign_of_life(run, make, store, clock):
    async with run(series=store) as house:
        gateway = await house.gateway()
        await gateway.send(Lane.TELEMETRY, _batch(make, 1, 1))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 1),))
        await clock.advance(30.0)
        await gateway.send(Lane.TELEMETRY, _batch(make, 2, 1))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 2),))
        assert house.aggregator._presences.silent_s("g1", clock.mono_s) < 30.0


# --- The oracle, and the faults that it must catch ------------------------------------------------


class AcknowledgesFirst(TelemetryLane):
    """The fault: the gateway is told before the commit."""

    async def _settle(self, gathering):
        for gateway, ack in gathering.acks():
            self._around.owe(gateway, ack)
        await asyncio.sleep(0.01)
        await super()._settle(gathering)


class ForgetsWhatItHolds(TelemetryLane):
    """The fault: nothing is told apart from what is stored already."""

    def _take(self, batch):
        self._taken.clear()
        super()._take(batch)


async def _lives(run, make, clock, tmp_path, monkeypatch, lane):
    """Several lives under one gateway that never stops sending; the store dies at some commit of each.

    Returns:
        Rows acknowledged without being stored, and rows stored more than once.
    """
    monkeypatch.setattr("cloud.aggregator.TelemetryLane", lane)
    rng = random.Random(7)
    rows, acked = 40, ()
    for life in range(4):
        store = Fickle(tmp_path / "series", clock)
        async with run(series=store) as house:
            gateway = await house.gateway()
            gateway.acked = {(Lane.TELEMETRY, "e1"): acked}
            deadline = rng.randint(3, 9) if life < 3 else 10**6
            for sent in range(600):
                acked = gateway.acked.get((Lane.TELEMETRY, "e1")) or ()
                left = [seq for seq in range(1, rows + 1) if not contains(acked, seq)]
                if not left or house.running.done():
                    break
                if sent == deadline:
                    store.error = SeriesFailed("killed here")
                first = rng.choice(left)
                batch = _batch(make, first, min(rng.randint(1, 5), rows - first + 1))
                for _ in range(rng.choice((1, 2))):
                    await gateway.send(Lane.TELEMETRY, batch)
                await asyncio.sleep(0.002)
            acked = gateway.acked.get((Lane.TELEMETRY, "e1")) or ()
    store = EmbeddedStore(tmp_path / "series", clock)
    await store.open()
    root = store._writer.root
    assert root is not None
    found = root.execute(
        f"SELECT value::INT, count(*) FROM {store._writer.day.alias}.readings GROUP BY value"
    ).fetchall()
    await store.close()
    stored = {value for value, _ in found}
    lost = {seq for seq in range(1, rows + 1) if contains(acked, seq)} - stored
    return lost, {value for value, count in found if count > 1}


async def test_over_several_lives_nothing_acknowledged_is_lost_or_doubled(
    run, make, clock, tmp_path, monkeypatch
):
    assert await _lives(run, make, clock, tmp_path, monkeypatch, TelemetryLane) == (set(), set())


async def test_the_oracle_catches_an_acknowledgement_before_the_commit(
    run, make, clock, tmp_path, monkeypatch
):
    lost, _ = await _lives(run, make, clock, tmp_path, monkeypatch, AcknowledgesFirst)
    assert lost


async def test_the_oracle_catches_rows_that_are_stored_again(run, make, clock, tmp_path, monkeypatch):
    _, doubled = await _lives(run, make, clock, tmp_path, monkeypatch, ForgetsWhatItHolds)
    assert doubled
