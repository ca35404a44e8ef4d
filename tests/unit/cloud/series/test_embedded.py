"""The embedded store: what is committed is there, once, after any end and over any turn of the day."""

import asyncio
import datetime as dt
import shutil

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cardea.contract.batches import Lane
from cloud.series import archive, embedded
from cloud.series.day_writer import DayWriter
from cloud.series.days import days_in, forget_file
from cloud.series.embedded import EmbeddedStore
from cloud.series.store import HistoryUnavailable, SeriesDown, SeriesFailed, SeriesUnusable

G1 = ("g1", Lane.TELEMETRY, "e1")
HOUR = dt.timedelta(hours=1)
DAY_S = 86_400.0


async def _open(folder, clock, **options):
    store = EmbeddedStore(folder, clock, **options)
    return store, await store.open()


async def _days_closed(store):
    if store._close_days is not None:
        await store._close_days


async def _rest(store):
    """Until what follows a commit is done."""
    await asyncio.gather(*filter(None, (store._upkeep,)))


async def _all(store, gateway, series, give):
    await _rest(store)
    points = await store.history(gateway, series, give.t0 - 30 * 24 * HOUR, give.t0 + 30 * 24 * HOUR, 2000)
    return sum(point.count for point in points), sum(point.mean * point.count for point in points)


async def test_readings_and_ranges_are_back_after_a_restart(tmp_path, clock, give):
    store, held = await _open(tmp_path, clock)
    assert held == {}
    readings = [("g1", "gate-1/t_c", give.t0_ms + n * 1000, float(n)) for n in range(10)]
    await store.commit(give.gathering(store, readings, {("g1", "e1"): ((1, 10),)}))
    await store.commit(give.gathering(store, [], {("g1", "e1"): ((1, 11),)}))
    await store.close()
    store, held = await _open(tmp_path, clock)
    assert held == {G1: ((1, 11),)}
    (newest,) = store.latest(("g1", "g2"))
    assert (newest.series, newest.at, newest.value) == ("gate-1/t_c", give.at(give.t0_ms + 9000), 9.0)
    assert store.latest(("g1",), "gate-2") == ()
    assert store.latest(("g1",), "gate-1") == (newest,)
    assert await _all(store, "g1", "gate-1/t_c", give) == (10, 45.0)
    await store.commit(give.gathering(store, [], {("g1", "e1"): ((1, 12),)}))
    await store.close()
    store, held = await _open(tmp_path, clock)
    assert held == {G1: ((1, 12),)}
    await store.close()


async def test_history_is_cut_into_stretches_of_equal_length(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock)
    readings = [("g1", "a/x", give.t0_ms + n * 1000, float(n % 10)) for n in range(600)]
    await store.commit(give.gathering(store, readings))
    await _rest(store)
    points = await store.history("g1", "a/x", give.t0, give.t0 + dt.timedelta(minutes=10), 5)
    assert [(p.at, p.count, p.mean, p.low, p.high) for p in points] == [
        (give.t0 + dt.timedelta(minutes=2 * n), 120, 4.5, 0.0, 9.0) for n in range(5)
    ]
    fine = await store.history("g1", "a/x", give.t0, give.t0 + dt.timedelta(seconds=10), 5)
    assert [(p.at, p.count, p.mean) for p in fine] == [
        (give.t0 + dt.timedelta(seconds=2 * n), 2, 2 * n + 0.5) for n in range(5)
    ]
    assert await store.history("g1", "a/y", give.t0, give.t0 + HOUR, 5) == ()
    assert await store.history("g1", "a/x", give.t0, give.t0, 5) == ()
    await store.close()
    with pytest.raises(HistoryUnavailable):
        store._historian.answer(embedded.question(0, give.t0, give.t0 + HOUR, 5))


steps = st.lists(
    st.one_of(
        st.lists(
            st.tuples(st.sampled_from(("a/x", "b/y")), st.integers(-300_000, 300_000), st.integers(-9, 9)),
            max_size=8,
        ),
        st.sampled_from(("flush", "restart", "crash", "next day", "closed")),
    ),
    max_size=12,
)


@given(steps=steps)
@example(steps=["next day", "restart", "crash", "crash", []])  # closed while a day was being closed
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_life_gives_the_readings_of_brute_force(steps, tmp_path_factory, give):
    asyncio.run(_live(steps, tmp_path_factory.mktemp("life"), give.clock(), give))


