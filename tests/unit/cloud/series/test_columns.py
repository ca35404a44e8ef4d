"""Columnar taking gives what row by row taking gives, for any cut, duplicate and overlap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.encoding import Undecodable
from cardea.contract.ranges import contains, merge, of
from cardea.contract.records import Reading
from cloud.ingest import catalogue as catalogues
from cloud.ingest.catalogue import Catalogue
from cloud.ingest.columns import Telemetry, one_by_one
from cloud.ingest.group import LaneKey
from cloud.ingest.readings import Gathering, take
from cloud.ingest.rows import MILLISECONDS_MAX, Overflowed

NAMES = ("gate-1/t_c", "gate-2/t_c", "", "a\nb")
readings = st.builds(
    Reading,
    st.sampled_from(NAMES),
    st.sampled_from((0, 1_763_884_800_000, MILLISECONDS_MAX, MILLISECONDS_MAX + 1)),
    st.floats(allow_nan=False, allow_infinity=False),
)
bodies = st.lists(readings | st.just(Undecodable(b"?", "broken")), min_size=1, max_size=12)


def _batch(first, rows, epoch="e1"):
    return Telemetry("g1", epoch, first, *one_by_one(tuple(rows)))


def _storable(body):
    return isinstance(body, Reading) and body.series in NAMES[:2] and body.t_ms <= MILLISECONDS_MAX


@given(st.lists(bodies, min_size=1, max_size=6), st.randoms(use_true_random=False), st.data())
def test_any_deliveries_give_each_row_once_like_a_row_by_row_reference(parts, random, data):
    stream = [body for part in parts for body in part]
    sent = []
    for _ in range(data.draw(st.integers(1, 12))):
        first = data.draw(st.integers(1, len(stream)))
        last = data.draw(st.integers(first, len(stream)))
        sent.append((first, stream[first - 1 : last]))
    random.shuffle(sent)
    catalogue, held = Catalogue(), ()
    stored, poison = [], []
    for first, rows in sent:
        gathering = Gathering()
        held = gathering.add(_batch(first, rows), held, catalogue)
        block = gathering.block()
        stored += [
            (catalogue.named(int(n))[1], int(t), float(v))
            for n, t, v in zip(block.series, block.t_ms, block.value, strict=True)
        ]
        poison += [(p.seq, p.raw) for p in gathering.poison]
        c = gathering.counts
        assert c.received == len(rows) == c.stored + c.poison + c.duplicates + c.refused
    wanted = {seq for first, rows in sent for seq in range(first, first + len(rows))}
    good = [stream[seq - 1] for seq in sorted(wanted) if _storable(stream[seq - 1])]
    assert sorted(stored) == sorted((r.series, r.t_ms, r.value) for r in good)
    assert sorted(seq for seq, _ in poison) == sorted(s for s in wanted if not _storable(stream[s - 1]))
    assert held == of(wanted)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9))), st.integers(1, 50), st.integers(1, 20))
def test_what_is_new_of_a_good_batch_are_the_missing_rows(spans, first, count):
    held = merge((a, a + n) for a, n in spans)
    rows = [Reading("gate-1/t_c", seq, float(seq)) for seq in range(first, first + count)]
    taken = take(_batch(first, rows), held, Catalogue())
    assert not isinstance(taken, Overflowed)
    missing = [seq for seq in range(first, first + count) if not contains(held, seq)]
    assert taken.block.t_ms.tolist() == missing
    assert taken.duplicates == count - len(missing)
    assert taken.span == (first, first + count - 1)


def test_a_whole_new_batch_is_taken_without_copying_its_columns():
    batch = _batch(1, [Reading("gate-1/t_c", 5, 1.0)] * 3)
    taken = take(batch, (), Catalogue())
    assert not isinstance(taken, Overflowed)
    assert taken.block.t_ms is batch.t_ms
    assert taken.block.value is batch.value


def test_a_lane_full_of_gaps_waits(monkeypatch):
    monkeypatch.setattr("cloud.ingest.readings.SPANS_MAX", 2)
    catalogue, gathering, held = Catalogue(), Gathering(), ()
    for first in (1, 3, 5):
        held = gathering.add(_batch(first, [Reading("gate-1/t_c", first, 1.0)]), held, catalogue)
    assert held == ((1, 1), (3, 3))
    assert gathering.overflowed == {"g1"}
    assert gathering.counts.refused == 1
    ((_, ack),) = gathering.acks()
    assert ack.ranges == ((1, 1), (3, 3))


def test_series_beyond_the_bound_are_poison_and_disturb_no_other(monkeypatch):
    monkeypatch.setattr(catalogues, "SERIES_MAX", 1)
    gathering = Gathering()
    rows = [Reading("a/x", 1, 1.0), Reading("b/x", 2, 2.0), Reading("a/x", 3, 3.0)]
    gathering.add(_batch(1, rows), (), Catalogue())
    assert gathering.block().t_ms.tolist() == [1, 3]
    assert [p.seq for p in gathering.poison] == [2]
    assert "one series too many" in gathering.poison[0].reason


def test_numbers_of_series_are_given_once_and_kept():
    catalogue = Catalogue([("g1", "a/x")])
    assert [catalogue.number("g1", "a/x"), catalogue.number("g2", "a/x"), catalogue.number("g1", "b/y")] == [
        0,
        1,
        2,
    ]
    assert catalogue.find("g1", "c/z") is None
    assert catalogue.of("g1", "b/") == [("b/y", 2)]
    assert catalogue.since(1) == [("g2", "a/x"), ("g1", "b/y")]
    assert len(catalogue) == 3
    assert catalogue.number("g1", "x" * 201) is None


def test_an_empty_gathering_stores_nothing():
    gathering = Gathering()
    assert len(gathering.block()) == 0
    assert gathering.acks() == ()
    stored: dict[LaneKey, object] = dict(gathering.stored)
    assert stored == {}
    assert np.array_equal(gathering.block().series, np.empty(0, np.int32))
