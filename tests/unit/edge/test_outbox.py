"""The outbox: group commit, numbers that add up, eviction, full and failing disks (SAFETY.md R1–R6)."""

import asyncio
import sqlite3

import pytest

from cardea.contract.batches import ROWS_MAX, Ack, Lane
from cardea.contract.encoding import RECORD, encode
from cardea.contract.records import GapRecord, Reading
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import FileReserve, StoreFailed, StoreFull, SystemDisk
from edge.outbox import Limits, Outbox, RowRefused, StoreStalled
from edge.outbox import outbox as outbox_module
from edge.outbox.group_commit import WAITING_MAX, WEIGHT_MAX, GroupCommit


def reading(n):
    return encode(Reading("gate-1/surface_temp_c", n, 36.5))


def row(n, size=0):
    return b'{"n":%d,"pad":"%s"}' % (n, b"x" * size)


class GatedDatabase:
    """A database whose transactions begin only when the test lets them; counts them."""

    def __init__(self, inner):
        self.inner = inner
        self.transactions = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error = None
        self.fail_after_commit = False

    async def run(self, work):
        self.transactions += 1
        await self.gate.wait()
        if self.error is not None and not self.fail_after_commit:
            raise self.error
        result = await self.inner.run(work)
        if self.error is not None:
            raise self.error
        return result

    async def empty_log(self):
        return await self.inner.empty_log()

    async def close(self):
        await self.inner.close()


class SmallDisk:
    """A disk with room for ``pages`` pages; releasing the reserve gives it some more."""

    def __init__(self, path, pages, reserve_pages=40):
        self.inner = SystemDisk(path)
        self.pages = pages
        self.reserve_pages = reserve_pages
        self.held = True

    def open(self, name, schema):
        return SmallDatabase(self.inner.open(name, schema), self)

    def reserve(self, name, size):
        return self

    def hold(self):
        self.held = True

    def release(self):
        if self.held:
            self.pages += self.reserve_pages
        self.held = False


class SmallDatabase:
    def __init__(self, inner, disk):
        self.inner = inner
        self.disk = disk

    async def run(self, work):
        def bounded(connection):
            connection.execute(f"PRAGMA max_page_count = {self.disk.pages}")
            return work(connection)

        return await self.inner.run(bounded)

    async def empty_log(self):
        return await self.inner.empty_log()

    async def close(self):
        await self.inner.close()


@pytest.fixture
async def outbox(tmp_path):
    opened = await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy())
    opened._commits._database = opened._database = GatedDatabase(opened._database)
    yield opened
    opened._database.gate.set()
    await opened.close()


async def small(tmp_path, pages, **limits):
    return await Outbox.open(SmallDisk(tmp_path, pages), SystemClock(), SystemEntropy(), Limits(**limits))


async def fill(box, lane, make, size=400):
    """Append until the disk is full; returns how many were taken."""
    for n in range(10_000):
        try:
            await box.append(lane, make(n))
        except StoreFull:
            return n
    raise AssertionError("the disk never filled")


def adds_up(box):
    for numbers in box.counters.values():
        assert numbers.received == numbers.committed + sum(numbers.rejected.values())
        assert numbers.committed == numbers.delivered + numbers.pending + numbers.evicted


async def test_appends_that_arrive_during_a_commit_share_the_next_one(outbox):
    outbox._database.gate.clear()
    tasks = [asyncio.create_task(outbox.append(Lane.RECORD, row(n))) for n in range(50)]
    await asyncio.sleep(0)
    outbox._database.gate.set()
    assert [seq for (seq,) in await asyncio.gather(*tasks)] == list(range(1, 51))
    assert outbox._database.transactions <= 2


async def test_a_lone_append_is_committed_without_waiting_for_company(outbox):
    await outbox.append(Lane.RECORD, row(1))
    assert outbox._database.transactions == 1