async def _live(steps, folder, clock, give):
    home = folder / "0"
    store, _ = await _open(home, clock)
    model, seq = [], 0
    for number, step in enumerate(steps):
        if isinstance(step, list):
            readings = [("g1", name, give.t0_ms + delta, float(value)) for name, delta, value in step]
            seq += len(readings)
            stored = {("g1", "e1"): ((1, seq),)} if seq else {}
            await store.commit(give.gathering(store, readings, stored))
            model += readings
        elif step == "flush":
            clock.pass_s(601)
        elif step == "next day":
            clock.pass_s(DAY_S)
        elif step == "closed":
            await _days_closed(store)
        else:
            before = home
            if step == "crash":  # what the disk holds at this moment, opened elsewhere
                await _rest(store)
                await _days_closed(store)
                home = folder / str(number + 1)
                shutil.copytree(before, home)
            await store.close()
            store, held = await _open(home, clock)
            assert held == ({G1: ((1, seq),)} if seq else {})
        await _check(store, model, give)
    await store.close()


async def _check(store, model, give):
    await _rest(store)
    since, until = give.t0 - dt.timedelta(minutes=5), give.t0 + dt.timedelta(minutes=6)
    for name in ("a/x", "b/y"):
        own = [(t, v) for _, series, t, v in model if series == name]
        for points_max in (3, 11):
            points = await store.history("g1", name, since, until, points_max)
            assert len(points) <= points_max
            assert sum(point.count for point in points) == len(own)
            assert sum(p.mean * p.count for p in points) == pytest.approx(sum(v for _, v in own))
            ends = [*(point.at for point in points[1:]), until]
            for point, end in zip(points, ends, strict=False):
                inside = [v for t, v in own if point.at <= give.at(t) < end]
                assert (point.low, point.high) == (min(inside), max(inside))
        raw = await store.history("g1", name, since, until, 2000)
        assert sum(point.count for point in raw) == len(own)
        newest = [latest for latest in store.latest(("g1",)) if latest.series == name]
        assert bool(newest) == bool(own)
        if own:
            assert newest[0].at == give.at(max(t for t, _ in own))


async def _kept_up(store):
    assert store._upkeep is not None
    await store._upkeep


async def test_minutes_are_sorted_after_an_hour_and_nothing_changes(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock)
    for n in range(10):
        await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms + n * 600_000, float(n))]))
        clock.pass_s(600)
    await _kept_up(store)
    root = store._writer.root
    assert root is not None
    cursor = root.cursor()
    cursor.execute(f"USE {store._writer.day.alias}")
    (minutes,) = cursor.execute("SELECT count(*) FROM minutes").fetchone() or (0,)
    assert minutes >= 6
    assert await _all(store, "g1", "a/x", give) == (10, 45.0)
    await store.close()


async def test_the_log_is_written_back_into_the_file(tmp_path, clock, give, monkeypatch):
    monkeypatch.setattr("cloud.series.day_writer.CHECKPOINT_ROWS", 5)
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms + n, 1.0) for n in range(9)]))
    await _kept_up(store)
    assert store._writer._unwritten == 0
    await store.close()


# --- Days -----------------------------------------------------------------------------------------


async def test_a_day_that_is_over_becomes_parquet_and_old_ones_go(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock, retention_days=2)
    for n in range(5):
        await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms + n * 1000, float(n))]))
        await _days_closed(store)
        clock.pass_s(DAY_S)
    names = sorted(path.name for path in tmp_path.iterdir() if path.name != "spill")
    assert [name for name in names if ".wal" not in name] == [
        "000003-20261125",
        "000004-20261126",
        "000005-20261127.duckdb",
    ]
    assert await _all(store, "g1", "a/x", give) == (3, 9.0)
    with duckdb.connect(":memory:") as readable_by_anybody:
        file = tmp_path / "000003-20261125" / "readings.parquet"
        assert readable_by_anybody.execute(f"SELECT * FROM '{file}'").fetchall() == [
            (0, give.t0_ms + 2000, 2.0)
        ]
    await store.close()


async def test_a_clock_that_jumps_makes_new_files_and_removes_nothing(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock, retention_days=10)
    for year in (1970, 2036, 2026):
        clock.utc = clock.utc.replace(year=year)
        await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)]))
        await _days_closed(store)
    assert [day.number for day in days_in(tmp_path)] == [1, 2, 3, 4]
    assert (await _all(store, "g1", "a/x", give))[0] == 3
    await store.close()


