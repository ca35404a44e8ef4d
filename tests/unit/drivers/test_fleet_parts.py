"""Parts of a simulated fleet: lanes lose nothing, messages are the wire's, numbers look real."""

import datetime as dt
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cardea.contract.batches import ROWS_MAX, Lane, from_columns
from cardea.contract.encoding import ROW, TELEMETRY_BATCH, Undecodable
from cardea.contract.ranges import of, size
from cardea.contract.records import (
    AlertCleared,
    AlertRaised,
    DecisionRecord,
    DeviceRecord,
    Outcome,
    PassageRecord,
)
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.zones import ZoneRecord, ZoneState
from drivers.sim.fleet_columns import ROWS_GOOD, Columns
from drivers.sim.fleet_doings import Doings
from drivers.sim.fleet_lane import FLYING_MAX, FleetLane, LaneCounts
from drivers.sim.fleet_state import FleetState, Latencies
from drivers.sim.fleet_values import METRICS, Curves

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
PATIENCE_S = 5.0


def at(seconds: float) -> WireTime:
    return WireTime(NOON + dt.timedelta(seconds=seconds), ClockQuality.SYNCHRONISED)


class LaneMachine(RuleBasedStateMachine):
    """R3, R4: a lane loses nothing, whatever arrives, is lost, or is acknowledged twice and out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = FleetLane(7, 40)
        self.now_s = 0.0
        self.sealed: set[int] = set()
        self.sent: set[int] = set()
        self.stored: set[int] = set()
        self.phantoms = 0

    @rule(rows=st.integers(1, 6))
    def seal(self, rows: int) -> None:
        first = self.lane.next_seq
        kept = self.lane.seal(rows, lambda seq: b"%d" % seq, self.now_s)
        assert kept == (len(self.sealed - self.stored) + rows <= 40)
        if kept:
            self.sealed |= set(range(first, first + rows))

    @rule()
    def send(self) -> None:
        parcel = self.lane.to_send()
        if parcel is not None:
            assert parcel.payload == b"%d" % parcel.span[0]
            self.lane.launch(parcel, self.now_s)
            self.sent |= set(range(parcel.span[0], parcel.span[1] + 1))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        rows = data.draw(st.sets(st.sampled_from(sorted(self.sent)), min_size=1))
        self.lane.acknowledge(of(rows), self.now_s)
        self.stored |= rows

    @rule(beyond=st.integers(1, 5))
    def acknowledge_what_was_never_sent(self, beyond: int) -> None:
        first = self.lane.next_seq
        self.lane.acknowledge(((first, first + beyond - 1),), self.now_s)
        self.phantoms += beyond

    @rule()
    def disconnect(self) -> None:
        self.lane.disconnect()
        assert self.lane.due_s(self.now_s, PATIENCE_S) is None

    @rule(seconds=st.floats(0.1, 10))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        due_s = self.lane.due_s(self.now_s, PATIENCE_S)
        assert (self.lane.give_up(self.now_s, PATIENCE_S) > 0) == (due_s == 0.0)

    @invariant()
    def nothing_is_lost(self) -> None:
        counts = self.lane.counts
        assert counts.made == len(self.sealed) == counts.acknowledged + self.lane.pending
        assert counts.acknowledged == len(self.stored)
        assert counts.sent == len(self.sent)
        assert counts.phantom == self.phantoms

    @invariant()
    def few_fly(self) -> None:
        assert len(self.lane._flying()) <= FLYING_MAX
        due_s = self.lane.due_s(self.now_s, PATIENCE_S)
        assert due_s is None or due_s > 0, "a lane with nothing to do must not be asked at once again"


TestLane = LaneMachine.TestCase


def test_what_is_not_answered_is_sent_again_as_the_same_bytes() -> None:
    lane = FleetLane(1, 100)
    lane.seal(3, lambda first: b"rows from %d" % first, 0.0)
    parcel = lane.to_send()
    assert parcel is not None
    lane.launch(parcel, 0.0)
    assert lane.give_up(4.9, PATIENCE_S) == 0
    assert lane.to_send() is None
    assert lane.give_up(5.0, PATIENCE_S) == 1
    assert lane.to_send() is parcel
    lane.launch(parcel, 5.0)
    assert (lane.counts.sent, lane.counts.resent) == (3, 3)
    assert lane.acknowledge(((1, 2),), 5.5) == ()
    assert lane.pending == 1
    assert lane.acknowledge(((1, 3),), 6.0) == (6.0,)
    assert lane.pending == 0


def test_the_newest_goes_first_where_that_is_asked() -> None:
    lane = FleetLane(1, 100, newest_first=True)
    for _ in range(3):
        lane.seal(2, lambda _: b"", 0.0)
    order = []
    while (parcel := lane.to_send()) is not None:
        lane.launch(parcel, 0.0)
        order.append(parcel.span)
    assert order == [(5, 6), (3, 4), (1, 2)]


@given(devices=st.integers(1, 250), moments=st.integers(1, 5), first=st.integers(1, 10**12))
def test_columns_are_the_batch_that_the_wire_means(devices: int, moments: int, first: int) -> None:
    curves = Curves(3, devices)
    columns = Columns(curves.series)
    expected = []
    for moment in range(moments):
        if columns.is_due(0.0, 10.0):
            break
        values = curves.at(1000.0 + moment)
        columns.add(1000 + moment, values, 0.0)
        expected += [(s, 1000 + moment, v) for s, v in zip(curves.series, values.tolist(), strict=True)]
    batch = TELEMETRY_BATCH.decode(columns.encoded("e-1", first))
    assert not isinstance(batch, Undecodable)
    assert (batch.lane, batch.epoch, batch.first) == (Lane.TELEMETRY, "e-1", first)
    assert [(r.series, r.t_ms, r.value) for r in from_columns(batch.columns)] == expected
    assert len(columns) == len(expected) <= ROWS_MAX


def test_columns_are_sent_when_there_are_enough_or_the_first_has_waited() -> None:
    columns = Columns(tuple("abcd"))
    assert not columns.is_due(100.0, 4.0)
    columns.add(1, np.zeros(4), 10.0)
    assert not columns.is_due(13.9, 4.0)
    assert columns.is_due(14.0, 4.0)
    for moment in range(ROWS_GOOD // 4 - 1):
        assert not columns.is_due(10.0, 4.0)
        columns.add(moment, np.zeros(4), 10.0)
    assert columns.is_due(10.0, 4.0)
    columns.clear()
    assert not columns.is_due(1e9, 4.0)


@pytest.mark.parametrize("series", [(), ("x",) * (ROWS_MAX + 1)])
def test_a_moment_that_fits_no_message_is_refused(series: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a moment has 1 to 1000 readings"):
        Columns(series)


def test_numbers_are_a_days_curves_that_differ_and_repeat_with_their_seed() -> None:
    day = np.array([Curves(1, 50).at(hour * 3600.0) for hour in (3, 15)])
    by_metric = day.reshape(2, 50, len(METRICS)).mean(axis=1)
    assert by_metric[1, 0] - by_metric[0, 0] == pytest.approx(2 * METRICS[0].swing, rel=0.2)
    assert by_metric[1, 2] < by_metric[0, 2], "warm air is dry"
    one, same, other = Curves(1, 5), Curves(1, 5), Curves(2, 5)
    assert (one.at(0.0) == same.at(0.0)).all()
    assert (one.at(1.0) != other.at(1.0)).any()
    run = np.array([one.at(float(second)) for second in range(600)])
    assert 0 < np.abs(np.diff(run[:, 0])).max() < 0.1, "a room does not jump"
    assert (np.round(run[:, 0], METRICS[0].digits) == run[:, 0]).all()


def run_doings(seconds: int, per_s: float = 0.5, seed: int = 4) -> list[tuple[Lane, bytes]]:
    doings = Doings("run", 5, per_s, seed)
    rows = list(doings.begin(0.0, at(0)))
    for second in range(seconds):
        rows += doings.until(float(second), at(second))
    return rows


def test_every_kind_of_row_comes_and_is_the_wires() -> None:
    rows = run_doings(3600)
    decoded = [ROW[lane].decode(body) for lane, body in rows]
    bodies = [body for body in decoded if not isinstance(body, Undecodable)]
    assert len(bodies) == len(rows)
    kinds = Counter(type(body) for body in bodies)
    expected = {DecisionRecord, PassageRecord, DeviceRecord, ZoneRecord, AlertRaised, AlertCleared}
    assert kinds.keys() == expected
    assert kinds[DecisionRecord] == pytest.approx(1800, rel=0.1)
    ids = [body.id for body in bodies]
    assert len(ids) == len(set(ids))
    granted = sum(b.outcome is Outcome.GRANT for b in bodies if isinstance(b, DecisionRecord))
    assert 0 <= granted - kinds[PassageRecord] <= 5
    states = [body.state for body in bodies if isinstance(body, ZoneRecord)]
    assert set(states) >= {ZoneState.WARN, ZoneState.EMIT, ZoneState.RELEASED}
    assert any(body.last is not None for body in bodies if isinstance(body, ZoneRecord))


def test_every_alert_clears_and_the_seed_repeats() -> None:
    rows = run_doings(3600)
    assert rows == run_doings(3600) != run_doings(3600, seed=5)
    alerts = [ROW[lane].decode(body) for lane, body in rows if lane is Lane.ALERT]
    raised = Counter(a.fingerprint for a in alerts if isinstance(a, AlertRaised))
    cleared = Counter(a.fingerprint for a in alerts if isinstance(a, AlertCleared))
    assert sum((raised - cleared).values()) <= 3
    assert not cleared - raised


def test_without_passages_only_the_beginning_is_told() -> None:
    assert len(run_doings(600, per_s=0.0)) == 6


@given(st.lists(st.floats(0.0002, 100), min_size=1, max_size=200), st.floats(0.01, 1))
def test_percentiles_are_right_to_within_a_bucket(took: list[float], share: float) -> None:
    latencies = Latencies()
    for one in took:
        latencies.add(one)
    exact = sorted(took)[max(0, int(np.ceil(len(took) * share)) - 1)]
    found = latencies.percentile_s(share)
    assert found is not None
    assert exact * 0.999 <= found <= exact * 1.06
    assert latencies.longest_s == max(took)
    latencies.clear()
    assert latencies.percentile_s(share) is None


def test_the_state_says_what_is_lost() -> None:
    counts = {lane: LaneCounts(made=10, acknowledged=7) for lane in Lane}
    state = FleetState(
        towers=1, connected=1, disconnects=0, strays=0, lanes=counts,
        pending={Lane.ALERT: 3, Lane.RECORD: 3, Lane.TELEMETRY: 1},
        recent_p99_s=None, ack_p50_s=None, ack_p99_s=None, ack_longest_s=0.0, parcels=0,
    )  # fmt: skip
    assert state.total.made == 30
    assert state.lost == 2
    assert size(((1, 3),)) == 3
