"""The aggregator from the bus to the ledger and back, on a broker in memory."""

import asyncio

import pytest

from cardea.contract.batches import Lane
from cardea.contract.records import AlertKind, DeviceState, Outcome, Reading, Side
from cardea.contract.topics import Leaf, topic
from cloud.feed import AlertChanged, EntryDecided, EpochFenced, PassageSeen
from cloud.ledger import reads
from cloud.ledger.failure import LedgerFailed
from cloud.ledger.scope import Role, Scope
from cloud.ledger.views import AlertQuery, AlertView, EntryQuery

MANAGER = Scope("harbour", Role.MANAGER)


async def _alerts(ledger, view=AlertView.ALL):
    page = await ledger.read(reads.alerts, MANAGER, AlertQuery(view=view))
    return {(row.alert, row.cleared_at is None): row for row in page.items}


async def _until(true):
    async with asyncio.timeout(5):
        while not await true():  # noqa: ASYNC110  # what is asked is the ledger, which sets no event
            await asyncio.sleep(0.005)


async def test_a_decision_becomes_an_entry_and_is_acknowledged(run, ledger, make):
    async with run() as house:
        gateway = await house.gateway()
        rows = (make.decision("d1"), make.passage("p1", 2.0, decision="d1"))
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, *rows))
        await gateway.wait_acked(Lane.RECORD, ((1, 2),))
        page = await ledger.read(reads.entries, MANAGER, EntryQuery())
        (entry,) = page.items
        assert (entry.id, entry.portal_name, entry.site_name) == ("d1", "Lobby A", "Harbour Tower")
        assert entry.passed_at == make.at(2.0).utc
        assert entry.subject == make.subject()
        assert house.aggregator.counts.stored == 2


async def test_a_repeated_batch_is_acknowledged_again_and_stored_once(run, ledger, make):
    async with run() as house:
        gateway = await house.gateway()
        batch = make.batch(Lane.RECORD, 1, make.decision("d1"))
        await gateway.send(Lane.RECORD, batch)
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        gateway.acked.clear()
        await gateway.send(Lane.RECORD, batch)
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        assert house.aggregator.counts.duplicates == 1
        assert len((await ledger.read(reads.entries, MANAGER, EntryQuery())).items) == 1


async def test_what_was_stored_before_a_restart_is_known_after_it(run, ledger, make):
    batch = make.batch(Lane.RECORD, 5, make.decision("d1"))
    for expected in (0, 1):
        async with run() as house:
            gateway = await house.gateway()
            await gateway.send(Lane.RECORD, batch)
            await gateway.wait_acked(Lane.RECORD, ((5, 5),))
            assert house.aggregator.counts.duplicates == expected


async def test_an_unknown_gateway_is_not_acknowledged_and_disturbs_nobody(run, ledger, make):
    async with run() as house:
        stranger, known = await house.gateway("stranger"), await house.gateway()
        await stranger.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
        await known.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d2")))
        await known.wait_acked(Lane.RECORD, ((1, 1),))
        assert stranger.acked == {}
        assert house.aggregator.counts.refused == 1


async def test_garbage_is_kept_and_disturbs_nobody(run, ledger, make):
    async with run() as house:
        gateway = await house.gateway()
        await gateway.send(Lane.RECORD, b"\xff\x00 no JSON at all")
        await gateway.send(
            Lane.RECORD, make.batch(Lane.RECORD, 1, {"kind": "unheard of"}, make.decision("d2"))
        )
        await gateway.wait_acked(Lane.RECORD, ((1, 2),))
        (lane,) = await ledger.read(reads.lanes, MANAGER, "g1")
        assert (lane.quarantined, lane.missing) == (1, ())
        assert house.aggregator.counts.unreadable == 1


