"""Who may read and write which topics: one table for the real broker and for its twin in memory.

A gateway writes the upward leaves below its own name and reads the downward ones; the aggregator the other
way round, for all; nobody else anything (SAFETY.md, security item 2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cardea.contract.topics import DOWNWARD, PREFIX, UPWARD
from cardea.runtime.topic_filter import matches

AGGREGATOR = "aggregator"
_OWN = "%u"


class Direction(StrEnum):
    """Seen from the client, as Mosquitto's access list has it."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """``identity`` may use ``filter`` in one direction; without identity, everyone where ``%u`` is theirs."""

    identity: str | None
    direction: Direction
    filter: str


Allows = Callable[[str, Direction, str], bool]
"""Whether an identity may read or write a topic."""


def access_rules(aggregator: str = AGGREGATOR) -> tuple[AccessRule, ...]:
    """The rules of one installation."""
    own = f"{PREFIX}/+/{_OWN}"
    every = f"{PREFIX}/+/+"
    return (
        *(AccessRule(aggregator, Direction.READ, f"{every}/{leaf.value}") for leaf in UPWARD),
        *(AccessRule(aggregator, Direction.WRITE, f"{every}/{leaf.value}") for leaf in DOWNWARD),
        *(AccessRule(None, Direction.WRITE, f"{own}/{leaf.value}") for leaf in UPWARD),
        *(AccessRule(None, Direction.READ, f"{own}/{leaf.value}") for leaf in DOWNWARD),
    )


def access_list(rules: Sequence[AccessRule]) -> str:
    """The rules as Mosquitto's ``acl_file``."""
    lines: list[str] = []
    for identity in dict.fromkeys(rule.identity for rule in rules):
        word = "pattern" if identity is None else "topic"
        lines += [] if identity is None else [f"user {identity}"]
        lines += [f"{word} {rule.direction} {rule.filter}" for rule in rules if rule.identity == identity]
    return "\n".join(lines) + "\n"


def allows(rules: Sequence[AccessRule]) -> Allows:
    """The rules as a function, for the broker in memory."""

    def allowed(identity: str, direction: Direction, topic: str) -> bool:
        return any(
            rule.direction is direction
            and rule.identity in {None, identity}
            and matches(rule.filter.replace(_OWN, identity), topic)
            for rule in rules
        )

    return allowed
