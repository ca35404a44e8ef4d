"""``cardea edge``, ``cloud``, ``broker`` and ``audit`` on the demo's own files, each process alone."""

import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cardea.cli.main import main
from cardea.cli.tower.layout import Layout, write_configs
from cardea.cli.tower.provision import provision
from cardea.contract import chain
from cardea.contract.time import wire_time
from cardea.runtime.clock import SystemClock, SystemEntropy

COLUMNS = "person,name,organisation,employee_no,card,valid_from,valid_until,schedule,status"
PEOPLE = f"{COLUMNS}\np-1,Anna,acme,17,,,,,\n"


@pytest.fixture
def tower(tmp_path: Path) -> Layout:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    layout = Layout(tmp_path / "tower")
    write_configs(layout, port)
    provision(layout, SystemClock(), SystemEntropy())
    return layout


@pytest.fixture
def logs() -> Iterator[None]:
    """Commands set logging up for their whole process, which here is that of the tests."""
    handlers = list(logging.root.handlers)
    levels = {name: logging.getLogger(name).level for name in ("", "httpx", "uvicorn", "asyncio")}
    yield
    logging.root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: None) -> Iterator[list[str]]:
    """Sends SIGTERM as soon as the command reports itself ready; what it reported."""
    reported: list[str] = []
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.settimeout(30)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

    def listen() -> None:
        while "STOPPING=1" not in reported:
            reported.append(channel.recv(100).decode())
            if reported == ["READY=1"]:
                os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield reported
    thread.join(10)
    channel.close()


def edge(tower: Layout, *words: str) -> int:
    return main(["edge", *words, "--config", str(tower.config("gateway"))])


def cloud(tower: Layout, *words: str) -> int:
    return main(["cloud", *words, "--config", str(tower.config("cloud"))])


# --- edge ---------------------------------------------------------------------------------------


def test_the_gateway_serves_without_broker_and_devices_until_it_is_asked_to_end(tower, interrupted):
    assert edge(tower, "run") == 0
    assert interrupted[0] == "READY=1"
    assert (tower.folder / "gateway" / "data" / "outbox.sqlite").exists()


def test_a_whole_configuration_is_in_order(tower, capsys):
    assert edge(tower, "check") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{tower.config('gateway')}: in order\n")
    assert "portals: lobby-a, lobby-b, lobby-c, service, garage" in said
    assert edge(tower, "check", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["gateway"]) == (True, ["tower-1"])


def test_what_is_not_there_yet_is_noticed(tower, capsys):
    missing = tower.folder / "gateway" / "secrets" / "gate-2"
    missing.unlink()
    assert edge(tower, "check") == 0
    assert f"notice: {missing}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_everything_that_is_wrong_is_said_at_once(tower, capsys, command):
    config = tower.config("gateway")
    text = config.read_text().replace('"fail_safe"', '"fail_open"').replace("unit = 2", "unit = 900")
    config.write_text(text)
    assert edge(tower, command) == 2
    said = capsys.readouterr().err
    assert f"{config}: portals.lobby-a.lock: 'fail_open'" in said
    assert f"{config}: devices.relay-2.settings.unit: 900" in said


def test_wrong_configurations_as_json(tower, capsys):
    tower.config("gateway").write_text("[gateway]\n")
    assert edge(tower, "check", "--json") == 2
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert any("gateway.id" in problem for problem in told["problems"])