async def test_telemetry_keeps_the_newest_of_every_series(run, ledger, make):
    async with run() as house:
        gateway = await house.gateway()
        readings = (
            Reading("gate-1/t", 2000, 2.0),
            Reading("gate-1/t", 1000, 1.0),
            Reading("gate-2/t", 1, 0.5),
        )
        await gateway.send(Lane.TELEMETRY, make.batch(Lane.TELEMETRY, 1, *readings))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 3),))
        await gateway.send(Lane.TELEMETRY, make.batch(Lane.TELEMETRY, 4, Reading("gate-1/t", 1500, 9.0)))
        await gateway.wait_acked(Lane.TELEMETRY, ((1, 4),))
        rows = house.aggregator.telemetry.latest(("g1",))
        assert [(row.series, row.value) for row in rows] == [("gate-1/t", 2.0), ("gate-2/t", 0.5)]


async def test_a_clone_is_fenced_until_a_person_approves_it(run, ledger, make):
    async with run() as house:
        gateway = await house.gateway()
        with house.aggregator.feed.subscribe() as events:
            await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
            await gateway.wait_acked(Lane.RECORD, ((1, 1),))
            clone = make.batch(Lane.RECORD, 1, make.decision("d9"), epoch="e2")
            await gateway.send(Lane.RECORD, clone)
            async for event in events:
                if isinstance(event, EpochFenced):
                    assert event.epoch == "e2"
                    break
        assert (Lane.RECORD, "e2") not in gateway.acked
        assert [e.id for e in (await ledger.read(reads.entries, MANAGER, EntryQuery())).items] == ["d1"]
        assert (AlertKind.CLONE, True) in await _alerts(ledger)

        await house.aggregator.approve_epoch("g1", "e2", "user:ann", "new disk")
        await gateway.send(Lane.RECORD, clone)
        await gateway.wait_acked(Lane.RECORD, ((1, 1),), "e2")
        assert (AlertKind.CLONE, False) in await _alerts(ledger)
        standing = {e.epoch: e.standing for e in await ledger.read(reads.epochs, MANAGER, "g1")}
        assert standing == {"e1": "retired", "e2": "active"}

        gateway.acked.clear()
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 2, make.decision("d2")))
        await gateway.send(Lane.RECORD, clone)
        await gateway.wait_acked(Lane.RECORD, ((1, 1),), "e2")
        assert (Lane.RECORD, "e1") not in gateway.acked


async def test_an_epoch_that_nobody_has_heard_of_cannot_be_approved(run):
    from cloud.aggregator import UnknownEpoch

    async with run() as house:
        with pytest.raises(UnknownEpoch):
            await house.aggregator.approve_epoch("g1", "e7", "user:ann", "?")


async def test_an_approval_whose_asker_has_left_disturbs_nobody(run, make):
    async with run() as house:
        gateway = await house.gateway()
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        for epoch in ("e1", "e7"):
            asked = asyncio.create_task(house.aggregator.approve_epoch("g1", epoch, "user:ann", "?"))
            await asyncio.sleep(0)
            asked.cancel()
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 2, make.decision("d2")))
        await gateway.wait_acked(Lane.RECORD, ((1, 2),))


async def test_a_silent_gateway_alarms_inhibits_its_devices_and_clears_when_heard(run, ledger, make, clock):
    async with run() as house:
        gateway = await house.gateway()
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.device("v1", DeviceState.OFFLINE)))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        await clock.advance(30.0)
        assert (AlertKind.GATEWAY_SILENT, True) not in await _alerts(ledger)
        await clock.advance(10.0)

        async def silent():
            return (AlertKind.GATEWAY_SILENT, True) in await _alerts(ledger)

        await _until(silent)
        assert (await _alerts(ledger))[AlertKind.DEVICE_OFFLINE, True].inhibited
        assert all(row.gateway_silent for row in await ledger.read(reads.devices, MANAGER))
        await gateway.say(make.presence())

        async def heard():
            await clock.advance(1.0)
            return (AlertKind.GATEWAY_SILENT, False) in await _alerts(ledger)

        await _until(heard)
        assert not (await _alerts(ledger))[AlertKind.DEVICE_OFFLINE, True].inhibited