@pytest.mark.parametrize("step", ["before", "folder", "named", "file"])
async def test_killed_while_a_day_is_closed_it_is_closed_at_the_next_start(
    tmp_path, clock, give, monkeypatch, step
):
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)], {("g1", "e1"): ((1, 1),)}))

    def die(*_):
        raise OSError(5, "killed here")

    target = {
        "before": (archive, "close_day"),
        "folder": (archive, "finish"),
        "named": (DayWriter, "forget"),
        "file": (embedded, "forget_file"),
    }[step]
    with monkeypatch.context() as patched:
        patched.setattr(*target, die)
        clock.pass_s(DAY_S)
        await store.commit(
            give.gathering(store, [("g1", "a/x", give.t0_ms + 1, 2.0)], {("g1", "e1"): ((1, 2),)})
        )
        await _days_closed(store)
        assert await _all(store, "g1", "a/x", give) == (2, 3.0)
        await store.close()
    store, held = await _open(tmp_path, clock)
    assert held == {G1: ((1, 2),)}
    await _days_closed(store)
    first, second = days_in(tmp_path)
    assert first.closed.is_dir()
    assert not first.file.exists()
    assert second.file.exists()
    assert not list(tmp_path.glob("*.unfinished"))
    assert await _all(store, "g1", "a/x", give) == (2, 3.0)
    await store.close()


async def test_killed_while_a_day_is_begun_the_one_before_goes_on(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)], {("g1", "e1"): ((1, 1),)}))
    await store.close()
    duckdb.connect(str(tmp_path / "000002-20261124.duckdb")).close()
    store, held = await _open(tmp_path, clock)
    assert held == {G1: ((1, 1),)}
    assert store._writer.day.number == 1
    await store.close()


async def test_series_keep_their_numbers_when_only_closed_days_are_left(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "b/y", 1, 1.0), ("g1", "a/x", give.t0_ms, 1.0)]))
    clock.pass_s(DAY_S)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 2.0)]))
    await _days_closed(store)
    await store.close()
    forget_file(days_in(tmp_path)[-1])  # as a person may do with a damaged one
    store, held = await _open(tmp_path, clock)
    assert held == {}
    assert await _all(store, "g1", "a/x", give) == (1, 1.0)
    await store.close()


async def test_a_very_busy_day_goes_on_in_another_file_and_is_kept_as_one(tmp_path, clock, give, monkeypatch):
    monkeypatch.setattr("cloud.series.day_writer.FILE_ROWS_MAX", 2)
    store, _ = await _open(tmp_path, clock, retention_days=1)
    for n in range(6):
        await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms + n * 1000, float(n))]))
        await _rest(store)
        await _days_closed(store)
    assert [day.number for day in days_in(tmp_path)] == [1, 2, 3]
    assert await _all(store, "g1", "a/x", give) == (6, 15.0)
    await store.close()


async def test_a_reader_that_asked_a_day_last_outlives_it(tmp_path, clock, give, monkeypatch):
    monkeypatch.setattr("cloud.series.embedded.READERS", 1)
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)]))
    await _rest(store)
    assert await _all(store, "g1", "a/x", give) == (1, 1.0)
    clock.pass_s(DAY_S)
    await store.commit(give.gathering(store, []))
    await _days_closed(store)
    assert await _all(store, "g1", "a/x", give) == (1, 1.0)
    await store.close()


# --- Trouble --------------------------------------------------------------------------------------


async def test_a_damaged_current_file_stops_the_start_and_is_named(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)]))
    await store.close()
    (day,) = days_in(tmp_path)
    day.file.write_bytes(b"no database" * 1000)
    with pytest.raises(SeriesUnusable, match=r"000001-20261123\.duckdb: damaged .*move it away"):
        await _open(tmp_path, clock)


async def test_a_damaged_older_file_is_left_out_aloud(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)]))
    await store.close()
    (tmp_path / "000000-20261122.duckdb").write_bytes(b"no database" * 1000)
    (tmp_path / "000000-20261121").mkdir()
    (tmp_path / "notes.txt").write_text("somebody else's")
    (tmp_path / "000009-20269999").mkdir()
    store, _ = await _open(tmp_path, clock)
    await _days_closed(store)
    assert (tmp_path / "000000-20261122.duckdb").exists()
    assert await _all(store, "g1", "a/x", give) == (1, 1.0)
    await store.close()