async def test_a_shared_transaction_is_bounded(outbox):
    outbox._database.gate.clear()
    tasks = [
        asyncio.create_task(outbox.append(Lane.RECORD, *(row(n) for n in range(WEIGHT_MAX))))
        for _ in range(4)
    ]
    await asyncio.sleep(0)
    outbox._database.gate.set()
    await asyncio.gather(*tasks)
    assert outbox._database.transactions == 4


async def test_giving_up_waiting_does_not_withdraw_the_rows(outbox):
    outbox._database.gate.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await outbox.append(Lane.RECORD, row(1))
    outbox._database.gate.set()
    await outbox.append(Lane.RECORD, row(2))
    assert [seq for seq, _ in await outbox.take(Lane.RECORD)] == [1, 2]
    assert outbox.pending[Lane.RECORD] == 2
    adds_up(outbox)


async def test_lanes_count_from_one_each_by_itself(outbox):
    assert await outbox.append(Lane.ALERT, row(1)) == (1,)
    assert await outbox.append(Lane.RECORD, row(1), row(2)) == (1, 2)
    assert await outbox.append(Lane.TELEMETRY, reading(1)) == (1,)
    assert await outbox.append(Lane.RECORD) == ()


async def test_numbers_are_never_used_twice(tmp_path):
    box = await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy())
    await box.append(Lane.RECORD, row(1), row(2))
    assert await box.forget(Ack(Lane.RECORD, box.epoch, ((1, 2),))) == 2
    await box.close()
    again = await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy())
    assert again.epoch == box.epoch
    assert await again.append(Lane.RECORD, row(3)) == (3,)
    await again.close()


async def test_each_file_has_an_epoch_of_its_own(tmp_path):
    boxes = [await Outbox.open(SystemDisk(tmp_path / n), SystemClock(), SystemEntropy()) for n in "ab"]
    assert boxes[0].epoch != boxes[1].epoch
    for box in boxes:
        await box.close()


async def test_only_acknowledged_ranges_are_deleted(outbox):
    await outbox.append(Lane.RECORD, *(row(n) for n in range(10)))
    assert await outbox.forget(Ack(Lane.RECORD, outbox.epoch, ((2, 3), (9, 40)))) == 4
    assert [seq for seq, _ in await outbox.take(Lane.RECORD)] == [1]
    assert [seq for seq, _ in await outbox.take(Lane.RECORD, skip=((1, 1),))] == [4, 5, 6, 7, 8]
    assert outbox.counters[Lane.RECORD].delivered == 4


async def test_a_large_acknowledgement_is_worked_off_in_bounded_transactions(outbox):
    for _ in range(3):
        await outbox.append(Lane.RECORD, *(row(n) for n in range(ROWS_MAX)))
    before = outbox._database.transactions
    assert await outbox.forget(Ack(Lane.RECORD, outbox.epoch, ((1, 2**62),))) == 3 * ROWS_MAX
    assert outbox._database.transactions - before >= 3
    assert outbox.pending[Lane.RECORD] == 0


@pytest.mark.parametrize("bad", [((3, 2),), ((0, 2),), ((1, 2**63),)])
async def test_impossible_ranges_delete_nothing(outbox, bad):
    await outbox.append(Lane.RECORD, row(1))
    assert await outbox.forget(Ack(Lane.RECORD, outbox.epoch, bad)) == 0
    assert outbox.foreign_acks == 1
    assert outbox.pending[Lane.RECORD] == 1


async def test_take_gives_unbroken_runs_within_bytes(outbox):
    await outbox.append(Lane.RECORD, *(row(n, size=100) for n in range(10)))
    assert [s for s, _ in await outbox.take(Lane.RECORD, bytes_max=250)] == [1, 2]
    assert [s for s, _ in await outbox.take(Lane.RECORD, newest_first=True, bytes_max=250)] == [9, 10]
    assert [s for s, _ in await outbox.take(Lane.RECORD, bytes_max=1)] == [1]
    assert [s for s, _ in await outbox.take(Lane.RECORD, newest_first=True, skip=((8, 99),))] == [
        *range(1, 8)
    ]


