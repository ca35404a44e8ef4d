"""Range arithmetic against sets of numbers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract import ranges

Numbers = st.sets(st.integers(1, 60), max_size=40)


def _numbers(held: ranges.Ranges) -> set[int]:
    return {number for first, last in held for number in range(first, last + 1)}


def _is_normal(held: ranges.Ranges) -> bool:
    return all(first <= last for first, last in held) and all(
        before[1] + 1 < after[0] for before, after in pairwise(held)
    )


@given(Numbers)
def test_of_holds_exactly_these_numbers(numbers: set[int]) -> None:
    held = ranges.of(numbers)
    assert _numbers(held) == numbers
    assert _is_normal(held)
    assert ranges.size(held) == len(numbers)
    assert all(ranges.contains(held, number) == (number in numbers) for number in range(62))


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)).map(lambda s: (s[0], s[0] + s[1]))), Numbers)
def test_merge_is_union_whatever_the_order(spans: list[tuple[int, int]], others: set[int]) -> None:
    merged = ranges.merge(spans, ranges.of(others))
    assert _numbers(merged) == _numbers(tuple(spans)) | others
    assert _is_normal(merged)
    assert merged == ranges.merge(ranges.of(others), reversed(spans))
    assert merged == ranges.merge(merged)


@given(Numbers, Numbers)
def test_subtract_is_difference(wanted: set[int], held: set[int]) -> None:
    left = ranges.subtract(ranges.of(wanted), ranges.of(held))
    assert _numbers(left) == wanted - held
    assert _is_normal(left)


def test_a_range_that_ends_before_it_begins_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"range 5\.\.3 ends before it begins"):
        ranges.merge([(5, 3)])


def test_nothing() -> None:
    assert ranges.merge() == ()
    assert ranges.subtract((), ((1, 2),)) == ()
    assert ranges.size(()) == 0
    assert not ranges.contains((), 1)