async def test_another_version_is_refused(tmp_path, clock):
    store, _ = await _open(tmp_path, clock)
    await store.close()
    (day,) = days_in(tmp_path)
    with duckdb.connect(str(day.file)) as connection:
        connection.execute("UPDATE progress SET format = 99")
    with pytest.raises(SeriesUnusable, match="another version"):
        await _open(tmp_path, clock)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path, clock):
    (tmp_path / "file").write_text("")
    with pytest.raises(SeriesUnusable, match="file"):
        await _open(tmp_path / "file" / "series", clock)


async def test_r1_after_a_failed_write_nothing_more_is_stored(tmp_path, clock, give, monkeypatch):
    """SAFETY.md R1: no retry, the process must end."""
    store, _ = await _open(tmp_path, clock)
    real = DayWriter._run

    def fail(self, statement, values=()):
        if statement == "COMMIT":
            raise duckdb.IOException("Could not fsync: Input/output error")
        return real(self, statement, values)

    monkeypatch.setattr(DayWriter, "_run", fail)
    with pytest.raises(SeriesFailed, match="fsync"):
        await store.commit(give.gathering(store, [("g1", "a/x", 1, 1.0)]))
    monkeypatch.undo()
    with pytest.raises(SeriesFailed, match="earlier write"):
        await store.commit(give.gathering(store, [("g1", "a/x", 1, 1.0)]))
    await store.close()


@pytest.mark.parametrize(
    "error",
    [
        duckdb.TransactionException("Failed to commit: No space left on device"),
        duckdb.OutOfMemoryException("full"),
    ],
)
async def test_a_full_disk_passes(tmp_path, clock, give, monkeypatch, error):
    store, _ = await _open(tmp_path, clock)
    real = DayWriter._run

    def fail(self, statement, values=()):
        if statement == "COMMIT":
            raise error
        return real(self, statement, values)

    gathering = give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)], {("g1", "e1"): ((1, 1),)})
    with monkeypatch.context() as patched:
        patched.setattr(DayWriter, "_run", fail)
        with pytest.raises(SeriesDown):
            await store.commit(gathering)
    await store.commit(gathering)
    assert await _all(store, "g1", "a/x", give) == (1, 1.0)
    await store.close()
    store, held = await _open(tmp_path, clock)
    assert held == {G1: ((1, 1),)}
    assert await _all(store, "g1", "a/x", give) == (1, 1.0)
    await store.close()


async def test_a_failing_upkeep_is_told_at_the_next_commit(tmp_path, clock, give, monkeypatch):
    store, _ = await _open(tmp_path, clock)
    monkeypatch.setattr(DayWriter, "_flush", lambda *_: (_ for _ in ()).throw(duckdb.IOException("broken")))
    clock.pass_s(601)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)]))
    with pytest.raises(SeriesFailed, match="broken"):
        await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)]))
    monkeypatch.undo()
    await store.close()


async def test_questions_are_bounded_and_a_broken_file_is_one_line(tmp_path, clock, give, monkeypatch):
    store, _ = await _open(tmp_path, clock)
    await store.commit(give.gathering(store, [("g1", "a/x", give.t0_ms, 1.0)]))
    clock.pass_s(DAY_S)
    await store.commit(give.gathering(store, []))
    await _days_closed(store)
    (tmp_path / "000001-20261123" / "minutes.parquet").write_bytes(b"broken")
    with pytest.raises(HistoryUnavailable, match="cannot be read"):
        await _all(store, "g1", "a/x", give)
    monkeypatch.setattr(embedded, "QUESTIONS_MAX", 0)
    with pytest.raises(HistoryUnavailable, match="too many"):
        await _all(store, "g1", "a/x", give)
    await store.close()


async def test_a_question_while_minutes_move_waits_and_counts_nothing_twice(tmp_path, clock, give):
    store, _ = await _open(tmp_path, clock)
    told = [("g1", "a/x", give.t0_ms + n * 60_000, 1.0) for n in range(40)]
    await store.commit(give.gathering(store, told))
    await _kept_up(store)
    with store._writer.lock, store._writer._moving():
        asking = asyncio.create_task(_all(store, "g1", "a/x", give))
        done, _ = await asyncio.wait([asking], timeout=0.2)
        assert not done, "it has seen that they move"
    assert await asking == (40, 40.0)
    await store.close()
