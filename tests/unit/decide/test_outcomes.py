"""The committed table is what the rules say."""

import runpy
from pathlib import Path

from edge.decide import outcomes

COMMITTED = Path(__file__).parents[3] / "docs" / "outcomes.md"


def test_the_committed_table_is_what_the_rules_say():
    assert COMMITTED.read_text() == outcomes.document(), "python -m edge.decide.outcomes > docs/outcomes.md"


def test_the_module_prints_it(capsys):
    runpy.run_path(str(Path(outcomes.__file__)), run_name="__main__")
    assert capsys.readouterr().out == COMMITTED.read_text()
