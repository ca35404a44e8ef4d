"""Topic filters and the access table that both brokers use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.topics import DOWNWARD, UPWARD, Leaf, everyone, topic
from cardea.runtime.access import Direction, access_list, access_rules, allows
from cardea.runtime.topic_filter import is_filter, is_topic, matches

Levels = st.lists(st.sampled_from(["a", "b", "", "$x"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("wanted", "name", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a", False),
        ("+/+", "/a", True),
        ("+", "/a", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "a/b", True),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
        ("#", "$SYS/a", False),
        ("+/a", "$SYS/a", False),
        ("$SYS/#", "$SYS/a", True),
    ],
)
def test_filters_of_the_specification(wanted: str, name: str, *, fits: bool) -> None:
    assert matches(wanted, name) == fits


@given(Levels, st.data())
def test_a_topic_falls_under_itself_and_under_any_level_made_a_wildcard(
    levels: list[str], data: st.DataObject
) -> None:
    name = "/".join(levels)
    assert matches(name, name)
    place = data.draw(st.integers(0, len(levels) - 1))
    wild = "/".join([*levels[:place], "+", *levels[place + 1 :]])
    assert matches(wild, name) == (place > 0 or not name.startswith("$"))
    assert matches("/".join([*levels[:place], "#"]), name) == (place > 0 or not name.startswith("$"))


@pytest.mark.parametrize("name", ["", "a/+", "#", "a\0", "é" * 40_000, "\ud800"])
def test_names_that_nobody_can_publish_to(name: str) -> None:
    assert not is_topic(name)


@pytest.mark.parametrize("name", ["", "a/#/b", "a#", "a+/b", "++", "a\0", "\ud800"])
def test_names_that_nobody_can_subscribe_to(name: str) -> None:
    assert not is_filter(name)


@pytest.mark.parametrize("name", ["a", "/", "+", "#", "a/+/#", "$SYS/#"])
def test_names_that_one_can_subscribe_to(name: str) -> None:
    assert is_filter(name)


def test_the_access_list_as_mosquitto_reads_it() -> None:
    lines = access_list(access_rules("aggregator")).splitlines()
    assert lines[0] == "user aggregator"
    assert "topic read cardea/v1/+/+/lane/record" in lines
    assert "topic write cardea/v1/+/+/order" in lines
    assert "pattern write cardea/v1/+/%u/state" in lines
    assert "pattern read cardea/v1/+/%u/desired/policy" in lines
    assert len(lines) == 1 + 2 * len(Leaf)


@pytest.mark.parametrize("leaf", list(Leaf))
def test_every_leaf_has_one_direction_for_each_side(leaf: Leaf) -> None:
    allowed = allows(access_rules())
    name = topic("tower-1", leaf)
    upward = leaf in UPWARD
    assert (leaf in DOWNWARD) != upward
    assert allowed("tower-1", Direction.WRITE, name) == upward
    assert allowed("tower-1", Direction.READ, name) == (not upward)
    assert allowed("aggregator", Direction.READ, name) == upward
    assert allowed("aggregator", Direction.WRITE, name) == (not upward)
    for direction in Direction:
        assert not allowed("tower-2", direction, name)
        assert not allowed("tower-2", direction, everyone(leaf))