async def test_a_last_will_alarms_at_once(run, ledger, make, clock):
    async with run() as house:
        gateway = await house.gateway()
        await gateway.say(make.presence())
        await gateway.say(make.presence(online=False))

        async def silent():
            await clock.advance(1.0)
            return (AlertKind.GATEWAY_SILENT, True) in await _alerts(ledger)

        await _until(silent)
        (row,) = await ledger.read(reads.gateways, MANAGER)
        assert (row.online, row.silent, row.pending) == (False, True, {"record": 3})


async def test_a_device_is_offline_until_it_is_online(run, ledger, make):
    async with run() as house:
        gateway = await house.gateway()
        rows = (make.device("v1", DeviceState.OFFLINE), make.device("v2", DeviceState.ONLINE, seconds=9))
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, rows[0]))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        assert (AlertKind.DEVICE_OFFLINE, True) in await _alerts(ledger)
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 2, rows[1]))
        await gateway.wait_acked(Lane.RECORD, ((1, 2),))
        assert (AlertKind.DEVICE_OFFLINE, False) in await _alerts(ledger)
        (device,) = await ledger.read(reads.devices, MANAGER)
        assert device.state is DeviceState.ONLINE


async def test_newest_first_after_an_outage_leaves_no_stale_alarm(run, ledger, make):
    """The record lane sends what is new before the backlog: the old "offline" comes after the "online"."""
    async with run() as house:
        gateway = await house.gateway()
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 9, make.device("v9", DeviceState.ONLINE)))
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 4, make.device("v4", DeviceState.OFFLINE)))
        await gateway.wait_acked(Lane.RECORD, ((4, 4), (9, 9)))
        assert (AlertKind.DEVICE_OFFLINE, True) not in await _alerts(ledger)
        (device,) = await ledger.read(reads.devices, MANAGER)
        assert device.state is DeviceState.ONLINE


async def test_listeners_hear_what_was_committed(run, make):
    async with run() as house:
        gateway = await house.gateway()
        with house.aggregator.feed.subscribe() as events:
            rows = (make.decision("d1", outcome=Outcome.DENY), make.passage("p1", side=Side.EGRESS))
            await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, *rows))
            await gateway.send(Lane.ALERT, make.batch(Lane.ALERT, 1, make.alert("a1")))
            await gateway.wait_acked(Lane.ALERT, ((1, 1),))
            heard = []
            async for event in events:
                heard.append(event)
                if len(heard) == 3:
                    break
        entry, passage, alert = heard
        assert isinstance(entry, EntryDecided)
        assert entry.entry.outcome is Outcome.DENY
        assert entry.entry.portal_name == "Lobby A"
        assert isinstance(passage, PassageSeen)
        assert isinstance(alert, AlertChanged)


async def test_a_broken_store_ends_the_process_and_acknowledges_nothing(run, url, clock, make):
    from cloud.ledger import Ledger

    broken = await Ledger.open(url.replace("ledger", "broken"), clock)
    async with run(on=broken) as house:
        gateway = await house.gateway()
        await broken.write(_break)
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
        with pytest.raises(LedgerFailed):
            await asyncio.wait_for(house.running, 5)
        assert gateway.acked == {}
        with pytest.raises(LedgerFailed, match="earlier write"):
            await broken.write(_break)
    await broken.close()


def _break(connection):
    connection.exec_driver_sql("DROP TABLE stored_ranges")


async def test_a_lost_broker_is_connected_to_again(run, make, clock):
    async with run() as house:
        house.broker.stop()

        async def lost():
            return not house.aggregator.connected

        await _until(lost)
        house.broker.start()
        gateway = await house.gateway()

        async def again():
            await clock.advance(30.0)
            return house.aggregator.connected

        await _until(again)
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, make.decision("d1")))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))


