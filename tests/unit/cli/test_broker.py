"""``cardea broker run`` with the real Mosquitto."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cardea.cli.tower import broker as module
from cardea.cli.tower.broker import load_broker, serve
from cardea.cli.tower.layout import Layout, write_configs
from cardea.cli.tower.provision import provision
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mosquitto import BrokerFailed

pytestmark = pytest.mark.system


@pytest.fixture
def config(tmp_path: Path) -> Path:
    layout = Layout(tmp_path / "tower")
    write_configs(layout, None)
    provision(layout, SystemClock(), SystemEntropy())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = layout.config("broker")
    written = load_broker(file).port
    file.write_text(file.read_text().replace(f"port = {written}", f"port = {port}"))
    return file


def command(config: Path) -> list[str]:
    return [sys.executable, "-m", "cardea.cli.main", "broker", "run", "--config", str(config)]


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").exists() and b"mosquitto" in Path(f"/proc/{pid}/cmdline").read_bytes()


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.fixture
def readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        path = str(tmp_path / "notify")
        channel.bind(path)
        channel.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield channel


def test_it_says_when_it_is_ready_and_ends_when_asked(config, readiness):
    with subprocess.Popen(command(config), stderr=subprocess.PIPE, text=True) as process:
        assert readiness.recv(100) == b"READY=1"
        with socket.create_connection(("127.0.0.1", load_broker(config).port), 5):
            pass
        mosquitto = child_of(process.pid)
        assert running(mosquitto)
        process.terminate()
        assert readiness.recv(100) == b"STOPPING=1"
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in told
    assert not running(mosquitto)


async def test_mosquitto_does_not_outlive_a_broker_killed_outright(config, readiness):
    process = await asyncio.create_subprocess_exec(*command(config), stderr=subprocess.DEVNULL)
    await asyncio.to_thread(readiness.recv, 100)
    mosquitto = child_of(process.pid)
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        while running(mosquitto):  # noqa: ASYNC110  # the kernel tells nobody but the parent
            await asyncio.sleep(0.01)


def test_a_mosquitto_that_ends_by_itself_ends_the_command_with_one_line(config, readiness):
    with subprocess.Popen(command(config), stderr=subprocess.PIPE, text=True) as process:
        readiness.recv(100)
        os.kill(child_of(process.pid), signal.SIGKILL)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 1, "2 would keep the tower from starting it again at once"
    assert told.splitlines()[-1] == "cardea: mosquitto ended by itself (exit status -9)"
    assert "Traceback" not in told


def test_a_wrong_config_names_everything_that_is_wrong(config):
    config.write_text('[broker]\nport = 0\ndata_dir = "data"\ncolour = "red"\n')
    done = subprocess.run(command(config), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    for key in ("port", "colour", "ca_file", "crl_file", "cert_file", "key_file"):
        assert f"{config}: broker.{key}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_is_named(config):
    (config.parent / "data").write_text("a file where a folder belongs")
    done = subprocess.run(command(config), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"cardea: cannot write {config.parent}/data: File exists\n"


def test_a_taken_port_is_said_with_what_mosquitto_says(config):
    with socket.create_server(("127.0.0.1", load_broker(config).port)):
        done = subprocess.run(command(config), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


async def test_served_in_a_loop_of_ours(config, monkeypatch):
    """The same within this process: SIGTERM ends it, and Mosquitto's own end is an error."""
    said: list[str] = []
    ready = asyncio.Event()

    def notify(state: str) -> None:
        said.append(state)
        ready.set()

    monkeypatch.setattr(module, "notify", notify)
    serving = asyncio.create_task(serve(load_broker(config)))
    await ready.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    assert said == ["READY=1", "STOPPING=1"]

    ready.clear()
    serving = asyncio.create_task(serve(load_broker(config)))
    await ready.wait()
    os.kill(child_of(os.getpid()), signal.SIGKILL)
    with pytest.raises(BrokerFailed, match="ended by itself"):
        await serving
