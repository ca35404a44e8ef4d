"""Requests and answers on a Modbus RTU line, paired as in the specification's own examples."""

import itertools
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from drivers.links.rtu import Garbage, encode
from drivers.links.rtu_exchange import COUNT_MAX, Answered, Asked, ReadPairing, exchange

ALL = frozenset(COUNT_MAX)


def paired(content: bytes, unit: int = 1, functions: Any = ALL, cuts: Any = ()) -> list[Any]:
    pairing = ReadPairing(unit, functions)
    places = sorted({0, len(content), *cuts})
    items = [item for a, b in itertools.pairwise(places) for item in pairing.feed(content[a:b])]
    return [*items, *pairing.finish()]


def told(items: list[Any]) -> list[Any]:
    return [item.by_address for item in items if isinstance(item, Answered)]


@pytest.mark.parametrize(
    ("request_body", "answer_body", "function", "first", "values"),
    [  # Modbus Application Protocol V1.1b3, the examples of 6.1 to 6.4
        ("00130013", "03cd6b05", 1, 0x13, "1011001111010110101"),
        ("00c40016", "03acdb35", 2, 0xC4, "0011010111011011101011"),
        ("006b0003", "06022b00000064", 3, 0x6B, [0x022B, 0, 0x64]),
        ("00080001", "02000a", 4, 8, [0x0A]),
    ],
)
def test_the_specifications_examples(request_body, answer_body, function, first, values):
    line = encode(1, function, bytes.fromhex(request_body)) + encode(1, function, bytes.fromhex(answer_body))
    values = [int(value) for value in values]
    items = paired(line)
    assert items[0] == Asked(function, first, len(values))
    assert told(items) == [dict(enumerate(values, first))]
    assert exchange(1, function, first, values) == line


@given(st.data(), st.sampled_from(sorted(ALL)))
def test_what_is_said_is_heard(data, function):
    bit = function in {1, 2}
    values = data.draw(st.lists(st.integers(0, 1 if bit else 0xFFFF), min_size=1, max_size=60))
    first = data.draw(st.integers(0, 65000))
    line = exchange(9, function, first, values)
    cuts = data.draw(st.lists(st.integers(0, len(line)), max_size=6))
    assert told(paired(line, unit=9, cuts=cuts)) == [dict(enumerate(values, first))]


@pytest.mark.parametrize(
    "line",
    [
        encode(1, 3, b"\x02\x01\x6c"),  # nobody asked
        encode(1, 3, struct.pack(">HH", 0, 1)) + encode(1, 4, b"\x02\x01\x6c"),  # of the other table
        encode(1, 3, struct.pack(">HH", 0, 1)) + encode(1, 3, b"\x04\x01\x6c\0\0"),  # longer than asked
        exchange(2, 3, 0, [1]),  # another unit's
        exchange(1, 1, 0, [1]),  # of no interest
        encode(1, 3, struct.pack(">HH", 0, 0)) + encode(1, 3, b"\x00"),  # nothing asked
        encode(1, 3, struct.pack(">HH", 0, 126)),  # more than a request may
    ],
)
def test_answers_that_answer_nothing(line):
    assert told(paired(line, functions={3, 4})) == []


def test_a_request_that_is_as_long_as_an_answer_is_a_request():
    """17 to 24 bits are three bytes: their answer is as long as a request."""
    asked = encode(1, 2, struct.pack(">HH", 0, 20))
    items = paired(asked + asked + exchange(1, 2, 0, [1] * 20))
    assert [type(item) for item in items] == [Asked, Asked, Asked, Answered]


@given(st.lists(st.one_of(st.binary(max_size=20), st.just(exchange(1, 3, 5, [1, 2]))), max_size=8))
@property_settings(max_examples=60)
def test_garbage_never_raises(pieces):
    assert all(isinstance(item, Asked | Answered | Garbage) for item in paired(b"".join(pieces)))
