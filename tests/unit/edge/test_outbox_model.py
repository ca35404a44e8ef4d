"""The outbox against a model in memory: any order of appends, acknowledgements, restarts and crashes."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from cardea.contract import ranges
from cardea.contract.batches import Ack, Lane
from cardea.contract.encoding import RECORD, encode
from cardea.contract.records import GapRecord, Reading
from cardea.runtime.disk import SystemDisk
from edge.outbox import Limits, Outbox, RowRefused

LIMITS = Limits(telemetry_rows_max=20, telemetry_bytes_max=100_000)
LANES = st.sampled_from(list(Lane))
KEPT_LANES = st.sampled_from([Lane.ALERT, Lane.RECORD])


def bodies(lane, stamp, n):
    if lane is Lane.TELEMETRY:
        return [encode(Reading("gate-1/surface_temp_c", stamp * 100 + i, 36.5)) for i in range(n)]
    return [b'{"n":%d,"i":%d}' % (stamp, i) for i in range(n)]


class Model:
    """What the outbox must hold, by dictionaries."""

    def __init__(self):
        self.rows = {lane: {} for lane in Lane}
        self.next = dict.fromkeys(Lane, 1)
        self.delivered = dict.fromkeys(Lane, 0)
        self.evicted = dict.fromkeys(Lane, 0)
        self.rejected = dict.fromkeys(Lane, 0)

    def append(self, lane, added):
        seqs = tuple(range(self.next[lane], self.next[lane] + len(added)))
        self.rows[lane].update(zip(seqs, added, strict=True))
        self.next[lane] += len(added)
        if lane is Lane.TELEMETRY:
            self._evict()
        return seqs

    def _evict(self):
        held = self.rows[Lane.TELEMETRY]
        over = len(held) - LIMITS.telemetry_rows_max
        if over <= 0:
            return
        gone = sorted(held)[: max(over, LIMITS.telemetry_rows_max // 10)]
        for seq in gone:
            del held[seq]
        self.evicted[Lane.TELEMETRY] += len(gone)
        self.append(Lane.RECORD, [("gap", span) for span in ranges.of(gone)])

    def take(self, lane, newest_first, limit, skip):
        step = -1 if newest_first else 1
        seqs = sorted(
            (seq for seq in self.rows[lane] if not ranges.contains(skip, seq)), reverse=newest_first
        )
        run = seqs[:1]
        for seq in seqs[1:limit]:
            if seq != run[-1] + step:
                break
            run.append(seq)
        return sorted(run)

    def forget(self, lane, spans):
        gone = [seq for seq in self.rows[lane] if ranges.contains(spans, seq)]
        for seq in gone:
            del self.rows[lane][seq]
        self.delivered[lane] += len(gone)
        return len(gone)


def same(body, expected):
    if isinstance(expected, bytes):
        return body == expected
    gap = RECORD.decode(body)
    return isinstance(gap, GapRecord) and (gap.first, gap.last) == expected[1]


SPANS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda p: (p[0], p[0] + p[1])), max_size=3
).map(tuple)


class OutboxMachine(RuleBasedStateMachine):
    sim: ClassVar[ModuleType]

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.generation = self.stamp = 0
        self.model = Model()
        self.loop = asyncio.Runner(loop_factory=lambda: self.sim.SimLoop(0))
        self.epoch = ""

    @rule(lane=LANES, n=st.integers(1, 9))
    def append(self, lane, n):
        added = self._bodies(lane, n)
        expected = self.model.append(lane, added)
        assert self.loop.run(self.outbox.append(lane, *added)) == expected

    @initialize()
    def start(self):
        self.loop.run(self._open())

    @property
    def home(self):
        return self.folder / str(self.generation)

    async def _open(self):
        self.outbox = await Outbox.open(
            SystemDisk(self.home), self.sim.SimClock(), self.sim.SimEntropy(self.generation), LIMITS
        )
        self.epoch = self.epoch or self.outbox.epoch
        assert self.outbox.epoch == self.epoch

    def _bodies(self, lane, n):
        self.stamp += 1
        return bodies(lane, self.stamp, n)

    @rule(asked=st.lists(st.tuples(KEPT_LANES, st.integers(1, 4)), min_size=2, max_size=6))
    def append_side_by_side(self, asked):
        added = [(lane, self._bodies(lane, n)) for lane, n in asked]

        async def all_at_once():
            return await asyncio.gather(*(self.outbox.append(lane, *rows) for lane, rows in added))

        got = self.loop.run(all_at_once())
        for seqs, (lane, rows) in sorted(zip(got, added, strict=True)):
            assert self.model.append(lane, rows) == seqs

    @rule(lane=LANES, newest=st.booleans(), limit=st.integers(1, 12), skip=SPANS)
    def take(self, lane, newest, limit, skip):
        skip = ranges.merge(skip)
        taken = self.loop.run(self.outbox.take(lane, limit=limit, newest_first=newest, skip=skip))
        assert [seq for seq, _ in taken] == self.model.take(lane, newest, limit, skip)
        assert all(same(body, self.model.rows[lane][seq]) for seq, body in taken)

    @rule(lane=LANES, named=SPANS)
    def forget(self, lane, named):
        expected = self.model.forget(lane, ranges.merge(named))
        assert self.loop.run(self.outbox.forget(Ack(lane, self.epoch, named))) == expected

    @rule(lane=LANES, named=SPANS)
    def forget_of_another_epoch(self, lane, named):
        before = self.outbox.foreign_acks
        assert self.loop.run(self.outbox.forget(Ack(lane, "another", named))) == 0
        assert self.outbox.foreign_acks == before + 1

    @rule(lane=LANES, bad=st.sampled_from([b"no json", b'{"x"', b"", b'"' + b"x" * 70_000 + b'"']))
    def refuse(self, lane, bad):
        with pytest.raises(RowRefused):
            self.loop.run(self.outbox.append(lane, bad))
        self.model.rejected[lane] += 1

    @rule()
    def restart(self):
        self.loop.run(self.outbox.close())
        self.loop.run(self._open())

    @rule(lane=KEPT_LANES, n=st.integers(1, 5), after_s=st.floats(0, 0.004))
    def crash(self, lane, n, after_s):
        """Kill -9 with appends under way: what was answered is there, the rest is there or not."""
        added = [self._bodies(lane, 1)[0] for _ in range(n)]

        async def until_killed():
            tasks = [asyncio.create_task(self.outbox.append(lane, body)) for body in added]
            await asyncio.sleep(after_s)
            left_behind = self.folder / str(self.generation + 1)
            shutil.copytree(self.home, left_behind, ignore=shutil.ignore_patterns("*.reserve"))
            answered = {
                task.result()[0]: body for task, body in zip(tasks, added, strict=True) if task.done()
            }
            await asyncio.gather(*tasks)
            await self.outbox.close()
            return answered

        answered = self.loop.run(until_killed())
        shutil.rmtree(self.home)
        self.generation += 1
        self.loop.run(self._open())
        there = self._since(lane, self.model.next[lane])
        assert answered.items() <= there.items()
        assert set(there.values()) <= set(added)
        self.model.append(lane, [there[seq] for seq in sorted(there)])
        self.model.rejected = {
            each: sum(numbers.rejected.values()) for each, numbers in self.outbox.counters.items()
        }

    def _since(self, lane, first):
        before = ((1, first - 1),) if first > 1 else ()
        return dict(self.loop.run(self.outbox.take(lane, skip=before)))

    @invariant()
    def conserved(self):
        if not self.epoch:
            return
        for lane in Lane:
            counters, model = self.outbox.counters[lane], self.model
            assert counters.received == counters.committed + sum(counters.rejected.values())
            assert counters.committed == counters.delivered + counters.pending + counters.evicted
            assert counters.committed == model.next[lane] - 1
            assert counters.pending == len(model.rows[lane])
            if lane is not Lane.RECORD:  # the length of a gap record is the outbox's business
                assert counters.bytes == sum(map(len, model.rows[lane].values()))
            assert (counters.delivered, counters.evicted) == (model.delivered[lane], model.evicted[lane])
            assert sum(counters.rejected.values()) == model.rejected[lane]

    def teardown(self):
        if self.epoch:
            self.loop.run(self.outbox.close())
        self.loop.close()
        shutil.rmtree(self.folder)


def test_any_history_agrees_with_the_model(sim):
    machine = type("Machine", (OutboxMachine,), {"sim": sim})
    run_state_machine_as_test(machine, settings=settings(max_examples=30, stateful_step_count=25))