def test_the_schema_knows_every_driver(capsys):
    assert main(["edge", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "HikvisionSettings" in schema["$defs"]


def test_a_gateway_that_does_not_run_says_so(tower, capsys):
    for words in (("status",), ("status", "--json")):
        assert edge(tower, *words) == 1
        assert capsys.readouterr().err.startswith("cardea: ")


def test_a_gateway_says_how_it_is(tower, interrupted, capsys, monkeypatch):
    """Its picture stays on the disk; it is asked for while a process of its own holds the folder."""
    assert edge(tower, "run") == 0
    from edge import status

    picture = {"gateway": "tower-1", "portals": {}, "devices": {}}
    monkeypatch.setattr(status, "read_status", lambda data_dir: picture)
    monkeypatch.setattr(status, "as_text", lambda shown: f"as text: {shown['gateway']}")
    capsys.readouterr()
    assert edge(tower, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == picture
    assert edge(tower, "status") == 0
    assert capsys.readouterr().out == "as text: tower-1\n"


def test_people_are_taken_in_and_a_second_time_unchanged(tower, tmp_path, capsys):
    people = tmp_path / "people.csv"
    people.write_text(PEOPLE)
    assert edge(tower, "import-people", str(people)) == 0
    assert capsys.readouterr().out == "people: 1 added, 0 changed, 0 unchanged\n"
    assert edge(tower, "import-people", str(people), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"added": 0, "changed": 0, "unchanged": 1}


def test_people_that_cannot_be_taken_in(tower, tmp_path, capsys):
    assert edge(tower, "import-people", str(tmp_path / "none.csv")) == 2
    assert "none.csv: cannot be read: No such file or directory" in capsys.readouterr().err
    people = tmp_path / "people.csv"
    people.write_text("person,colour\np-1,red\n")
    assert edge(tower, "import-people", str(people)) == 2
    assert capsys.readouterr().err.startswith("cardea: ")


def test_a_vault_that_cannot_be_written(tower, tmp_path, capsys):
    (tower.folder / "gateway" / "data").write_text("a file where a folder belongs")
    people = tmp_path / "people.csv"
    people.write_text(PEOPLE)
    assert edge(tower, "import-people", str(people)) in {1, 2}
    said = capsys.readouterr().err
    assert "data" in said
    assert len(said.splitlines()) == 1


# --- cloud --------------------------------------------------------------------------------------


def test_the_aggregator_serves_without_broker_until_it_is_asked_to_end(tower, interrupted, capsys):
    assert cloud(tower, "run") == 0
    assert interrupted[0] == "READY=1"
    assert tower.admin_password.stat().st_mode & 0o777 == 0o600
    assert "admin" in capsys.readouterr().out


def test_an_aggregator_in_order(tower, capsys):
    assert cloud(tower, "check") == 0
    assert capsys.readouterr().out == f"{tower.config('cloud')}: in order\n"
    assert cloud(tower, "check", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "problems": []}


def test_what_a_start_would_stumble_over(tower, capsys):
    (tower.folder / "cloud" / "keys" / "orders.pem").unlink()
    (tower.folder / "cloud" / "pki" / "ca.crt").write_text("no certificate")
    data = tower.folder / "cloud" / "data"
    data.mkdir()
    (data / "ledger.sqlite").write_text("this is no ledger" * 1000)
    assert cloud(tower, "check", "--json") == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert len(problems) == 3
    assert cloud(tower, "check") == 2
    assert "orders.pem" in capsys.readouterr().err


def test_a_database_of_which_the_password_is_missing(tower, capsys):
    config = tower.config("cloud")
    config.write_text(config.read_text() + '\n[ledger]\nurl = "sqlite:///x"\npassword_secret = "none"\n')
    assert cloud(tower, "check") == 2
    assert "secrets/none: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check"])
def test_an_aggregators_wrong_configuration(tower, capsys, command):
    config = tower.config("cloud")
    config.write_text(config.read_text().replace('"127.0.0.1"', '"0.0.0.0"'))
    assert cloud(tower, command) == 2
    assert f"{config}: console.bind: '0.0.0.0'" in capsys.readouterr().err


def test_an_aggregator_without_its_key(tower, capsys, logs):
    (tower.folder / "cloud" / "keys" / "orders.pem").unlink()
    assert cloud(tower, "run") == 2
    assert "orders.pem: cannot be read: No such file or directory" in capsys.readouterr().err


def test_an_aggregator_whose_ledger_is_none(tower, capsys, logs):
    data = tower.folder / "cloud" / "data"
    data.mkdir()
    (data / "ledger.sqlite").write_text("this is no ledger" * 1000)
    assert cloud(tower, "run") == 1
    assert "the ledger failed, nothing more is acknowledged" in capsys.readouterr().err


# --- broker and up ------------------------------------------------------------------------------


@pytest.mark.system
def test_the_broker_serves_until_it_is_asked_to_end(tower, interrupted):
    assert main(["broker", "run", "--config", str(tower.config("broker"))]) == 0
    assert interrupted == ["READY=1", "STOPPING=1"]


def test_a_broker_that_cannot_start(tower, capsys, logs):
    config = tower.config("broker")
    (config.parent / "data").write_text("a file where a folder belongs")
    assert main(["broker", "run", "--config", str(config)]) == 2
    assert capsys.readouterr().err == f"cardea: cannot write {config.parent}/data: File exists\n"
    config.write_text("[broker]\n")
    assert main(["broker", "run", "--config", str(config)]) == 2
    assert "broker.ca_file" in capsys.readouterr().err


def test_a_tower_that_cannot_start(tmp_path, capsys):
    (tmp_path / "file").write_text("a file")
    assert main(["up", str(tmp_path / "file"), "--port", "8099"]) == 2
    assert (
        capsys.readouterr().err == f"cardea: cannot use {tmp_path}/file: File exists; choose another folder\n"
    )
    assert main(["up", "--port", "0"]) == 2
    assert "argument --port" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("cardea ")


# --- audit --------------------------------------------------------------------------------------


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """Five links as JSON lines, as the aggregator exports them."""
    import msgspec

    head, clock = chain.EMPTY, SystemClock()
    lines: list[bytes] = []
    for number in range(5):
        at = wire_time(clock.now())
        link = chain.append(head, f"{number:032x}", at, "release_drill", "portal", {"n": str(number)})
        head = chain.head_of(link)
        lines.append(msgspec.json.encode(link))
    file = tmp_path / "links.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def test_a_whole_chain(links, capsys):
    assert main(["audit", "verify", str(links)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("whole: ")
    head = said.rpartition(" ")[2].strip()
    assert main(["audit", "verify", str(links), "--head", head, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["whole"], told["first"], told["length"]) == (True, 0, 5)


def test_a_chain_with_its_end_cut_off(links, capsys):
    assert main(["audit", "verify", str(links), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    links.write_text("".join(links.read_text().splitlines(keepends=True)[:-1]))
    head = f"{told['length']}:{told['hash']}"
    assert main(["audit", "verify", str(links), "--head", head, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["whole"] is False


def test_a_chain_that_was_changed(links, capsys):
    links.write_text(links.read_text().replace('"n":"2"', '"n":"7"'))
    assert main(["audit", "verify", str(links)]) == 1
    assert capsys.readouterr().out.startswith("broken at link 2: ")


@pytest.mark.parametrize("head", ["5", "5:abc", "x:" + "0" * 64])
def test_a_head_that_is_none(links, capsys, head):
    assert main(["audit", "verify", str(links), "--head", head]) == 2
    assert "give LENGTH:HASH" in capsys.readouterr().err


async def test_a_gateways_own_chain(tmp_path, capsys):
    from cardea.runtime.disk import SystemDisk
    from edge.audit import Audit
    from edge.outbox import Outbox

    data = tmp_path / "data"
    outbox = await Outbox.open(SystemDisk(data), SystemClock(), SystemEntropy())
    await Audit(outbox, SystemClock(), SystemEntropy()).note("release_drill", "portal", {"portal": "lobby-a"})
    await outbox.close()
    assert main(["audit", "verify", str(data)]) == 0
    assert capsys.readouterr().out.startswith("whole: ")
