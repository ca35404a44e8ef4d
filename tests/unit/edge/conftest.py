"""Virtual time for the tests of the gateway's tasks."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.edge.face_door import Play, player


@pytest.fixture(scope="session")
def sim() -> ModuleType:
    """``tests/sim/loop.py``: simulate(), SimClock, SimEntropy."""
    name = "cardea_sim_loop"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "sim" / "loop.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def play(sim: ModuleType, tmp_path: Path) -> Play:
    """Plays a scene at a door with a camera; ``tests/unit/edge/face_door.py``."""
    return player(sim, tmp_path)
