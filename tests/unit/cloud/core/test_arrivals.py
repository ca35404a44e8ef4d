"""Messages taken apart: whatever the bytes are, nothing raises, and one bad row costs only itself."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.batches import ROWS_MAX, Lane, RowBatch, TelemetryBatch, to_columns
from cardea.contract.encoding import Undecodable, encode
from cardea.contract.orders import OrderResult, Receipt
from cardea.contract.records import Reading
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.topics import LANE_LEAF, UPWARD, Leaf, topic
from cloud.ingest.arrivals import Delivery, Foreign, PresenceHeard, ReceiptHeard, Unreadable, read
from cloud.ingest.columns import Telemetry

RECORD, TELEMETRY = topic("g1", Leaf.LANE_RECORD), topic("g1", Leaf.LANE_TELEMETRY)


@given(st.sampled_from([topic("g1", leaf) for leaf in UPWARD]), st.binary(max_size=300))
def test_any_bytes_are_an_arrival(name, payload):
    assert isinstance(read(name, payload), Unreadable | Delivery | PresenceHeard | ReceiptHeard)


@given(
    st.sampled_from([topic("g1", leaf) for leaf in UPWARD]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["lane", "epoch", "first", "rows", "columns", "s"]), inner)
        ),
        max_leaves=12,
    ),
)
def test_any_json_is_an_arrival(name, value):
    assert isinstance(read(name, json.dumps(value).encode()), Unreadable | Delivery)


@pytest.mark.parametrize(
    "name", ["", "cardea/v1/00/g1/lane/record", "cardea/v2/-/g1/state", topic("g1", Leaf.ACK), "a/b/c/d/e/f"]
)
def test_other_topics_are_foreign(name):
    assert read(name, b"{}") == Foreign(name)


def _batch(rows, lane=Lane.RECORD, epoch="e1", first=7):
    return encode(RowBatch(lane, epoch, first, tuple(msgspec.Raw(row) for row in rows)))


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers()), min_size=1, max_size=20))
def test_a_row_batch_is_its_rows(rows):
    texts = tuple(encode(row) for row in rows)
    assert read(RECORD, _batch(texts)) == Delivery("g1", Lane.RECORD, "e1", 7, texts)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (_batch([b"{}"], lane=Lane.ALERT), "lane alert in the topic of record"),
        (_batch([b"{}"], epoch=""), "epoch"),
        (_batch([b"{}"], epoch="a/b"), "epoch"),
        (_batch([b"{}"], epoch="x" * 65), "epoch"),
        (_batch([b"{}", b"{}"], first=2**53 - 2), "beyond"),
        (b'{"lane":"record","epoch":"e1","first":1,"rows":[]}', ""),
        (b'{"lane":"record","epoch":"e1","first":0,"rows":[{}]}', ""),
    ],
)
def test_a_batch_without_an_identity_is_unreadable(payload, why):
    arrival = read(RECORD, payload)
    assert isinstance(arrival, Unreadable)
    assert why in arrival.undecodable.reason
    assert arrival.undecodable.raw == payload


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers()), max_size=6),
    st.sampled_from([b"{", b"\x00", b"'half'", b'{"a":}', b"}", b",", b"[" * 2000]),
    st.lists(st.dictionaries(st.text(max_size=3), st.integers()), max_size=3),
)
def test_rows_before_a_broken_one_are_saved_and_those_behind_it_come_again(good, poison, behind):
    texts = [encode(row) for row in good]
    rows = b",".join([*texts, poison, *(encode(row) for row in behind)])
    arrival = read(RECORD, b'{"lane":"record","epoch":"e1","first":7,"rows":[' + rows + b"]}")
    assert isinstance(arrival, Delivery)
    assert arrival.bodies[: len(texts)] == tuple(texts)
    bad = arrival.bodies[len(texts)]
    assert isinstance(bad, Undecodable)
    assert poison in bad.raw
    assert len(arrival.bodies) == len(texts) + 1


def test_a_broken_batch_always_gets_one_row_further():
    """Sent again from the first row that is not acknowledged, a lane with broken rows comes to its end."""
    rows = [b'{"n":1}', b"{broken", b'{"n":3}', b"\xff\xfe{", b'{"n":5}']
    first, saved, sendings = 1, [], 0
    while first <= len(rows):
        text = b",".join(rows[first - 1 :])
        arrival = read(RECORD, b'{"lane":"record","epoch":"e1","first":%d,"rows":[%b]}' % (first, text))
        assert isinstance(arrival, Delivery)
        saved += [body for body in arrival.bodies if isinstance(body, bytes)]
        first, sendings = arrival.last + 1, sendings + 1
    assert saved == [rows[0], rows[2], rows[4]]
    assert sendings == 3


def test_too_many_rows_are_taken_in_part():
    arrival = read(RECORD, _batch([b"{}"] * (ROWS_MAX + 5)))
    assert isinstance(arrival, Delivery)
    assert arrival.bodies == (b"{}",) * ROWS_MAX


def _columns(**changed):
    readings = (Reading("a", 1, 1.0), Reading("b", 2, 2.0), Reading("a", 3, 3.0))
    batch = json.loads(encode(TelemetryBatch(Lane.TELEMETRY, "e1", 4, to_columns(readings))))
    batch["columns"] |= changed
    return json.dumps(batch).encode()


@given(
    st.lists(
        st.builds(
            Reading,
            st.text(max_size=4),
            st.integers(0, 2**53 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_telemetry_columns_are_their_readings(readings):
    payload = encode(TelemetryBatch(Lane.TELEMETRY, "e1", 4, to_columns(tuple(readings))))
    arrival = read(TELEMETRY, payload)
    assert isinstance(arrival, Telemetry)
    assert (arrival.gateway, arrival.epoch, arrival.first, arrival.last) == ("g1", "e1", 4, 3 + len(readings))
    assert [arrival.body(row) for row in range(len(readings))] == readings


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({"value": [1.0, None, 3.0]}, [0, 2]),  # how JSON says NaN
        ({"value": [1.0, 2.0]}, [0, 1]),
        ({"s": [0, 9, 0]}, [0, 2]),
        ({"s": [0, -1, 0]}, [0, 2]),
        ({"s": [0, "x", 0]}, [0, 2]),
        ({"t_ms": [1, 2, 2**60]}, [0, 1]),
        ({"series": ["a", 5]}, [0, 2]),
    ],
)
def test_one_bad_cell_costs_one_reading(changed, good):
    arrival = read(TELEMETRY, _columns(**changed))
    assert isinstance(arrival, Telemetry)
    bodies = [arrival.body(row) for row in range(3)]
    assert [row for row, body in enumerate(bodies) if isinstance(body, Reading)] == good


@pytest.mark.parametrize("changed", [{"s": [], "t_ms": [], "value": []}, {"s": 5}, {"series": None}])
def test_telemetry_without_an_outline_is_unreadable(changed):
    assert isinstance(read(TELEMETRY, _columns(**changed)), Unreadable)


def test_presence_is_believed_only_of_oneself(make):
    name = make.state_topic("g1")
    heard = read(name, make.presence(), kept=True)
    assert isinstance(heard, PresenceHeard)
    assert heard.kept
    for payload in (
        make.presence("g2"),
        make.presence(epoch="a b"),
        make.presence().replace(b"0.1.0", b"\\u0000"),
    ):
        assert isinstance(read(name, payload), Unreadable)


def test_a_receipt_is_heard(make):
    receipt = Receipt("o1", OrderResult.EXECUTED, WireTime(make.at().utc, ClockQuality.HOLDOVER))
    assert read(topic("g1", Leaf.RECEIPT), encode(receipt)) == ReceiptHeard("g1", receipt)


def test_every_lane_has_a_reader():
    for leaf in LANE_LEAF.values():
        assert isinstance(read(topic("g1", leaf), b"{}"), Unreadable)


def test_rows_without_a_comma_between_them_end_the_batch_there():
    arrival = read(RECORD, b'{"lane":"record","epoch":"e1","first":7,"rows":[{"n":1}{"n":2}]}')
    assert isinstance(arrival, Delivery)
    assert arrival.bodies == (b'{"n":1}',)
