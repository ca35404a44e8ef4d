"""Disinfection zones in the ledger: stored once, the newest by outbox order, aborted never disinfected."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, inspect, select

from cardea.contract.batches import Lane
from cardea.contract.orders import OrderResult, ReleasePortal, StartCycle, StopCycle
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import DeviceState, ReceiptRecord
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.zones import (
    Cycle,
    CycleOutcome,
    Hazard,
    Permissive,
    Standing,
    StopReason,
    ZoneRecord,
    ZoneState,
)
from cloud.feed import ZoneChanged
from cloud.ingest.arrivals import read
from cloud.ingest.group import Group, Silence
from cloud.ledger import Ledger, migrations, reads
from cloud.ledger import tables as t
from cloud.ledger.scope import Role, Scope
from cloud.ledger.views import Cursor
from cloud.news import news

HARBOUR = Scope("harbour", Role.MANAGER)
DISTRICT = Scope("jinshui", Role.DISTRICT)
HILL = Scope("hill", Role.MANAGER)
T0 = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)


def at(seconds):
    return WireTime(T0 + dt.timedelta(seconds=seconds), ClockQuality.SYNCHRONISED)


ABORTED = Cycle(
    "c0", at(0), at(90), CycleOutcome.ABORTED, StopReason.PERMISSIVE_LOST, emitted_s=12.5, dose_mj_cm2_min=0.4
)


def zone(name, seconds, state=ZoneState.IDLE, **given):
    plain = ZoneRecord(
        id=name,
        at=at(seconds),
        zone="washroom",
        title="Washroom",
        state=state,
        hazard=Hazard.EXCLUSION,
        monitor_only=False,
        since=at(seconds),
        unit="uvc-1",
        permissives={Permissive.ESTOP: Standing.OK, Permissive.OCCUPANCY: Standing.STALE},
        portals=("lobby-a",),
    )
    return msgspec.structs.replace(plain, **given)


class Told:
    """Commits zone records as a gateway's batches would bring them."""

    def __init__(self, ledger, settings, make, clock, known):
        self.ledger, self.settings, self._make, self._clock, self.known = ledger, settings, make, clock, known

    async def __call__(self, *records, first=1, gateway="g1", epoch="e1"):
        group = Group(self.known, Silence({}, 600.0))
        batch = self._make.batch(Lane.RECORD, first, *records, epoch=epoch)
        group.add(read(self._make.lane_topic(gateway, Lane.RECORD), batch))
        now = self._clock.now().utc
        committed = await self.ledger.commit(group, (), now)
        self.known.advance(group)
        return list(news(self.settings, group, committed, now))


@pytest.fixture
async def tell(ledger, settings, make, clock):
    known, _ = await ledger.declare(settings)
    return Told(ledger, settings, make, clock, known)


async def test_a_zone_comes_back_as_it_was_said_and_a_repeated_row_counts_once(tell, ledger):
    emitting = zone("z2", 40, ZoneState.EMIT, cycle="c1", since=at(35), last=ABORTED, two_people=True)
    await tell(zone("z1", 30, ZoneState.WARN, cycle="c1"), emitting)
    await tell(zone("z1", 30, ZoneState.WARN, cycle="c1"), emitting)
    assert (
        await ledger.read(lambda c: c.execute(select(func.count()).select_from(t.zone_events)).scalar()) == 2
    )
    (row,) = await ledger.read(reads.zones, HARBOUR)
    assert (row.state, row.hazard, row.unit) == (ZoneState.EMIT, Hazard.EXCLUSION, "uvc-1")
    assert row.permissives == {Permissive.ESTOP: Standing.OK, Permissive.OCCUPANCY: Standing.STALE}
    assert (row.cycle, row.cycle_since, row.since) == ("c1", T0 + dt.timedelta(seconds=30), at(35).utc)
    assert row.two_people
    assert (row.site_name, row.portals, row.gateway_silent) == ("Harbour Tower", ("lobby-a",), False)


async def test_d12_an_aborted_cycle_stays_aborted_with_its_reason_and_its_lower_dose(tell, ledger):
    await tell(zone("z1", 95, ZoneState.LOCKOUT, stopped=StopReason.PERMISSIVE_LOST, last=ABORTED))
    (row,) = await ledger.read(reads.zones, HARBOUR)
    assert row.last is not None
    assert (row.last.outcome, row.last.stopped) == (CycleOutcome.ABORTED, StopReason.PERMISSIVE_LOST)
    assert (row.last.emitted_s, row.last.dose_mj_cm2_min) == (12.5, 0.4)
    assert (row.last.started_at, row.last.ended_at) == (T0, T0 + dt.timedelta(seconds=90))
    assert row.stopped is StopReason.PERMISSIVE_LOST
    assert row.cycle_since is None


