"""``cardea safety prove``: its report and its verdict; the search is tested beside the machine."""

import json

from cardea.cli.main import main
from edge.decide import lock
from edge.decide.lock import Phase, Signal


def test_the_machine_is_proved_and_the_report_says_how_much_was_searched(capsys) -> None:
    assert main(["safety", "prove", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 6
    assert all(case["breach"] is None and case["steps"] > case["states"] > 20 for case in found)


def test_a_breach_is_named_and_ends_with_status_1(capsys, monkeypatch) -> None:
    monkeypatch.setitem(lock.TRANSITIONS, (Phase.LOCKED, Signal.LEAVE), (Phase.LOCKED, ()))
    assert main(["safety", "prove"]) == 1
    assert "egress" in capsys.readouterr().out
