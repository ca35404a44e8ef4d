"""MQTT topics: ``cardea/v1/{shard}/{gateway}/{leaf…}``.

``shard`` = two hex digits of crc32(gateway) mod 64: an aggregator owns shards, so a gateway has one owner.
"""

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum

from cardea.contract.batches import Lane

PREFIX = "cardea/v1"
SHARDS = 64
CLOUD_SHARD = "-"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Leaf(StrEnum):
    """What follows the gateway's name in a topic."""

    LANE_ALERT = "lane/alert"
    LANE_RECORD = "lane/record"
    LANE_TELEMETRY = "lane/telemetry"
    STATE = "state"
    RECEIPT = "receipt"
    SCENE = "scene"
    SCENE_CLEAR = "scene/clear"
    ACK = "ack"
    ORDER = "order"
    DESIRED_POLICY = "desired/policy"
    DESIRED_STATUSES = "desired/statuses"


UPWARD = (
    Leaf.LANE_ALERT,
    Leaf.LANE_RECORD,
    Leaf.LANE_TELEMETRY,
    Leaf.STATE,
    Leaf.RECEIPT,
    Leaf.SCENE,
    Leaf.SCENE_CLEAR,
)
"""What a gateway writes; the broker's ACL lets it write nothing else."""
DOWNWARD = (Leaf.ACK, Leaf.ORDER, Leaf.DESIRED_POLICY, Leaf.DESIRED_STATUSES)
"""What a gateway reads; the broker's ACL lets it read nothing else."""
LANE_LEAF = {
    Lane.ALERT: Leaf.LANE_ALERT,
    Lane.RECORD: Leaf.LANE_RECORD,
    Lane.TELEMETRY: Leaf.LANE_TELEMETRY,
}
_LEAVES = {leaf.value: leaf for leaf in Leaf}


@dataclass(frozen=True, slots=True)
class Address:
    """A topic, taken apart."""

    gateway: str
    leaf: Leaf


def valid_id(name: str) -> bool:
    """Whether ``name`` may name a gateway: lower-case letters, digits and dashes, 63 at the most."""
    return _ID.fullmatch(name) is not None


def shard(gateway: str) -> str:
    """The shard of a gateway, two hex digits."""
    return f"{zlib.crc32(gateway.encode()) % SHARDS:02x}"


def topic(gateway: str, leaf: Leaf) -> str:
    """The full topic of one gateway's leaf.

    Raises:
        ValueError: the name is not a valid gateway id, so it could reach into another's topics.
    """
    if not valid_id(gateway):
        raise ValueError(f"{gateway!r} is not a gateway id: a-z, 0-9 and '-', at most 63 characters")
    return f"{PREFIX}/{shard(gateway)}/{gateway}/{leaf.value}"


def everyone(leaf: Leaf) -> str:
    """The filter that matches this leaf of every gateway."""
    return f"{PREFIX}/+/+/{leaf.value}"


def parse(name: str) -> Address | None:
    """A topic taken apart; ``None`` for anything that is not ours or lies in the wrong shard."""
    parts = name.split("/", 4)
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX:
        return None
    _, _, shard_part, gateway, rest = parts
    leaf = _LEAVES.get(rest)
    if leaf is None or not valid_id(gateway) or shard_part != shard(gateway):
        return None
    return Address(gateway, leaf)