@pytest.mark.parametrize(
    ("lane", "rows", "reason"),
    [
        (Lane.RECORD, [b"{"], "undecodable"),
        (Lane.TELEMETRY, [b'{"series":"a"}'], "undecodable"),
        (Lane.TELEMETRY, [encode(Reading("a/b", 1, float("nan")))], "undecodable"),
        (Lane.ALERT, [row(1, size=70_000)], "too_long"),
        (Lane.RECORD, [row(1)] * (ROWS_MAX + 1), "too_many"),
    ],
)
async def test_rows_that_could_never_be_sent_are_refused_and_counted(outbox, lane, rows, reason):
    with pytest.raises(RowRefused, match=reason):
        await outbox.append(lane, *rows)
    assert outbox.counters[lane].rejected == {reason: len(rows)}
    assert outbox.pending[lane] == 0
    adds_up(outbox)


async def test_a_bad_row_fails_alone(outbox):
    outbox._database.gate.clear()
    tasks = [asyncio.create_task(outbox.append(Lane.RECORD, body)) for body in (row(1), b"{", row(2))]
    await asyncio.sleep(0)
    outbox._database.gate.set()
    good, bad, other = await asyncio.gather(*tasks, return_exceptions=True)
    assert (good, other) == ((1,), (2,))
    assert isinstance(bad, RowRefused)


async def test_refused_rows_are_counted_durably(tmp_path):
    box = await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy())
    with pytest.raises(RowRefused):
        await box.append(Lane.RECORD, b"{")
    await box.append(Lane.RECORD, row(1))
    await box.close()
    again = await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy())
    assert again.counters[Lane.RECORD].rejected == {"undecodable": 1}
    assert again.counters[Lane.RECORD].received == 2
    await again.close()


@pytest.mark.parametrize("limits", [Limits(telemetry_rows_max=100), Limits(telemetry_bytes_max=6000)])
async def test_only_telemetry_is_evicted_and_leaves_gap_records_that_are_delivered(tmp_path, limits):
    box = await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy(), limits)
    await box.append(Lane.RECORD, *(row(n, size=500) for n in range(200)))
    for n in range(30):
        await box.append(Lane.TELEMETRY, *(reading(n * 10 + i) for i in range(10)))
    numbers = box.counters[Lane.TELEMETRY]
    assert numbers.pending <= limits.telemetry_rows_max
    assert numbers.bytes <= limits.telemetry_bytes_max
    assert 0 < numbers.evicted < 300
    rows = await box.take(Lane.RECORD, skip=((1, 200),))
    gaps = [gap for _, body in rows if isinstance(gap := RECORD.decode(body), GapRecord)]
    assert len(gaps) == len(rows)
    assert {(gap.epoch, gap.lane) for gap in gaps} == {(box.epoch, "telemetry")}
    assert [gap.first for gap in gaps] == [1, *(gap.last + 1 for gap in gaps[:-1])]
    assert gaps[-1].last == numbers.evicted
    kept = await box.take(Lane.TELEMETRY)
    assert kept[0][0] == numbers.evicted + 1
    adds_up(box)
    await box.close()


async def test_a_full_disk_refuses_telemetry_first(tmp_path):
    box = await small(tmp_path, pages=60)
    taken = await fill(box, Lane.TELEMETRY, reading)
    with pytest.raises(StoreFull):
        await box.append(Lane.TELEMETRY, reading(0))
    assert taken > 100
    assert await box.append(Lane.RECORD, row(1, size=9000)) == (2,)
    assert box.counters[Lane.TELEMETRY].evicted > 0
    assert box.counters[Lane.TELEMETRY].rejected["store_full"] == 2
    gap = RECORD.decode((await box.take(Lane.RECORD))[0][1])
    assert isinstance(gap, GapRecord)
    assert gap.reason == "store_full"
    assert box.reserved
    adds_up(box)
    await box.close()


async def test_the_reserve_is_for_alerts_and_records(tmp_path):
    box = await small(tmp_path, pages=60)
    for n in range(600):
        await box.append(Lane.RECORD, row(n, size=400))
        if not box.reserved:
            break
    assert not box.reserved
    with pytest.raises(StoreFull):
        await box.append(Lane.TELEMETRY, reading(1))
    assert await box.append(Lane.ALERT, row(1)) == (1,)
    adds_up(box)
    await box.close()


