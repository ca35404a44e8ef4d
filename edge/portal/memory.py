"""What one portal remembers of people for a while: refused tries, retests, the last full grant, who came in.

In memory and bounded; only the count of people inside outlives a restart. Anti-passback begins anew with the
process, which errs on the side of letting people in.
"""

from collections import OrderedDict, deque
from typing import TypeVar

from cardea.contract.policy import PortalPolicy
from cardea.contract.records import Mode, Outcome, ScreeningState, Side
from edge.configuration.settings import Portal
from edge.decide.antipassback import PassbackMemory
from edge.decide.approach import Approach, person_key
from edge.decide.decision import Decision
from edge.decide.evidence import NOT_FITTED, NOT_SEEN, Evidence, Fresh, Item, PassbackFinding
from edge.decide.rules import REFUSED_TRIES
from edge.notes import NoteKind, Notes
from edge.portal.passages import Grant

PEOPLE_MAX = 50_000
RETEST_S = 300.0
"""Retests further apart than this are not "in a row"."""
T = TypeVar("T")


class _Recent(OrderedDict[str, T]):
    """By person, the longest unused forgotten first."""

    def keep(self, key: str, value: T) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > PEOPLE_MAX:
            self.popitem(last=False)


class Memory:
    """One portal's memory of people, by subject; of unknown credentials by their kind."""

    def __init__(self, name: str, portal: Portal, notes: Notes) -> None:
        self._name = name
        self._counts = bool(portal.egress.readers)
        self._notes = notes
        self._tries: _Recent[deque[float]] = _Recent()
        self._retests: _Recent[tuple[int, float]] = _Recent()
        self._granted: _Recent[tuple[ScreeningState, float]] = _Recent()
        self._inside_people = PassbackMemory(PEOPLE_MAX)
        self._watched = portal.door is not None
        """Whether a passage can be seen; where not, a grant counts as one."""
        self._on_their_way: _Recent[str] = _Recent()

    def tries(self, key: str, policy: PortalPolicy, now_s: float) -> int:
        """Refused tries of this person within the policy's window."""
        return sum(at_s >= now_s - policy.tries_window_s for at_s in self._tries.get(key, ()))

    def retests(self, approach: Approach, now_s: float) -> int:
        """Retests in a row that this person has been asked for."""
        count, at_s = self._retests.get(_key(approach), (0, now_s))
        return count if now_s - at_s <= RETEST_S else 0

    def last_granted(self, approach: Approach, now_s: float) -> Item[ScreeningState]:
        """The last grant with all evidence at hand, and how long ago it was."""
        found = self._granted.get(_key(approach))
        return NOT_SEEN if found is None else Fresh(found[0], now_s - found[1])

    def passback(self, approach: Approach, policy: PortalPolicy, now_s: float) -> Item[PassbackFinding]:
        """Whether this person is inside already, as far as this portal has seen."""
        if approach.credential is None:
            return NOT_FITTED
        return self._inside_people.finding(_key(approach), policy, now_s)

    def occupancy(self) -> Item[int]:
        """How many people are inside; only where leaving is counted too."""
        return Fresh(self._inside, 0.0) if self._counts else NOT_FITTED

    def decided(self, evidence: Evidence, approach: Approach, decision: Decision, now_s: float) -> None:
        """Remember what became of an approach."""
        if approach.credential is None or approach.backfilled:
            return
        key = _key(approach)
        if approach.side is Side.EGRESS:
            self._inside_people.passed(key, Side.EGRESS, now_s)
            return
        match decision.outcome:
            case Outcome.GRANT:
                self._tries.pop(key, None)
                self._retests.pop(key, None)
                self._on_their_way.keep(approach.id, key)
                if not self._watched:
                    self._entered(approach.id, now_s)
                if decision.mode is Mode.LIVE:
                    self._granted.keep(key, (_screening(evidence), now_s))
            case Outcome.RETEST:
                self._retests.keep(key, (self.retests(approach, now_s) + 1, now_s))
            case _ if REFUSED_TRIES & set(decision.reasons):
                tries = self._tries.get(key) or deque(maxlen=32)
                tries.append(now_s)
                self._tries.keep(key, tries)
            case _:
                self._retests.pop(key, None)

    def passed(self, side: Side, grant: Grant | None, now_s: float) -> None:
        """Somebody went through."""
        if grant is not None:
            self._entered(grant.decision, now_s)
        if self._counts:
            change = 1 if side is Side.INGRESS else -1
            self._notes.put(NoteKind.OCCUPANCY, self._name, str(max(0, self._inside + change)))

    def _entered(self, decision: str, now_s: float) -> None:
        person = self._on_their_way.pop(decision, None)
        if person is not None:
            self._inside_people.passed(person, Side.INGRESS, now_s)

    @property
    def _inside(self) -> int:
        return int(self._notes.get(NoteKind.OCCUPANCY, self._name) or 0)


def _key(approach: Approach) -> str:
    return person_key(approach.credential.value) if approach.credential else "-"


def _screening(evidence: Evidence) -> ScreeningState:
    found = evidence.screening
    return found.value.state if isinstance(found, Fresh) else ScreeningState.NOT_SCREENED
