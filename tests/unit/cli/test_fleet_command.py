"""``cardea sim fleet``: its folder, what it says of bad input, its lines and its summary."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from cardea.cli.errors import CommandError
from cardea.cli.fleet import command, run
from cardea.cli.fleet.folder import FleetFolder, tower_names
from cardea.cli.fleet.report import Progress, in_words, summary
from cardea.cli.main import main
from cardea.contract.batches import Lane
from cardea.contract.topics import valid_id
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mqtt import tls_context
from cloud.settings import load_cloud
from drivers.sim import fleet as fleets
from drivers.sim.fleet_gateway import DEVICES_MAX, FleetPlan
from drivers.sim.fleet_lane import LaneCounts
from drivers.sim.fleet_state import FleetState

CLOCK, ENTROPY = SystemClock(), SystemEntropy()


def prepared(folder: Path, towers: int) -> FleetFolder:
    made = FleetFolder(folder)
    assert made.prepare(towers, CLOCK, ENTROPY) == tower_names(towers)
    return made


def state(connected: int = 2, made: int = 0) -> FleetState:
    lanes = {lane: LaneCounts(made=made, acknowledged=made, sent=made, resent=1) for lane in Lane}
    return FleetState(
        towers=2, connected=connected, disconnects=1, strays=0, lanes=lanes, pending=dict.fromkeys(Lane, 0),
        recent_p99_s=None if made else 0.0123, ack_p50_s=0.004, ack_p99_s=0.0125, ack_longest_s=0.02,
        parcels=9,
    )  # fmt: skip


def test_a_folder_declares_and_certifies_every_tower(tmp_path: Path) -> None:
    made = prepared(tmp_path / "fleet", 12)
    settings = load_cloud(made.layout.config("cloud"))
    assert tuple(settings.gateways) == tuple(settings.sites) == tower_names(12)
    assert all(valid_id(name) for name in settings.gateways)
    assert {site.district for site in settings.sites.values()} == {"jinshui"}
    assert set(settings.gateways["tower-001"].portals) == {"lobby-a", "lobby-b", "garage"}
    for name in tower_names(12):
        broker = made.broker(name)
        tls_context(broker)
        assert stat.S_IMODE(broker.key_file.stat().st_mode) == 0o600
        assert (broker.host, broker.port) == (settings.broker.host, settings.broker.port)
    assert len({made.epoch(name) for name in tower_names(12)}) == 12
    assert main(["cloud", "check", "--config", str(made.layout.config("cloud"))]) == 0


def test_a_later_run_keeps_what_is_there(tmp_path: Path) -> None:
    made = prepared(tmp_path, 4)
    kept = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".crl"
    }
    again = prepared(tmp_path, 3)
    assert {path: path.read_bytes() for path in kept} == kept
    assert again.epoch("tower-002") == made.epoch("tower-002")


def test_a_folder_made_for_fewer_towers_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(tmp_path, 2)
    assert main(["sim", "fleet", "--towers", "3", "--folder", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said == (f"cardea: {tmp_path} was made for 2 towers; ask for no more, or choose another folder\n")


@pytest.mark.parametrize("process", ["broker", "cloud"])
def test_half_a_folder_is_one_line(tmp_path: Path, process: str) -> None:
    made = prepared(tmp_path, 1)
    made.layout.config(process).unlink()
    with pytest.raises(CommandError, match=f"{process}.toml is missing; put it back, or remove"):
        made.prepare(1, CLOCK, ENTROPY)


def test_a_configuration_that_is_broken_names_its_line(tmp_path: Path) -> None:
    made = prepared(tmp_path, 1)
    config = made.layout.config("cloud")
    config.write_text(config.read_text().replace('kind = "property"', 'kind = "castle"'))
    with pytest.raises(CommandError, match=r"organisations\.harbour\.kind: 'castle'"):
        made.prepare(1, CLOCK, ENTROPY)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    made = prepared(tmp_path, 1)
    (made.layout.ca / "tower-001.key").chmod(0o644)
    with pytest.raises(CommandError, match="chmod 600"):
        made.prepare(1, CLOCK, ENTROPY)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["sim", "fleet", "--folder", str(tmp_path / "file" / "fleet")]) == 2
    assert capsys.readouterr().err.endswith("Not a directory; choose another folder\n")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("--towers", "0"),
        ("--towers", "301"),
        ("--towers", "three"),
        ("--devices", "251"),
        ("--hz", "0"),
        ("--hz", "nan"),
        ("--hz", "fast"),
        ("--passages-per-s", "-1"),
        ("--seconds", "inf"),
        ("--seed", "1e3"),
    ],
)
def test_bad_numbers_say_what_would_be_right(
    argument: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "fleet", argument, value]) == 2
    said = capsys.readouterr().err
    assert f"argument {argument}: {value!r}: give a" in said.replace(" M:", ":")


def test_the_most_devices_fit_a_message() -> None:
    assert command.DEVICES_MAX == DEVICES_MAX


def test_without_a_broker_it_says_what_to_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "CONNECT_S_MAX", 0.3)
    assert main(["sim", "fleet", "--towers", "2", "--seconds", "1", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("cardea: no tower could connect: ")
    assert f"run `cardea broker run --config {tmp_path}/broker/broker.toml`" in said
    assert said.endswith("or add --up")


def test_a_line_shows_the_last_second() -> None:
    progress = Progress()
    assert progress(state()) == ("2/2 towers   0 rows/s   0 acknowledged/s   0 pending   p99 12 ms")
    assert progress(state(connected=1, made=1000)) == (
        "1/2 towers   3,000 rows/s   3,000 acknowledged/s   0 pending   p99 –"
    )
    assert "   0 rows/s   " in progress(state(made=1000))


def test_the_summary_is_numbers_for_programs_and_words_for_people(tmp_path: Path) -> None:
    found = json.loads(json.dumps(summary(state(made=500), 10.0, 0.5)))
    assert found["lanes"]["telemetry"]["made"] == 500
    assert (found["lost"], found["phantom"], found["pending"], found["resent"]) == (0, 0, 0, 3)
    assert found["readings_per_s"] == 50.0
    assert (found["ack_p50_ms"], found["ack_p99_ms"], found["ack_max_ms"]) == (4.0, 12.5, 20.0)
    assert found["cpu_share"] == 0.05
    words = in_words(found, tmp_path)
    assert "2 towers for 10 s: 1,500 rows, 50 readings/s" in words
    assert "lost 0, pending 0, phantom 0, resent 3, held back 0" in words


@pytest.mark.parametrize("form", [["--json"], []])
@pytest.mark.parametrize(("lost", "status"), [(0, 0), (3, 1)])
def test_a_run_shows_its_lines_on_a_terminal_and_says_whether_all_is_well(
    form: list[str],
    lost: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[Any] = []

    async def run_fleet(
        folder: Path, towers: int, plan: FleetPlan, seconds: float, **how: Any
    ) -> dict[str, Any]:
        asked.append((folder, towers, plan, seconds, how["up"], how["stop"].is_set()))
        how["report"](state())
        return {**summary(state(made=10), seconds, 0.1), "lost": lost}

    monkeypatch.setattr(run, "run_fleet", run_fleet)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    words = ["sim", "fleet", "--towers", "2", "--devices", "4", "--hz", "2", "--passages-per-s", "0"]
    words += ["--seconds", "1.5", "--seed", "3", "--folder", "here", "--up", *form]
    assert main(words) == status
    said = capsys.readouterr()
    plan = FleetPlan(devices=4, hz=2.0, passages_per_s=0.0, seed=3)
    assert asked == [(Path("here").absolute(), 2, plan, 1.5, True, False)]
    assert said.err == "2/2 towers   0 rows/s   0 acknowledged/s   0 pending   p99 12 ms\n"
    assert (json.loads(said.out)["lost"] if form else lost) == lost
    assert form or f"lost {lost}, " in said.out
