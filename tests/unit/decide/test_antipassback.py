"""Who is inside already."""

from cardea.contract.policy import AntiPassback, PortalPolicy
from cardea.contract.records import Side
from edge.decide.antipassback import PassbackMemory
from edge.decide.evidence import NOT_FITTED, Fresh, PassbackFinding

HARD = PortalPolicy(anti_passback=AntiPassback.HARD)
SOFT = PortalPolicy(anti_passback=AntiPassback.SOFT)
TIMED = PortalPolicy(anti_passback=AntiPassback.TIMED, anti_passback_s=60.0)
OK, VIOLATED = PassbackFinding.OK, PassbackFinding.VIOLATED


def test_a_second_entry_without_leaving():
    memory = PassbackMemory()
    assert memory.finding("ann", HARD, 0.0) == Fresh(OK, 0.0)
    memory.passed("ann", Side.INGRESS, 0.0)
    for policy in (HARD, SOFT):
        assert memory.finding("ann", policy, 1e6) == Fresh(VIOLATED, 1e6)
    assert memory.finding("ann", PortalPolicy(), 1.0) is NOT_FITTED
    memory.passed("ann", Side.EGRESS, 2.0)
    assert memory.finding("ann", HARD, 3.0) == Fresh(OK, 0.0)


def test_timed_forgives_by_itself():
    memory = PassbackMemory()
    memory.passed("ann", Side.INGRESS, 0.0)
    assert memory.finding("ann", TIMED, 59.9) == Fresh(VIOLATED, 59.9)
    assert memory.finding("ann", TIMED, 60.0) == Fresh(OK, 60.0)


def test_staff_can_forgive():
    memory = PassbackMemory()
    memory.passed("ann", Side.INGRESS, 0.0)
    memory.forgive("ann")
    memory.forgive("ann")
    assert memory.finding("ann", HARD, 1.0) == Fresh(OK, 0.0)


def test_it_is_bounded_and_forgets_the_oldest_entry():
    memory = PassbackMemory(people_max=2)
    for at_s, person in enumerate(("ann", "bob", "ann", "eve")):
        memory.passed(person, Side.INGRESS, float(at_s))
    assert len(memory) == 2
    assert memory.finding("bob", HARD, 9.0) == Fresh(OK, 0.0)
    assert memory.finding("ann", HARD, 9.0) == Fresh(VIOLATED, 7.0)