async def test_a_retained_state_is_shown_but_is_no_sign_of_life(run, ledger, make, clock):
    from cardea.runtime.memory_bus import MemoryBroker

    broker = MemoryBroker(clock)
    broker.retained[topic("g1", Leaf.STATE)] = make.presence(epoch="e1")
    async with run() as house:
        gateway = await house.gateway()
        await gateway.say(make.presence())
        await _until(lambda: _known(ledger))
    async with run(broker=broker) as house:
        await clock.advance(60.0)

        async def silent():
            return (AlertKind.GATEWAY_SILENT, True) in await _alerts(ledger)

        await _until(silent)


async def _known(ledger):
    rows = await ledger.read(reads.gateways, MANAGER)
    return rows[0].epoch == "e1"


async def test_presence_of_a_clone_does_not_replace_the_gateways(run, ledger, make):
    async with run() as house:
        gateway = await house.gateway()
        await gateway.say(make.presence())
        await _until(lambda: _known(ledger))
        await gateway.say(make.presence(epoch="e2"))

        async def fenced():
            return (AlertKind.CLONE, True) in await _alerts(ledger)

        await _until(fenced)
        assert await _known(ledger)


@pytest.mark.parametrize("bound", ["GROUP_MESSAGES_MAX", "GROUP_ROWS_MAX"])
async def test_groups_are_bounded_and_the_rest_comes_next(run, make, monkeypatch, bound):
    monkeypatch.setattr(f"cloud.aggregator.{bound}", 2)
    async with run() as house:
        gateway = await house.gateway()
        for n in range(7):
            await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, n + 1, make.decision(f"d{n}")))
        await gateway.wait_acked(Lane.RECORD, ((1, 7),))


async def test_a_lane_full_of_gaps_is_said_once_and_disturbs_nobody(run, make, monkeypatch):
    monkeypatch.setattr("cloud.ingest.rows.SPANS_MAX", 2)
    async with run() as house:
        gateway = await house.gateway()
        for first in (1, 3, 5, 7):
            await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, first, make.decision(f"d{first}")))
        await gateway.send(Lane.ALERT, make.batch(Lane.ALERT, 1, make.alert("a1")))
        await gateway.wait_acked(Lane.ALERT, ((1, 1),))
        await gateway.wait_acked(Lane.RECORD, ((1, 1), (3, 3)))
        assert house.aggregator.counts.refused == 2


async def test_what_is_stored_while_the_broker_is_away_is_acknowledged_when_it_comes_again(
    run, make, monkeypatch
):
    """The acknowledgement finds no session, or one that has just ended: the gateway sends again."""
    from cardea.runtime.bus import BusDown
    from cardea.runtime.memory_bus import MemorySession

    real, failures = MemorySession.publish, iter([True, False])

    async def publish(self, name, payload, *, retain=False):
        if name.endswith("/ack") and next(failures, False):
            raise BusDown("just now")
        await real(self, name, payload, retain=retain)

    monkeypatch.setattr(MemorySession, "publish", publish)
    async with run() as house:
        gateway = await house.gateway()
        session, house.aggregator.intent.session = house.aggregator.intent.session, None
        batch = make.batch(Lane.RECORD, 1, make.decision("d1"))
        for _ in range(3):
            await gateway.send(Lane.RECORD, batch)
            await _until(lambda: _stored(house))
            await asyncio.sleep(0.05)
            house.aggregator.intent.session = session
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
        assert (house.aggregator.counts.stored, house.aggregator.counts.duplicates) == (1, 2)


async def _stored(house):
    return house.aggregator.counts.stored == 1


async def test_what_has_been_said_is_not_said_again_and_not_kept_without_end(run, monkeypatch):
    monkeypatch.setattr("cloud.aggregator.TOLD_MAX", 2)
    async with run() as house:
        once = house.aggregator._once
        assert [once("a", "x"), once("a", "x"), once("b", "x"), once("c", "x")] == [True, False, True, False]
