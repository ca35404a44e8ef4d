"""The writer: groups are stored whole, once, and a poisonous row costs only itself."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from cardea.contract.batches import Lane
from cardea.contract.chain import EMPTY, append, verify
from cardea.contract.encoding import RECORD
from cardea.contract.orders import OrderResult
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import DeviceState, GapRecord, ReceiptRecord
from cloud.ingest.arrivals import read
from cloud.ingest.group import Group, Silence
from cloud.ingest.rows import Row
from cloud.ledger import Ledger, reads
from cloud.ledger import tables as t
from cloud.ledger.failure import LedgerFailed
from cloud.ledger.scope import Role, Scope
from cloud.ledger.writer import load_known

MANAGER = Scope("harbour", Role.MANAGER)
ALIVE = Silence({"g1": 0.0, "g2": 0.0}, 600.0)


class Commits:
    """Puts messages into the ledger as the aggregator would."""

    def __init__(self, ledger, known, make, clock):
        self.ledger, self.known, self._make, self._clock = ledger, known, make, clock

    async def __call__(self, *batches, gateway="g1"):
        group = Group(self.known, ALIVE)
        for lane, first, *records in batches:
            group.add(read(self._make.lane_topic(gateway, lane), self._make.batch(lane, first, *records)))
        return await self.group(group)

    async def group(self, group):
        committed = await self.ledger.commit(group, (), self._clock.now().utc)
        self.known.advance(group)
        return committed


@pytest.fixture
async def commit(ledger, settings, make, clock):
    known, _ = await ledger.declare(settings)
    return Commits(ledger, known, make, clock)


async def _count(ledger, table):
    return await ledger.read(lambda c: c.execute(select(func.count()).select_from(table)).scalar())


async def _quarantine(ledger):
    return await ledger.read(lambda c: c.execute(select(t.quarantine).order_by(t.quarantine.c.seq)).all())


async def test_rows_come_back_as_they_were(commit, ledger, make):
    record = make.decision("d1", surface_temp_c=None, subject=None, credential=None, reasons=())
    await commit((Lane.RECORD, 1, make.decision("d0"), record))
    whole = await ledger.read(reads.entry, MANAGER, "g1", "d0")
    wanted = make.decision("d0")
    for name in (
        "id",
        "portal",
        "side",
        "outcome",
        "reasons",
        "policy_version",
        "mode",
        "authority",
        "device",
    ):
        assert getattr(whole, name) == getattr(wanted, name)
    for name in ("subject", "credential", "screening", "surface_temp_c", "input_age_s", "effects"):
        assert getattr(whole, name) == getattr(wanted, name)
    assert (whole.at, whole.clock) == (wanted.at.utc, wanted.at.quality)
    bare = await ledger.read(reads.entry, MANAGER, "g1", "d1")
    assert (bare.subject, bare.credential, bare.surface_temp_c, bare.reasons) == (None, None, None, ())


async def test_every_kind_of_record_has_its_place(commit, ledger, make):
    link = append(EMPTY, "l1", make.at(), "policy applied", "cloud", {"version": "2"})
    gap = GapRecord("gap1", make.at(), "telemetry", "e1", 5, 9, "store_full")
    receipt = ReceiptRecord("r1", make.at(), "o1", OrderResult.REFUSED.value, RefusalReason.EXPIRED)
    rows = (
        make.decision("d1"),
        make.passage("p1"),
        make.device("v1", DeviceState.ONLINE),
        link,
        gap,
        receipt,
    )
    await commit((Lane.RECORD, 1, *rows))
    for table in (t.decisions, t.passages, t.device_events, t.devices, t.audit_links, t.gaps, t.receipts):
        assert await _count(ledger, table) == 1
    kept = await ledger.read(lambda c: c.execute(select(t.audit_links)).one())
    again = append(EMPTY, kept.id, make.at(), kept.event, kept.actor, kept.detail)
    assert (kept.position, kept.prev, kept.hash) == (again.index, again.prev, again.hash)
    assert verify([again]) == verify([link])


async def test_a_gap_explains_what_is_missing(commit, ledger, make):
    await commit((Lane.RECORD, 1, GapRecord("g", make.at(), "telemetry", "e1", 4, 15, "store_full")))
    telemetry = {"e1": ((1, 3), (20, 22))}  # the series store's own
    lanes = {lane.lane: lane for lane in await ledger.read(reads.lanes, MANAGER, "g1", telemetry)}
    assert lanes["telemetry"].stored == ((1, 3), (20, 22))
    assert lanes["telemetry"].evicted == ((4, 15),)
    assert lanes["telemetry"].missing == ((16, 19),)
    assert lanes["telemetry"].standing == "active"
    assert await ledger.read(reads.lanes, Scope("hill", Role.MANAGER), "g1") == ()


async def test_storing_the_same_rows_again_changes_nothing(commit, ledger, make):
    rows = (Lane.RECORD, 1, make.decision("d1"), make.device("v1", DeviceState.OFFLINE))
    await commit(rows)
    commit.known.stored.clear()  # as if the ranges had been forgotten
    await commit(rows)
    assert await _count(ledger, t.decisions) == 1
    assert await _count(ledger, t.alert_events) == 1
    known, _ = await ledger.read(load_known, ["g1"])
    assert known.stored == {("g1", Lane.RECORD, "e1"): ((1, 2),)}


async def test_a_poisonous_row_goes_to_quarantine_and_the_rest_is_stored(commit, ledger, make):
    await commit((Lane.RECORD, 1, make.decision("d1")))
    twice = make.decision("d1", portal="garage")
    committed = await commit((Lane.RECORD, 2, make.decision("d2"), twice, make.decision("d4")))
    assert [p.seq for p in committed.poison] == [3]
    assert await _count(ledger, t.decisions) == 3
    (row,) = await _quarantine(ledger)
    assert (row.gateway, row.lane, row.epoch, row.seq) == ("g1", "record", "e1", 3)
    assert RECORD.decode(row.raw) == twice
    assert "UNIQUE" in row.reason
    known, _ = await ledger.read(load_known, ["g1"])
    assert known.stored == {("g1", Lane.RECORD, "e1"): ((1, 4),)}
    portals = {p.portal for p in await ledger.read(reads.portals, MANAGER)}
    assert portals == {"lobby-a"}, "what the quarantined row brought with it is gone, too"


async def test_rows_that_no_store_holds_are_poison_too(commit, ledger, make):
    group = Group(commit.known, ALIVE)
    group.add(read(make.lane_topic("g1", Lane.RECORD), make.batch(Lane.RECORD, 1, make.decision("d1"))))
    group.rows += [
        Row("g1", Lane.RECORD, "e1", 1, 2, make.decision("d2", policy_version=2**70)),
        Row("g1", Lane.RECORD, "e1", 1, 3, make.decision("d3", portal=None)),
    ]
    committed = await commit.group(group)
    assert [p.seq for p in committed.poison] == [2, 3]
    assert await _count(ledger, t.decisions) == 1


async def test_portals_seen_in_a_group_that_was_rolled_back_are_not_forgotten(commit, ledger, make):
    await commit((Lane.RECORD, 1, make.decision("d1")))
    await commit((Lane.RECORD, 2, make.decision("d2", portal="new"), make.decision("d1")))
    await commit((Lane.RECORD, 4, make.decision("d4", portal="new")))
    assert {p.portal for p in await ledger.read(reads.portals, MANAGER)} == {"lobby-a", "new"}


async def test_portals_kept_in_mind_are_bounded(commit, ledger, make, monkeypatch):
    monkeypatch.setattr("cloud.ledger.writer.PORTALS_SEEN_MAX", 2)
    for n in range(1, 8):
        await commit((Lane.RECORD, n, make.decision(f"d{n}", portal=f"p{n}")))
        assert len(commit.ledger._writer._portals) <= 3
    assert len(await ledger.read(reads.portals, MANAGER)) == 8


async def test_the_newest_device_state_counts_even_within_one_group(commit, ledger, make):
    await commit(
        (Lane.RECORD, 7, make.device("v7", DeviceState.ONLINE)),
        (Lane.RECORD, 3, make.device("v3", DeviceState.REFUSED)),
    )
    (device,) = await ledger.read(reads.devices, MANAGER)
    assert device.state is DeviceState.ONLINE


async def test_ranges_join_up_in_the_ledger_too(commit, ledger, make):
    for first in (1, 5, 3, 2, 4):
        await commit((Lane.RECORD, first, make.decision(f"d{first}")))
        known, _ = await ledger.read(load_known, ["g1", "g2"])
        assert known.stored == commit.known.stored
    assert commit.known.stored[("g1", Lane.RECORD, "e1")] == ((1, 5),)
    assert known.epochs == {"g1": commit.known.epochs["g1"], "g2": known.epochs["g2"]}


async def test_a_gateway_that_is_not_declared_any_more_is_not_loaded(commit, ledger, make):
    await commit((Lane.RECORD, 1, make.decision("d1")))
    known, heard_at = await ledger.read(load_known, ["g2"])
    assert set(known.epochs) == {"g2"}
    assert heard_at == {}


async def test_a_failing_disk_fails_the_commit_and_every_write_after_it(commit, ledger, make, monkeypatch):
    def fail(self, connection, group, found, received_at):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("cloud.ledger.writer.Writer._swiftly", fail)
    with pytest.raises(LedgerFailed, match="disk I/O error"):
        await commit((Lane.RECORD, 1, make.decision("d1")))
    monkeypatch.undo()
    with pytest.raises(LedgerFailed, match="earlier write failed"):
        await commit((Lane.RECORD, 1, make.decision("d1")))
    assert await _count(ledger, t.decisions) == 0


async def test_a_failing_disk_within_a_poisonous_group_fails_it_too(commit, make, monkeypatch):
    from sqlalchemy.exc import OperationalError

    await commit((Lane.RECORD, 1, make.decision("d1")))

    def fail(*_):
        raise OperationalError("insert", {}, sqlite3.OperationalError("database or disk is full"))

    real = commit.ledger._writer._carefully

    def carefully(*arguments):
        monkeypatch.setattr(commit.ledger._writer, "_write", fail)
        return real(*arguments)

    monkeypatch.setattr(commit.ledger._writer, "_carefully", carefully)
    with pytest.raises(LedgerFailed, match="disk is full"):
        await commit((Lane.RECORD, 2, make.decision("d1")))


async def test_a_cancelled_commit_goes_through(commit, ledger, make, clock):
    group = Group(commit.known, ALIVE)
    group.add(read(make.lane_topic("g1", Lane.RECORD), make.batch(Lane.RECORD, 1, make.decision("d1"))))
    task = asyncio.create_task(ledger.commit(group, (), clock.now().utc))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ledger.write(lambda connection: None)
    assert await _count(ledger, t.decisions) == 1


async def test_work_that_breaks_a_constraint_is_rolled_back_and_the_ledger_goes_on(commit, ledger):
    def twice(connection):
        for _ in range(2):
            connection.execute(t.organisations.insert().values(id="x", name="x", kind="property"))

    with pytest.raises(IntegrityError):
        await ledger.write(twice)
    assert not [o for o in await ledger.read(_organisation_ids) if o == "x"]


def _organisation_ids(connection):
    return connection.execute(select(t.organisations.c.id)).scalars().all()


async def test_work_that_the_store_cannot_do_fails_the_ledger(commit, ledger):
    with pytest.raises(LedgerFailed):
        await ledger.write(lambda connection: connection.exec_driver_sql("SELECT * FROM nowhere"))
    with pytest.raises(LedgerFailed):
        await ledger.read(lambda connection: connection.exec_driver_sql("SELECT * FROM nowhere"))


async def test_readers_cannot_write(ledger):
    with pytest.raises(LedgerFailed, match="readonly"):
        await ledger.read(lambda connection: connection.exec_driver_sql("DELETE FROM users"))


async def test_the_file_is_its_owners_only_and_synchronous_is_full(ledger, url):
    path = Path(url.removeprefix("sqlite:///"))
    for file in path.parent.glob("ledger.sqlite*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    pragmas = await ledger.write(
        lambda c: [c.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous")]
    )
    assert pragmas == ["wal", 2]


async def test_a_ledger_that_cannot_be_opened_says_so(tmp_path, clock):
    for bad in (tmp_path, tmp_path / "missing" / "l.sqlite"):
        with pytest.raises((LedgerFailed, OSError)):
            await Ledger.open(f"sqlite:///{bad}", clock)
    garbage = tmp_path / "garbage.sqlite"
    garbage.write_bytes(b"this is no database" * 100)
    with pytest.raises(LedgerFailed, match="not a database"):
        await Ledger.open(f"sqlite:///{garbage}", clock)


async def test_last_heard_is_kept_but_not_with_every_message(commit, ledger, make, clock):
    async def heard_at():
        (epoch,) = await ledger.read(reads.epochs, MANAGER, "g1")
        return epoch.last_heard_at

    start = clock.now().utc
    await commit((Lane.RECORD, 1, make.decision("d1")))
    await clock.advance(2)
    await commit((Lane.RECORD, 2, make.decision("d2")))
    assert await heard_at() == start
    await clock.advance(4)
    await commit((Lane.RECORD, 3, make.decision("d3")))
    assert await heard_at() == clock.now().utc
