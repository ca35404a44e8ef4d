"""What happens in a disinfected room: people, the key switch, an intruder, a lamp that ages. Pure and seeded.

Cycles themselves are ordered by somebody else; the plan leaves the room empty and the key turned on for as
long as one takes (two minutes at the most).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random  # noqa: TID251  # seeded: the same day every time, no secrets

from cardea.contract.records import AlertKind

ROUND_S = 600.0
JITTER_S = 2.0


class Deed(StrEnum):
    """What somebody does, or what happens."""

    VISIT = "visit"
    """Somebody comes in, stays a while and leaves."""
    ARM = "arm"
    """The caretaker has looked round and turns the key on."""
    DISARM = "disarm"
    INTRUDE = "intrude"
    """Somebody walks in while the lamp burns; the interlock stops it."""
    NEW_LAMP = "new_lamp"
    """The caretaker changes the lamp."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A deed, ``at_s`` after the start."""

    at_s: float
    deed: Deed


PLAN = (
    Planned(6, Deed.VISIT),
    Planned(24, Deed.ARM),
    Planned(130, Deed.DISARM),
    Planned(136, Deed.VISIT),
    Planned(152, Deed.ARM),
    Planned(258, Deed.DISARM),
    Planned(264, Deed.VISIT),
    Planned(280, Deed.ARM),
    Planned(286, Deed.INTRUDE),
    Planned(386, Deed.DISARM),
    Planned(394, Deed.NEW_LAMP),
    Planned(420, Deed.VISIT),
    Planned(440, Deed.ARM),
    Planned(546, Deed.DISARM),
    Planned(560, Deed.VISIT),
)
"""One round; then again. Two cycles end well, and in the second the lamp outlives its rated hours; the third
is broken off and locks the room out."""

CAUSES: Mapping[AlertKind, Deed] = {
    AlertKind.ZONE_ABORTED: Deed.INTRUDE,
    AlertKind.ZONE_LOCKOUT: Deed.INTRUDE,
    AlertKind.DOSE_SHORT: Deed.INTRUDE,
    AlertKind.LAMP_WORN: Deed.ARM,
}
"""What brings each alert of a zone about; a worn lamp comes of the cycles that are run."""


def planned(seed: int) -> Iterator[Planned]:
    """The plan with a little jitter, round after round, in order and without end."""
    dice = Random(f"zone {seed}")  # noqa: S311  # no secrets
    began_s = 0.0
    while True:
        for step in PLAN:
            yield Planned(began_s + step.at_s + dice.uniform(0.0, JITTER_S), step.deed)
        began_s += ROUND_S
