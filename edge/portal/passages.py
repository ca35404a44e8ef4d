"""Who went through: passages observed after a grant belong to its decision, once; others stand alone."""

from collections import deque
from dataclasses import dataclass

from cardea.contract.records import Side

LINK_S = 10.0
"""A passage later than this after the end of the release belongs to nobody's decision."""
GRANTS_MAX = 16


@dataclass(frozen=True, slots=True)
class Grant:
    """A release that somebody may walk through."""

    decision: str
    side: Side
    until_s: float


class Passages:
    """The grants of one portal that nobody has used yet, oldest first."""

    def __init__(self) -> None:
        self._grants: deque[Grant] = deque(maxlen=GRANTS_MAX)
        self._by_leaf: tuple[Grant, float] | None = None

    def granted(self, decision: str, side: Side, now_s: float, release_s: float) -> None:
        """A release was given under this decision."""
        self._grants.append(Grant(decision, side, now_s + release_s + LINK_S))

    def leaf_opened(self, now_s: float) -> Grant | None:
        """The leaf opened: the passage of the oldest grant, if one is open."""
        grant = self._take(None, now_s)
        self._by_leaf = None if grant is None else (grant, now_s)
        return grant

    def observed(self, side: Side | None, now_s: float) -> Grant | None:
        """A sensor saw somebody: the grant it belongs to, if one is open."""
        return self._take(side, now_s)

    def told_by_leaf(self, side: Side | None, now_s: float) -> bool:
        """Whether the leaf has told this passage already; asked once for each."""
        told = self._by_leaf
        self._by_leaf = None
        return told is not None and side in (None, told[0].side) and now_s <= told[1] + LINK_S

    def _take(self, side: Side | None, now_s: float) -> Grant | None:
        while self._grants and self._grants[0].until_s < now_s:
            self._grants.popleft()
        for grant in self._grants:
            if side in (None, grant.side):
                self._grants.remove(grant)
                return grant
        return None
