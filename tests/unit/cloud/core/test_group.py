"""Groups: exact sets from duplicates, reordering and gaps; conservation; nothing acknowledged unheld."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.batches import Lane
from cardea.contract.encoding import Undecodable, encode
from cardea.contract.ranges import merge, of, size, subtract
from cardea.contract.records import PassageRecord, Side
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.topics import LANE_LEAF, Leaf, topic
from cloud.ingest import rows as ingest_rows
from cloud.ingest.arrivals import Delivery, read
from cloud.ingest.epochs import Epochs, Standing
from cloud.ingest.group import Group, Known, Silence
from cloud.ingest.rows import Overflowed, take

AT = WireTime(dt.datetime(2026, 11, 23, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
ALIVE = Silence({"g1": 0.0}, 600.0)


def _known():
    return Known({"g1": Epochs()}, {})


def _row(seq):
    return PassageRecord(f"p{seq}", AT, "portal", Side.INGRESS, "gate-1")


def _delivery(first, count, *, epoch="e1", poison=()):
    bodies = tuple(
        Undecodable(b"?", "broken") if seq in poison else encode(_row(seq))
        for seq in range(first, first + count)
    )
    return Delivery("g1", Lane.RECORD, epoch, first, bodies)


deliveries = st.lists(
    st.builds(_delivery, st.integers(1, 60), st.integers(1, 12), poison=st.just({5, 17, 40})), max_size=30
)


@given(deliveries, st.randoms(use_true_random=False), st.integers(1, 5), st.data())
def test_duplicates_reordering_and_gaps_give_the_exact_set(batches, random, repeats, data):
    sent = [batch for batch in batches for _ in range(repeats)]
    random.shuffle(sent)
    known, stored, quarantined = _known(), [], []
    while sent:
        count = data.draw(st.integers(1, len(sent)))
        group = Group(known, ALIVE)
        for batch in sent[:count]:
            group.add(batch)
        del sent[:count]
        stored += [(row.epoch, row.seq, row.body.id) for row in group.rows]
        quarantined += [poison.seq for poison in group.poison]
        c = group.counts
        assert c.received == c.stored + c.poison + c.duplicates + c.refused
        known.advance(group)
        held = known.stored.get(("g1", Lane.RECORD, "e1"), ())
        for _, ack in group.acks():
            assert subtract(ack.ranges, held) == ()
    wanted = {seq for batch in batches for seq in range(batch.first, batch.last + 1)}
    assert sorted(stored) == sorted(("e1", seq, f"p{seq}") for seq in wanted - {5, 17, 40})
    assert sorted(quarantined) == sorted(wanted & {5, 17, 40})
    assert known.stored.get(("g1", Lane.RECORD, "e1"), ()) == of(wanted)


def test_known_state_moves_only_when_the_group_was_committed():
    known = _known()
    group = Group(known, ALIVE)
    group.add(_delivery(1, 3))
    assert known == _known()
    known.advance(group)
    assert known.epochs["g1"].active is not None
    assert known.stored == {("g1", Lane.RECORD, "e1"): ((1, 3),)}


def test_acknowledgements_cover_duplicates_and_are_one_for_each_lane_and_epoch():
    group = Group(_known(), ALIVE)
    for first in (1, 3, 9):
        group.add(_delivery(first, 2))
    ((gateway, ack),) = group.acks()
    assert (gateway, ack.lane, ack.ranges) == ("g1", Lane.RECORD, ((1, 4), (9, 10)))
    again = Group(Known({"g1": group.epochs["g1"]}, dict(group.stored)), ALIVE)
    again.add(_delivery(1, 2))
    assert again.changes_nothing
    assert again.acks()[0][1].ranges == ((1, 2),)


def test_a_fenced_epoch_gets_nothing_stored_or_acknowledged():
    group = Group(_known(), ALIVE)
    group.add(_delivery(1, 2))
    group.add(_delivery(1, 2, epoch="e2"))
    group.add(_delivery(3, 2, epoch="e2"))
    assert group.fenced == [("g1", "e2")]
    assert {row.epoch for row in group.rows} == {"e1"}
    assert [ack.epoch for _, ack in group.acks()] == ["e1"]
    assert group.counts.refused == 4
    group.approve("g1", "e2")
    group.add(_delivery(1, 2, epoch="e2"))
    assert {(row.epoch, row.epoch_number) for row in group.rows} == {("e1", 1), ("e2", 2)}


def test_an_epoch_heard_in_this_group_is_alive_however_long_it_was_silent():
    known = _known()
    first = Group(known, ALIVE)
    first.add(_delivery(1, 1))
    known.advance(first)
    group = Group(known, Silence({"g1": 1e9}, 600.0))
    group.add(_delivery(2, 1))
    group.add(_delivery(1, 1, epoch="e2"))
    assert group.fenced == [("g1", "e2")]
    silent = Group(known, Silence({}, 600.0))
    silent.add(_delivery(1, 1, epoch="e2"))
    assert [e.standing for e in silent.epochs["g1"].known] == [Standing.RETIRED, Standing.ACTIVE]


def test_wills_and_kept_states_never_move_epochs(make):
    known = _known()
    name = make.state_topic("g1")
    group = Group(known, ALIVE)
    group.add(read(name, make.presence(), kept=True))
    group.add(read(name, make.presence(online=False)))
    assert not group.epochs
    assert not group.presences
    group.add(read(name, make.presence()))
    group.add(read(name, make.presence(epoch="e0", online=False)))
    assert group.presences["g1"].presence.online
    group.add(read(name, make.presence(online=False)))
    assert not group.presences["g1"].presence.online
    group.add(read(name, make.presence(epoch="e2")))
    assert group.fenced == [("g1", "e2")]
    assert group.presences["g1"].presence.epoch == "e1"


def test_what_names_no_rows_is_kept_once_and_counted():
    group = Group(_known(), ALIVE)
    for _ in range(2):
        group.add(read(topic("g1", Leaf.LANE_ALERT), b"garbage"))
    assert group.counts.unreadable == 2
    assert {(p.channel, p.epoch, p.seq) for p in group.poison} == {("lane/alert", "", group.poison[0].seq)}
    assert not group.acks()
    group.add(read("somewhere/else", b""))
    assert group.counts.foreign == 1


def test_strangers_are_named_and_nothing_of_theirs_is_taken(make):
    group = Group(_known(), ALIVE)
    group.add(read(topic("g9", LANE_LEAF[Lane.RECORD]), make.batch(Lane.RECORD, 1, {}, {})))
    group.add(read(make.state_topic("g9"), make.presence("g9")))
    assert group.strangers == {"g9"}
    assert (group.counts.received, group.counts.refused) == (2, 2)
    assert group.changes_nothing


def test_receipts_are_passed_on(make):
    from cardea.contract.orders import OrderResult, Receipt

    group = Group(_known(), ALIVE)
    receipt = Receipt("o1", OrderResult.EXECUTED, make.at())
    group.add(read(topic("g1", Leaf.RECEIPT), encode(receipt)))
    assert group.receipts == [("g1", receipt)]


def test_a_lane_full_of_gaps_waits_until_they_close(monkeypatch):
    monkeypatch.setattr(ingest_rows, "SPANS_MAX", 3)
    group = Group(_known(), ALIVE)
    for first in (1, 3, 5, 7):
        group.add(_delivery(first, 1))
    assert group.overflowed == {("g1", Lane.RECORD)}
    assert group.acks()[0][1].ranges == of((1, 3, 5))
    assert group.counts.refused == 1
    group.add(_delivery(2, 1))
    group.add(_delivery(7, 1))
    assert group.acks()[0][1].ranges == ((1, 3), (5, 5), (7, 7))


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9))), st.integers(1, 60), st.integers(1, 20))
def test_taking_stores_what_was_missing_and_nothing_else(spans, first, count):
    held = merge((a, a + n) for a, n in spans)
    taken = take(_delivery(first, count), 1, held)
    assert not isinstance(taken, Overflowed)
    missing = subtract(((first, first + count - 1),), held)
    assert of(row.seq for row in taken.rows) == missing
    assert taken.duplicates == count - size(missing)
    assert taken.stored == merge(held, ((first, first + count - 1),))