@given(order=st.permutations(range(5)))
def test_the_newest_is_so_by_the_outbox_and_never_by_the_clock(order):
    """Rows arrive in any order, with clocks that run backwards."""
    from cloud.ingest.rows import Row
    from cloud.ledger.row_values import zone_values
    from cloud.ledger.writer import _keep_last, _Writes

    writes = _Writes()
    for n in order:
        record = zone(f"z{n}", -n)
        row = Row("g1", Lane.RECORD, "e1", 1, n + 1, record)
        _keep_last(writes.zones, ("g1", "washroom"), zone_values(row, record))
    (kept,) = writes.zones.values()
    assert kept["seq"] == 5


async def test_an_older_row_that_comes_late_does_not_change_what_stands(tell, ledger):
    await tell(zone("z5", 10, ZoneState.RELEASED), first=5)
    await tell(zone("z2", 99, ZoneState.WARN), first=2)
    (row,) = await ledger.read(reads.zones, HARBOUR)
    assert row.state is ZoneState.RELEASED
    history = await ledger.read(reads.zone_history, HARBOUR, "g1", "washroom")
    assert [event.id for event in history.items] == ["z2", "z5"]


async def test_history_is_paged_and_nobody_elses(tell, ledger):
    await tell(*(zone(f"z{n}", n, last=ABORTED if n else None) for n in range(5)))
    first = await ledger.read(reads.zone_history, DISTRICT, "g1", "washroom", None, 3)
    rest = await ledger.read(reads.zone_history, DISTRICT, "g1", "washroom", Cursor.parse(first.next), 3)
    assert [e.id for e in (*first.items, *rest.items)] == ["z4", "z3", "z2", "z1", "z0"]
    assert rest.next is None
    assert (rest.items[-1].last, rest.items[0].last.outcome) == (None, CycleOutcome.ABORTED)
    assert (await ledger.read(reads.zone_history, HILL, "g1", "washroom")).items == ()
    assert await ledger.read(reads.zones, HILL) == ()
    assert len(await ledger.read(reads.zones, DISTRICT, "tower", "g1")) == 1
    assert await ledger.read(reads.zones, DISTRICT, "court") == ()
    assert await ledger.read(reads.zones, DISTRICT, None, "g2") == ()


async def test_listeners_hear_of_it(tell):
    (event,) = await tell(zone("z1", 0))
    assert event == ZoneChanged("tower", "g1", zone("z1", 0))


async def test_what_became_of_a_device_is_listed_newest_first(tell, ledger, make):
    await tell(make.device("v1", DeviceState.ONLINE), make.device("v2", DeviceState.OFFLINE, seconds=5))
    events = await ledger.read(reads.device_events, HARBOUR, "g1", "gate-1")
    assert [(e.state, e.at) for e in events] == [
        (DeviceState.OFFLINE, at(5).utc),
        (DeviceState.ONLINE, at(0).utc),
    ]
    assert await ledger.read(reads.device_events, HILL, "g1", "gate-1") == ()


async def test_a_ledger_of_the_first_schema_is_given_tables_for_zones(tmp_path, clock):
    """As the version before made it: everything but the zones."""
    path = tmp_path / "old.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    new = {t.zones.name, t.zone_events.name}
    with engine.begin() as connection:
        t.METADATA.create_all(connection, tables=[x for x in t.METADATA.sorted_tables if x.name not in new])
        connection.execute(t.schema_version.insert().values(version=1, at=T0))
    ledger = await Ledger.open(f"sqlite:///{path}", clock)
    await ledger.close()
    assert new <= set(inspect(engine).get_table_names())
    with engine.connect() as connection:
        assert migrations.version_of(connection) == migrations.SCHEMA
    engine.dispose()


async def test_the_newest_start_or_stop_of_each_zone_is_found_with_its_answer(run, ledger, make):
    async with run() as house:
        intent = house.aggregator.intent
        await intent.send_order("g1", StopCycle("washroom", "ann"), "ann")
        await intent.send_order("g1", ReleasePortal("lobby-a"), "ann")
        started = await intent.send_order("g1", StartCycle("washroom", "ann"), "ann")
        other = await intent.send_order("g2", StartCycle("hall", "bob"), "bob")
        gateway = await house.gateway()
        await gateway.say(make.presence())
        refused = ReceiptRecord("r1", make.at(), started.id, "refused", RefusalReason.UNSAFE)
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, refused))
        await gateway.wait_acked(Lane.RECORD, ((1, 1),))
    since = T0 - dt.timedelta(hours=1)
    (found,) = (await ledger.read(reads.cycle_orders, HARBOUR, since)).values()
    assert (found.id, found.zone, found.do, found.by) == (started.id, "washroom", "start_cycle", "ann")
    assert (found.result, found.refusal) == (OrderResult.REFUSED, RefusalReason.UNSAFE)
    (found,) = (await ledger.read(reads.cycle_orders, HILL, since)).values()
    assert (found.id, found.result, found.refusal) == (other.id, None, None)
    assert await ledger.read(reads.cycle_orders, HILL, T0 + dt.timedelta(days=1)) == {}
