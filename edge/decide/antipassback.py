"""Anti-passback: who is inside already. In memory and bounded; a restart forgets, which lets people in.

Hard: nobody who has entered and not left enters again. Timed: not within ``anti_passback_s`` of the last
entry. Soft: as hard, but only noted (``edge.decide.rules``). Nobody is ever kept from leaving (SAFETY.md L2).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping

from cardea.contract.policy import AntiPassback, PortalPolicy
from cardea.contract.records import Side
from edge.decide.evidence import NOT_FITTED, Fresh, Item, PassbackFinding

PEOPLE_MAX = 50_000

_VIOLATES: Mapping[AntiPassback, Callable[[float, PortalPolicy], bool]] = {
    AntiPassback.SOFT: lambda _age_s, _policy: True,
    AntiPassback.HARD: lambda _age_s, _policy: True,
    AntiPassback.TIMED: lambda age_s, policy: age_s < policy.anti_passback_s,
}
"""Whether a second entry, so long after the first, breaks the rule."""


class PassbackMemory:
    """Who entered, and when in monotonic seconds; beyond ``people_max`` the oldest entry is forgotten."""

    def __init__(self, people_max: int = PEOPLE_MAX) -> None:
        self._entered: OrderedDict[str, float] = OrderedDict()
        self._people_max = people_max

    def __len__(self) -> int:
        return len(self._entered)

    def passed(self, person: str, side: Side, now_s: float) -> None:
        """``person`` went in or out."""
        self._entered.pop(person, None)
        if side is Side.INGRESS:
            self._entered[person] = now_s
            if len(self._entered) > self._people_max:
                self._entered.popitem(last=False)

    def forgive(self, person: str) -> None:
        """Staff say that ``person`` is outside, whatever was seen."""
        self._entered.pop(person, None)

    def finding(self, person: str, policy: PortalPolicy, now_s: float) -> Item[PassbackFinding]:
        """What an entry of ``person`` at ``now_s`` would be; its age is that of the first entry."""
        if policy.anti_passback is AntiPassback.OFF:
            return NOT_FITTED
        entered_s = self._entered.get(person)
        if entered_s is None:
            return Fresh(PassbackFinding.OK, 0.0)
        age_s = max(0.0, now_s - entered_s)
        violated = _VIOLATES[policy.anti_passback](age_s, policy)
        return Fresh(PassbackFinding.VIOLATED if violated else PassbackFinding.OK, age_s)