async def test_when_nothing_is_left_the_caller_is_told_at_once_and_nothing_is_lost(tmp_path):
    box = await small(tmp_path, pages=60)
    taken = await fill(box, Lane.RECORD, lambda n: row(n, size=400))
    before = await box.take(Lane.RECORD)
    async with asyncio.timeout(1):
        with pytest.raises(StoreFull):
            await box.append(Lane.ALERT, row(1, size=9000))
    assert box.pending[Lane.RECORD] == taken
    assert await box.take(Lane.RECORD) == before
    adds_up(box)
    assert await box.forget(Ack(Lane.RECORD, box.epoch, ((1, 200),))) == 200
    assert await box.append(Lane.ALERT, row(2)) == (1,)
    await box.close()
    again = await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy())
    assert again.pending[Lane.RECORD] == taken - 200
    adds_up(again)
    await again.close()


async def test_the_reserve_is_had_again_when_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox_module, "RESERVE_S", 0.01)
    disk = SmallDisk(tmp_path, pages=1000)
    box = await Outbox.open(disk, SystemClock(), SystemEntropy())
    await box._room.release()
    assert not box.reserved
    watching = asyncio.create_task(box.run())
    held = asyncio.Event()
    monkeypatch.setattr(disk, "hold", held.set)
    async with asyncio.timeout(2):
        await held.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await box._room.hold()
    await box.append(Lane.TELEMETRY, reading(1))
    await box.close()


async def test_without_a_reserve_alerts_and_records_go_on(tmp_path, monkeypatch):
    disk = SmallDisk(tmp_path, pages=1000)
    disk.held = False

    def refuse():
        raise StoreFull("less than twice the reserve is free")

    monkeypatch.setattr(disk, "hold", refuse)
    box = await Outbox.open(disk, SystemClock(), SystemEntropy())
    with pytest.raises(StoreFull, match="kept for alerts and records"):
        await box.append(Lane.TELEMETRY, reading(1))
    assert await box.append(Lane.RECORD, row(1)) == (1,)
    monkeypatch.undo()
    await box._room.hold()
    assert await box.append(Lane.TELEMETRY, reading(1)) == (1,)
    await box.close()


async def test_numbers_of_refused_rows_wait_for_room(outbox):
    real = outbox._commits.run

    async def full(*_):
        raise StoreFull("no room")

    with pytest.raises(RowRefused):
        await outbox.append(Lane.RECORD, b"{")
    outbox._commits.run = full
    await outbox._write_rejects()
    outbox._commits.run = real
    await outbox._write_rejects()
    counted = await outbox._database.run(
        lambda db: db.execute("SELECT lane, reason, n FROM rejected").fetchall()
    )
    assert counted == [("record", "undecodable", 1)]


