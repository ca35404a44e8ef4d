"""The process: ledger, aggregator and web application on one loop, started and ended in order."""

import asyncio
import json
import socket
import sys

import httpx
import pytest

from cardea.cli.main import main
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.memory_bus import MemoryBroker
from cardea.runtime.private_files import write_private
from cardea.runtime.signing_keys import private_pem
from cloud.daemon import ConsoleUnavailable, serve
from cloud.ledger.failure import LedgerFailed
from cloud.ledger.writer import Writer


@pytest.fixture
def ready(settings, tmp_path, key):
    """Settings with a key, and a port of the system's choice."""
    write_private(tmp_path / "orders.pem", private_pem(key))
    keys = settings.keys.model_copy(update={"order_key_file": tmp_path / "orders.pem"})
    console = settings.console.model_copy(
        update={"port": _free_port(), "admin_password_file": tmp_path / "admin-password"}
    )
    return settings.model_copy(update={"keys": keys, "console": console})


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """A daemon in this loop."""

    def __init__(self, settings):
        self.stop = asyncio.Event()
        self.said: list[str] = []
        self.broker = MemoryBroker(SystemClock())
        bus = self.broker.bus("aggregator")
        self.url = f"http://127.0.0.1:{settings.console.port}"
        self.task = asyncio.create_task(
            serve(settings, bus, SystemClock(), SystemEntropy(), stop=self.stop, say=self.said.append)
        )

    async def __aenter__(self):
        async with httpx.AsyncClient() as client:
            while not self.task.done():
                try:
                    await client.get(f"{self.url}/login")
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
                else:
                    break
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.broker.close()


async def test_it_serves_says_the_first_password_once_and_ends_in_order(ready):
    async with Daemon(ready) as daemon, httpx.AsyncClient(base_url=daemon.url) as client:
        assert (await client.get("/api/v1/sites")).status_code == 401
        password = ready.console.admin_password_file.read_text().strip()
        assert ready.console.admin_password_file.stat().st_mode & 0o777 == 0o600
        assert any(password in line for line in daemon.said)
        origin = {"origin": daemon.url}
        login = await client.post(
            "/api/v1/session", json={"login": "admin", "password": password}, headers=origin
        )
        assert login.is_success
        sites = (await client.get("/api/v1/sites")).json()
        assert [site["id"] for site in sites] == ["tower"]
    assert daemon.task.exception() is None
    async with Daemon(ready) as again:
        assert again.said == []


async def test_a_taken_port_is_said_in_one_line(ready):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ready.console.port))
        async with Daemon(ready) as daemon:
            pass
    assert isinstance(daemon.task.exception(), ConsoleUnavailable)
    assert str(ready.console.port) in str(daemon.task.exception())


async def test_a_failing_ledger_ends_it_with_an_error(ready, monkeypatch, make):
    from cardea.contract.batches import Lane
    from cardea.contract.topics import Leaf, topic

    def fail(self, connection, group, found, received_at):
        raise OSError(5, "Input/output error")

    async with Daemon(ready) as daemon:
        monkeypatch.setattr(Writer, "_swiftly", fail)
        session = await daemon.broker.bus("g1").connect()
        await session.publish(topic("g1", Leaf.LANE_RECORD), make.batch(Lane.RECORD, 1, make.decision("d1")))
        await asyncio.wait((daemon.task,), timeout=5)
    assert isinstance(daemon.task.exception(), LedgerFailed)


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A provisioned tower without its processes."""
    from cardea.cli.tower.layout import Layout, write_configs
    from cardea.cli.tower.provision import provision

    layout = Layout(tmp_path / "tower")
    layout.folder.mkdir()
    write_configs(layout, _free_port())
    provision(layout, SystemClock(), SystemEntropy())
    return layout.folder / "cloud"


def test_check_finds_a_good_configuration_in_order(folder, capsys):
    assert main(["cloud", "check", "--config", str(folder / "cloud.toml")]) == 0
    assert "in order" in capsys.readouterr().out
    assert not (folder / "data" / "ledger.sqlite").exists()


def test_check_says_everything_that_a_start_would_stumble_over(folder, capsys):
    (folder / "keys" / "orders.pem").chmod(0o644)
    (folder / "pki" / "ca.crt").unlink()
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "ledger.sqlite").write_bytes(b"no database" * 100)
    assert main(["cloud", "check", "--json", "--config", str(folder / "cloud.toml")]) == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert len(found["problems"]) == 3
    assert main(["cloud", "check", "--config", str(folder / "cloud.toml")]) == 2
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_configuration_ends_with_status_2_and_no_traceback(folder, capsys, command):
    file = folder / "cloud.toml"
    file.write_text(file.read_text().replace('site = "demo-tower"', 'site = "demo"'))
    assert main(["cloud", command, "--config", str(file)]) == 2
    error = capsys.readouterr().err
    assert "gateways.tower-1.site" in error
    assert "Traceback" not in error


def test_a_missing_file_ends_with_status_2(capsys, tmp_path):
    assert main(["cloud", "run", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err


def test_a_missing_key_is_said_in_one_line(folder, capsys):
    (folder / "keys" / "orders.pem").unlink()
    assert main(["cloud", "run", "--config", str(folder / "cloud.toml")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cardea:")]
    assert len(lines) == 1
    assert "orders.pem" in lines[0]


@pytest.mark.system
async def test_the_process_starts_without_a_broker_and_stops_on_sigterm(folder):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cardea.cli.main",
        "cloud",
        "run",
        "--config",
        str(folder / "cloud.toml"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = b""
    async with asyncio.timeout(30):
        while b"console_ready" not in said or b"broker_lost" not in said:
            said += await process.stderr.readline()
    process.terminate()
    rest = await process.stderr.read()
    assert await process.wait() == 0
    assert (said + rest).count(b"broker_lost") == 1
    assert b"Traceback" not in said + rest
