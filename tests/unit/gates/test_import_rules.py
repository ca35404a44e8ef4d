"""Every import rule of the design is held by a contract: a planted breach of each is caught."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("cardea", "edge", "drivers", "models", "cloud")

BREACHES = [
    ("layers", "cardea/runtime/planted.py", "import edge"),
    ("layers", "edge/planted.py", "import cloud"),
    ("layers", "cloud/planted.py", "import edge"),
    ("layers", "edge/planted.py", "import cardea.cli.main"),
    ("layers", "drivers/planted.py", "import edge"),
    ("cloud-touches-no-device", "cloud/planted.py", "import drivers.api"),
    ("cloud-touches-no-device", "cloud/planted.py", "import models"),
    ("models-know-only-types", "models/planted.py", "import drivers.catalog"),
    ("drivers-stand-alone", "drivers/gates/hikvision/planted.py", "import drivers.io.relay_modbus"),
    ("drivers-stand-alone", "drivers/readers/qr_tcp/planted.py", "import drivers.readers.qr_serial"),
    ("sim-is-for-cli-and-tests", "edge/planted.py", "import drivers.sim"),
    ("sim-is-for-cli-and-tests", "drivers/gates/planted.py", "import drivers.sim"),
    ("sim-shares-no-parser", "drivers/sim/planted.py", "import drivers.gates.hikvision.decode"),
    ("sim-shares-no-parser", "drivers/sim/planted.py", "import drivers.links"),
    ("pure-cores", "cardea/contract/planted.py", "import asyncio"),
    ("pure-cores", "edge/decide/planted.py", "import sqlite3"),
    ("pure-cores", "edge/decide/planted.py", "import cardea.runtime.disk"),
    ("pure-cores", "models/passes/planted.py", "import threading"),
    ("pure-cores", "drivers/gates/hikvision/decode.py", "import socket"),
    ("contract-stands-alone", "cardea/contract/planted.py", "import cardea.runtime"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("*.pyc", "*.po"))
    return copy


def lint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_the_tree_keeps_every_rule(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("contract", "file", "line"), BREACHES)
def test_a_planted_breach_is_caught(tree: Path, contract: str, file: str, line: str) -> None:
    target = tree / file
    before = target.read_text() if target.exists() else None
    target.write_text(f"{before or ''}\n{line}\n")
    try:
        result = lint(tree, "--contract", contract)
    finally:
        if before is None:
            target.unlink()
        else:
            target.write_text(before)
    assert result.returncode == 1, result.stdout
    assert "BROKEN" in result.stdout


def test_every_driver_family_stands_in_the_contracts() -> None:
    packages = {path.parent.name for path in (ROOT / "drivers").glob("*/__init__.py")}
    text = (ROOT / "pyproject.toml").read_text()
    shared = {"api", "links", "sim", "scanner", "thermal_camera"}
    for family in packages - shared:
        assert f'"drivers.{family}.*"' in text, f"name drivers.{family} in the independence contract"
        assert text.count(f'"drivers.{family}"') == 2, f"name drivers.{family} in both sim contracts"


@pytest.mark.parametrize(
    "code",
    [
        "import time\n",
        "import random\n",
        "import secrets\n",
        "import asyncio\n\n\nasync def wait() -> None:\n    await asyncio.sleep(1)\n",
        "import datetime as dt\n\nNOW = dt.datetime.now(dt.UTC)\n",
        "import uuid\n\nNAME = uuid.uuid4()\n",
        "import os\n\nKEY = os.urandom(16)\n",
    ],
)
def test_reading_time_or_chance_outside_the_clock_is_caught(code: str) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    command = [ruff, "check", "--no-cache", "--select", "TID251", "--stdin-filename", "edge/planted.py", "-"]
    result = subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "TID251" in result.stdout
