"""A simulated fleet against a real broker and aggregator: nothing lost or twice, also over a kill -9."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cardea.cli.fleet.folder import FleetFolder
from cardea.cli.fleet.run import load, services
from cardea.cli.tower import layout as layouts
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.sim.fleet_gateway import FleetPlan

pytestmark = pytest.mark.system
TOWERS, DEVICES = 5, 10
PLAN = FleetPlan(devices=DEVICES, passages_per_s=4.0)
ROW_TABLES = ("decisions", "passages", "device_events", "zone_events", "gaps", "receipts", "audit_links")


@pytest.fixture(autouse=True)
def ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports of our own, since other brokers may start at this moment."""
    with contextlib.ExitStack() as stack:
        probes = {name: stack.enter_context(socket.socket()) for name in ("broker_port", "console_port")}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        free = {name: int(probe.getsockname()[1]) for name, probe in probes.items()}
    monkeypatch.setattr("cardea.cli.fleet.folder.DEFAULT_PORTS", {**layouts.DEFAULT_PORTS, **free})


def rows_of(ledger: Path) -> dict[str, Any]:
    """What the ledger holds, by lane: stored ranges, and rows with their identities."""
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ranges: dict[str, int] = {}
        for lane, rows, spans, outboxes in connection.execute(
            "SELECT lane, SUM(last - first + 1), COUNT(*), COUNT(DISTINCT gateway || epoch)"
            " FROM stored_ranges GROUP BY lane"
        ):
            assert spans == outboxes, f"{lane}: the numbers of a tower have no gap"
            ranges[lane] = rows
        known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        identities = [
            identity
            for table in ROW_TABLES
            if table in known
            for identity in connection.execute(f"SELECT gateway, epoch, seq FROM {table}")
        ]
        assert connection.execute("SELECT COUNT(*) FROM quarantine").fetchone() == (0,)
        clones = connection.execute("SELECT COUNT(*) FROM epochs WHERE standing <> 'active'").fetchone()
        assert clones == (0,)
    assert len(identities) == len(set(identities)), "no row twice"
    return {**ranges, "records": len(identities)}


def readings_of(folder: Path) -> int:
    """How many readings the time series hold; none of them twice."""
    rows = 0
    for day in folder.glob("*.duckdb"):
        with duckdb.connect(str(day), read_only=True) as connection:
            found = connection.execute(
                "SELECT count(*), count(DISTINCT (series, t_ms)) FROM readings"
            ).fetchone()
        assert found is not None
        assert found[0] == found[1], "no reading twice"
        rows += int(found[0])
    return rows


def check(folder: FleetFolder, found: dict[str, Any]) -> None:
    assert (found["lost"], found["phantom"], found["pending"], found["strays"]) == (0, 0, 0, 0)
    assert found["connected"] == TOWERS
    data = folder.folder / "cloud" / "data"
    stored = rows_of(data / "ledger.sqlite")
    stored["telemetry"] = readings_of(data / "series")
    made = {lane: counts["made"] for lane, counts in found["lanes"].items() if counts["made"]}
    assert {lane: stored.get(lane) for lane in made} == made
    assert stored["records"] == made["record"]


def prepared(folder: Path) -> tuple[FleetFolder, tuple[str, ...]]:
    made = FleetFolder(folder)
    return made, made.prepare(TOWERS, SystemClock(), SystemEntropy())


async def test_five_towers_lose_and_double_nothing(tmp_path: Path) -> None:
    folder, names = prepared(tmp_path / "fleet")
    async with services(folder):
        found = await load(folder, names, PLAN, 8.0)
    check(folder, found)
    assert found["resent"] == 0
    assert found["lanes"]["telemetry"]["made"] == pytest.approx(TOWERS * DEVICES * 4 * 8, rel=0.15)
    assert found["lanes"]["record"]["made"] > TOWERS * DEVICES
    assert 0 < found["ack_p50_ms"] <= found["ack_p99_ms"] <= found["ack_max_ms"]


async def test_kill_nine_of_the_aggregator_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder, names = prepared(tmp_path / "fleet")
    async with services(folder) as running:
        loading = asyncio.create_task(load(folder, names, PLAN, 10.0))
        await asyncio.sleep(4.0)
        killed = running["cloud"].pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        found = await loading
        assert running["cloud"].pid not in {None, killed}
    check(folder, found)


def test_the_command_starts_all_and_ends_in_order_on_ctrl_c(tmp_path: Path) -> None:
    prepared(tmp_path / "fleet")
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "cardea.cli.main", "sim", "fleet", "--up", "--json"),
            *("--towers", "2", "--devices", "3", "--folder", str(tmp_path / "fleet")),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = tmp_path / "fleet" / "fleet.log"
    ledger = tmp_path / "fleet" / "cloud" / "data" / "ledger.sqlite"
    try:
        _until_rows(process, ledger)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    found = json.loads(out)
    assert process.returncode == 0, err
    assert err == ""
    assert (found["lost"], found["pending"]) == (0, 0)
    assert found["lanes"]["telemetry"]["acknowledged"] == found["lanes"]["telemetry"]["made"] > 0
    assert "broker_ended status=0" in log.read_text()


def _until_rows(process: "subprocess.Popen[str]", ledger: Path) -> None:
    """Until something of the record lane is stored."""
    import time

    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        assert process.poll() is None
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(ledger)) as db:
            if db.execute("SELECT COUNT(*) FROM stored_ranges WHERE lane = 'record'").fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("nothing was stored")
