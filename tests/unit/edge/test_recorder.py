"""What stands between portals and store: late records, notes, alerts, numbers. In virtual time."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import structlog

from cardea.contract.batches import Lane
from cardea.contract.encoding import READING
from cardea.contract.records import AlertKind, Side
from cardea.runtime.disk import StoreFailed, StoreFull, SystemDisk
from edge import recorder as recorder_module
from edge.alerts import RECENT_MAX, REPEAT_S, Alarm, Alerts
from edge.notes import NoteKind, Notes
from edge.portal.passages import LINK_S, Passages
from edge.recorder import TAKEN_MAX, Commit, Draft, Recorder
from edge.telemetry import EVERY, WAITING_MAX, ByException, Telemetry

Scene = Callable[[Any, Any], Awaitable[None]]


class Store:
    """A store that a test stalls, fills or breaks."""

    def __init__(self) -> None:
        self.rows: list[tuple[Lane, bytes]] = []
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def append(self, lane: Lane, *bodies: bytes) -> tuple[int, ...]:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.rows += [(lane, body) for body in bodies]
        return tuple(range(len(bodies)))

    async def append_composed(
        self, lane: Lane, compose: Callable[[Any], Sequence[bytes]], rows: int = 1
    ) -> tuple[int, ...]:
        await self.open.wait()
        return await self.append(lane, *compose(None))


def play(sim: ModuleType, scene: Callable[[Recorder, Store], Awaitable[None]]) -> None:
    async def main() -> None:
        recorder, store = Recorder(sim.SimClock(), sim.SimEntropy(1)), Store()
        running = asyncio.create_task(recorder.run())
        try:
            await scene(recorder, store)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    sim.simulate(main)


def test_what_came_before_the_store_follows_in_order(sim: ModuleType) -> None:
    async def scene(recorder: Recorder, store: Store) -> None:
        futures = [recorder.follow(Lane.RECORD, b"%d" % n) for n in range(TAKEN_MAX + 5)]
        futures.append(recorder.follow(Lane.ALERT, b"a"))
        assert await recorder.commit(Lane.RECORD, Draft(b"x"), within_s=1) is Commit.NOT_BEGUN
        recorder.attach(store)
        assert all(await asyncio.gather(*futures))
        assert [body for lane, body in store.rows if lane is Lane.RECORD] == [
            b"%d" % n for n in range(TAKEN_MAX + 5)
        ]
        assert recorder.following == 0

    play(sim, scene)


def test_memory_is_bounded_and_what_is_lost_is_counted_and_said_once(
    sim: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FOLLOWING_MAX", 3)

    async def scene(recorder: Recorder, store: Store) -> None:
        with structlog.testing.capture_logs() as logs:
            futures = [recorder.follow(Lane.RECORD, b"r") for _ in range(5)]
        assert [line["event"] for line in logs] == ["records_lost"]
        assert recorder.lost == 2
        recorder.attach(store)
        assert await asyncio.gather(*futures) == [True, True, True, False, False]

    play(sim, scene)


def test_a_stalled_commit_can_be_put_right_until_its_transaction_begins(sim: ModuleType) -> None:
    async def scene(recorder: Recorder, store: Store) -> None:
        recorder.attach(store)
        store.open.clear()
        draft = Draft(b"live")
        assert await recorder.commit(Lane.RECORD, draft, within_s=0.15) is Commit.UNDER_WAY
        assert recorder.stalled
        assert not recorder.usable
        assert draft.amend(b"late")
        store.open.set()
        assert await draft.durable
        assert not draft.amend(b"too late")
        assert store.rows == [(Lane.RECORD, b"late")]
        assert recorder.usable
        assert await recorder.commit(Lane.RECORD, Draft(b"next"), within_s=0.15) is Commit.DONE

    play(sim, scene)


def test_a_full_store_is_tried_again_and_said_once(sim: ModuleType) -> None:
    async def scene(recorder: Recorder, store: Store) -> None:
        recorder.attach(store)
        store.error = StoreFull("no room")
        with structlog.testing.capture_logs() as logs:
            assert await recorder.commit(Lane.RECORD, Draft(b"a"), within_s=1) is Commit.NOT_BEGUN
            followed = recorder.follow(Lane.RECORD, b"a")
            await asyncio.sleep(120)
        assert [line["event"] for line in logs] == ["store_full"]
        assert recorder.full
        store.error = None
        assert await followed
        assert not recorder.full

    play(sim, scene)


@pytest.mark.parametrize("error", [StoreFailed("EIO"), ValueError("a bug")])
def test_a_failed_store_ends_the_recorder(sim: ModuleType, error: Exception) -> None:
    async def main() -> None:
        recorder, store = Recorder(sim.SimClock(), sim.SimEntropy(1)), Store()
        recorder.attach(store)
        running = asyncio.create_task(recorder.run())
        store.error = error
        assert await recorder.commit(Lane.RECORD, Draft(b"a"), within_s=1) is Commit.NOT_BEGUN
        with pytest.raises(StoreFailed):
            await running

    sim.simulate(main)


def test_the_end_waits_for_what_is_on_its_way_but_not_for_ever(sim: ModuleType) -> None:
    async def scene(recorder: Recorder, store: Store) -> None:
        recorder.attach(store)
        store.open.clear()
        waiting = recorder.follow(Lane.RECORD, b"a")
        await recorder.drain(1.0)
        assert not waiting.done()
        asyncio.get_running_loop().call_later(0.5, store.open.set)
        await recorder.drain(1.0)
        assert waiting.result()

    play(sim, scene)


# --- notes and alerts -----------------------------------------------------------------------------


def test_notes_outlive_a_restart_and_newer_ones_stand_over_older(sim: ModuleType, tmp_path: Path) -> None:
    async def main() -> None:
        disk = SystemDisk(tmp_path)
        first = Notes(sim.SimClock())
        first.put(NoteKind.LOCKDOWN, "unsaved", "on")
        await first.flush()
        await first.attach(disk)
        first.put(NoteKind.LOCKDOWN, "lobby", "on")
        first.put(NoteKind.LOCKDOWN, "garage", "on")
        await first.flush()
        first.drop(NoteKind.LOCKDOWN, "garage")
        first.drop(NoteKind.LOCKDOWN, "nobody")
        await first.close()
        second = Notes(sim.SimClock())
        second.put(NoteKind.LOCKDOWN, "lobby", "newer")
        await second.attach(disk)
        assert second.of_kind(NoteKind.LOCKDOWN) == {"lobby": "newer", "unsaved": "on"}
        await second.close()

    sim.simulate(main)


def test_notes_that_find_no_room_are_written_later(sim: ModuleType, tmp_path: Path) -> None:
    async def main() -> None:
        class Full:
            full = True

            async def run(self, work: Any) -> Any:
                if self.full:
                    raise StoreFull("no room")
                assert inner is not None
                return await inner.run(work)

            async def empty_log(self) -> bool:
                return False

            async def close(self) -> None:
                assert inner is not None
                await inner.close()

        notes = Notes(sim.SimClock())
        await notes.attach(SystemDisk(tmp_path))
        inner = notes._database
        notes._database = full = Full()
        notes.put(NoteKind.CURSOR, "gate", "4")
        with structlog.testing.capture_logs() as logs:
            await notes.flush()
        assert [line["event"] for line in logs] == ["notes_not_written"]
        full.full = False
        await notes.close()
        again = Notes(sim.SimClock())
        await again.attach(SystemDisk(tmp_path))
        assert again.get(NoteKind.CURSOR, "gate") == "4"
        await again.close()

    sim.simulate(main)


def test_an_alert_stands_until_it_is_cleared_also_over_a_restart(sim: ModuleType, tmp_path: Path) -> None:
    async def main() -> None:
        clock, entropy, store = sim.SimClock(), sim.SimEntropy(1), Store()
        notes = Notes(clock)
        await notes.attach(SystemDisk(tmp_path))
        recorder = Recorder(clock, entropy)
        recorder.attach(store)
        running = asyncio.create_task(recorder.run())
        refused = Alarm(alert=AlertKind.DEVICE_REFUSED, device="gate")
        alerts = Alerts("t", clock, entropy, recorder, notes)
        alerts.raise_(refused)
        alerts.raise_(refused)
        await asyncio.sleep(1)
        restarted = Alerts("t", clock, entropy, recorder, notes)
        restarted.raise_(refused)
        assert restarted.open == 1
        restarted.clear(refused, "device is online")
        restarted.clear(refused, "device is online")
        await asyncio.sleep(1)
        assert Alerts("t", clock, entropy, recorder, notes).open == 0
        assert len(store.rows) == 2
        running.cancel()
        await notes.close()

    sim.simulate(main)


def test_the_memory_for_repeated_alerts_is_bounded(sim: ModuleType) -> None:
    async def scene(recorder: Recorder, store: Store) -> None:
        recorder.attach(store)
        alerts = Alerts("t", sim.SimClock(), sim.SimEntropy(1), recorder, Notes(sim.SimClock()))
        for n in range(RECENT_MAX + 1):
            alerts.raise_(Alarm(alert=AlertKind.STATUS_RED, portal="lobby", about=str(n)))
        alerts.raise_(Alarm(alert=AlertKind.STATUS_RED, portal="lobby", about=str(RECENT_MAX)))
        alerts.raise_(Alarm(alert=AlertKind.STATUS_RED, portal="lobby", about="0"))
        await asyncio.sleep(REPEAT_S / 2)
        assert len(store.rows) == RECENT_MAX + 2

    play(sim, scene)


# --- telemetry ------------------------------------------------------------------------------------

RULES = {
    "rss_mb": ByException(deadband=2.0, interval_s_min=10.0, heartbeat_s=60.0),
    "surface_temp_c": EVERY,
}


def test_numbers_are_written_by_exception(sim: ModuleType) -> None:
    async def main() -> None:
        telemetry, store = Telemetry(sim.SimClock(), RULES), Store()
        telemetry.attach(store)
        running = asyncio.create_task(telemetry.run())

        async def said(series: str, *values: float, every_s: float) -> list[float]:
            store.rows.clear()
            for value in values:
                telemetry.report(series, value)
                await asyncio.sleep(every_s)
            readings = [READING.decode(body) for _, body in store.rows]
            return [reading.value for reading in readings]  # type: ignore[union-attr]

        assert await said("a/rss_mb", 10, 11, 13, 14, 20, every_s=11) == [10, 13, 20]
        assert await said("b/rss_mb", 10, 20, 30, every_s=2) == [10], "not too often"
        assert await said("c/rss_mb", 10, 10, 10, 10, every_s=31) == [10, 10], "now and then anyway"
        assert await said("gate/surface_temp_c", 36.5, 36.5, every_s=2) == [36.5, 36.5]
        assert await said("d/other", math.nan, math.inf, 1.0, every_s=2) == [1.0]
        running.cancel()

    sim.simulate(main)


def test_a_store_without_room_costs_points_and_nothing_else(sim: ModuleType) -> None:
    async def main() -> None:
        telemetry, store = Telemetry(sim.SimClock(), RULES), Store()
        running = asyncio.create_task(telemetry.run())
        for n in range(WAITING_MAX + 10):
            telemetry.report("gate/surface_temp_c", 36.0 + n / 1000)
        assert telemetry.dropped == 10
        store.error = StoreFull("no room")
        telemetry.attach(store)
        await asyncio.sleep(2)
        assert telemetry.dropped == WAITING_MAX + 10
        store.error = StoreFailed("EIO")
        telemetry.report("gate/surface_temp_c", 36.0)
        await asyncio.sleep(2)
        assert running.done()
        assert running.exception() is None

    sim.simulate(main)


def test_a_passage_long_after_the_release_belongs_to_nobody() -> None:
    passages = Passages()
    passages.granted("d-1", Side.INGRESS, 0.0, 5.0)
    assert passages.observed(Side.EGRESS, 1.0) is None
    assert passages.observed(None, 5.0 + LINK_S + 0.1) is None