async def test_too_much_waiting_is_refused_at_once_and_does_not_touch_the_reserve(outbox):
    outbox._database.gate.clear()
    many = [row(n) for n in range(ROWS_MAX)]
    tasks = [asyncio.create_task(outbox.append(Lane.RECORD, *many))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert outbox._database.transactions == 1
    tasks += [
        asyncio.create_task(outbox.append(Lane.RECORD, *many)) for _ in range(WAITING_MAX // ROWS_MAX + 1)
    ]
    await asyncio.sleep(0)
    with pytest.raises(StoreStalled):
        await outbox.append(Lane.ALERT, row(1))
    outbox._database.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert any(isinstance(result, StoreStalled) for result in results)
    assert outbox.reserved
    assert outbox.counters[Lane.ALERT].rejected == {"queue_full": 1}
    adds_up(outbox)


async def test_a_flood_of_telemetry_leaves_room_for_decisions(outbox):
    outbox._database.gate.clear()
    flood = [asyncio.create_task(outbox.append(Lane.TELEMETRY, reading(n))) for n in range(5000)]
    await asyncio.sleep(0)
    decision = asyncio.create_task(outbox.append(Lane.RECORD, row(1)))
    await asyncio.sleep(0)
    outbox._database.gate.set()
    assert await decision == (1,)
    results = await asyncio.gather(*flood, return_exceptions=True)
    refused = sum(isinstance(result, StoreStalled) for result in results)
    assert refused == 3000
    assert outbox.counters[Lane.TELEMETRY].rejected == {"queue_full": refused}


@pytest.mark.parametrize("after_commit", [False, True])
async def test_an_io_error_ends_everything_and_acknowledges_nothing(outbox, after_commit):
    await outbox.append(Lane.RECORD, row(1))
    watching = asyncio.create_task(outbox.run())
    database = outbox._database
    database.error, database.fail_after_commit = StoreFailed("disk I/O error"), after_commit
    database.gate.clear()
    tasks = [asyncio.create_task(outbox.append(Lane.RECORD, row(n))) for n in range(3)]
    await asyncio.sleep(0)
    late = asyncio.create_task(outbox.append(Lane.ALERT, row(9)))
    await asyncio.sleep(0)
    database.gate.set()
    results = await asyncio.gather(*tasks, late, return_exceptions=True)
    assert all(isinstance(result, StoreFailed) for result in results)
    with pytest.raises(StoreFailed):
        await watching
    database.error = None
    transactions = database.transactions
    with pytest.raises(StoreFailed):
        await outbox.append(Lane.RECORD, row(5))
    with pytest.raises(StoreFailed):
        await outbox.forget(Ack(Lane.RECORD, outbox.epoch, ((1, 1),)))
    assert database.transactions == transactions, "a failed store must not be written to again"


async def test_sqlite_itself_reports_an_io_error_as_failed(tmp_path):
    database = SystemDisk(tmp_path).open("broken", "CREATE TABLE IF NOT EXISTS t (x)")

    def corrupt(connection):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    commits = GroupCommit(database)
    with pytest.raises(StoreFailed):
        await commits.run(corrupt, lambda _: None)
    with pytest.raises(StoreFailed):
        await commits.run(lambda _: None, lambda _: None)
    await database.close()


async def test_a_damaged_file_is_said_at_open(tmp_path):
    (tmp_path / "outbox.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreFailed, match="outbox"):
        await Outbox.open(SystemDisk(tmp_path), SystemClock(), SystemEntropy())


async def test_a_full_disk_at_open_costs_the_reserve_not_the_start(tmp_path):
    class FullAtFirst(SmallDisk):
        def open(self, name, schema):
            if self.held:
                raise StoreFailed("database or disk is full")
            return super().open(name, schema)

    box = await Outbox.open(FullAtFirst(tmp_path, 1000), SystemClock(), SystemEntropy())
    assert await box.append(Lane.RECORD, row(1)) == (1,)
    await box.close()


async def test_listeners_are_told_after_the_commit_even_if_nobody_waits(outbox):
    told = []
    outbox.listen(told.append)
    outbox._database.gate.clear()
    task = asyncio.create_task(outbox.append(Lane.ALERT, row(1)))
    await asyncio.sleep(0)
    task.cancel()
    assert told == []
    outbox._database.gate.set()
    await outbox._commits.idle()
    assert told == [Lane.ALERT]


def test_a_reserve_takes_its_room_for_real(tmp_path):
    reserve = FileReserve(tmp_path / "data" / "x.reserve", 1 << 20)
    assert not reserve.held
    reserve.hold()
    assert reserve.held
    assert (tmp_path / "data" / "x.reserve").stat().st_blocks * 512 >= 1 << 20
    reserve.release()
    reserve.release()
    assert not reserve.held


def test_a_reserve_leaves_a_full_disk_alone(tmp_path):
    reserve = FileReserve(tmp_path / "x.reserve", 1 << 62)
    with pytest.raises(StoreFull):
        reserve.hold()
    assert not reserve.held


def test_a_reserve_in_a_place_that_is_no_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFull):
        FileReserve(tmp_path / "file" / "x.reserve", 1).hold()
