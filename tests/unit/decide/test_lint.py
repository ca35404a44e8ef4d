"""What no policy and no portal may say."""

import msgspec
import pytest

from cardea.contract.policy import AntiPassback, PortalPolicy
from cardea.contract.records import Outcome
from edge.decide.lint import CELLS, lock_misfits, policy_faults


def test_the_defaults_are_sound():
    assert policy_faults(PortalPolicy()) == ()
    assert len(CELLS) == 13


@pytest.mark.parametrize("cell", CELLS)
def test_no_cell_may_grant(cell):
    faults = policy_faults(msgspec.structs.replace(PortalPolicy(), **{cell: Outcome.GRANT}))
    assert len(faults) == 1
    assert faults[0].startswith(f"{cell}: grant → ")
    for outcome in (Outcome.DENY, Outcome.REFER, Outcome.RETEST):
        assert not policy_faults(msgspec.structs.replace(PortalPolicy(), **{cell: outcome}))


def test_all_faults_are_said_at_once():
    policy = PortalPolicy(
        on_red=Outcome.GRANT, on_unknown=Outcome.GRANT, anti_passback=AntiPassback.TIMED, anti_passback_s=0.0
    )
    assert [fault.split(":")[0] for fault in policy_faults(policy)] == [
        "on_unknown",
        "on_red",
        "anti_passback_s",
    ]
    assert not policy_faults(PortalPolicy(anti_passback=AntiPassback.TIMED, anti_passback_s=1.0))


def test_locks():
    sound = {
        "fail_secure": False,
        "mechanical_free_egress": False,
        "hardwired_fire_release": True,
        "fire_fitted": False,
    }
    assert tuple(lock_misfits(**sound)) == ()
    assert len(tuple(lock_misfits(**{**sound, "fail_secure": True, "hardwired_fire_release": False}))) == 2
