"""Which outbox may speak for a gateway: epochs, take-over and clones, as one transition table (SAFETY.md R8).

An epoch is the random id of an outbox file. A gateway has one active epoch. Another one that turns up while
the first is alive is a clone; one that turns up long after the first fell silent is its replacement; a
replaced one that comes back is a clone. A clone is fenced: nothing of it is stored or acknowledged until a
person approves it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

EPOCHS_MAX = 64
"""Epochs remembered of one gateway; further strangers are refused without being recorded."""


class Standing(StrEnum):
    """What is thought of an epoch."""

    ACTIVE = "active"
    RETIRED = "retired"
    FENCED = "fenced"


class Incumbent(StrEnum):
    """How the gateway's active epoch fares."""

    NONE = "none"
    ALIVE = "alive"
    SILENT = "silent"


class Move(StrEnum):
    """What happens to an epoch that speaks."""

    ACCEPT = "accept"
    """It is the active one."""
    BEGIN = "begin"
    """The first: it becomes active."""
    TAKE_OVER = "take_over"
    """It becomes active, the silent one retires."""
    FENCE = "fence"
    """A clone: fenced from now on, alarm."""
    REFUSE = "refuse"
    """Fenced already."""


MOVES: dict[tuple[Standing | None, Incumbent], Move] = {
    (None, Incumbent.NONE): Move.BEGIN,
    (None, Incumbent.ALIVE): Move.FENCE,
    (None, Incumbent.SILENT): Move.TAKE_OVER,
    (Standing.ACTIVE, Incumbent.ALIVE): Move.ACCEPT,
    (Standing.ACTIVE, Incumbent.SILENT): Move.ACCEPT,
    (Standing.RETIRED, Incumbent.NONE): Move.FENCE,
    (Standing.RETIRED, Incumbent.ALIVE): Move.FENCE,
    (Standing.RETIRED, Incumbent.SILENT): Move.FENCE,
    (Standing.FENCED, Incumbent.NONE): Move.REFUSE,
    (Standing.FENCED, Incumbent.ALIVE): Move.REFUSE,
    (Standing.FENCED, Incumbent.SILENT): Move.REFUSE,
}
"""(standing of the epoch that speaks, ``None`` = never heard; the active epoch) → move."""

ADMITS = frozenset({Move.ACCEPT, Move.BEGIN, Move.TAKE_OVER})
"""Moves after which the epoch's rows are stored and acknowledged."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One outbox; ``number`` orders a gateway's epochs by their first appearance, from 1."""

    name: str
    number: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class Epochs:
    """All epochs of one gateway, in the order of their numbers."""

    known: tuple[Epoch, ...] = ()

    @property
    def active(self) -> Epoch | None:
        """The one that may speak."""
        return next((epoch for epoch in self.known if epoch.standing is Standing.ACTIVE), None)

    def find(self, name: str) -> Epoch | None:
        """The epoch of this name."""
        return next((epoch for epoch in self.known if epoch.name == name), None)

    def hear(self, name: str, silent_s: float, takeover_s: float) -> tuple[Move, "Epochs"]:
        """What becomes of an epoch that speaks now; the active one was last heard ``silent_s`` ago."""
        active, speaker = self.active, self.find(name)
        if active is not None and active.name == name:
            return Move.ACCEPT, self
        incumbent = _incumbent(active, silent_s, takeover_s)
        move = MOVES[None if speaker is None else speaker.standing, incumbent]
        if speaker is None and len(self.known) >= EPOCHS_MAX:
            return Move.REFUSE, self
        if move is Move.REFUSE:
            return move, self
        standing = Standing.FENCED if move is Move.FENCE else Standing.ACTIVE
        return move, self._with(name, standing)

    def approve(self, name: str) -> "Epochs":
        """A person says that this epoch is the gateway: it becomes active, the one before retires.

        Raises:
            KeyError: no such epoch.
        """
        if self.find(name) is None:
            raise KeyError(name)
        return self._with(name, Standing.ACTIVE)

    def _with(self, name: str, standing: Standing) -> "Epochs":
        known = self.known
        if standing is Standing.ACTIVE:
            known = tuple(
                replace(e, standing=Standing.RETIRED) if e.standing is Standing.ACTIVE else e for e in known
            )
        if self.find(name) is None:
            return Epochs((*known, Epoch(name, len(known) + 1, standing)))
        return Epochs(tuple(replace(e, standing=standing) if e.name == name else e for e in known))


def _incumbent(active: Epoch | None, silent_s: float, takeover_s: float) -> Incumbent:
    if active is None:
        return Incumbent.NONE
    return Incumbent.ALIVE if silent_s < takeover_s else Incumbent.SILENT
