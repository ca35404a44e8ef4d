"""The committed table is what the rules say."""

import subprocess
import sys
from pathlib import Path

from edge.decide import outcomes

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "docs" / "outcomes.md"


def test_the_committed_table_is_what_the_rules_say():
    assert COMMITTED.read_text() == outcomes.document(), "python -m edge.decide.outcomes > docs/outcomes.md"


def test_the_module_prints_it():
    said = subprocess.run(
        [sys.executable, "-m", "edge.decide.outcomes"], capture_output=True, check=True, cwd=ROOT
    )
    assert said.stdout.decode() == COMMITTED.read_text()
