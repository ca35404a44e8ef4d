"""Topics: made and taken apart, and nothing else is taken for one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract import topics
from cardea.contract.batches import Lane
from cardea.contract.topics import Address, Leaf
from cardea.runtime.topic_filter import matches

Ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@given(Ids, st.sampled_from(Leaf))
def test_a_topic_is_taken_apart_as_it_was_made(gateway: str, leaf: Leaf) -> None:
    made = topics.topic(gateway, leaf)
    assert topics.parse(made) == Address(gateway, leaf)
    assert matches(topics.everyone(leaf), made)
    assert not any(matches(topics.everyone(other), made) for other in Leaf if other is not leaf)


@given(st.text(string.printable + "门/+#\0", max_size=70))
def test_what_could_reach_into_anothers_topics_is_no_id(name: str) -> None:
    if topics.valid_id(name):
        assert not set(name) - set(string.ascii_lowercase + string.digits + "-")
        assert 1 <= len(name) <= 63
    else:
        with pytest.raises(ValueError, match="is not a gateway id"):
            topics.topic(name, Leaf.STATE)


@given(st.text(max_size=40) | st.from_regex(r"cardea/v[12]/..?/[a-z]{1,3}/(state|lane/alert|other)"))
def test_anything_parsed_can_be_made_again(name: str) -> None:
    found = topics.parse(name)
    assert found is None or topics.topic(found.gateway, found.leaf) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "cardea/v1",
        "cardea/v2/{shard}/tower-1/state",
        "cardea/v1/zz/tower-1/state",
        "cardea/v1/{shard}/tower-1/other",
        "cardea/v1/{shard}/tower-1/state/more",
        "cardea/v1/{shard}/Tower-1/state",
        "cardea/v1/{shard}/tower-1\n/state",
    ],
)
def test_foreign_topics_are_none(name: str) -> None:
    assert topics.parse(name.format(shard=topics.shard("tower-1"))) is None


def test_the_shard_of_a_gateway_never_changes() -> None:
    shards = {name: topics.shard(name) for name in ("tower-1", "tower-2", "a")}
    assert shards == {"tower-1": "0c", "tower-2": "36", "a": f"{0xE8B7BE43 % 64:02x}"}
    assert topics.topic("tower-1", Leaf.STATE) == "cardea/v1/0c/tower-1/state"


@given(Ids)
def test_shards_are_two_hex_digits_below_64(gateway: str) -> None:
    assert len(topics.shard(gateway)) == 2
    assert int(topics.shard(gateway), 16) < topics.SHARDS


def test_every_leaf_goes_one_way_and_every_lane_has_one() -> None:
    assert set(topics.UPWARD) | set(topics.DOWNWARD) == set(Leaf)
    assert not set(topics.UPWARD) & set(topics.DOWNWARD)
    assert set(topics.LANE_LEAF) == set(Lane)
