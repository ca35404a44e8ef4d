"""``cardea safety prove``: its report and its verdict; the searches are tested beside the machines."""

import json

import pytest

from cardea.cli import safety
from cardea.cli.main import main
from cardea.contract.zones import ZoneState
from edge.decide import interlock_proof, interlock_table, lock
from edge.decide.lock import Phase, Signal

pytestmark = pytest.mark.search


@pytest.fixture(autouse=True)
def one_zone(monkeypatch) -> None:
    """All of them are searched beside the machine."""
    monkeypatch.setattr(interlock_proof, "CASES", dict([next(iter(interlock_proof.CASES.items()))]))


def test_the_machines_are_proved_and_the_report_says_how_much_was_searched(capsys) -> None:
    assert main(["safety", "prove", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 7
    assert sum(case["case"].startswith("zone") for case in found) == 1
    assert all(case["breach"] is None and case["steps"] > case["states"] > 20 for case in found)


def test_a_zone_that_breaks_a_rule_is_named(capsys, monkeypatch) -> None:
    monkeypatch.setattr(safety, "_cases", lambda: ())
    monkeypatch.setitem(
        interlock_table.TRANSITIONS, (ZoneState.EMIT, interlock_table.Signal.STOP), ZoneState.EMIT
    )
    assert main(["safety", "prove", "--json"]) == 1
    assert any((case["breach"] or "").startswith("D7") for case in json.loads(capsys.readouterr().out))


def test_a_breach_is_named_and_ends_with_status_1(capsys, monkeypatch) -> None:
    monkeypatch.setitem(lock.TRANSITIONS, (Phase.LOCKED, Signal.LEAVE), (Phase.LOCKED, ()))
    assert main(["safety", "prove"]) == 1
    assert "egress" in capsys.readouterr().out
